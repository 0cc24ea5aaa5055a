//! How many sends a lane may have under way: as many as make it faster, and no more.
//!
//! # Why goodput, and not round-trip times?
//!
//! A platform that is asked for more than it can do answers as many requests as before, each later. Whether it is asked for too
//! much therefore shows in what gets done: a window of sends at one limit is compared with a window at a limit a step away.
//! Up, if that gets a good part of a step more done; down, if that loses less than a quarter of a step. Round-trip times alone
//! say little: platforms differ, one platform's vary by themselves, and what it takes when nobody waits is not known.
//!
//! It starts with sixteen and doubles until that no longer helps; then steps alternate up and down, by a quarter, and by an eighth
//! when neither direction is better. Nothing is learnt from windows in which something else was the limit. Push-back
//! (being asked to slow down, failures, timeouts) of a quarter of all sends cuts the limit in half, once per round trip.

use std::time::{Duration, Instant};

use super::Sign;

/// Where a lane starts.
const START: usize = 16;

/// Sends of a window at least.
const WINDOW_MIN: usize = 32;

/// The same while the limit is doubled: what is wrong then is found out later.
const DOUBLING_MIN: usize = 16;

/// Sends of a window, in times the limit.
const WINDOW_TIMES: usize = 4;

/// Below this round-trip time nobody queues for long, be it as it may: the limit only grows.
const QUICK: Duration = Duration::from_millis(10);

/// Of a window's sends, one in so many may have gone without the limit being felt.
const SLACK_PART: usize = 5;

/// Sends that are pushed back before the limit is cut, at least: a failure now and then is no push-back.
const PUSHED_MIN: usize = 5;

/// The limit is cut when one in so many of a window's sends is pushed back.
const PUSHED_PART: usize = 4;

/// A lane's limit.
#[derive(Debug)]
pub struct Concurrency {
    max: usize,
    /// Tasks of one send: each is told of, and a window counts sends.
    tasks_per_send: usize,
    limit: usize,
    phase: Phase,
    /// The next step's size, as a part of the limit.
    part: usize,
    /// Steps in a row that were taken back.
    rejected: u32,
    /// Steps up in a row that were not.
    climbed: u32,
    window: Window,
}

/// What the window is for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// The limit is doubled as long as that helps; what got done at half of it.
    Doubling(Option<f64>),
    /// It is seen what gets done at the limit, before a step in this direction: the mean so far, of so many windows.
    Level(Direction, f64, u32),
    /// A step was taken from `limit`, where `rate` got done.
    Step { direction: Direction, limit: usize, rate: f64 },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Direction {
    Up,
    Down,
}

/// The sends that began since the limit stands where it stands.
#[derive(Debug)]
struct Window {
    since: Instant,
    /// When the first of them ended.
    first: Option<Instant>,
    last: Instant,
    done: usize,
    slack: usize,
    pushed: usize,
    took: Duration,
}

/// So many steps up in a row say that it is far below what is best: it doubles again.
const CLIMBS: u32 = 2;

/// Windows at most between two steps.
const REST_MAX: u32 = 4;

/// What gets done at one limit has changed, if it is off by this much.
const SHIFT: f64 = 0.25;

/// What gets done has fallen, if it is below this part of what it was.
const FALL: f64 = 0.6;

/// How one send went.
#[derive(Debug, Clone, Copy)]
pub struct Trip {
    /// When it began.
    pub began: Instant,
    /// How long it took.
    pub took: Duration,
    /// What it says of the platform.
    pub sign: Sign,
    /// Whether it was asked to slow down.
    pub rate_limited: bool,
    /// Whether the lane had more to send, and only its limit kept it from that.
    pub limited: bool,
}

/// Nothing is known yet of what gets done.
fn level(direction: Direction) -> Phase {
    Phase::Level(direction, 0.0, 0)
}

impl Window {
    fn new(now: Instant) -> Self {
        Self { since: now, first: None, last: now, done: 0, slack: 0, pushed: 0, took: Duration::ZERO }
    }

    /// What got done per second.
    fn rate(&self) -> Option<f64> {
        let span = self.last.saturating_duration_since(self.first?).as_secs_f64();
        (span > 0.0).then(|| self.done as f64 / span)
    }

    /// Whether nothing was under way for longer than a send takes, before one that began then: what got done meanwhile says nothing.
    fn stood_idle_before(&self, began: Instant) -> bool {
        self.done > 0 && began > self.last + self.took / self.done as u32
    }

    fn is_quick(&self) -> bool {
        self.took < QUICK * self.done as u32
    }
}

impl Concurrency {
    /// A limit for sends of up to so many tasks, which keeps the tasks under way within `max_in_flight`; at least one send.
    pub fn new(max_in_flight: usize, tasks_per_send: usize, now: Instant) -> Self {
        let max = max_in_flight.div_ceil(tasks_per_send).max(1);
        Self {
            max,
            tasks_per_send,
            limit: START.min(max),
            phase: Phase::Doubling(None),
            part: 4,
            rejected: 0,
            climbed: 0,
            window: Window::new(now),
        }
    }

    /// How many sends may be under way.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Learns from one send.
    pub fn learn(&mut self, trip: Trip, now: Instant) {
        if trip.began < self.window.since {
            return;
        }
        if self.window.stood_idle_before(trip.began) {
            self.go(self.limit, self.phase, trip.began);
        }
        let window = &mut self.window;
        let ended = trip.began + trip.took;
        if trip.rate_limited || trip.sign == Sign::Fails {
            window.pushed += 1;
            if window.pushed >= PUSHED_MIN * self.tasks_per_send && window.pushed * PUSHED_PART > window.done + window.pushed {
                self.go(self.limit / 2, level(Direction::Up), now);
            }
            return;
        }
        let Some(first) = window.first else {
            (window.first, window.last) = (Some(ended), ended);
            return;
        };
        // Sends end in another order than they are told of.
        window.first = Some(first.min(ended));
        window.last = window.last.max(ended);
        window.done += 1;
        window.took += trip.took;
        window.slack += usize::from(!trip.limited);
        let enough = match self.phase {
            Phase::Doubling(_) => DOUBLING_MIN.max(2 * self.limit),
            _ if self.part > 4 => WINDOW_MIN.max(2 * WINDOW_TIMES * self.limit),
            _ => WINDOW_MIN.max(WINDOW_TIMES * self.limit),
        };
        if window.done >= enough * self.tasks_per_send {
            self.decide(now);
        } else if window.done.is_multiple_of(WINDOW_MIN * self.tasks_per_send) {
            self.look_for_a_fall(now);
        }
    }

    /// What suddenly gets much less done than it did goes on from half the limit, without waiting for the window's end: what got done in it
    /// is of two platforms, as it were, and nothing is compared with that.
    fn look_for_a_fall(&mut self, now: Instant) {
        let expected = match self.phase {
            Phase::Level(_, mean, 1..) => mean,
            // A step down may cost its share.
            Phase::Step { limit, rate, .. } => rate * (self.limit as f64 / limit as f64).min(1.0),
            Phase::Level(..) | Phase::Doubling(_) => return,
        };
        if self.window.rate().is_some_and(|rate| rate < expected * FALL) {
            (self.rejected, self.part) = (0, 4);
            self.go(self.limit / 2, level(Direction::Down), now);
        }
    }

    fn decide(&mut self, now: Instant) {
        if self.window.slack * SLACK_PART > self.window.done {
            // Something else was the limit: a step that was under way is taken back.
            match self.phase {
                Phase::Step { limit, direction, .. } => self.go(limit, level(direction), now),
                phase => self.go(self.limit, phase, now),
            }
            return;
        }
        let Some(rate) = self.window.rate() else { return self.go(self.limit, self.phase, now) };
        match self.phase {
            _ if self.window.is_quick() => self.go(self.limit * 2, Phase::Doubling(None), now),
            Phase::Doubling(before) if before.is_none_or(|before| rate >= 1.25 * before) => {
                let phase = if self.limit < self.max { Phase::Doubling(Some(rate)) } else { level(Direction::Down) };
                self.go(self.limit * 2, phase, now);
            }
            Phase::Doubling(_) => self.go(self.limit - self.limit / 4, level(Direction::Down), now),
            Phase::Level(direction, mean, windows) => {
                let is_other = windows > 0 && (rate / mean - 1.0).abs() > SHIFT;
                if is_other {
                    (self.rejected, self.part) = (0, 4);
                }
                let (mean, windows) = match is_other {
                    true => (rate, 1),
                    false => ((mean * f64::from(windows) + rate) / f64::from(windows + 1), windows + 1),
                };
                // The longer no step was any good, the more seldom one is tried.
                if windows <= self.rejected.min(REST_MAX) {
                    self.go(self.limit, Phase::Level(direction, mean, windows), now);
                } else {
                    self.step(direction, mean, now);
                }
            }
            Phase::Step { direction, limit, rate: before } => {
                let step = (self.limit as f64 / limit as f64 - 1.0).abs();
                let is_better = match direction {
                    Direction::Up => rate >= before * (1.0 + step * 0.4),
                    Direction::Down => rate >= before * (1.0 - step / 4.0),
                };
                if is_better {
                    (self.rejected, self.part) = (0, 4);
                    self.climbed = if direction == Direction::Up { self.climbed + 1 } else { 0 };
                    if self.climbed >= CLIMBS {
                        self.climbed = 0;
                        self.go(self.limit * 2, Phase::Doubling(Some(rate)), now);
                    } else {
                        self.step(direction, rate, now);
                    }
                } else {
                    (self.rejected, self.climbed) = (self.rejected + 1, 0);
                    self.part = if self.rejected >= 2 { 8 } else { 4 };
                    let other = if direction == Direction::Up { Direction::Down } else { Direction::Up };
                    self.go(limit, Phase::Level(other, before, 1), now);
                }
            }
        }
    }

    /// Takes a step from where `rate` got done; in the other direction where there is no further.
    fn step(&mut self, direction: Direction, rate: f64, now: Instant) {
        let limit = self.limit;
        let size = (limit / self.part).max(1);
        let to = match direction {
            Direction::Up => (limit + size).min(self.max),
            Direction::Down => limit.saturating_sub(size).max(1),
        };
        if to == limit {
            let other = if direction == Direction::Up { Direction::Down } else { Direction::Up };
            return self.go(limit, level(other), now);
        }
        self.go(to, Phase::Step { direction, limit, rate }, now);
    }

    fn go(&mut self, limit: usize, phase: Phase, now: Instant) {
        self.limit = limit.clamp(1, self.max);
        self.phase = phase;
        self.window = Window::new(now);
    }
}

#[cfg(test)]
mod tests;
