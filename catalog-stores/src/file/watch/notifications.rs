//! What the kernel tells about the files. Where it tells nothing, because the file system or its
//! limits do not allow it, files are only looked at less soon.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::super::disk::Disk;
use super::super::view::View;
use super::heard::Heard;

/// The most directories that are watched: the kernel's watches are shared with everybody else.
const MAX_DIRS: usize = 1024;

pub(super) struct Notifications {
    /// `None`: there are none here.
    wanted: Option<Arc<Wanted>>,
    heard: Arc<Heard>,
    /// The view that its directories are of.
    known: Weak<View>,
}

/// The directories that are to be listened to. Who listens takes nothing else in while events come
/// faster than it can tell them, so that a thread of its own waits for that.
#[derive(Default)]
struct Wanted {
    state: Mutex<WantedState>,
    bell: Condvar,
}

#[derive(Default)]
struct WantedState {
    over: bool,
    /// What nobody has seen to yet.
    dirs: Option<BTreeSet<PathBuf>>,
    busy: bool,
}

impl Notifications {
    pub(super) fn new(heard: Arc<Heard>) -> Self {
        let told = heard.clone();
        let tell = move |event: notify::Result<Event>| {
            if let Ok(event) = event
                && is_change(&event)
            {
                told.note(&event);
            }
        };
        let started = notify::recommended_watcher(tell).map_err(std::io::Error::other);
        let started = started.and_then(|watcher| {
            let wanted = Arc::<Wanted>::default();
            let (work, heard) = (wanted.clone(), heard.clone());
            let thread = std::thread::Builder::new().name("catalog-file-listen".to_owned());
            thread.spawn(move || work.run(watcher, &heard))?;
            Ok(wanted)
        });
        let wanted = started.inspect_err(|error| {
            tracing::info!(%error, "no notifications of edits: files are only looked at regularly");
        });
        let mut notifications = Self::none(heard);
        notifications.wanted = wanted.ok();
        notifications
    }

    pub(super) fn none(heard: Arc<Heard>) -> Self {
        Self {
            wanted: None,
            heard,
            known: Weak::new(),
        }
    }

    pub(super) fn exist(&self) -> bool {
        self.wanted.is_some()
    }

    /// Watches the directories of the files of this view, and the mark of commits, soon.
    pub(super) fn watch(&mut self, view: &Arc<View>, disk: &Disk) {
        let lost = self.heard.state().tidy();
        let Some(wanted) = &self.wanted else {
            return;
        };
        if self.known.as_ptr() == Arc::as_ptr(view) && !lost {
            return;
        }
        self.known = Arc::downgrade(view);
        // The mark tells of what other processes commit. Not all of the history: a write makes a
        // dozen events there.
        let mut dirs = BTreeSet::from([disk.generation_path()]);
        for dir in view.watched.keys().filter_map(|path| path.parent()) {
            if dirs.len() == MAX_DIRS {
                break;
            }
            if !dirs.contains(dir) {
                dirs.insert(dir.to_owned());
            }
        }
        wanted.state().dirs = Some(dirs);
        wanted.bell.notify_all();
    }

    /// Waits until all that is wanted is watched, or for so long.
    pub(super) fn settle(&self, time: Duration) {
        if let Some(wanted) = &self.wanted {
            let busy = |state: &mut WantedState| state.busy || state.dirs.is_some();
            let _ = wanted
                .bell
                .wait_timeout_while(wanted.state(), time, busy)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Notifications {
    fn drop(&mut self) {
        if let Some(wanted) = &self.wanted {
            wanted.state().over = true;
            wanted.bell.notify_all();
        }
    }
}

impl Wanted {
    fn state(&self) -> MutexGuard<'_, WantedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut watcher: RecommendedWatcher, heard: &Heard) {
        let mut state = self.state();
        while !state.over {
            let Some(dirs) = state.dirs.take() else {
                let waited = self.bell.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.busy = true;
            drop(state);
            listen(&mut watcher, heard, dirs);
            state = self.state();
            state.busy = false;
            self.bell.notify_all();
        }
    }
}

/// Listens to these directories and to no others.
fn listen(watcher: &mut RecommendedWatcher, heard: &Heard, wanted: BTreeSet<PathBuf>) {
    let mut dirs = heard.state().dirs.clone();
    for dir in dirs.difference(&wanted).cloned().collect::<Vec<_>>() {
        // It may be gone itself.
        let _ = watcher.unwatch(&dir);
        dirs.remove(&dir);
    }
    for dir in wanted {
        if !dirs.contains(&dir) {
            match watcher.watch(&dir, RecursiveMode::NonRecursive) {
                Ok(()) => _ = dirs.insert(dir),
                Err(error) => tracing::debug!(%error, "some files are only looked at regularly"),
            }
        }
    }
    let mut state = heard.state();
    if state.lost {
        // One of them, meanwhile: all are listened to anew the next time.
        dirs.clear();
    }
    state.dirs = dirs;
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
