//! How much room the disk has: with too little left nothing more is accepted or claimed, so that what is under way can
//! still be recorded.

use std::path::{Path, PathBuf};

/// Room that is kept for recording, as a part of the file system: one twentieth.
const RESERVED_PART: u64 = 20;

/// At least so much is kept, in bytes.
const RESERVED_MIN: u64 = 1024 * 1024;

/// At most so much is kept, in bytes.
const RESERVED_MAX: u64 = 64 * 1024 * 1024;

/// How often the disk is asked, in nanoseconds.
const ASK_EVERY: i64 = 250_000_000;

/// What is known of the disk.
#[derive(Debug)]
pub struct Space {
    folder: PathBuf,
    low: bool,
    asked_at: i64,
}

impl Space {
    /// Of the disk that holds the file at `path`.
    pub fn of(path: &Path) -> Self {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self { folder: folder.to_owned(), low: false, asked_at: i64::MIN }
    }

    /// Whether too little is left, as of the last time it was asked.
    pub fn is_low(&self) -> bool {
        self.low
    }

    /// Asks the disk, if it is time to; `now` in nanoseconds.
    pub fn look(&mut self, now: i64) {
        if now.saturating_sub(self.asked_at) < ASK_EVERY && now >= self.asked_at {
            return;
        }
        self.asked_at = now;
        let Some((free, all)) = free(&self.folder) else { return };
        self.set_low(free < needed(all, self.low));
    }

    /// The disk was full: it is asked again before anything is accepted.
    pub fn was_full(&mut self) {
        self.set_low(true);
        self.asked_at = i64::MIN;
    }

    fn set_low(&mut self, low: bool) {
        let folder = self.folder.display();
        match (self.low, low) {
            (false, true) => {
                tracing::error!("the disk of {folder} is nearly full: nothing more is accepted or sent until space is freed");
            }
            (true, false) => tracing::warn!("the disk of {folder} has space again"),
            _ => {}
        }
        self.low = low;
    }
}

/// How much must be free of `all`; a little more to call it enough again.
fn needed(all: u64, was_low: bool) -> u64 {
    let reserved = (all / RESERVED_PART).clamp(RESERVED_MIN, RESERVED_MAX);
    if was_low { reserved + reserved / 4 } else { reserved }
}

/// Bytes that are free, and all there are.
#[cfg(unix)]
fn free(folder: &Path) -> Option<(u64, u64)> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some((found.f_bavail.saturating_mul(found.f_frsize), found.f_blocks.saturating_mul(found.f_frsize)))
}

#[cfg(not(unix))]
fn free(_folder: &Path) -> Option<(u64, u64)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_disk_is_kept_within_bounds() {
        const MIB: u64 = 1024 * 1024;
        for (all, expected) in [(4 * MIB, MIB), (100 * MIB, 5 * MIB), (1024 * 1024 * MIB, 64 * MIB)] {
            assert_eq!(needed(all, false), expected);
            assert_eq!(needed(all, true), expected + expected / 4, "it does not flap");
        }
    }
}
