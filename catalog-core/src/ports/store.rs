//! Where source documents are kept.

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use super::ComponentHealth;
use crate::error::StoreError;
use crate::model::{
    ChangeMeta, Expect, PluginName, Revision, RevisionId, RevisionKind, RevisionRecord,
    SourceDocument, SourceKey,
};
use crate::validation::{Finding, Validated};

/// A source as it is stored now.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSource {
    /// Which source.
    pub key: SourceKey,
    /// Settings and content.
    pub document: SourceDocument,
    /// The revision of that document.
    pub revision: Revision,
    /// Where the entry comes from, such as a file's path. Relative paths in the settings start
    /// there.
    pub origin: String,
    /// Whether the store can change it.
    pub editable: bool,
    /// What the store found wrong while reading: an entry with an unknown key, a content file that
    /// cannot be read. With an error among them the document is the best reading that was possible
    /// and must not replace what is served.
    pub problems: Vec<Finding>,
}

impl StoredSource {
    /// Whether the store could read the source as it should be.
    pub fn is_sound(&self) -> bool {
        !self.problems.iter().any(Finding::is_error)
    }
}

/// A change that the store noticed, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreChange {
    /// This source has changed, appeared or gone.
    Source(SourceKey),
    /// Anything may have changed: look at everything.
    Everything,
}

/// What a store can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreCapabilities {
    /// Documents can be changed.
    pub writable: bool,
    /// Revisions outlive the process.
    pub durable: bool,
    /// Revisions kept per source, at least.
    pub history: usize,
    /// The largest content in bytes.
    pub max_document_bytes: u64,
}

impl StoreCapabilities {
    /// A store that can be written.
    pub fn writable(durable: bool, history: usize, max_document_bytes: u64) -> Self {
        Self {
            writable: true,
            durable,
            history,
            max_document_bytes,
        }
    }
}

/// Keeps the documents of sources with their history.
///
/// What every store must satisfy is executable: `catalog_core::testing::store_suite` (feature
/// `testing`). In short: bytes come back as they were put; a write whose expectation does not hold
/// is a [`StoreError::Conflict`] and changes nothing; of racing writers exactly one wins; revision
/// ids never repeat and order by sequence; when a write has answered, it is durable; when its future
/// is dropped, the store holds the old state or the new one.
#[async_trait]
pub trait SourceConfigStore: Send + Sync {
    /// What the store is, for logs and people, without credentials: `file ./catalog-data`.
    fn describe(&self) -> String;

    /// What it can do.
    fn capabilities(&self) -> StoreCapabilities;

    /// Every source of a plugin, by id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the store cannot be read at all. A single bad source is
    /// listed with its `problems`.
    async fn list(&self, plugin: &PluginName) -> Result<Vec<StoredSource>, StoreError>;

    /// One source; `None` when it does not exist or was deleted.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]
    async fn get(&self, key: &SourceKey) -> Result<Option<StoredSource>, StoreError>;

    /// Stores a document as a new revision, when `expect` holds.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it does not, [`StoreError::TooLarge`] before anything is
    /// written, [`StoreError::Refused`] when the store cannot hold this document,
    /// [`StoreError::Unavailable`] when writing failed.
    async fn put(
        &self,
        key: &SourceKey,
        document: &Validated<SourceDocument>,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Revision, StoreError>;

    /// What [`put`](Self::put) would answer now: the revision that would come, or the error. Writes
    /// nothing.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    async fn preview(
        &self,
        key: &SourceKey,
        document: &Validated<SourceDocument>,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Revision, StoreError>;

    /// Removes the source; its history gets a tombstone and stays.
    ///
    /// # Errors
    /// As [`put`](Self::put), and [`StoreError::SourceNotFound`].
    async fn delete(
        &self,
        key: &SourceKey,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Revision, StoreError>;

    /// The revisions of a source, newest first, the current one included; a deleted source's too.
    /// Empty for a source that never was.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]
    async fn revisions(&self, key: &SourceKey) -> Result<Vec<Revision>, StoreError>;

    /// One revision with its document.
    ///
    /// # Errors
    /// [`StoreError::RevisionNotFound`] for an id that is not in the history, a prefix of one
    /// included; [`StoreError::Corrupt`] when the record's digest does not fit its bytes.
    async fn get_revision(
        &self,
        key: &SourceKey,
        id: &RevisionId,
    ) -> Result<RevisionRecord, StoreError>;

    /// Changes from now on, those of other processes included, within a second of their making.
    fn watch(&self) -> BoxStream<'static, StoreChange>;

    /// How the store is.
    async fn health(&self) -> ComponentHealth;

    /// The properties that a new source with content needs in this store, such as the file that
    /// will hold the content. The default needs none.
    fn content_properties(&self, key: &SourceKey) -> serde_json::Map<String, serde_json::Value> {
        let _ = key;
        serde_json::Map::new()
    }

    /// Finishes what is under way and gives back what is held.
    async fn close(&self) {}
}

/// What every store can do by what [`SourceConfigStore`] offers. No backend implements it itself.
#[async_trait]
pub trait SourceConfigStoreExt: SourceConfigStore {
    /// Reads, changes and writes, again up to `retries` times when somebody else was faster.
    ///
    /// # Errors
    /// Those of the store and of `change`.
    async fn update<F, E>(
        &self,
        key: &SourceKey,
        retries: usize,
        meta: &ChangeMeta,
        mut change: F,
    ) -> Result<Revision, E>
    where
        F: FnMut(Option<&StoredSource>) -> Result<Validated<SourceDocument>, E> + Send,
        E: From<StoreError> + Send,
    {
        let mut attempt = 0;
        loop {
            let stored = self.get(key).await?;
            let expect = Expect::at(stored.as_ref().map(|s| &s.revision.id));
            let document = change(stored.as_ref())?;
            match self.put(key, &document, &expect, meta).await {
                Err(StoreError::Conflict { .. }) if attempt < retries => attempt += 1,
                other => return Ok(other?),
            }
        }
    }

    /// Stores the document of an older revision as a new one. `validate` decides whether that
    /// document is still acceptable.
    ///
    /// # Errors
    /// Those of the store and of `validate`; [`StoreError::RevisionNotFound`] for a tombstone.
    async fn roll_back<F, E>(
        &self,
        key: &SourceKey,
        id: &RevisionId,
        expect: &Expect,
        meta: &ChangeMeta,
        validate: F,
    ) -> Result<Revision, E>
    where
        F: FnOnce(SourceDocument) -> Result<Validated<SourceDocument>, E> + Send,
        E: From<StoreError> + Send,
    {
        let record = self.get_revision(key, id).await?;
        let Some(document) = record.document else {
            return Err(StoreError::RevisionNotFound {
                key: key.clone(),
                id: id.clone(),
            }
            .into());
        };
        let document = validate(document)?;
        let meta = ChangeMeta {
            kind: RevisionKind::Rollback,
            ..meta.clone()
        };
        Ok(self.put(key, &document, expect, &meta).await?)
    }
}

impl<S: SourceConfigStore + ?Sized> SourceConfigStoreExt for S {}
