//! Open files: append, sync, rotate. Everything here blocks.

use std::{
    collections::HashMap,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::Fsync;
use crate::contract::SendError;

/// Most files kept open; beyond, all are closed and opened again as needed.
const OPEN_FILES_MAX: usize = 64;

/// How files are written.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) mode: u32,
    pub(super) fsync: Fsync,
    pub(super) rotate_bytes: Option<u64>,
    pub(super) keep: u32,
}

/// The open files of one platform.
#[derive(Debug)]
pub(super) struct Appender {
    rules: Rules,
    open: HashMap<PathBuf, OpenFile>,
}

#[derive(Debug)]
struct OpenFile {
    file: Arc<File>,
    /// Whether it ends in the middle of a line: the next one begins on a line of its own.
    is_torn: bool,
}

/// A line and the file it goes to.
pub(super) type Line = (PathBuf, String);

impl Appender {
    pub(super) fn new(rules: Rules) -> Self {
        Self { rules, open: HashMap::new() }
    }

    /// Appends each line, in order; one result each.
    pub(super) fn append(&mut self, lines: &[Line]) -> Vec<Result<(), SendError>> {
        let written: Vec<_> = lines.iter().map(|(path, line)| self.append_one(path, line)).collect();
        if self.rules.fsync != Fsync::Batch {
            return written.into_iter().map(|result| result.map(drop)).collect();
        }
        // Each file once, also one that was rotated away in the middle of the batch.
        let mut synced = HashMap::new();
        for file in written.iter().flatten() {
            synced.entry(Arc::as_ptr(file)).or_insert_with(|| sync(file));
        }
        written.into_iter().map(|result| result.and_then(|file| synced[&Arc::as_ptr(&file)].clone())).collect()
    }

    /// Opens a file as a write would, and writes nothing.
    pub(super) fn check(&mut self, path: &Path) -> Result<(), SendError> {
        self.opened(path, 0).map(drop).map_err(|error| verdict(path, &error))
    }

    /// Returns the file the line is in.
    fn append_one(&mut self, path: &Path, line: &str) -> Result<Arc<File>, SendError> {
        let fsync = self.rules.fsync;
        let open = self.opened(path, line.len() as u64).map_err(|error| verdict(path, &error))?;
        let mut bytes = Vec::with_capacity(line.len() + 1);
        bytes.extend(open.is_torn.then_some(b'\n'));
        bytes.extend_from_slice(line.as_bytes());
        let written = write_once(&open.file, &bytes).map_err(|error| verdict(path, &error))?;
        open.is_torn = written < bytes.len() && (written > 0 || open.is_torn);
        if written < bytes.len() {
            return Err(SendError::unavailable(format!(
                "`{}`: only {written} of {} bytes fitted on the disk",
                path.display(),
                bytes.len()
            )));
        }
        if fsync == Fsync::Always {
            sync(&open.file)?;
        }
        Ok(open.file.clone())
    }

    /// The file at `path`, as it is there now: reopened if it was moved away, rotated if the line does not fit.
    fn opened(&mut self, path: &Path, line_bytes: u64) -> io::Result<&mut OpenFile> {
        let current = self.open.get(path).map(|open| is_at(&open.file, path)).transpose()?.unwrap_or(false);
        if !current {
            if self.open.len() >= OPEN_FILES_MAX {
                self.open.clear();
            }
            self.open.insert(path.to_owned(), open(path, &self.rules)?);
        }
        if let Some(limit) = self.rules.rotate_bytes {
            let size = self.open[path].file.metadata()?.len();
            if size > 0 && size + line_bytes > limit {
                rotate(&self.open[path].file, path, self.rules.keep)?;
                self.open.insert(path.to_owned(), open(path, &self.rules)?);
            }
        }
        Ok(self.open.get_mut(path).expect("it was opened above"))
    }
}

/// One write call, so that the line is whole whoever else appends; only a signal before the first byte is tried again.
fn write_once(mut file: &File, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match file.write(bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// A line that was written but perhaps did not reach the disk: nobody knows.
fn sync(file: &File) -> Result<(), SendError> {
    file.sync_data().map_err(|error| SendError::ambiguous(format!("the line was written, but cannot be synced: {error}")))
}

fn open(path: &Path, rules: &Rules) -> io::Result<OpenFile> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => return Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file")),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut options = OpenOptions::new();
    options.append(true).read(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, rules.mode);
    let mut file = options.open(path)?;
    if rules.fsync != Fsync::Never && file.metadata()?.len() == 0 {
        // A new file is on the disk only when its folder is.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
    }
    let is_torn = lacks_a_line_end(&mut file)?;
    Ok(OpenFile { file: Arc::new(file), is_torn })
}

/// Whether the last byte is no line end.
fn lacks_a_line_end(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    Ok(file.read(&mut last)? == 1 && last != *b"\n")
}

/// Whether `path` still leads to this file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
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

/// Moves `PATH` to `PATH.1`, what was there to `PATH.2`, and so on; the oldest goes. Several processes may come here
/// at once: the lock lets one of them through, and the others see that the file has already moved.
fn rotate(file: &File, path: &Path, keep: u32) -> io::Result<()> {
    file.lock()?;
    let moved = if is_at(file, path)? { shift(path, keep) } else { Ok(()) };
    file.unlock()?;
    moved
}

fn shift(path: &Path, keep: u32) -> io::Result<()> {
    for number in (1..=keep).rev() {
        let from = if number == 1 { path.to_owned() } else { numbered(path, number - 1) };
        match fs::rename(from, numbered(path, number)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// A folder or a permission that is missing needs the operator; a full or failing disk may get better.
fn verdict(path: &Path, error: &io::Error) -> SendError {
    use ErrorKind::{InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem};
    let reason = format!("`{}` cannot be written to: {error}", path.display());
    match error.kind() {
        NotFound | PermissionDenied | ReadOnlyFilesystem | IsADirectory | NotADirectory | InvalidInput => {
            SendError::unauthorized(reason)
        }
        _ => SendError::unavailable(reason),
    }
}
