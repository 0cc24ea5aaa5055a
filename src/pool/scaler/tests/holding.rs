//! When the pool stays as it is, and what comes before the load.

use super::*;
use crate::pool::scaler::Reason;

#[test]
fn a_load_between_the_marks_changes_nothing() {
    for busy in [350, 500, 700, 770] {
        let decision = Recorder::of(10, busy, rules()).run(seconds(300)).decide();
        let reason = Reason::Steady { load_permille: busy, above_permille: 350, below_permille: 770 };
        assert_eq!(decision, Decision { workers: 10, reason });
    }
}

#[test]
fn a_pool_whose_platform_is_capped_stays_however_much_queues_at_its_rate_limit() {
    // 100 a second get through; what waits for the rate limit is in no sample, and nothing waits for a worker.
    let mut recorder = Recorder::of(4, 625, rules());
    for _ in 0..3600 {
        assert!(recorder.run(TICK).decide().is_hold());
    }
}

#[test]
fn a_pool_that_is_too_idle_keeps_workers_that_one_fewer_could_not_replace() {
    // Three workers at 640 are three at a target of 700, whatever the lower mark says.
    let decision = Recorder::of(3, 640, Rules { shrink_below_permille: 650, ..rules() }).run(seconds(60)).decide();
    assert_eq!(decision, Decision { workers: 3, reason: Reason::WantedLately { load_permille: 640 } });
}

#[test]
fn a_pin_wins_over_load_bounds_and_ignorance() {
    let pinned = |workers| rules().pinned(Some(workers));
    let decision = Decision { workers: 50, reason: Reason::Pinned };
    let mut overloaded = Recorder::of(10, 1000, pinned(50));
    assert_eq!(overloaded.run(seconds(60)).decide(), decision);
    let nothing = SystemClock.now();
    assert_eq!(workers_wanted(&History::new(&rules()), nothing, &pinned(50)), decision);
    assert_eq!(Recorder::of(10, 1000, pinned(1)).run(seconds(60)).decide().workers, 1);
}

#[test]
fn a_pool_that_is_no_longer_pinned_comes_back_within_its_bounds() {
    let decision = Recorder::of(50, 700, rules()).run(seconds(1)).decide();
    assert_eq!(decision, Decision { workers: 32, reason: Reason::AboveMaximum });
    let decision = Recorder::of(1, 500, rules()).run(seconds(1)).decide();
    assert_eq!(decision, Decision { workers: 2, reason: Reason::BelowMinimum });
}

#[test]
fn nothing_measured_is_the_minimum() {
    let decision = workers_wanted(&History::new(&rules()), SystemClock.now(), &rules());
    assert_eq!(decision, Decision { workers: 2, reason: Reason::NothingMeasured });
}

#[test]
fn nothing_is_decided_from_old_samples() {
    let mut recorder = Recorder::of(10, 1000, rules());
    recorder.run(seconds(60));
    let decide = |age| workers_wanted(&recorder.history, recorder.now() + age, &recorder.rules);
    assert!(!decide(seconds(2)).is_hold());
    assert_eq!(decide(seconds(3)), Decision { workers: 10, reason: Reason::Stale { age: seconds(3) } });
}

#[test]
fn a_late_sample_counts_for_all_the_time_it_stands_for() {
    let mut recorder = Recorder::of(10, 500, rules());
    recorder.run(seconds(30));
    let late = LoadSample { at: recorder.now() + seconds(20), busy_permille: 1000, ..recorder.next };
    let decision = recorder.record(late).decide();
    assert!(matches!(decision.reason, Reason::BusyBriefly { load_permille: 900.., .. }), "{decision}");
}

#[test]
fn a_pool_of_which_no_worker_is_there_divides_by_nothing() {
    let none = Rules { workers_min: 0, ..rules() };
    let mut recorder = Recorder::of(0, 0, none);
    recorder.run(seconds(60));
    let sample = LoadSample { waiting: 10, oldest_wait: seconds(5), ..recorder.next };
    assert!(recorder.record(sample).decide().workers <= 32);
}
