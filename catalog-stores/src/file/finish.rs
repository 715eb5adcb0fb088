//! From the commit point to the end, in one go or after a crash.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};

use catalog_core::StoreError;

use super::disk::{Disk, WAL, WAL_TMP};
use super::plan::{Plan, Step};
use crate::dir::{Dir, is_gone};

/// Ending of a prepared file's name once its target is being overwritten in place.
const BEGUN: &str = ".begun";

impl Disk {
    /// Puts everything in place. Doing it twice does no harm. Says whether a target was changed from
    /// outside since the commit point.
    pub(super) fn finish(&self, plan: &Plan) -> io::Result<bool> {
        let history = self.history_dir()?;
        self.sync_or_poison(history.sync())?;
        let mut overtaken = false;
        for step in &plan.steps {
            overtaken |= self.run(step)?;
        }
        self.sync_or_poison(self.sync_dirs(&self.dirs(plan)))?;
        // Others would notice later, and this process looks at everything again.
        if let Err(error) = self.announce() {
            tracing::warn!(%error, "other processes cannot be told of a change");
        }
        history.remove(WAL)?;
        self.sync_or_poison(history.sync())?;
        Ok(overtaken)
    }

    fn dirs(&self, plan: &Plan) -> BTreeSet<std::path::PathBuf> {
        let own = plan.steps.iter().map(|step| self.dirs_of(&step.spot));
        own.filter_map(|dirs| dirs.into_iter().next()).collect()
    }

    fn run(&self, step: &Step) -> io::Result<bool> {
        match &step.temp {
            Some(temp) => self.install(step, temp),
            None => self.remove(step),
        }
    }

    /// Puts a prepared file in the place of its target, unless somebody changed the target since it
    /// was read: then what they wrote stays, the history has both, and theirs is the newer.
    fn install(&self, step: &Step, temp: &str) -> io::Result<bool> {
        // Its directory was there when the file was prepared. If it is not now, this is not done.
        let dir = self.roots.dir_of(&step.spot)?;
        let name = step.spot.split().1;
        let begun = format!("{temp}{BEGUN}");
        if dir.has(&begun)? {
            return self.overwrite(&dir, &begun, name).map(|()| false);
        }
        if !dir.has(temp)? {
            return Ok(false); // Done before the interruption.
        }
        let now = self.digest(&step.spot)?;
        if now != step.before && now != step.digest {
            tracing::warn!(file = name, "changed from outside while it was written");
            return dir.remove(temp).map(|()| true);
        }
        match dir.rename(temp, name) {
            // A single file that is mounted into a container cannot be replaced, only overwritten.
            // From now on half of it may be new: the name of the prepared file says so, and that
            // it must be written whatever it holds.
            Err(e) if e.kind() == io::ErrorKind::ResourceBusy => {
                dir.probe_overwrite(name)?;
                dir.rename(temp, &begun)?;
                dir.sync()?;
                self.overwrite(&dir, &begun, name)?;
            }
            other => other?,
        }
        Ok(false)
    }

    fn overwrite(&self, dir: &Dir, from: &str, to: &str) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut new = dir.open_file(from)?.ok_or(io::ErrorKind::NotFound)?;
        new.read_to_end(&mut bytes)?;
        let target = dir.open_output(to)?;
        target.truncate(0)?;
        target.write_at(&bytes, 0)?;
        self.sync_or_poison(target.sync())?;
        dir.remove(from)
    }

    /// Removes a target, unless another file has its name by now.
    fn remove(&self, step: &Step) -> io::Result<bool> {
        let name = step.spot.split().1;
        let dir = match self.roots.dir_of(&step.spot) {
            Ok(dir) => dir,
            Err(e) if is_gone(&e) => return Ok(false),
            Err(e) => return Err(e),
        };
        match dir.identity(name) {
            Ok(now) if Some(now) == step.identity => dir.remove(name).map(|()| false),
            Ok(_) => Ok(true),
            Err(e) if is_gone(&e) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Whether nothing of a plan is in place yet.
    pub(super) fn is_untouched(&self, plan: &Plan) -> bool {
        plan.steps.iter().all(|step| {
            let found = self
                .roots
                .dir_of(&step.spot)
                .and_then(|dir| match &step.temp {
                    Some(temp) => dir.has(temp),
                    None => Ok(Some(dir.identity(step.spot.split().1)?) == step.identity),
                });
            found.unwrap_or(false)
        })
    }

    /// Makes a change that nothing is in place of one that was never committed.
    pub(super) fn take_back(&self, plan: &Plan) {
        match self.history_dir().and_then(|dir| dir.rename(WAL, WAL_TMP)) {
            Ok(()) => self.abandon(plan),
            Err(error) => tracing::warn!(%error, "a failed change cannot be taken back"),
        }
    }

    /// Removes what a plan has prepared, as far as that is possible: what stays has a name that
    /// nothing else has and no effect.
    pub(super) fn remove_temps(&self, plan: &Plan) {
        for step in &plan.steps {
            let Some(temp) = &step.temp else { continue };
            let removed = self
                .roots
                .dir_of(&step.spot)
                .and_then(|dir| dir.remove(temp));
            match removed {
                Err(error) if !is_gone(&error) => {
                    tracing::warn!(file = temp, %error, "a prepared file is left behind");
                }
                _ => {}
            }
        }
    }

    /// Finishes a change that was cut short after its commit point; cleans up one that was cut short
    /// before. One that cannot be finished is taken back if nothing of it is in place, and set aside
    /// otherwise.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it can be neither now, and perhaps later.
    pub(super) fn recover(&self) -> Result<(), StoreError> {
        let unavailable = |e| StoreError::unavailable("finish an interrupted change", e);
        self.check_trusted().map_err(unavailable)?;
        match fs::read(self.wal()) {
            Ok(bytes) => self.resume(&bytes).map_err(unavailable)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(unavailable(e)),
        }
        match fs::read(self.wal_tmp()) {
            Ok(bytes) => {
                // A plan that cannot be read was never synced, so nothing was prepared by it.
                if let Ok(plan) = Plan::decode(&bytes) {
                    self.remove_temps(&plan);
                }
                let removed = self.history_dir().and_then(|dir| dir.remove(WAL_TMP));
                removed.map_err(unavailable)
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(unavailable(e)),
        }
    }

    fn resume(&self, bytes: &[u8]) -> io::Result<()> {
        let plan = match Plan::decode(bytes) {
            Ok(plan) => plan,
            Err(error) => {
                tracing::error!(%error, "an interrupted change cannot be understood");
                return self.set_aside();
            }
        };
        tracing::info!(files = plan.steps.len(), "finishing an interrupted change");
        let Err(error) = self.finish(&plan) else {
            return Ok(());
        };
        if self.is_poisoned() {
            return Err(error);
        }
        if self.is_untouched(&plan) {
            tracing::warn!(%error, "an interrupted change is taken back");
            self.take_back(&plan);
            return Ok(());
        }
        if may_pass(&error) {
            return Err(error);
        }
        tracing::error!(%error, "an interrupted change cannot be finished");
        for step in &plan.steps {
            // As much as is possible: above all, the history gets what was committed.
            if let Err(error) = self.run(step) {
                tracing::error!(file = step.spot.split().1, %error, "not in place");
            }
        }
        self.sync_or_poison(self.sync_dirs(&self.dirs(&plan)))?;
        self.set_aside()
    }

    /// Gives the plan a name under which nobody carries it out; what it has prepared stays, too.
    fn set_aside(&self) -> io::Result<()> {
        let name = self.set_aside_name();
        self.history_dir()?.rename(WAL, &name)?;
        tracing::error!(plan = name, "an interrupted change is set aside");
        // Part of it may be in place.
        self.announce()
    }
}

/// Whether an error may go away by itself, so that the change is still to be finished.
fn may_pass(error: &io::Error) -> bool {
    let gone = is_gone(error);
    !gone
        && !matches!(
            error.kind(),
            io::ErrorKind::ResourceBusy
                | io::ErrorKind::ReadOnlyFilesystem
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::IsADirectory
                | io::ErrorKind::InvalidInput
        )
}
