//! Named points at which a test lets the process die. Without the feature `failpoints` there are none.
//!
//! `NOTIFYHUB_FAILPOINT=claim.committed:3` kills the process when it comes by that point for the third time.

/// Dies here if this point's time has come.
macro_rules! failpoint {
    ($name:literal) => {
        #[cfg(feature = "failpoints")]
        $crate::failpoint::hit($name);
    };
}

pub(crate) use failpoint;

#[cfg(feature = "failpoints")]
mod points {
    use std::{
        env,
        sync::{
            OnceLock,
            atomic::{AtomicU64, Ordering},
        },
    };

    struct Point {
        name: String,
        left: AtomicU64,
    }

    fn set() -> Option<&'static Point> {
        static POINT: OnceLock<Option<Point>> = OnceLock::new();
        let read = || {
            let text = env::var("NOTIFYHUB_FAILPOINT").ok()?;
            let (name, times) = text.split_once(':').unwrap_or((&text, "1"));
            Some(Point { name: name.to_owned(), left: AtomicU64::new(times.parse().unwrap_or(1)) })
        };
        POINT.get_or_init(read).as_ref()
    }

    /// Comes by a point: ends the process, as if it were killed, when it is the one and its time has come.
    pub fn hit(name: &str) {
        let Some(point) = set().filter(|point| point.name == name) else { return };
        if point.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            std::process::abort();
        }
    }
}

#[cfg(feature = "failpoints")]
pub use points::hit;

/// Mistakes that a simulation plants to see whether it finds them. They concern the thread they were planted on.
#[cfg(feature = "failpoints")]
mod planted {
    use std::cell::Cell;

    thread_local! {
        static PLANTED: Cell<Option<&'static str>> = const { Cell::new(None) };
    }

    /// Plants one of `ack_before_commit`, `no_token_check` and `crash_counted_late` on this thread, or none.
    pub fn plant(mistake: Option<&'static str>) {
        PLANTED.set(mistake);
    }

    /// Whether this one is planted.
    pub fn is_planted(mistake: &str) -> bool {
        PLANTED.get() == Some(mistake)
    }
}

#[cfg(feature = "failpoints")]
pub use planted::{is_planted, plant};

/// Whether this mistake is planted; never without the feature `failpoints`.
#[cfg(not(feature = "failpoints"))]
pub const fn is_planted(_mistake: &str) -> bool {
    false
}
