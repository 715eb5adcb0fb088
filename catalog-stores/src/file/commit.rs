//! Changing several files as one.
//!
//! 1. A plan of every file goes to `wal.tmp`.
//! 2. Every new file is written beside its target; files and directories are synced.
//! 3. Every target is checked: it can be written or removed, and is as it was read.
//! 4. `wal.tmp` becomes `wal`: the commit point.
//! 5. Every new file is renamed over its target; directories are synced (see [`finish`](super::finish)).
//! 6. `wal` goes.
//!
//! A crash before 4 leaves the old state and, by the plan, the names of what has to be cleaned up.
//! A crash after 4 is rolled forward by whoever takes the lock next; an error after it is rolled back
//! as long as nothing is in place, and forward after that.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use catalog_core::StoreError;

use super::disk::{Disk, HISTORY_DIR_MODE, RECORD_MODE, WAL, WAL_TMP, unique};
use super::plan::{Plan, Step};
use super::problem::PathProblem;
use super::roots::{Spot, TEMP_PREFIX};
use crate::dir::{Dir, is_gone};

/// Mode of directories that a write makes for content.
const CONTENT_DIR_MODE: u32 = 0o755;
/// Mode of a new content file, before the process's mask.
const CONTENT_MODE: u32 = 0o644;

/// The new state of one file.
pub(super) struct Change {
    pub(super) spot: Spot,
    /// `None` removes the file.
    pub(super) bytes: Option<Arc<[u8]>>,
    /// What the file holds now, as it was read; `None`: there is none.
    pub(super) before: Option<Arc<[u8]>>,
    /// The mode that a new file gets; `None`: the usual one. An existing one keeps its own.
    pub(super) mode: Option<u32>,
}

/// Prints sizes: the bytes may be secret.
impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("spot", &self.spot)
            .field("bytes", &self.bytes.as_ref().map(|b| b.len()))
            .finish_non_exhaustive()
    }
}

/// Why a change was not made, or not for certain.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommitError {
    /// A target is not what it was when the change was made up. Nothing has changed.
    #[error("a file was changed meanwhile")]
    Overtaken,
    /// Nothing has changed. `step`: the change that cannot be made, when it is one of them.
    #[error("the change cannot be prepared")]
    Prepare {
        step: Option<usize>,
        source: io::Error,
    },
    /// After the commit point.
    #[error("the change cannot be finished")]
    Finish(#[source] io::Error),
}

impl From<CommitError> for StoreError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Finish(e) => Self::unavailable("finish the change", e),
            CommitError::Prepare { source, .. } => Self::unavailable("prepare the change", source),
            CommitError::Overtaken => Self::unavailable("make the change", error),
        }
    }
}

/// An error of one step, or of none in particular.
type StepError = (Option<usize>, io::Error);

impl Disk {
    /// Makes all changes or none. Says whether somebody else's bytes have won over one of them in
    /// the last moment; they stay, and those of the change are in the history.
    pub(super) fn commit(&self, changes: &[Change]) -> Result<bool, CommitError> {
        if changes.is_empty() {
            return Ok(false);
        }
        let mut plan = Plan::of(changes);
        let prepared = self.prepare(&mut plan, changes).map_err(|(step, source)| {
            // A disk that is full or read-only is nobody's fault in particular.
            let general = matches!(
                source.kind(),
                io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::ReadOnlyFilesystem
            );
            let step = step.filter(|_| !general);
            CommitError::Prepare { step, source }
        });
        let checked = prepared.and_then(|()| match self.is_unchanged(changes) {
            Ok(true) => Ok(()),
            Ok(false) => Err(CommitError::Overtaken),
            Err(source) => Err(CommitError::Prepare { step: None, source }),
        });
        let committed = checked.and_then(|()| {
            let renamed = self.history_dir().and_then(|dir| dir.rename(WAL_TMP, WAL));
            renamed.map_err(|source| CommitError::Prepare { step: None, source })
        });
        if let Err(error) = committed {
            self.abandon(&plan);
            return Err(error);
        }
        self.finish(&plan).map_err(|error| {
            if !self.is_poisoned() && self.is_untouched(&plan) {
                self.take_back(&plan);
            }
            CommitError::Finish(error)
        })
    }

    /// Whether a change would get as far as the commit point, found out without writing.
    pub(super) fn probe(&self, changes: &[Change]) -> Result<(), StoreError> {
        let unavailable = |e| StoreError::unavailable("prepare the change", e);
        self.check_trusted().map_err(unavailable)?;
        for change in changes {
            match self.roots.dir_of(&change.spot) {
                Ok(dir) => dir.probe_change().map_err(unavailable)?,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(unavailable(e)),
            }
        }
        Ok(())
    }

    fn prepare(&self, plan: &mut Plan, changes: &[Change]) -> Result<(), StepError> {
        let whole = |e| (None, e);
        self.check_trusted().map_err(whole)?;
        for (i, (step, change)) in plan.steps.iter_mut().zip(changes).enumerate() {
            if change.bytes.is_none() {
                self.check_removal(step).map_err(|e| (Some(i), e))?;
            }
        }
        self.write_plan(plan).map_err(whole)?;
        let mut dirs = BTreeSet::new();
        for (i, (step, change)) in plan.steps.iter().zip(changes).enumerate() {
            if let (Some(temp), Some(bytes)) = (&step.temp, &change.bytes) {
                self.write_temp(&step.spot, temp, bytes, change.mode)
                    .map_err(|e| (Some(i), e))?;
                dirs.extend(self.dirs_to_sync(&step.spot));
            }
        }
        self.sync_dirs(&dirs).map_err(whole)
    }

    /// Checks that a file can be removed, and notes which one it is.
    fn check_removal(&self, step: &mut Step) -> io::Result<()> {
        let name = step.spot.split().1;
        let dir = self.roots.dir_of(&step.spot)?;
        dir.probe_change()?;
        if dir.is_mount(name) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        step.identity = Some(dir.identity(name)?);
        Ok(())
    }

    fn write_plan(&self, plan: &Plan) -> io::Result<()> {
        let dir = self.history_dir()?;
        let file = dir.create_file(WAL_TMP, RECORD_MODE)?;
        file.write_at(&plan.encode()?, 0)?;
        file.sync()?;
        dir.sync()
    }

    fn write_temp(
        &self,
        spot: &Spot,
        temp: &str,
        bytes: &[u8],
        mode: Option<u32>,
    ) -> io::Result<()> {
        let (dir_mode, usual) = match spot.is_history() {
            true => (HISTORY_DIR_MODE, RECORD_MODE),
            false => (CONTENT_DIR_MODE, CONTENT_MODE),
        };
        let dir = self.roots.make_dir_of(spot, dir_mode)?;
        let file = dir.create_file(temp, mode.unwrap_or(usual))?;
        let name = spot.split().1;
        if dir.has(name)? {
            let existing = dir.open_file(name)?;
            let existing = existing.ok_or(io::ErrorKind::IsADirectory)?;
            if dir.is_mount(name) {
                // It cannot be replaced and will be overwritten.
                dir.probe_overwrite(name)?;
            }
            let meta = existing.metadata()?;
            file.set_mode(meta.mode() & 0o7777)?;
            // Only root may give files away; anybody else can at least keep the group if it is one
            // of theirs, and otherwise keeps the file under their own.
            let (uid, gid) = (Some(meta.uid()), Some(meta.gid()));
            if file.set_owner(uid, gid).is_err() {
                let _ = file.set_owner(None, gid);
            }
        } else if let Some(mode) = mode {
            // A mode that is asked for is not up to the process's mask.
            file.set_mode(mode)?;
        }
        file.write_at(bytes, 0)?;
        file.sync()
    }

    /// The directory of a new file, and those above whose own entry may not be durable yet: whoever
    /// made them need not have been this process.
    fn dirs_to_sync(&self, spot: &Spot) -> Vec<PathBuf> {
        let synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        let dirs = self.dirs_of(spot).into_iter().enumerate();
        dirs.filter(|(depth, dir)| *depth == 0 || !synced.contains(dir))
            .map(|(_, dir)| dir)
            .collect()
    }

    /// Makes what was made, renamed or removed in these directories durable.
    pub(super) fn sync_dirs(&self, dirs: &BTreeSet<PathBuf>) -> io::Result<()> {
        for dir in dirs {
            match Dir::open(self.roots.seam(), dir) {
                Ok(dir) => dir.sync()?,
                // Removed from outside meanwhile: there is nothing to make durable.
                Err(e) if is_gone(&e) => continue,
                Err(e) => return Err(e),
            }
            let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
            synced.insert(dir.clone());
        }
        Ok(())
    }

    /// Whether every target still is what it was when the change was made up.
    fn is_unchanged(&self, changes: &[Change]) -> io::Result<bool> {
        for change in changes {
            let now = match self.roots.read(&change.spot, self.limit_of(&change.spot)) {
                Ok((bytes, _)) => Some(bytes),
                Err(PathProblem::NotFound) => None,
                Err(PathProblem::Io(e)) => return Err(e),
                Err(_) => return Ok(false),
            };
            if now != change.before {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes what was prepared. What cannot be removed now is by the next recovery.
    pub(super) fn abandon(&self, plan: &Plan) {
        self.remove_temps(plan);
        let removed = self.history_dir().and_then(|dir| dir.remove(WAL_TMP));
        if let Err(error) = removed {
            tracing::warn!(%error, "the plan of a failed change is still there");
        }
    }
}

/// A name for a prepared file that nobody else uses.
pub(super) fn temp_name() -> String {
    format!("{TEMP_PREFIX}{}", unique())
}
