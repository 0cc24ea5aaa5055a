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
