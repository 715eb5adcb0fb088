//! The files that the store may change, and its own marks beside them.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use catalog_core::StoreError;
use catalog_core::digest::Digest;

use super::journal::Journal;
use super::plan::Plan;
use super::problem::PathProblem;
use super::roots::{Roots, Spot};
use crate::dir::{Dir, is_gone};

/// Mode of the files of the history, which may hold secrets.
pub(super) const RECORD_MODE: u32 = 0o600;

/// Mode of its directories.
pub(super) const HISTORY_DIR_MODE: u32 = 0o700;

/// Start of the names of records that could not be carried out.
const SET_ASIDE: &str = "journal.failed-";

/// What an earlier version left of a change that was cut short.
const OLD_PLAN: &str = "wal";

/// There while nobody has mended what a failed sync may have lost.
const DISTRUST: &str = "distrust";

/// What changes with every commit.
const GENERATION: &str = "generation";

/// Bytes of the mark. It is overwritten in place, so that nobody ever reads half of one.
const MARK_BYTES: usize = 192;

/// The files that the store may change. Everything here wants the lock.
pub(super) struct Disk {
    pub(super) roots: Roots,
    /// The longest content in bytes.
    pub(super) limit: u64,
    /// The longest sources file in bytes.
    pub(super) sources_limit: u64,
    /// Directories whose own existence this process has made durable.
    pub(super) synced: Mutex<HashSet<PathBuf>>,
    /// Prepared files that nothing needs any more and that could not be removed.
    pub(super) litter: Mutex<Vec<(Spot, String)>>,
    /// Why nothing is written any more until the store is opened again.
    poison: Mutex<Option<String>>,
    held: Mutex<Held>,
    /// Whether something was written that is to be made durable in its place when there is time.
    pub(super) wrote: AtomicBool,
    /// Whether it is time.
    pub(super) long: AtomicBool,
    /// Tells this boot of the machine from others, or where nothing does, this process.
    pub(super) boot: String,
}

/// What this process knows of the journal.
#[derive(Default)]
pub(super) struct Held {
    pub(super) journal: Option<Journal>,
    /// The records below this number are in place.
    pub(super) placed: u64,
    /// What they have changed and nobody has made durable in its place yet.
    pub(super) unsynced: Touched,
    /// What is being made durable right now.
    pub(super) syncing: Touched,
    /// The failed sync that is being mended.
    pub(super) distrust: Option<Vec<u8>>,
}

/// Files that were changed; `false`: removed.
pub(super) type Touched = BTreeMap<Spot, bool>;

impl Held {
    /// Takes note of what a committed record changes.
    pub(super) fn touch(touched: &mut Touched, plan: &Plan) {
        for step in &plan.steps {
            touched.insert(step.spot.clone(), step.temp.is_some());
        }
    }

    /// What was being made durable is not.
    pub(super) fn not_synced(&mut self) {
        for (spot, there) in std::mem::take(&mut self.syncing) {
            // What has become of it since is the newer.
            self.unsynced.entry(spot).or_insert(there);
        }
    }

    /// Starts anew, in an epoch that has nothing to be made durable.
    pub(super) fn forget(&mut self) {
        self.placed = 0;
        self.unsynced.clear();
        self.syncing.clear();
    }
}

/// What the mark says: what was put in place, in which boot. It is not synced, so that a power cut
/// may leave an older one, which is one of another boot.
pub(super) struct Mark {
    pub(super) boot: String,
    pub(super) epoch: u64,
    /// The records below this number are in place.
    pub(super) next: u64,
}

impl Disk {
    pub(super) fn new(roots: Roots, limit: u64, sources_limit: u64, boot: Option<String>) -> Self {
        Self {
            roots,
            limit,
            sources_limit,
            synced: Mutex::default(),
            litter: Mutex::default(),
            poison: Mutex::default(),
            held: Mutex::default(),
            wrote: AtomicBool::new(false),
            long: AtomicBool::new(false),
            boot: boot.unwrap_or_else(this_boot),
        }
    }

    /// What this process knows of the journal. Wants the lock, too.
    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The directory of the history and of the store's own marks.
    pub(super) fn history_dir(&self) -> io::Result<Dir> {
        Dir::open(self.roots.seam(), self.roots.history())
    }

    /// Whether revisions can be recorded, found out without leaving anything.
    pub(super) fn check_writable(&self) -> Result<(), StoreError> {
        self.check_trusted()
            .map_err(|e| StoreError::unavailable("write", e))?;
        let read_only = rustix::fs::access(self.roots.history(), rustix::fs::Access::WRITE_OK);
        read_only.map_err(|e| StoreError::unavailable("write its history", io::Error::from(e)))
    }

    /// Fails once something could not be made durable.
    pub(super) fn check_trusted(&self) -> io::Result<()> {
        let poison = self.poison.lock().unwrap_or_else(PoisonError::into_inner);
        match &*poison {
            Some(reason) => Err(io::Error::other(reason.clone())),
            None => Ok(()),
        }
    }

    /// Whether a failed sync has made the disk untrustworthy.
    pub(super) fn is_poisoned(&self) -> bool {
        self.check_trusted().is_err()
    }

    /// Takes note of how a sync of what belongs to a committed change ended. The kernel reports a
    /// failed one once and forgets it, so that trying again would only seem to help: from then on
    /// nothing is written until the store is opened again. Whoever takes the lock next, that or
    /// another process, writes everything anew that the journal has.
    pub(super) fn sync_or_poison(&self, sync: io::Result<()>) -> io::Result<()> {
        if let Err(error) = &sync {
            let reason = format!("a change could not be made durable: {error}");
            tracing::error!(%error, "a change could not be made durable; open the store again");
            *self.poison.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
            let told = self.history_dir().and_then(|dir| {
                let file = dir.open_or_create(DISTRUST, RECORD_MODE)?;
                file.write_at(unique().as_bytes(), 0)
            });
            if let Err(error) = told {
                tracing::error!(%error, "other processes cannot be told of that");
            }
        }
        sync
    }

    /// The failed sync that nobody has mended yet, if there is one.
    pub(super) fn distrust(&self) -> Option<Vec<u8>> {
        fs::read(self.roots.history().join(DISTRUST)).ok()
    }

    /// The failed sync that was known is mended.
    pub(super) fn trust(&self, held: &mut Held) -> io::Result<()> {
        let mended = held.distrust.take();
        match mended.is_some() && self.distrust() == mended {
            true => self.history_dir()?.remove(DISTRUST),
            false => Ok(()),
        }
    }

    /// What changes whenever something was committed, by any process.
    pub(super) fn generation(&self) -> Vec<u8> {
        let mark = self.mark_bytes();
        let word = mark.split(|byte| *byte == b' ').nth(3);
        word.unwrap_or_default().to_vec()
    }

    fn mark_bytes(&self) -> Vec<u8> {
        fs::read(self.generation_path()).unwrap_or_default()
    }

    /// The file of that mark.
    pub(super) fn generation_path(&self) -> PathBuf {
        self.roots.history().join(GENERATION)
    }

    /// Leaves a mark by which stores in other processes see that something was committed, even
    /// when no live file changed, and up to where it is in place. Without `news` only the latter.
    pub(super) fn announce(&self, held: &Held, news: bool) -> io::Result<()> {
        let epoch = held.journal.as_ref().map_or(0, |journal| journal.epoch);
        let boot = &self.boot;
        let generation = match String::from_utf8(self.generation()) {
            Ok(known) if !news && !known.is_empty() => known,
            _ => unique(),
        };
        let text = format!("{boot} {epoch} {} {generation} ", held.placed);
        let mut mark = [b' '; MARK_BYTES];
        let length = text.len().min(MARK_BYTES);
        mark[..length].copy_from_slice(&text.as_bytes()[..length]);
        let dir = self.history_dir()?;
        dir.open_or_create(GENERATION, RECORD_MODE)?
            .write_at(&mark, 0)
    }

    /// What the last mark says; `None` when there is none.
    pub(super) fn mark(&self) -> Option<Mark> {
        let text = String::from_utf8(self.mark_bytes()).ok()?;
        let mut words = text.split(' ');
        Some(Mark {
            boot: words.next()?.to_owned(),
            epoch: words.next()?.parse().ok()?,
            next: words.next()?.parse().ok()?,
        })
    }

    /// The first epoch of a new journal: a mark that is left of another one is not about it.
    pub(super) fn next_epoch(&self) -> u64 {
        self.mark().map_or(1, |mark| mark.epoch + 1)
    }

    /// Whether a commit of another process is under way or was cut short, or one of this process is
    /// not in place.
    pub(super) fn is_pending(&self) -> bool {
        // Who has it is at it.
        let Ok(held) = self.held.try_lock() else {
            return false;
        };
        let journal = held.journal.as_ref();
        journal.is_some_and(|journal| held.placed < journal.tail.number || journal.has_more())
    }

    /// Gives what an earlier version left a name under which nobody carries it out.
    pub(super) fn set_aside_old_plan(&self, dir: &Dir) -> io::Result<()> {
        if dir.has(OLD_PLAN)? {
            let name = self.set_aside_name();
            tracing::error!(name, "a change that an earlier version left is set aside");
            dir.rename(OLD_PLAN, &name)?;
        }
        Ok(())
    }

    /// The records that could not be carried out, by name.
    pub(super) fn set_aside_plans(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.roots.history()) else {
            return Vec::new();
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| name.starts_with(SET_ASIDE)).collect();
        names.sort_unstable();
        names
    }

    /// A name for the next one.
    pub(super) fn set_aside_name(&self) -> String {
        let free = |name: &String| !self.roots.history().join(name).exists();
        let mut names = (1u32..).map(|n| format!("{SET_ASIDE}{n}"));
        names.find(free).unwrap_or_default()
    }

    /// The digest of a target as a plan writes it; `None` when there is no file.
    pub(super) fn digest(&self, spot: &Spot) -> io::Result<Option<String>> {
        match self.roots.read(spot, self.limit_of(spot)) {
            Ok((bytes, _)) => Ok(Some(Digest::of(&bytes).to_string())),
            Err(PathProblem::NotFound) => Ok(None),
            Err(PathProblem::Io(e)) => Err(e),
            // Too long, or a directory, or worse: not what was there, and not to be replaced.
            Err(_) => Ok(Some("something else".to_owned())),
        }
    }

    /// The most bytes that a file may have. A record holds a document and more.
    pub(super) fn limit_of(&self, spot: &Spot) -> u64 {
        match spot.is_history() {
            true => u64::MAX,
            false => self.limit.max(self.sources_limit),
        }
    }

    /// Whether the file can be removed: its directory can be written, and it is no mount.
    ///
    /// # Errors
    /// It cannot be found out now.
    pub(super) fn can_remove(&self, spot: &Spot) -> io::Result<bool> {
        let found = self.roots.dir_of(spot).and_then(|dir| {
            dir.probe_change()?;
            Ok(!dir.is_mount(spot.split().1))
        });
        match found {
            Err(e) if is_gone(&e) => Ok(false),
            Err(e) => match e.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Ok(false),
                _ => Err(e),
            },
            found => found,
        }
    }

    /// The directories from a spot's own up to its root, inner ones first.
    pub(super) fn dirs_of(&self, spot: &Spot) -> Vec<PathBuf> {
        let file = self.roots.real(spot);
        let depth = spot
            .dir()
            .1
            .split('/')
            .filter(|part| !part.is_empty())
            .count();
        let dirs = file.ancestors().skip(1).take(depth + 1);
        dirs.map(Path::to_owned).collect()
    }
}

/// What the kernel calls the time since it started. Where it does not say, every process takes what
/// the last one left for what a power cut may have left.
fn this_boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    match id.trim() {
        "" => unique(),
        id => id.to_owned(),
    }
}

/// A text that nobody else makes.
pub(super) fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    format!(
        "{:x}-{:x}-{:x}",
        now.unwrap_or_default().as_nanos(),
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}
