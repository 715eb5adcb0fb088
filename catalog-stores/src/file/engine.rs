//! Keeping history and view in step with the operator's files. Everything here blocks and wants the
//! lock.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use catalog_core::StoreError;
use catalog_core::model::{Revision, RevisionId, SourceDocument, SourceKey};
use catalog_core::ports::Clock;

use super::disk::Disk;
use super::fingerprint::SETTLE;
use super::history::{History, KEPT, Newest, Past};
use super::live::{Live, LiveContent, LiveSource};
use super::reader::Reader;
use super::record::Record;
use super::standing::Standing;
use super::view::Published;

/// How often files that are being edited are looked at again before what they hold is recorded.
pub(super) const SETTLE_ROUNDS: usize = 10;

/// The pause between two such looks.
pub(super) const SETTLE_PAUSE: Duration = SETTLE;

/// The newest revision of a source.
#[derive(Debug, Clone)]
pub(super) struct Head {
    /// Of the newest record, readable or not.
    pub(super) id: RevisionId,
    /// The newest record that can be read.
    pub(super) record: Option<Arc<Record>>,
    /// Why that is not the newest one.
    pub(super) trouble: Option<String>,
    /// All revisions, newest first, once somebody had to know.
    pub(super) past: Option<Vec<Past>>,
}

impl Head {
    /// The document; `None` when the source was deleted or no record can be read.
    pub(super) fn document(&self) -> Option<&SourceDocument> {
        self.record.as_ref()?.document.as_ref()
    }

    /// Whether the source was deleted.
    pub(super) fn is_tombstone(&self) -> bool {
        self.record.as_ref().is_some_and(|r| r.document.is_none())
    }
}

/// Whose edits past the store a look records. Those of other files are left for when they rest.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose<'a> {
    /// Those of files that have not changed since the last look.
    Unmoved,
    /// Those, and this source's.
    Also(&'a SourceKey),
    /// Those of files that are not among these.
    Resting(&'a BTreeSet<PathBuf>),
    /// Everybody's.
    All,
}

/// The state of one store.
pub(super) struct Engine {
    pub(super) disk: Arc<Disk>,
    pub(super) history: History,
    pub(super) reader: Reader,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) heads: BTreeMap<SourceKey, Head>,
    /// The generation that `heads` are of.
    pub(super) heads_at: Option<Vec<u8>>,
    pub(super) live: Live,
    /// Sources whose edits cannot be recorded, and why.
    pub(super) unrecorded: BTreeMap<SourceKey, String>,
    /// Why nothing can be recorded or written now: an interrupted change is in the way.
    pub(super) stuck: Option<String>,
    pub(super) published: Arc<Published>,
}

impl Engine {
    pub(super) fn new(disk: Arc<Disk>, reader: Reader, clock: Arc<dyn Clock>) -> Self {
        let history = History::new(disk.roots.history(), disk.roots.seam());
        Self {
            disk,
            history,
            reader,
            clock,
            heads: BTreeMap::new(),
            heads_at: None,
            live: Live::default(),
            unrecorded: BTreeMap::new(),
            stuck: None,
            published: Arc::new(Published::new()),
        }
    }

    /// Finishes what was interrupted, looks at everything anew, and records what was edited past
    /// the store.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: the view stays what it was.
    pub(super) fn look(&mut self, whose: Whose<'_>) -> Result<(), StoreError> {
        self.catch_up()?;
        self.take_in(whose)
    }

    /// Records what is new, and shows it.
    fn take_in(&mut self, whose: Whose<'_>) -> Result<(), StoreError> {
        let mut own = None;
        let moving = match whose {
            Whose::All => BTreeSet::new(),
            Whose::Resting(moving) => moving.clone(),
            Whose::Unmoved => self.moved(),
            Whose::Also(key) => {
                own = Some(key);
                self.wait_for(key);
                self.moved()
            }
        };
        self.record_news(&moving, own.as_slice())?;
        self.published
            .replace(self.make_view(&moving, own.as_slice()));
        Ok(())
    }

    /// As a look for everybody's edits; `false` when somebody may be in the middle of one, and
    /// nothing was recorded.
    pub(super) fn look_at_rest(&mut self) -> Result<bool, StoreError> {
        self.catch_up()?;
        let news = self
            .keys()
            .iter()
            .any(|key| self.standing(key) != Standing::Known);
        if news && !self.live.unsettled.is_empty() {
            return Ok(false);
        }
        self.take_in(Whose::All).map(|()| true)
    }

    /// Looks once more at files that were fresh when they were read. Mostly they are what they were
    /// then, and that is all there is to see.
    pub(super) fn look_again(&mut self, moving: &BTreeSet<PathBuf>) -> Result<(), StoreError> {
        let fresh = self.live.unsettled.clone();
        let same = self.is_current() && self.same_as_shown(&fresh);
        if !same {
            return self.look(Whose::Resting(moving));
        }
        self.published.note(&self.live, fresh);
        Ok(())
    }

    /// Reads the sources that look at these files; whether they are what readers are shown.
    fn same_as_shown(&mut self, files: &BTreeSet<PathBuf>) -> bool {
        let view = self.published.get();
        let lookers: Vec<SourceKey> = files
            .iter()
            .flat_map(|path| self.live.lookers(path).cloned())
            .collect();
        lookers.iter().all(|key| {
            self.reader.read_one(&self.disk, &mut self.live, key);
            let problems = self.live.sources.get(key).map(|live| &live.problems);
            self.standing(key) == Standing::Known
                && problems == view.sources.get(key).map(|shown| &shown.problems)
        })
    }

    fn catch_up(&mut self) -> Result<(), StoreError> {
        self.stuck = self.disk.recover().err().map(|error| {
            let text = describe(&error);
            if self.stuck.as_ref() != Some(&text) {
                tracing::error!(error = text, "an interrupted change is in the way");
            }
            text
        });
        // What could not be recorded the last time is tried again.
        self.unrecorded.clear();
        self.load_heads()?;
        let recorded = self.heads.iter().filter_map(|(key, head)| {
            let document = head.record.as_ref()?.document.as_ref()?;
            Some((key.clone(), document.content.clone()?))
        });
        self.live = self.reader.read_with(&self.disk, recorded.collect());
        self.share_contents();
        Ok(())
    }

    /// Keeps one copy of what both the files and the newest records hold: contents can be large, and
    /// the same copy is quickly compared with itself.
    fn share_contents(&mut self) {
        for (key, head) in &mut self.heads {
            let live = self.live.sources.get(key).map(|source| &source.content);
            let (Some(LiveContent::Bytes(bytes, _)), Some(record)) = (live, &mut head.record)
            else {
                continue;
            };
            let recorded = record.document.as_ref().and_then(|d| d.content.as_ref());
            let copy = recorded.is_some_and(|r| !Arc::ptr_eq(r, bytes) && r == bytes);
            if copy && let Some(document) = &mut Arc::make_mut(record).document {
                document.content = Some(bytes.clone());
            }
        }
    }

    /// Waits until whoever edits the files of this source has let go of them, for a while.
    fn wait_for(&mut self, key: &SourceKey) {
        for _ in 0..SETTLE_ROUNDS {
            let content = self.live.sources.get(key).and_then(|s| s.watched.as_ref());
            let sources = self.reader.sources();
            let hot = |path: &&PathBuf| Some(*path) == content || sources.contains(path);
            if !self.live.unsettled.iter().any(|path| hot(&path)) {
                return;
            }
            let about_entries = |other: &SourceKey| {
                self.standing(other) != Standing::Known && self.entry_differs(other)
            };
            let busy =
                self.standing(key) != Standing::Known || self.keys().iter().any(about_entries);
            if !busy {
                return;
            }
            std::thread::sleep(SETTLE_PAUSE);
            self.live = self.reader.read(&self.disk);
        }
    }

    /// The files that have changed since the last look, or were changing then.
    fn moved(&self) -> BTreeSet<PathBuf> {
        let view = self.published.get();
        let changed = self.live.watched.iter().filter(|(path, print)| {
            let before = view.watched.get(*path);
            before.is_some_and(|before| before != *print)
        });
        let changed = changed.map(|(path, _)| path.clone());
        changed.chain(view.held.iter().cloned()).collect()
    }

    /// Every source that is or was.
    pub(super) fn keys(&self) -> BTreeSet<SourceKey> {
        let keys = self.live.sources.keys().chain(self.heads.keys());
        keys.cloned().collect()
    }

    fn load_heads(&mut self) -> Result<(), StoreError> {
        let generation = self.disk.generation();
        if self.heads_at.as_ref() == Some(&generation) {
            return Ok(());
        }
        let unavailable = |e| StoreError::unavailable("list the history", e);
        let mut heads = BTreeMap::new();
        for key in self.history.keys().map_err(unavailable)? {
            let known = self.heads.remove(&key);
            let head = match self
                .history
                .newest(&key, known.as_ref().map(|head| &head.id))
            {
                Ok(Newest::None) => continue,
                Ok(Newest::Same) => known,
                Ok(Newest::Other(head)) => Some(head),
                // One source's history must not stand in the way of the others.
                Err(error) => {
                    tracing::error!(%key, %error, "the history of a source cannot be read");
                    self.unrecorded
                        .insert(key.clone(), error.kind().to_string());
                    known
                }
            };
            heads.extend(head.map(|head| (key, head)));
        }
        self.heads = heads;
        // A history that could not be listed is looked at again the next time.
        self.heads_at = self.unrecorded.is_empty().then_some(generation);
        Ok(())
    }

    /// The sequence of a source's next revision.
    pub(super) fn next(&self, key: &SourceKey) -> u64 {
        self.heads.get(key).map_or(0, |head| head.id.sequence()) + 1
    }

    /// The mode that the source's content file has, or last had.
    pub(super) fn mode_of(&self, key: &SourceKey) -> Option<u32> {
        let live = self.live.sources.get(key).and_then(LiveSource::mode);
        let last = || self.heads.get(key)?.record.as_ref()?.mode;
        live.or_else(last)
    }

    /// Drops old revisions once there are too many. Gives those that are left.
    fn prune(
        &self,
        key: &SourceKey,
        past: Option<Vec<Past>>,
        newest: &Revision,
    ) -> Option<Vec<Past>> {
        let mut past = match past {
            Some(mut past) => {
                past.insert(0, Past::of(newest));
                past
            }
            None if newest.id.sequence() > KEPT as u64 => match self.history.past(key) {
                Ok(past) => past,
                Err(error) => {
                    tracing::warn!(%key, %error, "old revisions cannot be found");
                    return None;
                }
            },
            None => return None,
        };
        match self.history.prune(key, &mut past) {
            Ok(()) => Some(past),
            Err(error) => {
                tracing::warn!(%key, %error, "old revisions cannot be removed");
                None
            }
        }
    }

    /// Takes a record that was committed as the newest.
    pub(super) fn advance(&mut self, key: SourceKey, record: Record) {
        let known = self.heads.remove(&key).and_then(|head| head.past);
        let past = self.prune(&key, known, &record.revision);
        self.unrecorded.remove(&key);
        let head = Head {
            id: record.revision.id.clone(),
            record: Some(Arc::new(record)),
            trouble: None,
            past,
        };
        self.heads.insert(key, head);
        self.heads_at = Some(self.disk.generation());
    }
}

/// An error with its cause, which names no path.
fn describe(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
