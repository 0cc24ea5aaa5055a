//! What a disk holds after so many steps, and what a power cut leaves of it.

use std::collections::BTreeMap;

use rand::{Rng, rngs::SmallRng};

use super::record::Step;

/// A change of one file that is not synced yet.
#[derive(Debug, Clone)]
enum Change {
    Write { at: u64, bytes: Vec<u8> },
    Truncate(u64),
}

/// One file: what is on disk for certain, and what may be.
#[derive(Debug, Clone, Default)]
struct File {
    synced: Vec<u8>,
    changes: Vec<Change>,
}

/// The files of one folder. A name counts as on disk with the file's first sync, as journalling file systems have it.
#[derive(Debug, Default)]
pub struct Disk {
    files: BTreeMap<String, File>,
}

/// What is left of what was not synced.
pub enum Left<'a> {
    /// None of it.
    Nothing,
    /// Any of it, the last write of a file perhaps torn.
    Some(&'a mut SmallRng),
}

impl Disk {
    /// Takes a step in.
    pub fn take(&mut self, step: Step) {
        match step {
            Step::Write { file, at, bytes } => self.file(file).changes.push(Change::Write { at, bytes }),
            Step::Truncate { file, length } => self.file(file).changes.push(Change::Truncate(length)),
            Step::Sync { file } => {
                if let Some(file) = self.files.get_mut(&file) {
                    let changes = std::mem::take(&mut file.changes);
                    changes.iter().for_each(|change| apply(&mut file.synced, change));
                }
            }
            Step::Rename { from, to } => {
                if let Some(file) = self.files.remove(&from) {
                    self.files.insert(to, file);
                }
            }
            Step::Remove { file } => _ = self.files.remove(&file),
            Step::Answered(_) => {}
        }
    }

    fn file(&mut self, name: String) -> &mut File {
        self.files.entry(name).or_default()
    }

    /// The files a power cut leaves behind.
    pub fn left(&self, mut left: Left<'_>) -> Vec<(String, Vec<u8>)> {
        let kept = |name: &&String| matches!(name.as_str(), "hub.db" | "hub.db-wal" | "hub.db-journal");
        let files = self.files.iter().filter(|(name, _)| kept(name)).map(|(name, file)| {
            let mut content = file.synced.clone();
            if let Left::Some(rng) = &mut left {
                let last = file.changes.len().saturating_sub(1);
                for (number, change) in file.changes.iter().enumerate() {
                    match change {
                        Change::Write { at, bytes } if number == last && rng.random_bool(0.5) => {
                            // Disks write sectors whole.
                            let torn = bytes[..rng.random_range(0..=bytes.len() / 512) * 512.min(bytes.len())].to_vec();
                            apply(&mut content, &Change::Write { at: *at, bytes: torn });
                        }
                        change if rng.random_bool(0.5) => apply(&mut content, change),
                        _ => {}
                    }
                }
            }
            (name.clone(), content)
        });
        files.collect()
    }
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { at, bytes } => {
            let at = usize::try_from(*at).expect("a small file");
            if content.len() < at + bytes.len() {
                content.resize(at + bytes.len(), 0);
            }
            content[at..at + bytes.len()].copy_from_slice(bytes);
        }
        Change::Truncate(length) => content.resize(usize::try_from(*length).expect("a small file"), 0),
    }
}
