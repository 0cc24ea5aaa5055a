//! A folder of the demo's own, gone when the demo ends.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

/// The folder.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new, empty folder among the system's temporary ones; `seed` tells demos apart.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn new(seed: u64) -> io::Result<Self> {
        let path = env::temp_dir().join(format!("notifyhub-demo-{}-{seed:x}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Whatever is left is in the system's temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}
