//! How far a long command is, on stderr: a bar on a terminal, a line for every tenth elsewhere, nothing when quiet.

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shown while many notifications are on their way, until it is dropped.
#[derive(Debug)]
pub struct Progress {
    shown: Shown,
    done: u64,
    total: u64,
}

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    Lines,
    Nothing,
}

impl Progress {
    /// Nothing is shown when `quiet`.
    pub fn new(total: u64, quiet: bool) -> Self {
        let shown = match (quiet, io::stderr().is_terminal()) {
            (true, _) => Shown::Nothing,
            (false, true) => Shown::Bar(bar(total)),
            (false, false) => Shown::Lines,
        };
        Self { shown, done: 0, total }
    }

    /// One more is finished.
    pub fn advance(&mut self) {
        self.done += 1;
        match &self.shown {
            Shown::Bar(bar) => bar.inc(1),
            Shown::Lines if is_tenth(self.done, self.total) => {
                // Nobody may be reading; that is no reason to stop.
                let _ = writeln!(io::stderr(), "{} of {} finished", self.done, self.total);
            }
            Shown::Lines | Shown::Nothing => {}
        }
    }
}

/// Takes the bar off the terminal.
impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len}  {per_sec}  {eta} left");
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    bar.with_style(style.expect("the template is valid"))
}

/// Whether `done` has just passed a tenth of `total`.
fn is_tenth(done: u64, total: u64) -> bool {
    let tenths = |done: u64| done * 10 / total.max(1);
    tenths(done) > tenths(done.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_for_every_tenth_and_at_the_end() {
        for (total, lines) in [(1, 1), (3, 3), (10, 10), (95, 10), (10_000, 10)] {
            let tenths: Vec<_> = (1..=total).filter(|done| is_tenth(*done, total)).collect();
            assert_eq!((tenths.len(), tenths.last()), (lines, Some(&total)), "{total}");
        }
    }
}
