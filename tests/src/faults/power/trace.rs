//! Recording what a store does.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use catalog_stores::{FsAnswer, FsChange, FsOp};

/// Something that happened.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// A directory was made.
    MakeDir(PathBuf),
    /// A file was made, empty.
    MakeFile(PathBuf),
    /// Bytes were written.
    Write(PathBuf, u64, Vec<u8>),
    /// A file got this length.
    Truncate(PathBuf, u64),
    /// A file was made durable.
    SyncFile(PathBuf),
    /// The names in a directory were made durable.
    SyncDir(PathBuf),
    /// A sync failed: what it was to make durable never will be, and nobody is told again.
    Lost(PathBuf),
    /// A file got another name.
    Rename(PathBuf, PathBuf),
    /// A file went.
    Remove(PathBuf),
    /// Somebody else wrote over a file, durably.
    Outside(PathBuf, Vec<u8>),
    /// Step number so many, from 0, begins.
    Begun(usize),
    /// It was acknowledged, or refused.
    Ended(usize, bool),
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |path: &Path| {
            let parts: Vec<_> = path.components().rev().take(2).collect();
            let parts = parts.iter().rev().map(|part| part.as_os_str());
            parts.collect::<PathBuf>().display().to_string()
        };
        match self {
            Self::MakeDir(path) => write!(f, "make directory {}", name(path)),
            Self::MakeFile(path) => write!(f, "make {}", name(path)),
            Self::Write(path, offset, bytes) => {
                write!(f, "write {} at {offset}, {} bytes", name(path), bytes.len())
            }
            Self::Truncate(path, length) => write!(f, "truncate {} to {length}", name(path)),
            Self::SyncFile(path) => write!(f, "sync {}", name(path)),
            Self::SyncDir(path) => write!(f, "sync directory {}", name(path)),
            Self::Lost(path) => write!(f, "fail to sync {}", name(path)),
            Self::Rename(from, to) => write!(f, "rename {} to {}", name(from), name(to)),
            Self::Remove(path) => write!(f, "remove {}", name(path)),
            Self::Outside(path, _) => write!(f, "edit {}", name(path)),
            Self::Begun(step) => write!(f, "begin step {step}"),
            Self::Ended(step, true) => write!(f, "acknowledge step {step}"),
            Self::Ended(step, false) => write!(f, "refuse step {step}"),
        }
    }
}

/// Everything that happened, in order.
pub type Trace = Vec<Event>;

/// A sync of a file or of a directory's names, by its path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sync {
    /// Of a file.
    File(PathBuf),
    /// Of a directory.
    Dir(PathBuf),
}

/// What becomes of the syncs.
type Judge = dyn Fn(usize, &Sync) -> Fate + Send + std::marker::Sync;

/// What becomes of a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is made.
    Made,
    /// It is left out, as by a program that forgot it.
    Forgotten,
    /// It fails.
    Fails,
}

/// Takes down what a store does to its files.
#[derive(Clone)]
pub struct Recorder {
    events: Arc<Mutex<(usize, Trace)>>,
    judge: Arc<Judge>,
    cuts: bool,
}

impl Recorder {
    /// One that lets every sync be made.
    pub fn new() -> Self {
        Self::judging(|_, _| Fate::Made)
    }

    /// One that decides on every sync, by its number from 0.
    pub fn judging(
        judge: impl Fn(usize, &Sync) -> Fate + Send + std::marker::Sync + 'static,
    ) -> Self {
        Self {
            events: Arc::default(),
            judge: Arc::new(judge),
            cuts: false,
        }
    }

    /// Of every write, only the first half is made, as a kernel may do; so is of what is tried again.
    #[must_use]
    pub fn cutting(mut self) -> Self {
        self.cuts = true;
        self
    }

    /// The hook for the store.
    pub fn hook(&self) -> impl Fn(&FsOp<'_>) -> FsAnswer + Send + std::marker::Sync + 'static {
        let recorder = self.clone();
        move |op| recorder.see(op)
    }

    /// Notes something that is no operation of the store's.
    pub fn note(&self, event: Event) {
        self.lock().1.push(event);
    }

    /// What happened so far.
    pub fn trace(&self) -> Trace {
        self.lock().1.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (usize, Trace)> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn see(&self, op: &FsOp<'_>) -> FsAnswer {
        let path = op.path.clone();
        let event = match &op.change {
            FsChange::MakeDir { .. } => Event::MakeDir(path),
            FsChange::MakeFile { .. } => Event::MakeFile(path),
            FsChange::Write { offset, bytes } if self.cuts && bytes.len() > 1 => {
                let half = bytes.len() / 2;
                self.note(Event::Write(path, *offset, bytes[..half].to_vec()));
                return FsAnswer::Short(half);
            }
            FsChange::Write { offset, bytes } => Event::Write(path, *offset, bytes.to_vec()),
            FsChange::Truncate { length } => Event::Truncate(path, *length),
            FsChange::Rename { to } => Event::Rename(path, to.clone()),
            FsChange::Remove => Event::Remove(path),
            FsChange::SyncFile => return self.sync(Sync::File(path)),
            FsChange::SyncDir => return self.sync(Sync::Dir(path)),
            FsChange::SetMode { .. } | FsChange::SetOwner { .. } => return FsAnswer::Go,
        };
        self.note(event);
        FsAnswer::Go
    }

    fn sync(&self, sync: Sync) -> FsAnswer {
        let mut events = self.lock();
        let (count, trace) = &mut *events;
        let number = *count;
        *count += 1;
        match ((self.judge)(number, &sync), sync) {
            (Fate::Made, Sync::File(path)) => trace.push(Event::SyncFile(path)),
            (Fate::Made, Sync::Dir(path)) => trace.push(Event::SyncDir(path)),
            (Fate::Forgotten, _) => return FsAnswer::Skip,
            (Fate::Fails, Sync::File(path) | Sync::Dir(path)) => {
                trace.push(Event::Lost(path));
                return FsAnswer::Fail(std::io::Error::from_raw_os_error(5));
            }
        }
        FsAnswer::Go
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}
