//! Open files: append, sync, rotate. Everything here blocks.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Fsync,
    failure::{folder_of, verdict},
    rotation::{Day, Rotation, is_at},
};
use crate::contract::SendError;

/// Most files kept open; beyond, all are closed and opened again as needed.
const OPEN_FILES_MAX: usize = 64;

/// How files are written.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// The folder no file leads out of; folders below it are made.
    pub(super) root: Option<PathBuf>,
    pub(super) mode: u32,
    pub(super) fsync: Fsync,
    pub(super) rotation: Rotation,
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
    /// When it was last written to, as far as this process knows.
    written: Day,
}

/// A line and the file it goes to.
pub(super) type Line = (PathBuf, String);

impl Appender {
    pub(super) fn new(rules: Rules) -> Self {
        Self { rules, open: HashMap::new() }
    }

    /// Appends each line, in order; one result each.
    pub(super) fn append(&mut self, lines: &[Line], today: Day) -> Vec<Result<(), SendError>> {
        let written: Vec<_> = lines.iter().map(|(path, line)| self.append_one(path, line, today)).collect();
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
    pub(super) fn check(&mut self, path: &Path, today: Day) -> Result<(), SendError> {
        self.make_current(path, today).map_err(|error| verdict(path, &error))
    }

    /// Returns the file the line is in.
    fn append_one(&mut self, path: &Path, line: &str, today: Day) -> Result<Arc<File>, SendError> {
        let fsync = self.rules.fsync;
        let open = self.with_room(path, line.len() as u64, today).map_err(|error| verdict(path, &error))?;
        let mut bytes = Vec::with_capacity(line.len() + 1);
        bytes.extend(open.is_torn.then_some(b'\n'));
        bytes.extend_from_slice(line.as_bytes());
        let written = write_once(&open.file, &bytes).map_err(|error| verdict(path, &error))?;
        open.is_torn = written < bytes.len() && (written > 0 || open.is_torn);
        open.written = today;
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

    /// The current file at `path`, rotated first where that is due.
    fn with_room(&mut self, path: &Path, line_bytes: u64, today: Day) -> io::Result<&mut OpenFile> {
        self.make_current(path, today)?;
        let (rotation, open) = (&self.rules.rotation, &self.open[path]);
        if rotation.is_on() && rotation.is_due(open.file.metadata()?.len(), line_bytes, open.written, today) {
            rotation.rotate(&open.file, path)?;
            self.make_current(path, today)?;
        }
        Ok(self.open.get_mut(path).expect("it was opened above"))
    }

    /// Opens what is at `path` now, unless that is open already.
    fn make_current(&mut self, path: &Path, today: Day) -> io::Result<()> {
        let is_current = self.open.get(path).map(|open| is_at(&open.file, path)).transpose()?.unwrap_or(false);
        if !is_current {
            if self.open.len() >= OPEN_FILES_MAX {
                self.open.clear();
            }
            self.open.insert(path.to_owned(), open(path, &self.rules, today)?);
        }
        Ok(())
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

fn open(path: &Path, rules: &Rules, today: Day) -> io::Result<OpenFile> {
    if let Some(root) = &rules.root {
        confine(root, path, rules.mode)?;
    }
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(ErrorKind::IsADirectory.into()),
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
    let found = file.metadata()?;
    if rules.fsync != Fsync::Never && found.len() == 0 {
        // A new file is on the disk only when its folder is, and a new folder only when its own is.
        for folder in folder_of(path).ancestors() {
            File::open(folder)?.sync_all()?;
            if rules.root.as_deref().is_none_or(|root| root == folder) {
                break;
            }
        }
    }
    let is_torn = lacks_a_line_end(&mut file)?;
    let written = if found.len() > 0 { Day::of(found.modified()?) } else { today };
    Ok(OpenFile { file: Arc::new(file), is_torn, written })
}

/// Makes the folders between `root` and a path below it, and refuses links that lead out of it. Looked at when a file is
/// opened: whoever may change links below the root at that very moment may as well write there himself.
fn confine(root: &Path, path: &Path, mode: u32) -> io::Result<()> {
    let outside = || io::Error::new(ErrorKind::InvalidInput, "a link leads out of `root`");
    let real_root = fs::canonicalize(root)?;
    let folder = folder_of(path);
    for ancestor in folder.ancestors() {
        match fs::canonicalize(ancestor) {
            Ok(real) if real.starts_with(&real_root) => break,
            Ok(_) => return Err(outside()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let mut maker = fs::DirBuilder::new();
    // Who may read the files may enter the folders.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700 | mode | (mode & 0o444) >> 2);
    maker.recursive(true).create(folder)?;
    let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    if is_link && !fs::canonicalize(path).is_ok_and(|real| real.starts_with(&real_root)) {
        return Err(outside());
    }
    Ok(())
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
