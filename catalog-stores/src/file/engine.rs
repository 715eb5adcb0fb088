//! Keeping history and view in step with the operator's files. Everything here blocks and wants the
//! lock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog_core::StoreError;
use catalog_core::model::{
    Author, ChangeMeta, Revision, RevisionId, RevisionKind, SourceDocument, SourceKey,
};
use catalog_core::ports::{Clock, StoredSource};
use catalog_core::sources_config::SourcesFile;

use super::commit::{Change, Disk};
use super::fingerprint::SETTLE;
use super::history::History;
use super::live::{Live, LiveSource, Reader, entry_of};
use super::record::Record;
use super::view::View;

/// How often files that are being edited are looked at again before what they hold is recorded.
const SETTLE_ROUNDS: usize = 10;

/// Mode of the records, which may hold secrets.
const RECORD_MODE: u32 = 0o600;

/// The newest revision of a source.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) id: RevisionId,
    /// `None`: the record is damaged.
    pub(super) record: Option<Arc<Record>>,
}

impl Head {
    /// The document; `None` when the source was deleted or the record is damaged.
    pub(super) fn document(&self) -> Option<&SourceDocument> {
        self.record.as_ref()?.document.as_ref()
    }
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
    pub(super) view: Arc<View>,
}

impl Engine {
    pub(super) fn new(disk: Arc<Disk>, reader: Reader, clock: Arc<dyn Clock>) -> Self {
        let history = History::new(disk.roots.history());
        Self {
            disk,
            history,
            reader,
            clock,
            heads: BTreeMap::new(),
            heads_at: None,
            live: Live::default(),
            view: Arc::default(),
        }
    }

    /// Finishes what was interrupted, records what was edited past the store, and looks at
    /// everything anew.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Corrupt`]: the view stays what it was.
    pub(super) fn sync(&mut self) -> Result<(), StoreError> {
        self.disk.recover()?;
        self.load_heads()?;
        self.live = self.reader.read(&self.disk);
        let mut news = self.news();
        for _ in 0..SETTLE_ROUNDS {
            if news.is_empty() || !self.live.unsettled {
                break;
            }
            // An editor may be in the middle of it: wait until it has let go of the files.
            std::thread::sleep(SETTLE);
            self.live = self.reader.read(&self.disk);
            news = self.news();
        }
        self.record(news)?;
        self.view = Arc::new(self.make_view());
        Ok(())
    }

    fn load_heads(&mut self) -> Result<(), StoreError> {
        let generation = self.disk.generation();
        if self.heads_at.as_ref() == Some(&generation) {
            return Ok(());
        }
        let unavailable = |e| StoreError::unavailable("list the history", e);
        let mut heads = BTreeMap::new();
        for key in self.history.keys().map_err(unavailable)? {
            let ids = self.history.ids(&key).map_err(unavailable)?;
            let Some(id) = ids.into_iter().next() else {
                continue;
            };
            let head = match self.heads.remove(&key) {
                Some(known) if known.id == id => known,
                _ => self.load_head(&key, id)?,
            };
            heads.insert(key, head);
        }
        self.heads = heads;
        self.heads_at = Some(generation);
        Ok(())
    }

    fn load_head(&self, key: &SourceKey, id: RevisionId) -> Result<Head, StoreError> {
        let record = match self.history.read(key, &id) {
            Ok(record) => record.map(Arc::new),
            Err(error @ StoreError::Corrupt { .. }) => {
                tracing::error!(%key, revision = %id, %error, "the newest record is damaged");
                None
            }
            Err(error) => return Err(error),
        };
        Ok(Head { id, record })
    }

    /// What the files say and the history does not know yet.
    fn news(&self) -> Vec<(SourceKey, Record)> {
        let keys: BTreeSet<&SourceKey> =
            self.live.sources.keys().chain(self.heads.keys()).collect();
        keys.into_iter()
            .filter_map(|key| Some((key.clone(), self.news_of(key)?)))
            .collect()
    }

    fn news_of(&self, key: &SourceKey) -> Option<Record> {
        let head = self.heads.get(key);
        let live = self.live.sources.get(key);
        let complete = self.live.broken.is_empty();
        match (live, head) {
            (Some(live), None) => {
                let document = live.document(None);
                Some(self.outside(key, 1, RevisionKind::Import, Some((document, live))))
            }
            (Some(live), Some(head)) => {
                let document = live.document(head.document());
                let known = head.record.as_ref().map(|r| r.revision.digest.as_str());
                let new = known != Some(document.digest().to_string().as_str());
                // While a file is broken, a difference may come from what that file no longer says.
                (new && complete).then(|| {
                    let sequence = head.id.sequence() + 1;
                    self.outside(
                        key,
                        sequence,
                        RevisionKind::External,
                        Some((document, live)),
                    )
                })
            }
            (None, Some(head)) => {
                let deleted = head.record.as_ref().is_some_and(|r| r.document.is_none());
                let sequence = head.id.sequence() + 1;
                (!deleted && complete)
                    .then(|| self.outside(key, sequence, RevisionKind::Delete, None))
            }
            (None, None) => None,
        }
    }

    /// The record of something that nobody did through the store.
    fn outside(
        &self,
        key: &SourceKey,
        sequence: u64,
        kind: RevisionKind,
        found: Option<(SourceDocument, &LiveSource)>,
    ) -> Record {
        let author = match kind {
            RevisionKind::Import => Author::system(),
            _ => Author::external(),
        };
        let meta = ChangeMeta {
            author,
            message: None,
            kind,
            at: self.clock.now(),
        };
        let (document, live) = found.unzip();
        Record {
            revision: Revision::describe(sequence, document.as_ref(), &meta),
            document,
            entry: live.and_then(|live| self.entry_of(key, live)),
        }
    }

    fn entry_of(&self, key: &SourceKey, live: &LiveSource) -> Option<String> {
        let config_key = self.reader.config_key(&key.plugin)?;
        entry_of(&self.parsed(), config_key, &key.id, &live.declared_in)
    }

    /// The sources files that could be read.
    pub(super) fn parsed(&self) -> Vec<SourcesFile> {
        self.live.files.iter().map(|f| f.parsed.clone()).collect()
    }

    fn record(&mut self, news: Vec<(SourceKey, Record)>) -> Result<(), StoreError> {
        if news.is_empty() {
            return Ok(());
        }
        let changes: Result<Vec<Change>, StoreError> = news
            .iter()
            .map(|(key, record)| self.record_change(key, record))
            .collect();
        self.disk.commit(&changes?)?;
        for (key, record) in news {
            let revision = &record.revision;
            tracing::info!(%key, revision = %revision.id, kind = revision.kind.as_str(), "recorded");
            self.prune(&key);
            let head = Head {
                id: revision.id.clone(),
                record: Some(Arc::new(record)),
            };
            self.heads.insert(key, head);
        }
        self.heads_at = Some(self.disk.generation());
        Ok(())
    }

    /// The file of a record.
    pub(super) fn record_change(
        &self,
        key: &SourceKey,
        record: &Record,
    ) -> Result<Change, StoreError> {
        let bytes = record
            .encode()
            .map_err(|e| StoreError::unavailable("write the record", e))?;
        let path = History::path_of(key, &record.revision.id);
        Ok(Change {
            spot: self.disk.roots.in_history(path),
            bytes: Some(bytes.into()),
            before: None,
            mode: RECORD_MODE,
        })
    }

    /// Drops old records; those that cannot be dropped now are the next time.
    pub(super) fn prune(&self, key: &SourceKey) {
        if let Err(error) = self.history.prune(key) {
            tracing::warn!(%key, %error, "old revisions cannot be removed");
        }
    }

    fn make_view(&self) -> View {
        let live = &self.live;
        let mut sources = BTreeMap::new();
        for (key, head) in &self.heads {
            let Some(record) = &head.record else { continue };
            let Some(last) = &record.document else {
                continue;
            };
            let now = live.sources.get(key).map(|l| (l.document(Some(last)), l));
            let source = match now {
                Some((document, found)) if document.digest() == last.digest() => StoredSource {
                    key: key.clone(),
                    document,
                    revision: record.revision.clone(),
                    origin: found.origin.clone(),
                    editable: true,
                    problems: found.problems.clone(),
                },
                // A sources file is broken: what was recorded last is served.
                _ => StoredSource {
                    key: key.clone(),
                    document: last.clone(),
                    revision: record.revision.clone(),
                    origin: self.view_origin(key),
                    editable: true,
                    problems: live.broken.clone(),
                },
            };
            sources.insert(key.clone(), source);
        }
        let damaged = self.heads.iter().filter(|(_, head)| head.record.is_none());
        View {
            sources,
            troubles: live
                .broken
                .iter()
                .chain(live.findings.iter().filter(|f| f.is_error()))
                .map(|finding| finding.message.clone())
                .chain(damaged.map(|(key, _)| format!("the newest record of {key} is damaged")))
                .collect(),
            generation: self.disk.generation(),
            watched: live.watched.clone(),
            unsettled: live.unsettled,
        }
    }

    /// Where a source came from when it could still be read.
    fn view_origin(&self, key: &SourceKey) -> String {
        let before = self.view.sources.get(key);
        before.map(|s| s.origin.clone()).unwrap_or_default()
    }
}
