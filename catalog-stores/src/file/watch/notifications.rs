//! What the kernel tells about the files. Where it tells nothing, because the file system or its
//! limits do not allow it, files are only looked at less soon.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::super::disk::Disk;
use super::super::view::View;
use super::Signal;

/// The most directories that are watched: the kernel's watches are shared with everybody else.
const MAX_DIRS: usize = 1024;

/// How long a file that somebody has written to, and not closed, is left to them. Whoever keeps it
/// open for longer than that without writing is not in the middle of a write.
const WRITING: Duration = Duration::from_secs(1);

pub(super) struct Notifications {
    /// `None`: there are none here.
    watcher: Option<RecommendedWatcher>,
    dirs: BTreeSet<PathBuf>,
    /// The view that `dirs` are of.
    known: Weak<View>,
    /// Files that were written to and not closed yet, and when that was last seen.
    open: HashMap<PathBuf, Instant>,
}

impl Notifications {
    pub(super) fn new(sender: Sender<Signal>) -> Self {
        let tell = move |event: notify::Result<Event>| {
            if let Ok(event) = event
                && is_change(&event)
            {
                // Nobody may be listening any more.
                let _ = sender.send(Signal::Event(event));
            }
        };
        let watcher = notify::recommended_watcher(tell).inspect_err(|error| {
            tracing::info!(%error, "no notifications of edits: files are only looked at regularly");
        });
        Self {
            watcher: watcher.ok(),
            ..Self::none()
        }
    }

    pub(super) fn none() -> Self {
        Self {
            watcher: None,
            dirs: BTreeSet::new(),
            known: Weak::new(),
            open: HashMap::new(),
        }
    }

    pub(super) fn exist(&self) -> bool {
        self.watcher.is_some()
    }

    /// Takes note of who is writing.
    pub(super) fn note(&mut self, event: &Event) {
        for path in &event.paths {
            match event.kind {
                EventKind::Modify(ModifyKind::Data(_)) => {
                    self.open.insert(path.clone(), Instant::now());
                }
                EventKind::Access(AccessKind::Close(AccessMode::Write))
                | EventKind::Modify(ModifyKind::Name(_)) => {
                    self.open.remove(path);
                }
                EventKind::Remove(_) => {
                    self.open.remove(path);
                    // If it comes back, it is another one.
                    if self.dirs.remove(path) {
                        self.known = Weak::new();
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether somebody has the file open and has written to it a moment ago.
    pub(super) fn is_being_written(&self, path: &Path) -> bool {
        let last = self.open.get(path);
        last.is_some_and(|last| last.elapsed() < WRITING)
    }

    /// Watches the directories of the files of this view, and the mark of commits.
    pub(super) fn watch(&mut self, view: &Arc<View>, disk: &Disk) {
        self.open.retain(|_, last| last.elapsed() < WRITING);
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        if self.known.as_ptr() == Arc::as_ptr(view) {
            return;
        }
        self.known = Arc::downgrade(view);
        // The mark tells of what other processes commit. Not all of the history: a write makes a
        // dozen events there.
        let mark = disk.generation_path();
        let parents = view.watched.keys().filter_map(|path| path.parent());
        let mut wanted = BTreeSet::from([&*mark]);
        for dir in parents {
            if wanted.len() == MAX_DIRS {
                break;
            }
            wanted.insert(dir);
        }
        let gone = self.dirs.iter().filter(|dir| !wanted.contains(&***dir));
        for dir in gone.cloned().collect::<Vec<_>>() {
            // It may be gone itself.
            let _ = watcher.unwatch(&dir);
            self.dirs.remove(&dir);
        }
        for dir in wanted {
            if !self.dirs.contains(dir) {
                match watcher.watch(dir, RecursiveMode::NonRecursive) {
                    Ok(()) => _ = self.dirs.insert(dir.to_owned()),
                    Err(error) => {
                        tracing::debug!(%error, "some files are only looked at regularly")
                    }
                }
            }
        }
    }
}

/// Whether something may have changed. Reading a file is an event, too: looking would lead to
/// looking.
fn is_change(event: &Event) -> bool {
    matches!(
        event.kind,
        EventKind::Create(_)
            | EventKind::Modify(_)
            | EventKind::Remove(_)
            | EventKind::Access(AccessKind::Close(AccessMode::Write))
    )
}
