//! What the kernel tells about the files. Where it tells nothing, because the file system or its
//! limits do not allow it, files are only looked at less soon.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::super::disk::Disk;
use super::super::view::View;
use super::heard::Heard;

/// The most directories that are watched: the kernel's watches are shared with everybody else.
const MAX_DIRS: usize = 1024;

pub(super) struct Notifications {
    /// `None`: there are none here.
    watcher: Option<RecommendedWatcher>,
    heard: Arc<Heard>,
    /// The view that its directories are of.
    known: Weak<View>,
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
        let watcher = notify::recommended_watcher(tell).inspect_err(|error| {
            tracing::info!(%error, "no notifications of edits: files are only looked at regularly");
        });
        Self {
            watcher: watcher.ok(),
            ..Self::none(heard)
        }
    }

    pub(super) fn none(heard: Arc<Heard>) -> Self {
        Self {
            watcher: None,
            heard,
            known: Weak::new(),
        }
    }

    pub(super) fn exist(&self) -> bool {
        self.watcher.is_some()
    }

    /// Watches the directories of the files of this view, and the mark of commits.
    pub(super) fn watch(&mut self, view: &Arc<View>, disk: &Disk) {
        let mut state = self.heard.state();
        state.tidy();
        let lost = std::mem::take(&mut state.lost);
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        if self.known.as_ptr() == Arc::as_ptr(view) && !lost {
            return;
        }
        self.known = Arc::downgrade(view);
        // Whoever is told to listen may be telling something right now.
        let mut dirs = state.dirs.clone();
        drop(state);
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
        let gone = dirs.iter().filter(|dir| !wanted.contains(&***dir));
        for dir in gone.cloned().collect::<Vec<_>>() {
            // It may be gone itself.
            let _ = watcher.unwatch(&dir);
            dirs.remove(&dir);
        }
        for dir in wanted {
            if !dirs.contains(dir) {
                match watcher.watch(dir, RecursiveMode::NonRecursive) {
                    Ok(()) => _ = dirs.insert(dir.to_owned()),
                    Err(error) => {
                        tracing::debug!(%error, "some files are only looked at regularly")
                    }
                }
            }
        }
        let mut state = self.heard.state();
        if state.lost {
            // One of them, meanwhile: all are listened to anew the next time.
            dirs.clear();
        }
        state.dirs = dirs;
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
