//! What holds for every history.

use proptest::{collection::vec, prelude::*};

use super::*;

/// A sample but for its time, and how long after the one before it was taken.
fn any_sample(workers: impl Strategy<Value = usize>) -> impl Strategy<Value = (u64, LoadSample)> {
    let counts = (0usize..3000, 0u64..5000, 0u64..2000, 0u64..2000, 0usize..40);
    (1u64..3000, workers, 1u32..1100, counts).prop_map(|(after, workers, busy_permille, counts)| {
        let (waiting, oldest_ms, begun, finished, idle_workers) = counts;
        let oldest_wait = Duration::from_millis(oldest_ms);
        let at = SystemClock.now();
        (after, LoadSample { at, workers, busy_permille, waiting, oldest_wait, begun, finished, idle_workers })
    })
}

fn any_samples() -> impl Strategy<Value = Vec<(u64, LoadSample)>> {
    prop_oneof![vec(any_sample(0usize..40), 1..150), (0usize..40).prop_flat_map(|workers| vec(any_sample(Just(workers)), 1..150))]
}

/// What is decided after the samples, each changed on its way in.
fn decide(samples: &[(u64, LoadSample)], rules: &Rules, change: impl Fn(LoadSample) -> LoadSample) -> Decision {
    let (mut history, mut at) = (History::new(rules), SystemClock.now());
    for (after, sample) in samples {
        at += Duration::from_millis(*after);
        history.push(LoadSample { at, ..change(*sample) });
    }
    workers_wanted(&history, at, rules)
}

fn workers_at_last(samples: &[(u64, LoadSample)]) -> usize {
    samples.last().map_or(0, |(_, sample)| sample.workers)
}

proptest! {
    #[test]
    fn the_pool_is_always_within_its_bounds(samples in any_samples()) {
        let workers = decide(&samples, &rules(), |sample| sample).workers;
        prop_assert!((2..=32).contains(&workers));
    }

    #[test]
    fn a_pin_always_wins(samples in any_samples(), pinned in 0usize..2000) {
        prop_assert_eq!(decide(&samples, &rules().pinned(Some(pinned)), |sample| sample).workers, pinned);
    }

    #[test]
    fn more_load_never_means_fewer_workers(samples in any_samples(), more in 0u32..1000) {
        let less = decide(&samples, &rules(), |sample| sample);
        let busier = |sample: LoadSample| LoadSample { busy_permille: sample.busy_permille + more, ..sample };
        let more = decide(&samples, &rules(), busier);
        prop_assert!(less.workers <= more.workers, "{less}, then {more}");
    }

    #[test]
    fn a_longer_wait_never_means_fewer_workers(samples in any_samples(), more in 0u64..10_000) {
        let less = decide(&samples, &rules(), |sample| sample);
        let longer = |sample: LoadSample| {
            LoadSample { oldest_wait: sample.oldest_wait + Duration::from_millis(more), ..sample }
        };
        let more = decide(&samples, &rules(), longer);
        prop_assert!(less.workers <= more.workers, "{less}, then {more}");
    }

    #[test]
    fn workers_that_are_not_idle_are_halved_at_most(samples in any_samples()) {
        let decision = decide(&samples, &rules(), |sample| LoadSample { idle_workers: 0, ..sample });
        prop_assert!(decision.workers >= workers_at_last(&samples).min(32).div_ceil(2), "{decision}");
    }

    #[test]
    fn a_decision_to_hold_is_the_number_of_workers_there_are_and_any_other_is_not(samples in any_samples()) {
        let decision = decide(&samples, &rules(), |sample| sample);
        prop_assert_eq!(decision.is_hold(), decision.workers == workers_at_last(&samples), "{}", decision);
    }

    #[test]
    fn a_steady_load_between_the_marks_changes_nothing(
        samples in vec(any_sample(2usize..=32), 1..150), workers in 2usize..=32, busy_permille in 350u32..=770
    ) {
        let steady = |sample| LoadSample { workers, busy_permille, waiting: 0, idle_workers: 0, ..sample };
        let decision = decide(&samples, &rules(), steady);
        prop_assert!(decision.is_hold() && decision.workers == workers, "{decision}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn under_a_constant_load_any_pool_comes_to_rest_without_going_to_and_fro(workers in 2usize..=32, per_second in 0u64..1100) {
        let mut recorder = Recorder::of(workers, 0, rules());
        let (mut waiting, mut changes) = (0, Vec::new());
        for tick in 0..1600u64 {
            let came = per_second * (tick + 1) / 4 - per_second * tick / 4;
            let can = recorder.next.workers as u64 * PACE / 4;
            let sent = (waiting + came).min(can);
            waiting = waiting + came - sent;
            let busy_permille = (sent * 1000 / can) as u32;
            let sample = LoadSample { busy_permille, waiting: waiting as usize, begun: sent, finished: sent, ..recorder.next };
            let decision = recorder.record(sample).decide();
            if !decision.is_hold() {
                changes.push((tick, decision.workers > recorder.next.workers));
                recorder.next.workers = decision.workers;
            }
        }
        prop_assert_eq!(waiting, 0);
        prop_assert!(changes.iter().all(|(tick, _)| *tick < 800), "{:?}", changes);
        prop_assert!(changes.windows(2).filter(|pair| pair[0].1 != pair[1].1).count() <= 1, "{:?}", changes);
    }
}
