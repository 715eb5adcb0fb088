//! What readers get: the sources as of one moment, and what tells that the moment has passed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use catalog_core::model::SourceKey;
use catalog_core::ports::StoredSource;

use super::disk::Disk;
use super::fingerprint::Fingerprint;

/// All sources as of one moment. Immutable.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) sources: BTreeMap<SourceKey, StoredSource>,
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
        let differs = |key: &&SourceKey| match (self.sources.get(*key), before.sources.get(*key)) {
            (Some(a), Some(b)) => a.revision.id != b.revision.id || a.problems != b.problems,
            (a, b) => a.is_some() != b.is_some(),
        };
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
