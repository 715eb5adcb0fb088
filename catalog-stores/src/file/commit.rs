//! Changing several files as one.
//!
//! 1. A plan of every file goes to `wal.tmp`.
//! 2. Every new file is written beside its target; files and directories are synced.
//! 3. `wal.tmp` becomes `wal`: from here on the change is made, whatever happens.
//! 4. Every new file is renamed over its target; directories are synced.
//! 5. `wal` goes.
//!
//! A crash before 3 leaves the old state and, by the plan, the names of what has to be cleaned up.
//! A crash after 3 is rolled forward by whoever takes the lock next ([`Disk::recover`]).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use catalog_core::StoreError;
use catalog_core::digest::Digest;

use super::dir::Dir;
use super::plan::{Plan, Step};
use super::problem::PathProblem;
use super::roots::{Roots, Spot, TEMP_PREFIX};

/// Mode of directories that a write makes for content.
const CONTENT_DIR_MODE: u32 = 0o755;
/// Mode of directories of the history, which may hold secrets.
pub(super) const HISTORY_DIR_MODE: u32 = 0o700;

/// Ending of a prepared file's name once its target is being overwritten in place.
const BEGUN: &str = ".begun";

/// Called after every step of a commit; a test makes it fail or abort the process.
pub(super) type Failpoint = Arc<dyn Fn(&'static str) -> io::Result<()> + Send + Sync>;

/// The new state of one file.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) spot: Spot,
    /// `None` removes the file.
    pub(super) bytes: Option<Arc<[u8]>>,
    /// What the file holds now, as it was read; `None`: there is none.
    pub(super) before: Option<Digest>,
    /// The mode that a new file gets. An existing one keeps its own.
    pub(super) mode: u32,
}

/// The files that the store may change. Everything here wants the lock.
pub(super) struct Disk {
    pub(super) roots: Roots,
    /// The longest content or sources file in bytes.
    pub(super) limit: u64,
    pub(super) failpoint: Option<Failpoint>,
}

impl Disk {
    fn wal(&self) -> PathBuf {
        self.roots.history().join("wal")
    }

    fn wal_tmp(&self) -> PathBuf {
        self.roots.history().join("wal.tmp")
    }

    /// The file that whoever changes anything here has locked.
    pub(super) fn lock_path(&self) -> PathBuf {
        self.roots.history().join("lock")
    }

    /// Whether revisions can be recorded, found out without leaving anything.
    pub(super) fn check_writable(&self) -> Result<(), StoreError> {
        let read_only = rustix::fs::access(self.roots.history(), rustix::fs::Access::WRITE_OK);
        read_only.map_err(|e| StoreError::unavailable("write its history", io::Error::from(e)))
    }

    fn passed(&self, step: &'static str) -> io::Result<()> {
        self.failpoint.as_ref().map_or(Ok(()), |hook| hook(step))
    }

    /// What changes whenever something was committed, by any process.
    pub(super) fn generation(&self) -> Vec<u8> {
        fs::read(self.roots.history().join("generation")).unwrap_or_default()
    }

    /// Whether a commit is under way or was cut short.
    pub(super) fn is_pending(&self) -> bool {
        self.wal().exists() || self.wal_tmp().exists()
    }

    /// Makes all changes or none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]. Before the commit point everything is as it was; after it the
    /// change is finished by the next [`recover`](Self::recover).
    pub(super) fn commit(&self, changes: &[Change]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let plan = Plan::of(changes);
        if let Err(error) = self.prepare(&plan, changes) {
            self.abandon(&plan);
            return Err(StoreError::unavailable("prepare the change", error));
        }
        self.finish(&plan)
            .map_err(|error| StoreError::unavailable("finish the change", error))
    }

    fn prepare(&self, plan: &Plan, changes: &[Change]) -> io::Result<()> {
        self.write_plan(plan)?;
        self.passed("plan written")?;
        let mut touched = BTreeSet::new();
        for (step, change) in plan.steps.iter().zip(changes) {
            if let (Some(temp), Some(bytes)) = (&step.temp, &change.bytes) {
                self.write_temp(&step.spot, temp, bytes, change.mode)?;
                touched.insert(&step.spot);
                self.passed("file prepared")?;
            }
        }
        self.sync_dirs(touched)?;
        self.passed("directories synced")?;
        fs::rename(self.wal_tmp(), self.wal())
    }

    fn write_plan(&self, plan: &Plan) -> io::Result<()> {
        let mut file = File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(self.wal_tmp())?;
        file.write_all(&plan.encode()?)?;
        file.sync_all()?;
        File::open(self.roots.history())?.sync_all()
    }

    fn write_temp(&self, spot: &Spot, temp: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
        let in_history = self.roots.real(spot).starts_with(self.roots.history());
        let dir_mode = if in_history {
            HISTORY_DIR_MODE
        } else {
            CONTENT_DIR_MODE
        };
        let dir = self.roots.make_dir_of(spot, dir_mode)?;
        let mut file = dir.create_file(temp, mode)?;
        if let Ok(Some(existing)) = dir.open_file(spot.split().1) {
            let meta = existing.metadata()?;
            file.set_permissions(fs::Permissions::from_mode(meta.mode() & 0o7777))?;
            // Only root may give files away; anybody else keeps the file under their own name.
            let _ = std::os::unix::fs::fchown(&file, Some(meta.uid()), Some(meta.gid()));
        }
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn sync_dirs<'a>(&self, spots: impl IntoIterator<Item = &'a Spot>) -> io::Result<()> {
        let mut done = BTreeSet::new();
        for spot in spots {
            if done.insert(spot.dir()) {
                match self.roots.dir_of(spot) {
                    Ok(dir) => dir.sync()?,
                    // Removed from outside meanwhile: there is nothing to make durable.
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                    Err(e) => return Err(e),
                }
            }
        }
        Ok(())
    }

    /// Removes what was prepared. What cannot be removed now is by the next recovery.
    fn abandon(&self, plan: &Plan) {
        let cleaned = self
            .remove_temps(plan)
            .and_then(|()| fs::remove_file(self.wal_tmp()));
        if let Err(error) = cleaned {
            tracing::warn!(%error, "what a failed change had prepared is still there");
        }
    }

    fn remove_temps(&self, plan: &Plan) -> io::Result<()> {
        for step in &plan.steps {
            let Some(temp) = &step.temp else { continue };
            match self.roots.dir_of(&step.spot) {
                Ok(dir) => dir.remove(temp)?,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// From the commit point to the end. Doing it twice does no harm.
    fn finish(&self, plan: &Plan) -> io::Result<()> {
        let history = File::open(self.roots.history())?;
        history.sync_all()?;
        self.passed("committed")?;
        for step in &plan.steps {
            match &step.temp {
                Some(temp) => self.install(step, temp)?,
                None => self.remove(step)?,
            }
            self.passed("file in place")?;
        }
        self.sync_dirs(plan.steps.iter().map(|step| &step.spot))?;
        self.announce()?;
        self.passed("announced")?;
        fs::remove_file(self.wal())?;
        self.passed("plan removed")?;
        history.sync_all()
    }

    /// Puts a prepared file in the place of its target, unless somebody changed the target since it
    /// was read: then what they wrote stays, the history has both, and theirs is the newer.
    fn install(&self, step: &Step, temp: &str) -> io::Result<()> {
        let dir = match self.roots.dir_of(&step.spot) {
            Ok(dir) => dir,
            // Its directory was removed from outside since.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e),
        };
        let name = step.spot.split().1;
        let begun = format!("{temp}{BEGUN}");
        if dir.has(&begun)? {
            return self.overwrite(&dir, &begun, name);
        }
        if !dir.has(temp)? {
            return Ok(()); // Done before the interruption.
        }
        let now = self.digest(&step.spot)?;
        if now != step.before && now != step.digest {
            tracing::warn!(file = name, "changed from outside while it was written");
            return dir.remove(temp);
        }
        match dir.rename(temp, name) {
            // A single file that is mounted into a container cannot be replaced, only overwritten.
            // From now on half of it may be new: the name of the prepared file says so, and that
            // it must be written whatever it holds.
            Err(e) if e.kind() == io::ErrorKind::ResourceBusy => {
                dir.rename(temp, &begun)?;
                dir.sync()?;
                self.overwrite(&dir, &begun, name)
            }
            other => other,
        }
    }

    fn overwrite(&self, dir: &Dir, from: &str, to: &str) -> io::Result<()> {
        let mut new = dir.open_file(from)?.ok_or(io::ErrorKind::NotFound)?;
        let mut target = dir.overwrite_file(to)?;
        self.passed("file emptied")?;
        io::copy(&mut new, &mut target)?;
        target.sync_all()?;
        self.passed("file overwritten")?;
        dir.remove(from)
    }

    fn remove(&self, step: &Step) -> io::Result<()> {
        if self.digest(&step.spot)? != step.before {
            return Ok(());
        }
        match self.roots.dir_of(&step.spot) {
            Ok(dir) => dir.remove(step.spot.split().1),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// The digest of a target as the plan writes it; `None` when there is no file.
    fn digest(&self, spot: &Spot) -> io::Result<Option<String>> {
        match self.roots.read(spot, self.limit) {
            Ok((bytes, _)) => Ok(Some(Digest::of(&bytes).to_string())),
            Err(PathProblem::NotFound) => Ok(None),
            Err(PathProblem::Io(e)) => Err(e),
            // Too long, or a directory, or worse: not what was there, and not to be replaced.
            Err(_) => Ok(Some("something else".to_owned())),
        }
    }

    /// Leaves a mark by which stores in other processes see that something was committed, even
    /// when no live file changed.
    fn announce(&self) -> io::Result<()> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let mark = format!(
            "{}-{}-{}",
            now.unwrap_or_default().as_nanos(),
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let mut file = File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(self.roots.history().join("generation"))?;
        file.write_all(mark.as_bytes())
    }

    /// Finishes a change that was cut short after its commit point; cleans up one that was cut short
    /// before.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the plan cannot be read, [`StoreError::Unavailable`].
    pub(super) fn recover(&self) -> Result<(), StoreError> {
        let unavailable = |e| StoreError::unavailable("finish an interrupted change", e);
        match fs::read(self.wal()) {
            Ok(bytes) => {
                let plan = Plan::decode(&bytes).map_err(|e| StoreError::Corrupt {
                    what: "the write-ahead record".to_owned(),
                    source: Some(e.into()),
                })?;
                tracing::info!(files = plan.steps.len(), "finishing an interrupted change");
                self.finish(&plan).map_err(unavailable)?;
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(unavailable(e)),
        }
        match fs::read(self.wal_tmp()) {
            Ok(bytes) => {
                // A plan that cannot be read was never synced, so nothing was prepared by it.
                if let Ok(plan) = Plan::decode(&bytes) {
                    self.remove_temps(&plan).map_err(unavailable)?;
                }
                fs::remove_file(self.wal_tmp()).map_err(unavailable)
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(unavailable(e)),
        }
    }
}

/// A name for a prepared file that nobody else uses.
pub(super) fn temp_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    format!(
        "{TEMP_PREFIX}{:x}-{:x}-{:x}",
        now.unwrap_or_default().as_nanos(),
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}
