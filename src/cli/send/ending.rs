//! The exit code of `send`: what a script wants to know.

use notifyhub_platforms::contract::ErrorKind;

use super::rows::Row;
use crate::{TaskState, cli::Exit};

/// Why `send` ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// All is final.
    Finished,
    /// `--wait` is over.
    WaitOver,
    /// The user pressed Ctrl-C.
    Interrupted,
    /// Adapters block too many threads for good.
    Exhausted,
}

/// 0 all delivered; 130 interrupted; 70 too many threads are blocked; 75 something is not finished; 77 every failure is a refused credential, 69 every
/// failure a platform that cannot be reached, and nothing was delivered; else 1.
pub fn exit(rows: &[Row], cause: Cause) -> Exit {
    let all = |is: &dyn Fn(&Row) -> bool| rows.iter().all(is);
    if all(&|row| row.state == TaskState::Delivered) {
        return Exit::Done;
    }
    match cause {
        Cause::Interrupted => return Exit::Interrupted,
        Cause::Exhausted => return Exit::Bug,
        Cause::Finished | Cause::WaitOver => {}
    }
    if !all(&|row| row.state.is_final()) {
        return Exit::Unfinished;
    }
    if all(&|row| row.refused && row.error == Some(ErrorKind::Unauthorized)) {
        return Exit::Refused;
    }
    if all(&|row| row.state == TaskState::Dead && row.error == Some(ErrorKind::Unavailable)) {
        return Exit::Unreachable;
    }
    Exit::Failed
}

#[cfg(test)]
mod tests {
    use super::{super::rows::tests::row, *};

    #[test]
    fn every_mixture_has_its_exit_code() {
        use Cause::{Exhausted, Finished, Interrupted, WaitOver};
        use ErrorKind::{InvalidMessage, Unauthorized, Unavailable};
        let ok = || row(TaskState::Delivered, None, false);
        let refused = |kind| row(TaskState::Dead, Some(kind), true);
        let away = || row(TaskState::Dead, Some(Unavailable), false);
        let waiting = || row(TaskState::Waiting, Some(Unavailable), false);
        for (rows, cause, expected) in [
            (vec![ok(), ok()], Finished, Exit::Done),
            (vec![ok()], Interrupted, Exit::Done),
            (vec![ok(), waiting()], Interrupted, Exit::Interrupted),
            (vec![ok(), waiting()], Exhausted, Exit::Bug),
            (vec![ok()], Exhausted, Exit::Done),
            (vec![ok(), waiting(), refused(InvalidMessage)], WaitOver, Exit::Unfinished),
            (vec![refused(Unauthorized), refused(Unauthorized)], Finished, Exit::Refused),
            (vec![refused(Unauthorized), ok()], Finished, Exit::Failed),
            (vec![refused(Unauthorized), refused(InvalidMessage)], Finished, Exit::Failed),
            (vec![away(), away()], Finished, Exit::Unreachable),
            (vec![away(), ok()], Finished, Exit::Failed),
            (vec![row(TaskState::Expired, Some(Unavailable), false)], Finished, Exit::Failed),
            (vec![refused(InvalidMessage)], Finished, Exit::Failed),
        ] {
            assert_eq!(exit(&rows, cause), expected, "{rows:?} {cause:?}");
        }
    }
}
