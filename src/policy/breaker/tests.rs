//! What the breaker promises.

use proptest::prelude::*;
use rand::{SeedableRng, rngs::SmallRng};

use super::*;
use crate::clock::{Clock, SystemClock};

const MINUTE: Duration = Duration::from_secs(60);

struct Case {
    breaker: Breaker,
    now: Instant,
    rng: SmallRng,
}

impl Case {
    fn new() -> Self {
        let now = SystemClock.now();
        Self { breaker: Breaker::new(BreakerConfig::default(), now), now, rng: SmallRng::seed_from_u64(7) }
    }

    fn pass(&mut self, time: Duration) -> bool {
        self.now += time;
        self.breaker.look(self.now)
    }

    /// Sends one that ends so.
    fn send(&mut self, sign: Sign) -> BreakerState {
        let (began, probe) = (self.now, self.breaker.gives(1));
        self.now += Duration::from_millis(1);
        self.breaker.learn(sign, probe, began, self.now, &mut self.rng);
        self.breaker.state()
    }

    fn opened() -> Self {
        let mut case = Self::new();
        for _ in 0..5 {
            case.send(Sign::Fails);
        }
        assert_eq!(case.breaker.state(), BreakerState::Open);
        case
    }
}

#[test]
fn so_many_failures_in_a_row_open_it_and_an_answer_between_them_does_not() {
    let mut case = Case::new();
    for sign in [Sign::Fails, Sign::Fails, Sign::Fails, Sign::Fails, Sign::Answers, Sign::Fails, Sign::Fails, Sign::Nothing] {
        assert_eq!(case.send(sign), BreakerState::Closed);
    }
    case.send(Sign::Fails);
    case.send(Sign::Fails);
    assert_eq!(case.send(Sign::Fails), BreakerState::Open);
    assert_eq!(case.breaker.probes_left(), Some(0));
}

#[test]
fn it_lets_one_probe_go_after_its_time_and_two_more_when_that_is_answered() {
    let mut case = Case::opened();
    assert!(!case.pass(MINUTE - Duration::from_secs(1)));
    assert!(case.pass(MINUTE / 5), "a tenth more at most");
    assert_eq!(case.breaker.probes_left(), Some(1));
    case.breaker.gives(1);
    assert_eq!(case.breaker.probes_left(), Some(0));
    case.breaker.takes_back();
    assert_eq!(case.send(Sign::Answers), BreakerState::HalfOpen);
    assert_eq!(case.breaker.probes_left(), Some(2));
    assert_eq!(case.send(Sign::Answers), BreakerState::HalfOpen);
    assert_eq!(case.breaker.probes_left(), Some(1));
    assert_eq!(case.send(Sign::Answers), BreakerState::Closed);
    assert_eq!(case.breaker.probes_left(), None);
}

#[test]
fn a_probe_that_fails_opens_it_again_and_one_that_is_refused_suspends_it() {
    let mut case = Case::opened();
    case.pass(2 * MINUTE);
    assert_eq!(case.send(Sign::Fails), BreakerState::Open);
    case.pass(2 * MINUTE);
    assert_eq!(case.send(Sign::Nothing), BreakerState::HalfOpen, "being asked to slow down says nothing");
    assert_eq!(case.send(Sign::Refuses), BreakerState::Suspended);
    assert!(!case.pass(10 * MINUTE - Duration::from_secs(1)));
    assert!(case.pass(2 * MINUTE), "then one tries whether somebody has seen to it");
    assert_eq!(case.breaker.probes_left(), Some(1));
}

#[test]
fn what_began_earlier_says_nothing() {
    let mut case = Case::opened();
    let early = case.now;
    case.pass(2 * MINUTE);
    assert!(!case.breaker.learn(Sign::Fails, false, early, case.now, &mut case.rng));
    assert_eq!(case.breaker.probes_left(), Some(1));
    (0..3).for_each(|_| _ = case.send(Sign::Answers));
    for _ in 0..10 {
        case.breaker.learn(Sign::Fails, false, early, case.now, &mut case.rng);
    }
    assert_eq!(case.breaker.state(), BreakerState::Closed);
}

#[test]
fn a_threshold_of_nothing_never_opens() {
    let mut case = Case::new();
    case.breaker.config.failure_threshold = 0;
    assert!((0..1000).all(|_| case.send(Sign::Fails) == BreakerState::Closed));
}

#[test]
fn only_what_is_about_the_platform_is_held_against_it() {
    let of = |error: SendError| Sign::of(&Err(error));
    assert_eq!(Sign::of(&Ok(Receipt::accepted())), Sign::Answers);
    assert_eq!(of(SendError::invalid_recipient("x")), Sign::Answers);
    assert_eq!(of(SendError::invalid_message("x")), Sign::Answers);
    assert_eq!(of(SendError::rate_limited("x")), Sign::Nothing);
    assert_eq!(of(SendError::unavailable("x").with_scope(LimitScope::Target)), Sign::Nothing);
    assert_eq!(of(SendError::unauthorized("x").with_scope(LimitScope::Target)), Sign::Nothing);
    assert_eq!(of(SendError::unauthorized("x")), Sign::Refuses);
    for error in [SendError::unavailable("x"), SendError::ambiguous("x"), SendError::unexpected("x")] {
        assert_eq!(of(error), Sign::Fails);
    }
}

proptest! {
    #[test]
    fn a_platform_that_is_down_is_asked_less_than_once_per_recovery_timeout(seed: u64, steps in 1u64..5000) {
        let mut case = Case::opened();
        case.rng = SmallRng::seed_from_u64(seed);
        let (start, mut probes) = (case.now, 0u32);
        let step = Duration::from_millis(1 + steps);
        while case.now < start + 100 * MINUTE {
            case.pass(step);
            while case.breaker.probes_left() != Some(0) {
                probes += 1;
                case.send(Sign::Fails);
            }
        }
        prop_assert!(probes <= 100, "{probes}");
        prop_assert!(probes >= 80, "{probes}");
    }
}
