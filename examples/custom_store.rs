//! A store of one's own: a decorator that keeps an audit trail. Passes the suite that every store
//! must pass.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use catalog_core::StoreError;
use catalog_core::model::{
    ChangeMeta, Expect, PluginName, Revision, RevisionId, RevisionRecord, SourceDocument, SourceKey,
};
use catalog_core::ports::{
    ComponentHealth, MemoryStore, SourceConfigStore, StoreCapabilities, StoreChange, StoredSource,
};
use catalog_core::testing::{StoreSuiteOptions, store_suite};
use catalog_core::validation::Validated;
use futures_util::stream::BoxStream;

/// Writes down who changed what, and leaves the rest to the store inside.
struct Audited<S> {
    inner: S,
    trail: Mutex<Vec<String>>,
}

impl<S> Audited<S> {
    fn note(&self, key: &SourceKey, meta: &ChangeMeta, result: &Result<Revision, StoreError>) {
        let outcome = match result {
            Ok(revision) => revision.id.to_string(),
            Err(error) => error.code().to_owned(),
        };
        let line = format!(
            "{} {} {key}: {outcome}",
            meta.author.as_str(),
            meta.kind.as_str()
        );
        self.trail
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }
}

#[async_trait]
impl<S: SourceConfigStore> SourceConfigStore for Audited<S> {
    fn describe(&self) -> String {
        format!("audited {}", self.inner.describe())
    }

    fn capabilities(&self) -> StoreCapabilities {
        self.inner.capabilities()
    }

    async fn list(&self, plugin: &PluginName) -> Result<Vec<StoredSource>, StoreError> {
        self.inner.list(plugin).await
    }

    async fn get(&self, key: &SourceKey) -> Result<Option<StoredSource>, StoreError> {
        self.inner.get(key).await
    }

    async fn put(
        &self,
        key: &SourceKey,
        document: &Validated<SourceDocument>,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Revision, StoreError> {
        let result = self.inner.put(key, document, expect, meta).await;
        self.note(key, meta, &result);
        result
    }

    async fn preview(
        &self,
        key: &SourceKey,
        document: &Validated<SourceDocument>,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Revision, StoreError> {
        self.inner.preview(key, document, expect, meta).await
    }

    async fn delete(
        &self,
        key: &SourceKey,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Revision, StoreError> {
        let result = self.inner.delete(key, expect, meta).await;
        self.note(key, meta, &result);
        result
    }

    async fn revisions(&self, key: &SourceKey) -> Result<Vec<Revision>, StoreError> {
        self.inner.revisions(key).await
    }

    async fn get_revision(
        &self,
        key: &SourceKey,
        id: &RevisionId,
    ) -> Result<RevisionRecord, StoreError> {
        self.inner.get_revision(key, id).await
    }

    fn watch(&self) -> BoxStream<'static, StoreChange> {
        self.inner.watch()
    }

    async fn health(&self) -> ComponentHealth {
        self.inner.health().await
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    store_suite(StoreSuiteOptions::default(), || async {
        let store = Arc::new(Audited {
            inner: MemoryStore::new(),
            trail: Mutex::default(),
        });
        (store.clone(), store, ())
    })
    .await;
    println!("the audited store passes the store suite");
    Ok(())
}
