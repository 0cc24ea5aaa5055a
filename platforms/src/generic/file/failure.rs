//! What a failed write means, and what whoever runs the machine can do about it.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

use crate::contract::SendError;

/// A folder or a permission that is missing needs the operator; a full or failing disk may get better.
pub(super) fn verdict(path: &Path, error: &io::Error) -> SendError {
    use ErrorKind::{
        AlreadyExists, InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied, QuotaExceeded,
        ReadOnlyFilesystem, StorageFull,
    };
    let (file, folder) = (path.display(), folder_of(path));
    let parent = folder.display();
    match error.kind() {
        NotFound if !folder.exists() => SendError::unauthorized(no_folder(folder)),
        PermissionDenied if path.exists() => {
            SendError::unauthorized(format!("`{file}` may not be written to: let the user that notifyhub runs as append to it"))
        }
        PermissionDenied => SendError::unauthorized(format!(
            "no file may be made in the folder `{parent}`: let the user that notifyhub runs as write there"
        )),
        ReadOnlyFilesystem => SendError::unauthorized(format!(
            "`{file}` is on a read-only file system: give a `path` elsewhere, or mount it for writing"
        )),
        IsADirectory => SendError::unauthorized(format!("`{file}` is a folder: give the path of a file in it")),
        NotADirectory => SendError::unauthorized(format!("a part of `{parent}` is a file and no folder: give another `path`")),
        NotFound | InvalidInput | InvalidFilename | AlreadyExists => {
            SendError::unauthorized(format!("`{file}` cannot be written to: {error}"))
        }
        StorageFull | QuotaExceeded => SendError::unavailable(format!("no space is left for `{file}`: {error}")),
        _ => SendError::unavailable(format!("`{file}` cannot be written to: {error}")),
    }
}

/// What to do where a folder is missing.
pub(super) fn no_folder(folder: &Path) -> String {
    format!("the folder does not exist: create it (mkdir -p {}) and let notifyhub write there", folder.display())
}

/// The folder a path is in; `.` for a bare name.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::ErrorKind::{Unauthorized, Unavailable};

    #[test]
    #[cfg(target_os = "linux")]
    fn every_error_of_the_system_has_its_class_and_says_what_to_do() {
        for (number, path, kind, part) in [
            (2, "/nowhere/at/all/out", Unauthorized, "create it (mkdir -p /nowhere/at/all)"), // ENOENT
            (2, "/proc/out", Unauthorized, "cannot be written to"),                           // ENOENT, the folder is there
            (13, "/proc/out", Unauthorized, "in the folder `/proc`"),                         // EACCES
            (1, "/proc/version", Unauthorized, "append to it"),                               // EPERM
            (30, "/proc/out", Unauthorized, "read-only file system"),                         // EROFS
            (21, "/proc", Unauthorized, "is a folder"),                                       // EISDIR
            (20, "/proc/version/out", Unauthorized, "no folder"),                             // ENOTDIR
            (36, "/proc/out", Unauthorized, "too long"),                                      // ENAMETOOLONG
            (28, "/proc/out", Unavailable, "no space is left"),                               // ENOSPC
            (122, "/proc/out", Unavailable, "no space is left"),                              // EDQUOT
            (5, "/proc/out", Unavailable, "cannot be written to"),                            // EIO
            (24, "/proc/out", Unavailable, "cannot be written to"),                           // EMFILE
        ] {
            let error = verdict(Path::new(path), &io::Error::from_raw_os_error(number));
            assert_eq!(error.kind(), kind, "{number}: {error}");
            assert!(error.reason().contains(part), "{number}: {error}");
        }
        assert_eq!(folder_of(Path::new("out")), Path::new("."));
    }
}
