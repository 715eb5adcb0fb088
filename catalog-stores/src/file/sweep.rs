//! Removing prepared files that nothing knows of.
//!
//! A prepared file is named by a record of the journal before it is made, and goes with it. But what
//! is not synced may reach the disk in any order: after a power cut the file can be there and the
//! record not. Such a file is never served and would stay for ever.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::roots::TEMP_PREFIX;
use crate::dir::Dir;

/// So many names are looked at, at most: a root may have much below it that is not ours.
const NAMES: usize = 100_000;

impl Disk {
    /// Removes prepared files wherever one may be. Wants the lock, so that none is in use. What
    /// cannot be looked at or removed stays: it does no harm.
    pub(super) fn sweep(&self) {
        let roots = self.roots.all().iter().cloned();
        let mut dirs: Vec<PathBuf> = roots.chain([self.roots.history().to_owned()]).collect();
        let mut left = NAMES;
        while let Some(dir) = dirs.pop() {
            match self.sweep_dir(&dir, &mut left) {
                Ok(below) => dirs.extend(below),
                Err(error) => tracing::debug!(dir = %dir.display(), %error, "not looked through"),
            }
        }
    }

    fn sweep_dir(&self, path: &Path, left: &mut usize) -> io::Result<Vec<PathBuf>> {
        let mut below = Vec::new();
        for entry in fs::read_dir(path)? {
            *left = match left.checked_sub(1) {
                Some(left) => left,
                None => return Ok(below),
            };
            let entry = entry?;
            // A link is neither.
            let kind = entry.file_type()?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if kind.is_dir() && !name.starts_with('.') {
                below.push(entry.path());
            } else if kind.is_file() && name.starts_with(TEMP_PREFIX) {
                tracing::info!(file = name, "left by a power cut, removed");
                Dir::open(self.roots.seam(), path)?.remove(name)?;
            }
        }
        Ok(below)
    }
}
