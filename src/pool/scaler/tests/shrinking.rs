//! When the pool shrinks, and how far.

use super::*;
use crate::pool::scaler::Reason;

#[test]
fn it_shrinks_by_half_at_most_once_the_workers_were_too_idle_for_the_delay() {
    let mut recorder = Recorder::of(9, 100, rules());
    let decision = recorder.run(seconds(30)).decide();
    let lasted = Duration::from_millis(29_750);
    assert_eq!(decision.reason, Reason::IdleBriefly { load_permille: 100, lasted, delay: seconds(30) });
    let decision = recorder.run(TICK).decide();
    let reason = Reason::TooIdle { load_permille: 100, below_permille: 350, lasted: seconds(30) };
    assert_eq!(decision, Decision { workers: 5, reason });
}

#[test]
fn it_keeps_the_most_that_were_wanted_in_the_delay() {
    let mut recorder = Recorder::of(10, 600, Rules { shrink_below_permille: 650, ..rules() });
    recorder.run(seconds(10)).busy(200).run(seconds(25));
    let decision = recorder.decide();
    assert_eq!(decision.workers, 9, "ten workers of which six are busy are nine at the target: {decision}");
}

#[test]
fn what_was_wanted_before_the_delay_is_forgotten() {
    let mut recorder = Recorder::of(10, 600, Rules { shrink_below_permille: 650, ..rules() });
    recorder.run(seconds(10)).busy(200).run(seconds(120));
    assert_eq!(recorder.decide().workers, 5);
}

#[test]
fn a_moment_of_load_starts_the_delay_anew() {
    let mut recorder = Recorder::of(8, 100, rules());
    recorder.run(seconds(25)).busy(700).run(seconds(4)).busy(100);
    assert!(recorder.run(seconds(20)).decide().is_hold());
    assert_eq!(recorder.run(seconds(15)).decide().workers, 4);
}

#[test]
fn every_change_of_the_pool_starts_the_delay_anew() {
    let mut recorder = Recorder::of(16, 50, rules());
    assert_eq!(recorder.run(seconds(40)).decide().workers, 8);
    recorder.next.workers = 8;
    for _ in 0..120 {
        assert!(recorder.run(TICK).decide().is_hold());
    }
    assert_eq!(recorder.run(TICK).decide().workers, 4);
}

#[test]
fn it_never_shrinks_below_the_minimum_and_says_so() {
    let mut recorder = Recorder::of(3, 0, rules());
    assert_eq!(recorder.run(seconds(40)).decide().workers, 2);
    recorder.next.workers = 2;
    let decision = recorder.run(seconds(600)).decide();
    assert_eq!(decision, Decision { workers: 2, reason: Reason::AtMinimum { load_permille: 0 } });
}

#[test]
fn workers_that_had_nothing_to_do_are_retired_without_further_delay_and_all_together() {
    let mut recorder = Recorder::of(20, 50, rules());
    recorder.run(seconds(10));
    recorder.next.idle_workers = 17;
    let decision = recorder.run(TICK).decide();
    let reason = Reason::IdleWorkers { workers: 17, lasted: seconds(60) };
    assert_eq!(decision, Decision { workers: 3, reason });
}

#[test]
fn idle_workers_stay_where_the_load_or_the_minimum_wants_them() {
    let mut recorder = Recorder::of(10, 300, rules());
    recorder.next.idle_workers = 8;
    assert_eq!(recorder.run(seconds(10)).decide().workers, 5, "three busy workers are five at the target");
    let mut recorder = Recorder::of(10, 0, rules());
    recorder.next.idle_workers = 10;
    assert_eq!(recorder.run(seconds(10)).decide().workers, 2);
}
