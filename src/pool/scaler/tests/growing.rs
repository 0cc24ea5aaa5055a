//! When the pool grows, and how far.

use super::*;
use crate::pool::scaler::Reason;

#[test]
fn it_grows_to_what_the_target_wants_once_the_workers_were_too_busy_for_the_delay() {
    let mut recorder = Recorder::of(10, 900, rules());
    let decision = recorder.run(seconds(5)).decide();
    let lasted = Duration::from_millis(4750);
    assert_eq!(decision.reason, Reason::BusyBriefly { load_permille: 900, lasted, delay: seconds(5) });
    let decision = recorder.run(TICK).decide();
    let reason = Reason::TooBusy { load_permille: 900, target_permille: 700, lasted: seconds(5) };
    assert_eq!(decision, Decision { workers: 13, reason });
}

#[test]
fn a_peak_shorter_than_the_delay_changes_nothing() {
    let mut recorder = Recorder::of(10, 600, rules());
    recorder.run(seconds(60)).busy(1000);
    for busy in [1000, 600] {
        for _ in 0..16 {
            assert!(recorder.busy(busy).run(TICK).decide().is_hold());
        }
    }
}

#[test]
fn it_grows_at_once_to_what_carries_the_inflow_and_works_off_what_waits_within_the_goal() {
    let mut recorder = Recorder::of(2, 1000, rules());
    recorder.run(seconds(10));
    // 80 a second came and were sent. Now 80 came in a tick: that is 320 a second for a fifth of what the inflow is averaged
    // over, 128 a second in all. With the 60 that wait, 188 are to be sent in the next second, by 4.7 workers.
    let sample = LoadSample { begun: 20, finished: 20, waiting: 60, ..recorder.next };
    let decision = recorder.record(sample).decide();
    let reason = Reason::Waiting { tasks: 60, wait: Duration::from_millis(750), goal: seconds(1) };
    assert_eq!(decision, Decision { workers: 5, reason });
}

#[test]
fn a_wait_within_half_of_the_goal_is_left_to_the_workers_there_are() {
    let mut recorder = Recorder::of(2, 700, rules());
    recorder.run(seconds(10));
    let sample = LoadSample { begun: 14, finished: 14, waiting: 40, oldest_wait: Duration::from_millis(500), ..recorder.next };
    assert!(recorder.record(sample).decide().is_hold());
    let sample = LoadSample { waiting: 45, oldest_wait: Duration::from_millis(500), ..recorder.next };
    assert!(matches!(recorder.record(sample).decide().reason, Reason::Waiting { tasks: 45, .. }));
}

#[test]
fn what_has_waited_too_long_counts_however_little_it_is() {
    let mut recorder = Recorder::of(2, 1000, rules());
    recorder.run(seconds(4));
    let sample = LoadSample { begun: 20, finished: 20, waiting: 10, oldest_wait: seconds(2), ..recorder.next };
    let decision = recorder.record(sample).decide();
    assert_eq!(decision.workers, 3);
    assert!(matches!(decision.reason, Reason::Waiting { tasks: 10, wait, .. } if wait == seconds(2)));
}

#[test]
fn workers_that_work_off_what_waits_in_time_get_no_help() {
    let mut recorder = Recorder::of(20, 500, rules());
    recorder.run(seconds(10));
    let sample = LoadSample { begun: 200, finished: 200, waiting: 20, oldest_wait: seconds(3), ..recorder.next };
    let decision = recorder.record(sample).decide();
    assert!(decision.is_hold(), "{decision}");
}

#[test]
fn as_long_as_no_send_has_finished_a_pool_that_keeps_tasks_waiting_doubles() {
    let mut recorder = Recorder::of(3, 1000, rules());
    let sample = LoadSample { begun: 24, waiting: 100, oldest_wait: Duration::from_millis(250), ..recorder.next };
    assert!(recorder.record(sample).decide().is_hold());
    let sample = LoadSample { begun: 0, at: recorder.next.at, oldest_wait: seconds(1), ..sample };
    assert_eq!(recorder.record(sample).decide().workers, 6);
}

#[test]
fn a_burst_upon_two_workers_is_met_by_as_many_as_it_takes_within_a_tick() {
    let mut recorder = Recorder::of(2, 0, rules());
    recorder.run(seconds(60));
    let sample = LoadSample { busy_permille: 900, begun: 32, finished: 16, waiting: 193, ..recorder.next };
    let workers = recorder.record(sample).decide().workers;
    assert!((10..=32).contains(&workers), "{workers}");
}

#[test]
fn a_pool_at_its_maximum_says_so() {
    let mut recorder = Recorder::of(32, 1000, rules());
    recorder.run(seconds(60));
    let sample = LoadSample { waiting: 5000, ..recorder.next };
    let decision = recorder.record(sample).decide();
    assert_eq!(decision, Decision { workers: 32, reason: Reason::AtMaximum { load_permille: 1000, tasks: 5000 } });
    assert!(decision.is_hold());
}
