//! Random sequences of everything a store can be asked, against a plain model.
//!
//! After every step the store's counts add up and equal the model's, every task stands where the model says, and every
//! move it made is legal by [`TaskState::may_become`](notifyhub::TaskState::may_become).
//!
//! | file | what it holds |
//! |---|---|
//! | `step` | the steps, drawn at random |
//! | `ledger` | the model: a list of tasks and where each stands |
//! | `run` | takes each step on both, and compares the answers |

mod ledger;
mod run;
mod step;

use proptest::prelude::*;

use self::{
    run::Run,
    step::{Step, steps},
};
use super::stand::{Limits, Stand, WHILE, embedded_stands, postgres_stand};

/// Nothing is forgotten and nothing refused: other tests are about that.
const LIMITS: Limits = Limits { waiting_max: 10_000, finished_max: 10_000, retention: WHILE.saturating_mul(1_000_000) };

fn walk(steps: &[Step], stands: impl AsyncFn() -> Vec<Stand>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        for stand in stands().await {
            let mut run = Run::new(stand);
            for step in steps {
                run.take(step).await;
                run.compare(step).await;
            }
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_store_does_what_the_model_does(steps in steps()) {
        walk(&steps, async || embedded_stands(LIMITS));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn postgres_does_what_the_model_does(steps in steps()) {
        walk(&steps, async || vec![postgres_stand(LIMITS).await.expect("NOTIFYHUB_TEST_POSTGRES is set: run ./test")]);
    }
}
