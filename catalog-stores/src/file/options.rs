//! How a file store is set up.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use catalog_core::StoreError;
use catalog_core::model::PluginName;
use catalog_core::ports::{Clock, SystemClock};
use catalog_core::yaml::Limits;

use super::disk::{Disk, HISTORY_DIR_MODE};
use super::engine::{Engine, SETTLE_PAUSE, SETTLE_ROUNDS, Whose};
use super::live::file_name;
use super::lock::lock;
use super::reader::Reader;
use super::roots::Roots;
use super::store::FileStore;
use super::write::refused;
use crate::dir::Dir;
use crate::seam::{FsAnswer, FsOp, Seam};

/// The file that a directory's sources are declared in.
pub(super) const SOURCES_FILE: &str = "sources.yaml";

/// Its mode when [`FileStore::create`] makes it, before the process's mask.
const SOURCES_MODE: u32 = 0o644;

/// What [`FileStore::create`] writes into it.
const EMPTY_SOURCES: &str = "apiVersion: catalog/v1alpha1\nkind: CatalogSources\ncatalogs: {}\n";

/// Names in the history's directory that are the store's own, so that no plugin may have them.
const OWN_NAMES: [&str; 4] = ["lock", "journal", "wal", "generation"];

/// Where a [`FileStore`] finds its files, and how it treats them.
///
/// ```no_run
/// # async fn example() -> Result<(), catalog_core::StoreError> {
/// use catalog_stores::FileStoreOptions;
/// let store = FileStoreOptions::new(["/config/sources.yaml"])
///     .content_roots(["/config", "/plugins"])
///     .state_dir("/var/lib/catalog")
///     .max_document_bytes(4 << 20)
///     .open()
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct FileStoreOptions {
    pub(super) sources: Vec<PathBuf>,
    content_roots: Option<Vec<PathBuf>>,
    state_dir: Option<PathBuf>,
    pub(super) max_document_bytes: u64,
    max_sources_bytes: u64,
    pub(super) poll_interval: Duration,
    pub(super) rest_time: Duration,
    pub(super) notifications: bool,
    plugins: Vec<(String, PluginName)>,
    clock: Arc<dyn Clock>,
    seam: Seam,
    boot: Option<String>,
    pub(super) idle: Duration,
}

/// When nobody has written for so long, what the journal has is made durable in its places: later
/// than the pauses within one person's work, so that it is in nobody's way.
const IDLE: Duration = Duration::from_secs(1);

impl FileStoreOptions {
    /// The longest content in bytes: large for a catalog that people edit, small enough to be read
    /// in milliseconds.
    pub const DEFAULT_MAX_DOCUMENT_BYTES: u64 = 1 << 20;

    /// The longest sources file in bytes: it holds the entries of all sources, so it may be longer
    /// than any one document.
    pub const DEFAULT_MAX_SOURCES_BYTES: u64 = 16 << 20;

    /// How often files are looked at, whether or not the kernel tells of an edit: often enough for
    /// one to be noticed well within a second where it does not.
    pub const DEFAULT_POLL_INTERVAL: Duration = Duration::from_millis(250);

    /// How long a file must have been left alone before an edit is taken: longer than an editor
    /// pauses within a save, shorter than a person notices.
    pub const DEFAULT_REST_TIME: Duration = Duration::from_millis(40);

    /// Sources declared in these files; later ones override earlier ones, field by field. New
    /// sources go into the last one.
    pub fn new<P: Into<PathBuf>>(sources: impl IntoIterator<Item = P>) -> Self {
        let plugin = |key: &str, name| Some((key.to_owned(), PluginName::new(name).ok()?));
        Self {
            sources: sources
                .into_iter()
                .map(|path| located(path.into()))
                .collect(),
            content_roots: None,
            state_dir: None,
            max_document_bytes: Self::DEFAULT_MAX_DOCUMENT_BYTES,
            max_sources_bytes: Self::DEFAULT_MAX_SOURCES_BYTES,
            poll_interval: Self::DEFAULT_POLL_INTERVAL,
            rest_time: Self::DEFAULT_REST_TIME,
            notifications: true,
            plugins: [plugin("mcp", "mcp"), plugin("models", "model")]
                .into_iter()
                .flatten()
                .collect(),
            clock: Arc::new(SystemClock),
            seam: Seam::default(),
            boot: None,
            idle: IDLE,
        }
    }

    /// Content may be in these directories only, and below. Default: the directories of the sources
    /// files.
    #[must_use]
    pub fn content_roots<P: Into<PathBuf>>(mut self, roots: impl IntoIterator<Item = P>) -> Self {
        self.content_roots = Some(roots.into_iter().map(Into::into).collect());
        self
    }

    /// The directory that the history, `.history`, is kept in. Default: that of the last sources
    /// file. Stores that share sources files must share it too, because the lock is there.
    #[must_use]
    pub fn state_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(dir.into());
        self
    }

    /// The longest content in bytes.
    #[must_use]
    pub fn max_document_bytes(mut self, bytes: u64) -> Self {
        self.max_document_bytes = bytes;
        self
    }

    /// The longest sources file in bytes.
    #[must_use]
    pub fn max_sources_bytes(mut self, bytes: u64) -> Self {
        self.max_sources_bytes = bytes;
        self
    }

    /// How often files are looked at.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// How long a file must have been left alone, and closed by whoever writes it, before an edit is
    /// taken. Without notifications nobody tells, and it is one interval at least.
    #[must_use]
    pub fn rest_time(mut self, time: Duration) -> Self {
        self.rest_time = time;
        self
    }

    /// Whether the kernel's notifications of edits are listened to, where there are any, so that an
    /// edit is seen at once. Default: yes. Files are looked at regularly in any case.
    #[must_use]
    pub fn notifications(mut self, listen: bool) -> Self {
        self.notifications = listen;
        self
    }

    /// The sections of the sources files and the plugins they belong to. Default: `mcp` to `mcp`,
    /// `models` to `model`. Other sections are kept and ignored.
    #[must_use]
    pub fn plugins(mut self, plugins: impl IntoIterator<Item = (String, PluginName)>) -> Self {
        self.plugins = plugins.into_iter().collect();
        self
    }

    /// Tells the time of revisions that the store records by itself.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Decides on every operation that changes the file system, before it is made: to test what
    /// crashes and errors do.
    #[doc(hidden)]
    #[must_use]
    pub fn hook(mut self, hook: impl Fn(&FsOp<'_>) -> FsAnswer + Send + Sync + 'static) -> Self {
        self.seam = Seam::new(Some(Arc::new(hook)));
        self
    }

    /// What this boot of the machine is called: another name is a power cut, to the store.
    #[doc(hidden)]
    #[must_use]
    pub fn boot(mut self, name: impl Into<String>) -> Self {
        self.boot = Some(name.into());
        self
    }

    /// How long after the last write what the journal has is made durable in its places.
    #[doc(hidden)]
    #[must_use]
    pub fn checkpoint_after(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// Opens the store: finishes what was interrupted, and records what is there.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the options make no sense or a file or directory is missing;
    /// [`StoreError::Unavailable`] when the history cannot be written. A sources file that cannot
    /// be parsed is no error here: what was recorded last is served, and the health says so.
    pub async fn open(self) -> Result<FileStore, StoreError> {
        FileStore::start(self).await
    }

    /// Opens everything. Blocks.
    pub(super) fn engine(&self) -> Result<Engine, StoreError> {
        self.check()?;
        // Whoever may write content could otherwise lead the store's own writes to anywhere.
        if self.history().is_symlink() {
            let reason = "`.history` is a link, and links are not followed; \
                name another state directory, or mount one there";
            return Err(refused(None, reason));
        }
        make_history(&self.seam, &self.history())
            .map_err(|e| StoreError::unavailable("make its history", e))?;
        let (disk, reader) = self.disk_and_reader()?;
        let mut engine = Engine::new(Arc::new(disk), reader, self.clock.clone());
        for _ in 0..SETTLE_ROUNDS {
            let locked = lock(&engine.disk)?;
            if engine.look_at_rest()? {
                return Ok(engine);
            }
            // Somebody is at it right now. Nobody else is kept waiting for that.
            drop(locked);
            std::thread::sleep(SETTLE_PAUSE);
        }
        let _locked = lock(&engine.disk)?;
        engine.look(Whose::All)?;
        Ok(engine)
    }

    /// Where the history is or would be.
    fn history(&self) -> PathBuf {
        let last = self.sources.last().map(|path| directory(path));
        let dir = self.state_dir.clone().or(last).unwrap_or_default();
        dir.join(".history")
    }

    /// The time of what the store records by itself.
    pub(super) fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.clock.now()
    }

    /// What it takes to read the files. Blocks.
    pub(super) fn disk_and_reader(&self) -> Result<(Disk, Reader), StoreError> {
        let dirs: Vec<PathBuf> = self.sources.iter().map(|path| directory(path)).collect();
        let content = self.content_roots.clone().unwrap_or_else(|| dirs.clone());
        let history = self.history();
        let roots =
            Roots::new(&content, &dirs, &history, self.seam.clone()).map_err(|(path, error)| {
                let name = file_name(&path);
                StoreError::unavailable(format!("use the directory {name}"), error)
            })?;
        let max_bytes = usize::try_from(self.max_sources_bytes).unwrap_or(usize::MAX);
        let limits = Limits::for_documents(max_bytes);
        let reader = Reader::new(self.sources.clone(), self.plugins.clone(), limits);
        let (limit, sources_limit) = (self.max_document_bytes, self.max_sources_bytes);
        let disk = Disk::new(roots, limit, sources_limit, self.boot.clone());
        Ok((disk, reader))
    }

    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.sources.is_empty() {
            return Err(refused(None, "no sources file is configured"));
        }
        for path in &self.sources {
            if fs::symlink_metadata(path).is_err() {
                let name = file_name(path);
                let reason = format!("there is no {name}; FileStore::create makes an empty one");
                return Err(refused(None, reason));
            }
        }
        for (i, (key, name)) in self.plugins.iter().enumerate() {
            let taken = |(k, n): &(String, PluginName)| k == key || n == name;
            if self.plugins[..i].iter().any(taken) {
                return Err(refused(
                    None,
                    format!("two sections are for the plugin {name}"),
                ));
            }
            if OWN_NAMES.contains(&name.as_str()) {
                return Err(refused(None, format!("no plugin can be called {name}")));
            }
        }
        Ok(())
    }
}

/// Prints the paths and sizes.
impl fmt::Debug for FileStoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStoreOptions")
            .field("sources", &self.sources)
            .field("content_roots", &self.content_roots)
            .field("state_dir", &self.state_dir)
            .field("max_document_bytes", &self.max_document_bytes)
            .finish_non_exhaustive()
    }
}

/// The same path with a directory: a bare name is in the working directory.
fn located(path: PathBuf) -> PathBuf {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new(".").join(path),
        _ => path,
    }
}

/// The directory that a file is in.
fn directory(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn make_history(seam: &Seam, dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = Dir::open(seam, &fs::canonicalize(directory(dir))?)?;
    let name = dir.file_name().and_then(|name| name.to_str());
    parent.child_or_create(name.unwrap_or_default(), HISTORY_DIR_MODE)?;
    parent.sync()
}

/// Makes the directory and an empty sources file in it, unless they are there.
pub(super) fn create(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let dir = Dir::open(&Seam::default(), &fs::canonicalize(dir)?)?;
    match dir.create_file(SOURCES_FILE, SOURCES_MODE) {
        Ok(file) => {
            file.write_at(EMPTY_SOURCES.as_bytes(), 0)?;
            file.sync()?;
            dir.sync()
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(e),
    }
}
