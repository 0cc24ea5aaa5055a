//! When a file is moved aside, and how.

use std::{
    fs::{self, File, Metadata},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// A day, counted in UTC since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(u64);

impl Day {
    /// The day of a time; times before 1970 are all the first day.
    pub(super) fn of(time: SystemTime) -> Self {
        Self(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / (24 * 60 * 60))
    }
}

/// When a new file is begun, and how many old ones are kept.
#[derive(Debug, Clone)]
pub(super) struct Rotation {
    pub(super) bytes_max: Option<u64>,
    pub(super) daily: bool,
    pub(super) keep: u32,
}

impl Rotation {
    /// Whether any file is ever moved.
    pub(super) fn is_on(&self) -> bool {
        self.daily || self.bytes_max.is_some()
    }

    /// Whether a file of `bytes`, last written on day `written`, makes way for a line of `line_bytes`.
    pub(super) fn is_due(&self, bytes: u64, line_bytes: u64, written: Day, today: Day) -> bool {
        let is_full = self.bytes_max.is_some_and(|max| bytes + line_bytes > max);
        bytes > 0 && (is_full || (self.daily && written < today))
    }

    /// Moves `PATH` to `PATH.1`, what was there to `PATH.2`, and so on; the oldest goes. Several processes may come here
    /// at once: the lock lets one of them through, and the others see that the file has already moved.
    pub(super) fn rotate(&self, file: &File, path: &Path) -> io::Result<()> {
        file.lock()?;
        let moved = if is_at(file, path)? { self.shift(path) } else { Ok(()) };
        file.unlock()?;
        moved
    }

    fn shift(&self, path: &Path) -> io::Result<()> {
        for number in (1..=self.keep).rev() {
            let from = if number == 1 { path.to_owned() } else { numbered(path, number - 1) };
            match fs::rename(from, numbered(path, number)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// Whether `path` still leads to this file.
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(found) => Ok(is_same(&found, &file.metadata()?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    one.created().ok() == other.created().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_makes_way_when_it_is_full_or_of_another_day_and_never_when_empty() {
        let day = |seconds| Day::of(UNIX_EPOCH + Duration::from_secs(seconds));
        let (today, midnight, tomorrow) = (day(86_399), day(86_400), day(2 * 86_400));
        let rule = |bytes_max, daily| Rotation { bytes_max, daily, keep: 1 };
        for (rotation, bytes, written, now, is_due) in [
            (rule(None, false), 1_000_000, today, tomorrow, false),
            (rule(Some(100), false), 90, today, today, false),
            (rule(Some(100), false), 91, today, today, true),
            (rule(Some(5), false), 0, today, today, false),
            (rule(None, true), 1, today, today, false),
            (rule(None, true), 1, today, midnight, true),
            (rule(None, true), 0, today, midnight, false),
            (rule(None, true), 1, tomorrow, today, false),
            (rule(Some(100), true), 91, today, today, true),
        ] {
            assert_eq!(rotation.is_due(bytes, 10, written, now), is_due, "{rotation:?} {bytes} {written:?} {now:?}");
        }
    }
}
