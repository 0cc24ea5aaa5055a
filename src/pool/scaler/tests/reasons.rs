//! Every reason in plain words, and whether it is one to change anything.

use super::*;
use crate::pool::scaler::Reason;

#[test]
fn every_reason_is_said_in_plain_words_with_its_numbers() {
    let delay = seconds(5);
    let lasted = Duration::from_millis(2250);
    let load_permille = 914;
    for (reason, hold, words) in [
        (Reason::Pinned, false, "pinned by hand"),
        (Reason::BelowMinimum, false, "there were fewer than the minimum"),
        (Reason::AboveMaximum, false, "there were more than the maximum"),
        (
            Reason::Waiting { tasks: 193, wait: Duration::from_millis(2412), goal: seconds(1) },
            false,
            "193 tasks wait for a worker, 2.4 s where 1 s is the goal",
        ),
        (
            Reason::TooBusy { load_permille, target_permille: 700, lasted: delay },
            false,
            "load 91 % has been over the target of 70 % for 5 s",
        ),
        (
            Reason::TooIdle { load_permille: 126, below_permille: 350, lasted: seconds(30) },
            false,
            "load 13 % has been below 35 % for 30 s",
        ),
        (Reason::IdleWorkers { workers: 3, lasted: seconds(60) }, false, "3 had nothing to do for 60 s or longer"),
        (Reason::NothingMeasured, true, "nothing has been measured yet"),
        (Reason::Stale { age: seconds(4) }, true, "nothing has been measured for 4 s"),
        (
            Reason::Steady { load_permille: 655, above_permille: 350, below_permille: 770 },
            true,
            "load 66 % is between 35 % and 77 %",
        ),
        (Reason::BusyBriefly { load_permille, lasted, delay }, true, "load 91 % is high, for 2.3 s of 5 s"),
        (Reason::IdleBriefly { load_permille: 4, lasted, delay }, true, "load 0 % is low, for 2.3 s of 5 s"),
        (Reason::WantedLately { load_permille: 300 }, true, "load 30 % is low, but as many were wanted a moment ago"),
        (Reason::AtMaximum { load_permille, tasks: 7 }, true, "load 91 % and 7 waiting tasks want more, but this is the maximum"),
        (Reason::AtMinimum { load_permille: 0 }, true, "load 0 % is low, but this is the minimum"),
    ] {
        let decision = Decision { workers: 4, reason };
        let verb = if hold { "hold at " } else { "" };
        assert_eq!(reason.to_string(), words);
        assert_eq!((decision.is_hold(), decision.to_string()), (hold, format!("{verb}4 workers: {words}")));
    }
}

#[test]
fn one_worker_is_not_called_workers() {
    assert_eq!(Decision { workers: 1, reason: Reason::Pinned }.to_string(), "1 worker: pinned by hand");
}
