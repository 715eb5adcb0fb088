//! What readers get: the sources as of one moment, and what tells that the moment has passed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use catalog_core::model::SourceKey;
use catalog_core::ports::{StoreChange, StoredSource};
use tokio::sync::broadcast;

use super::disk::Disk;
use super::fingerprint::Fingerprint;
use super::live::Live;

/// Changes that a slow watcher may be behind before it is told to look at everything.
const WATCH_BACKLOG: usize = 64;

/// What readers get now, and who hears when it changes.
#[derive(Debug)]
pub(super) struct Published {
    view: RwLock<Arc<View>>,
    changes: broadcast::Sender<StoreChange>,
}

impl Published {
    pub(super) fn new() -> Self {
        Self {
            view: RwLock::default(),
            changes: broadcast::Sender::new(WATCH_BACKLOG),
        }
    }

    pub(super) fn get(&self) -> Arc<View> {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        view.clone()
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<StoreChange> {
        self.changes.subscribe()
    }

    /// Takes the place of what was there.
    pub(super) fn replace(&self, view: View) {
        let view = Arc::new(view);
        let mut place = self.view.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *place, view.clone());
        drop(place);
        for key in view.changed_since(&before) {
            self.tell(key);
        }
    }

    /// Changes what there is of one source. Costs nothing in proportion to the others, unless
    /// somebody is reading at the moment.
    pub(super) fn update(&self, key: &SourceKey, change: impl FnOnce(&mut View)) {
        let mut place = self.view.write().unwrap_or_else(PoisonError::into_inner);
        let before = place.sources.get(key).cloned();
        change(Arc::make_mut(&mut place));
        let differs = differ(place.sources.get(key), before.as_ref());
        drop(place);
        if differs {
            self.tell(key.clone());
        }
    }

    /// Takes note that files that were looked at again are what they were.
    pub(super) fn note(&self, live: &Live, files: BTreeSet<PathBuf>) {
        let mut place = self.view.write().unwrap_or_else(PoisonError::into_inner);
        let view = Arc::make_mut(&mut place);
        for path in files {
            if let Some(print) = live.watched.get(&path) {
                view.watched.insert(path, *print);
            }
        }
        view.unsettled = !live.unsettled.is_empty();
    }

    fn tell(&self, key: SourceKey) {
        // Nobody may be watching.
        let _ = self.changes.send(StoreChange::Source(key));
    }
}

/// All sources as of one moment. Immutable.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    pub(super) sources: BTreeMap<SourceKey, Arc<StoredSource>>,
    /// What is wrong beyond single sources, for the health.
    pub(super) troubles: Vec<String>,
    /// The mark of the last commit that it knows.
    pub(super) generation: Vec<u8>,
    /// Every file that was looked at.
    pub(super) watched: BTreeMap<PathBuf, Option<Fingerprint>>,
    /// Those that hold what is not recorded yet, or may.
    pub(super) held: BTreeSet<PathBuf>,
    /// Files that changed within the clock's tick have to be read once more.
    pub(super) unsettled: bool,
}

impl View {
    /// Whether somebody committed something since. Costs a look at one small file.
    pub(super) fn is_behind(&self, disk: &Disk) -> bool {
        disk.generation() != self.generation
    }

    /// The files that have changed since, or have to be looked at again, as they are now. Reads
    /// none of them and takes no lock.
    pub(super) fn changed_files(&self) -> BTreeMap<PathBuf, Option<Fingerprint>> {
        let now = self.watched.iter().map(|(path, before)| {
            let now = match before {
                // A path that led out of the roots has the fingerprint of its link only.
                Some(print) if print.is_link() => Fingerprint::of_link(path),
                _ => Fingerprint::at(path),
            };
            (path, before, now)
        });
        now.filter(|(path, before, now)| *before != now || self.held.contains(*path))
            .map(|(path, _, now)| (path.clone(), now))
            .collect()
    }

    /// The sources that differ between two views.
    pub(super) fn changed_since(&self, before: &Self) -> Vec<SourceKey> {
        let differs = |key: &&SourceKey| differ(self.sources.get(*key), before.sources.get(*key));
        let gone = before
            .sources
            .keys()
            .filter(|key| !self.sources.contains_key(*key));
        self.sources
            .keys()
            .chain(gone)
            .filter(differs)
            .cloned()
            .collect()
    }
}

fn differ(one: Option<&Arc<StoredSource>>, other: Option<&Arc<StoredSource>>) -> bool {
    match (one, other) {
        (Some(a), Some(b)) => a.revision.id != b.revision.id || a.problems != b.problems,
        (a, b) => a.is_some() != b.is_some(),
    }
}
