//! A store in memory: for tests, for embedders without persistence, and the reference for the suite.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

use super::{ComponentHealth, SourceConfigStore, StoreCapabilities, StoreChange, StoredSource};
use crate::error::StoreError;
use crate::model::{
    ChangeMeta, Expect, PluginName, Revision, RevisionId, RevisionRecord, SourceDocument, SourceKey,
};
use crate::validation::{Finding, Validated};
use crate::yaml::Limits;

/// Changes that a slow watcher may lag behind before it is told to look at everything.
const WATCH_BUFFER: usize = 256;
/// Revisions kept per source.
const HISTORY: usize = 20;

/// A source with its history, oldest first. The last record is the head.
type Sources = BTreeMap<SourceKey, Vec<RevisionRecord>>;

/// The current revision of a source with its document.
type Head<'a> = (&'a Revision, &'a SourceDocument);

/// What is known about a source that was taken over from elsewhere.
#[derive(Debug)]
struct Found {
    /// The revision that it was taken over as.
    revision: RevisionId,
    origin: String,
    problems: Vec<Finding>,
}

/// Keeps documents in memory.
#[derive(Debug)]
pub struct MemoryStore {
    sources: Mutex<Sources>,
    /// Locked before `sources` where both are.
    found: Mutex<BTreeMap<SourceKey, Found>>,
    changes: broadcast::Sender<StoreChange>,
    max_document_bytes: u64,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store with the default document size limit.
    pub fn new() -> Self {
        Self::with_max_document_bytes(Limits::DEFAULT_MAX_BYTES as u64)
    }

    /// An empty store with this document size limit, in bytes.
    pub fn with_max_document_bytes(max_document_bytes: u64) -> Self {
        Self {
            sources: Mutex::default(),
            found: Mutex::default(),
            changes: broadcast::channel(WATCH_BUFFER).0,
            max_document_bytes,
        }
    }

    /// Puts a document in as found, valid or not: the way in for what is already there.
    pub fn seed(&self, key: &SourceKey, document: SourceDocument, meta: &ChangeMeta) -> Revision {
        self.append(&mut self.lock(), key, Some(document), meta)
    }

    /// Puts a source in as another store holds it, with its origin and its problems; these stay
    /// until the source is changed. Its history stays behind.
    pub fn adopt(&self, source: StoredSource, meta: &ChangeMeta) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sources = self.lock();
        let revision = self.append(&mut sources, &source.key, Some(source.document), meta);
        let found_as = Found {
            revision: revision.id,
            origin: source.origin,
            problems: source.problems,
        };
        found.insert(source.key, found_as);
    }

    /// The source as readers get it.
    fn stored(&self, key: &SourceKey, (revision, document): Head<'_>) -> StoredSource {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let found = found.get(key);
        let unchanged = found.filter(|f| f.revision == revision.id);
        StoredSource {
            key: key.clone(),
            document: document.clone(),
            revision: revision.clone(),
            origin: found.map_or_else(|| "memory".to_owned(), |f| f.origin.clone()),
            editable: true,
            problems: unchanged.map(|f| f.problems.clone()).unwrap_or_default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sources> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The revision that a put would make.
    fn next(
        &self,
        sources: &Sources,
        key: &SourceKey,
        document: &SourceDocument,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Revision, StoreError> {
        let (limit, actual) = (self.max_document_bytes, document.size());
        if actual > limit {
            return Err(StoreError::TooLarge { limit, actual });
        }
        let records = sources.get(key);
        check(key, expect, records)?;
        let last = records
            .and_then(|r| r.last())
            .map_or(0, |r| r.revision.id.sequence());
        Ok(Revision::describe(last + 1, Some(document), meta))
    }

    fn append(
        &self,
        sources: &mut Sources,
        key: &SourceKey,
        document: Option<SourceDocument>,
        meta: &ChangeMeta,
    ) -> Revision {
        let records = sources.entry(key.clone()).or_default();
        let sequence = records.last().map_or(0, |r| r.revision.id.sequence()) + 1;
        let revision = Revision::describe(sequence, document.as_ref(), meta);
        records.push(RevisionRecord {
            revision: revision.clone(),
            document,
        });
        let surplus = records.len().saturating_sub(HISTORY);
        records.drain(..surplus);
        // Nobody may be watching.
        let _ = self.changes.send(StoreChange::Source(key.clone()));
        revision
    }
}

/// The head, unless it is a tombstone.
fn current(records: Option<&Vec<RevisionRecord>>) -> Option<Head<'_>> {
    let head = records?.last()?;
    Some((&head.revision, head.document.as_ref()?))
}

fn check(
    key: &SourceKey,
    expect: &Expect,
    records: Option<&Vec<RevisionRecord>>,
) -> Result<(), StoreError> {
    let current = current(records).map(|(revision, _)| &revision.id);
    if expect.holds(current) {
        return Ok(());
    }
    Err(StoreError::Conflict {
        key: key.clone(),
        current: current.cloned(),
    })
}

#[async_trait]
impl SourceConfigStore for MemoryStore {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities::writable(false, HISTORY, self.max_document_bytes)
    }

    async fn list(&self, plugin: &PluginName) -> Result<Vec<StoredSource>, StoreError> {
        let sources = self.lock().clone();
        let of_plugin = sources.iter().filter(|(key, _)| key.plugin == *plugin);
        Ok(of_plugin
            .filter_map(|(key, r)| current(Some(r)).map(|head| self.stored(key, head)))
            .collect())
    }

    async fn get(&self, key: &SourceKey) -> Result<Option<StoredSource>, StoreError> {
        let records = self.lock().get(key).cloned();
        Ok(current(records.as_ref()).map(|head| self.stored(key, head)))
    }

    async fn put(
        &self,
        key: &SourceKey,
        document: &Validated<SourceDocument>,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Revision, StoreError> {
        let mut sources = self.lock();
        self.next(&sources, key, document.get(), expect, meta)?;
        Ok(self.append(&mut sources, key, Some(document.get().clone()), meta))
    }

    async fn preview(
        &self,
        key: &SourceKey,
        document: &Validated<SourceDocument>,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Revision, StoreError> {
        self.next(&self.lock(), key, document.get(), expect, meta)
    }

    async fn delete(
        &self,
        key: &SourceKey,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Revision, StoreError> {
        let mut sources = self.lock();
        if current(sources.get(key)).is_none() {
            return Err(StoreError::SourceNotFound { key: key.clone() });
        }
        check(key, expect, sources.get(key))?;
        Ok(self.append(&mut sources, key, None, meta))
    }

    async fn revisions(&self, key: &SourceKey) -> Result<Vec<Revision>, StoreError> {
        let sources = self.lock();
        let records = sources.get(key).map(Vec::as_slice).unwrap_or_default();
        Ok(records.iter().rev().map(|r| r.revision.clone()).collect())
    }

    async fn get_revision(
        &self,
        key: &SourceKey,
        id: &RevisionId,
    ) -> Result<RevisionRecord, StoreError> {
        let sources = self.lock();
        let records = sources.get(key).map(Vec::as_slice).unwrap_or_default();
        let found = records.iter().find(|r| r.revision.id == *id);
        found.cloned().ok_or_else(|| StoreError::RevisionNotFound {
            key: key.clone(),
            id: id.clone(),
        })
    }

    fn watch(&self) -> BoxStream<'static, StoreChange> {
        BroadcastStream::new(self.changes.subscribe())
            .map(|change| change.unwrap_or(StoreChange::Everything))
            .boxed()
    }

    async fn health(&self) -> ComponentHealth {
        ComponentHealth::healthy()
    }
}
