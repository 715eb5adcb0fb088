//! One file of a change: prepared beside its target, checked, put in its place.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::sync::PoisonError;

use super::commit::Change;
use super::disk::{Disk, HISTORY_DIR_MODE, RECORD_MODE, unique};
use super::plan::{Plan, Step};
use super::problem::PathProblem;
use super::roots::{Spot, TEMP_PREFIX};
use crate::dir::{Dir, is_gone};

/// Mode of directories that a write makes for content.
const CONTENT_DIR_MODE: u32 = 0o755;
/// Mode of a new content file, before the process's mask.
const CONTENT_MODE: u32 = 0o644;

impl Disk {
    /// Opens the directory of a target; makes it when it is missing.
    pub(super) fn make_dir(&self, spot: &Spot) -> io::Result<Dir> {
        match self.roots.dir_of(spot) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        for dir in self.dirs_of(spot) {
            synced.remove(&dir);
        }
        let mode = match spot.is_history() {
            true => HISTORY_DIR_MODE,
            false => CONTENT_DIR_MODE,
        };
        self.roots.make_dir_of(spot, mode)
    }

    /// Writes a file that is about to take its target's place.
    pub(super) fn write_temp(
        &self,
        dir: &Dir,
        step: &Step,
        temp: &str,
        bytes: &[u8],
    ) -> io::Result<()> {
        let usual = match step.spot.is_history() {
            true => RECORD_MODE,
            false => CONTENT_MODE,
        };
        let file = dir.create_file(temp, step.mode.unwrap_or(usual))?;
        let name = step.spot.split().1;
        if dir.has(name)? {
            let existing = dir.open_file(name)?;
            let existing = existing.ok_or(io::ErrorKind::IsADirectory)?;
            if step.in_place {
                dir.probe_overwrite(name)?;
            }
            let meta = existing.metadata()?;
            let own = file.file().metadata()?;
            if own.mode() != meta.mode() {
                file.set_mode(meta.mode() & 0o7777)?;
            }
            // Only root may give files away; anybody else can at least keep the group if it is one
            // of theirs, and otherwise keeps the file under their own.
            if (own.uid(), own.gid()) != (meta.uid(), meta.gid()) {
                let (uid, gid) = (Some(meta.uid()), Some(meta.gid()));
                if file.set_owner(uid, gid).is_err() {
                    let _ = file.set_owner(None, gid);
                }
                // Giving a file away may take bits of its mode.
                file.set_mode(meta.mode() & 0o7777)?;
            }
        } else if let Some(mode) = step.mode {
            // A mode that is asked for is not up to the process's mask.
            file.set_mode(mode)?;
        }
        file.write_at(bytes, 0)
    }

    /// Whether every target still is what it was when the change was made up.
    pub(super) fn is_unchanged(&self, changes: &[Change]) -> io::Result<bool> {
        for change in changes {
            if !self.still_is(change)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn still_is(&self, change: &Change) -> io::Result<bool> {
        match self.roots.read(&change.spot, self.limit_of(&change.spot)) {
            Ok((bytes, _)) => Ok(Some(bytes) == change.before),
            Err(PathProblem::NotFound) => Ok(change.before.is_none()),
            Err(PathProblem::Io(e)) => Err(e),
            Err(_) => Ok(false),
        }
    }

    /// Puts a prepared file in the place of its target, unless somebody changed the target since it
    /// was read: then what they wrote stays, the history has both, and theirs is the newer.
    pub(super) fn install(
        &self,
        step: &Step,
        temp: &str,
        change: &Change,
        bytes: &[u8],
    ) -> io::Result<bool> {
        // Its directory was there when the file was prepared. If it is not now, this is not done.
        let dir = self.roots.dir_of(&step.spot)?;
        let name = step.spot.split().1;
        if !self.still_is(change)? {
            tracing::warn!(file = name, "changed from outside while it was written");
            return dir.remove(temp).map(|()| true);
        }
        self.take_place(&dir, temp, name, bytes).map(|()| false)
    }

    /// Renames a prepared file over its target. A single file that is mounted into a container
    /// cannot be replaced, only overwritten: what a crash leaves of it then, the journal mends.
    pub(super) fn take_place(
        &self,
        dir: &Dir,
        temp: &str,
        name: &str,
        bytes: &[u8],
    ) -> io::Result<()> {
        match dir.rename(temp, name) {
            Err(e) if e.kind() == io::ErrorKind::ResourceBusy => {
                dir.probe_overwrite(name)?;
                let target = dir.open_output(name)?;
                target.truncate(0)?;
                target.write_at(bytes, 0)?;
                dir.remove(temp)
            }
            other => other,
        }
    }

    /// Removes a target, unless another file has its name by now: then that stays.
    pub(super) fn remove(&self, step: &Step) -> io::Result<bool> {
        let name = step.spot.split().1;
        match self.is_to_go(step)? {
            true => self.roots.dir_of(&step.spot)?.remove(name).map(|()| false),
            false => Ok(self
                .roots
                .dir_of(&step.spot)
                .is_ok_and(|dir| dir.has(name).unwrap_or(false))),
        }
    }

    /// Whether the file that is to be removed is there.
    pub(super) fn is_to_go(&self, step: &Step) -> io::Result<bool> {
        let found = self.roots.dir_of(&step.spot);
        match found.and_then(|dir| dir.identity(step.spot.split().1)) {
            Ok(now) => Ok(Some(now) == step.identity),
            Err(e) if is_gone(&e) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Whether nothing of a plan is in place yet.
    pub(super) fn is_untouched(&self, plan: &Plan) -> bool {
        let mut steps = plan.steps.iter();
        steps.all(|step| {
            let now = self.digest(&step.spot);
            now.is_ok_and(|now| now == step.before)
        })
    }

    /// Removes what a plan has prepared, as far as that is possible: what stays has a name that
    /// nothing else has and no effect, and is tried again later.
    pub(super) fn remove_temps(&self, plan: &Plan) {
        for step in &plan.steps {
            if let Some(temp) = &step.temp {
                self.remove_temp(&step.spot, temp);
            }
        }
    }

    fn remove_temp(&self, spot: &Spot, temp: &str) {
        match self.roots.dir_of(spot).and_then(|dir| dir.remove(temp)) {
            Err(error) if !is_gone(&error) => {
                tracing::warn!(file = temp, %error, "a prepared file is left behind for now");
                let mut litter = self.litter.lock().unwrap_or_else(PoisonError::into_inner);
                litter.push((spot.clone(), temp.to_owned()));
            }
            _ => {}
        }
    }

    /// Removes what could not be removed when it should have been.
    pub(super) fn remove_litter(&self) {
        let mut litter = self.litter.lock().unwrap_or_else(PoisonError::into_inner);
        let found = std::mem::take(&mut *litter);
        drop(litter);
        for (spot, temp) in found {
            self.remove_temp(&spot, &temp);
        }
    }
}

/// A name for a prepared file that nobody else uses.
pub(super) fn temp_name() -> String {
    format!("{TEMP_PREFIX}{}", unique())
}
