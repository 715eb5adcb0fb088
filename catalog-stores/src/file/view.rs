//! What readers get: the sources as of one moment, and what tells that the moment has passed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use catalog_core::model::SourceKey;
use catalog_core::ports::StoredSource;

use super::commit::Disk;
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
    pub(super) watched: Vec<(PathBuf, Option<Fingerprint>)>,
    /// Files that changed within the clock's tick have to be read once more.
    pub(super) unsettled: bool,
}

/// What a glance at the files says about a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Glance {
    /// Nothing has changed.
    Current,
    /// Somebody committed something, or files have to be read once more.
    Commit,
    /// Files changed past the store; their fingerprints now.
    Edited(Vec<Option<Fingerprint>>),
}

impl View {
    /// Looks whether anything has changed since. Reads no file and takes no lock.
    pub(super) fn glance(&self, disk: &Disk) -> Glance {
        if disk.is_pending() || disk.generation() != self.generation {
            return Glance::Commit;
        }
        let prints: Vec<_> = self
            .watched
            .iter()
            .map(|(path, before)| match before {
                // A path that led out of the roots has the fingerprint of its link only.
                Some(print) if print.is_link() => Fingerprint::of_link(path),
                _ => Fingerprint::at(path),
            })
            .collect();
        let same = self.watched.iter().map(|(_, before)| before).eq(&prints);
        match (same, self.unsettled) {
            (false, _) => Glance::Edited(prints),
            (true, true) => Glance::Commit,
            (true, false) => Glance::Current,
        }
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
