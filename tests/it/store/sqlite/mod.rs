//! What the SQLite store promises beyond what every store does.
//!
//! | file | which promises |
//! |---|---|
//! | `reopened` | what was accepted is there after the file was closed, or its process killed |
//! | `poison` | a task that kills its process time after time |
//! | `file` | whose file it is, and which files are refused |
//! | `inspect` | looking a file over, and copying it |
//! | `locked` | another program holds the file |
//! | `damage` | rows that cannot be read |

mod damage;
mod file;
mod inspect;
mod locked;
mod poison;
mod reopened;

use std::{fs, path::Path};

use notifyhub::testing::MovedClock;
use tempfile::TempDir;

use super::stand::{Stand, sqlite_stand};

/// The store as a process finds it whose predecessor was killed at this moment.
fn after_a_kill(stand_folder: &Path, clock: &MovedClock) -> (TempDir, Stand) {
    let folder = TempDir::new().expect("a folder");
    for name in ["notifyhub.db", "notifyhub.db-wal"] {
        fs::copy(stand_folder.join(name), folder.path().join(name)).expect("it is there");
    }
    let stand = sqlite_stand(folder.path(), clock);
    (folder, stand)
}

/// A new file, and a store on it.
pub fn new_file(clock: &MovedClock) -> (TempDir, Stand) {
    let folder = TempDir::new().expect("a folder");
    let stand = sqlite_stand(folder.path(), clock);
    (folder, stand)
}
