//! What the tests of the service share.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use crate::error::{CatalogError, StoreError};
use crate::model::*;
use crate::ports::*;
use crate::service::*;
use crate::testing::{PlainPlugin, key};
use crate::validation::{Findings, Validated};

pub(super) fn items(names: &[&str]) -> String {
    let list: String = names.iter().map(|n| format!("  - name: {n}\n")).collect();
    format!("items:\n{list}")
}

pub(super) fn new_source(text: &str) -> Edit {
    let patch = SettingsPatch {
        name: Some("A source".into()),
        source_type: Some("yaml".into()),
        ..SettingsPatch::default()
    };
    Edit::settings(patch).with_content(text)
}

pub(super) struct Bench {
    pub(super) catalog: CatalogService,
    pub(super) store: Arc<MemoryStore>,
    pub(super) key: SourceKey,
    pub(super) _running: Running,
}

impl Bench {
    pub(super) async fn new() -> Self {
        Self::with(PlainPlugin::default(), MemoryStore::new()).await
    }

    pub(super) async fn with(plugin: impl CatalogPlugin + 'static, store: MemoryStore) -> Self {
        let store = Arc::new(store);
        let builder = CatalogService::builder()
            .shared_store(store.clone())
            .plugin(plugin);
        let catalog = builder.build().unwrap();
        let running = catalog.start().await;
        Self {
            catalog,
            store,
            key: key("plain", "s"),
            _running: running,
        }
    }

    pub(super) async fn apply(&self, edit: Edit, expect: Expect) -> Result<Applied, CatalogError> {
        let author = Author::new("operator");
        self.catalog
            .apply(&self.key, edit, expect, author, ApplyOptions::default())
            .await
    }

    pub(super) async fn created(&self, names: &[&str]) -> Applied {
        self.apply(new_source(&items(names)), Expect::Absent)
            .await
            .unwrap()
    }

    pub(super) fn served(&self) -> Vec<String> {
        let view = self.catalog.snapshot(&self.key.plugin).unwrap();
        view.entities().map(|(_, e)| e.name.to_string()).collect()
    }

    pub(super) fn status(&self) -> SourceStatus {
        let view = self.catalog.snapshot(&self.key.plugin).unwrap();
        view.source(&self.key.id).unwrap().status.clone()
    }

    pub(super) async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        for _ in 0..200 {
            if condition(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never: {what}");
    }
}

pub(super) fn revision(applied: &Applied) -> Expect {
    Expect::Revision(applied.revision.id.clone())
}

/// Counts loads, and misbehaves on request.
pub(super) struct Moody {
    pub(super) plain: PlainPlugin,
    pub(super) loads: Arc<AtomicUsize>,
    /// Whether it looks at the document only.
    pub(super) repeatable: bool,
}

#[async_trait]
impl CatalogPlugin for Moody {
    fn name(&self) -> &PluginName {
        self.plain.name()
    }
    fn version(&self) -> &str {
        "v1"
    }
    fn description(&self) -> &str {
        "moody"
    }
    fn config_key(&self) -> &str {
        "plain"
    }
    fn source_types(&self) -> &[&str] {
        &["yaml"]
    }
    fn entity_kinds(&self) -> &[&str] {
        &["Item"]
    }
    fn content_keys(&self) -> &[&str] {
        &["items"]
    }
    fn is_repeatable(&self, _: &SourceSettings) -> bool {
        self.repeatable
    }
    fn validate_content(&self, _: ContentContext<'_>, _: &mut Findings) {}
    async fn load(&self, request: LoadRequest<'_>) -> Result<Loaded, LoadError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let text = request
            .content
            .map(|c| c.text.to_string())
            .unwrap_or_default();
        tokio::time::sleep(Duration::from_millis(20)).await;
        if text.contains("panic") {
            panic!("a canary that must not leave");
        }
        if text.contains("hang") {
            std::future::pending::<()>().await;
        }
        self.plain.load(request).await
    }
}

/// A memory store with a flaw of its own.
pub(super) struct Faulty {
    pub(super) inner: MemoryStore,
    /// Reads fail from here on.
    pub(super) blind: AtomicBool,
    /// The place that it takes no document at.
    pub(super) refuses: &'static str,
    pub(super) watches: bool,
    /// What it gives as content, whatever the revision.
    pub(super) content: Mutex<Option<String>>,
    /// The thread in which it was asked for properties.
    pub(super) asked_in: Mutex<Option<std::thread::ThreadId>>,
}

impl Faulty {
    pub(super) fn new() -> Self {
        Self {
            inner: MemoryStore::new(),
            blind: false.into(),
            refuses: "nowhere",
            watches: true,
            content: Mutex::default(),
            asked_in: Mutex::default(),
        }
    }

    fn refusal(&self, document: &SourceDocument) -> Result<(), StoreError> {
        if document.settings.text_property("path") == Some(self.refuses) {
            let (field, reason) = (Some("properties.path".to_owned()), "not there".to_owned());
            return Err(StoreError::Refused { field, reason });
        }
        Ok(())
    }

    fn look(&self) -> Result<(), StoreError> {
        match self.blind.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable {
                operation: "look".into(),
                source: None,
            }),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl SourceConfigStore for Faulty {
    fn describe(&self) -> String {
        "faulty".to_owned()
    }
    fn capabilities(&self) -> StoreCapabilities {
        self.inner.capabilities()
    }
    async fn list(&self, plugin: &PluginName) -> Result<Vec<StoredSource>, StoreError> {
        self.look()?;
        self.inner.list(plugin).await
    }
    async fn get(&self, key: &SourceKey) -> Result<Option<StoredSource>, StoreError> {
        self.look()?;
        let mut found = self.inner.get(key).await?;
        if let (Some(source), Some(text)) = (&mut found, &*self.content.lock().unwrap()) {
            source.document.content = Some(text.as_bytes().into());
        }
        Ok(found)
    }
    async fn put(
        &self,
        key: &SourceKey,
        document: &Validated<SourceDocument>,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Revision, StoreError> {
        self.refusal(document.get())?;
        let revision = self.inner.put(key, document, expect, meta).await;
        if meta.message.as_deref() == Some("go blind") {
            self.blind.store(true, Ordering::SeqCst);
        }
        revision
    }
    async fn preview(
        &self,
        key: &SourceKey,
        document: &Validated<SourceDocument>,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Revision, StoreError> {
        self.refusal(document.get())?;
        self.inner.preview(key, document, expect, meta).await
    }
    async fn delete(
        &self,
        key: &SourceKey,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Revision, StoreError> {
        self.inner.delete(key, expect, meta).await
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
    fn content_properties(&self, _: &SourceKey) -> serde_json::Map<String, serde_json::Value> {
        *self.asked_in.lock().unwrap() = Some(std::thread::current().id());
        serde_json::Map::new()
    }
    fn watch(&self) -> BoxStream<'static, StoreChange> {
        match self.watches {
            true => self.inner.watch(),
            false => Box::pin(futures_util::stream::empty()),
        }
    }
    async fn health(&self) -> ComponentHealth {
        self.inner.health().await
    }
}

pub(super) fn over(store: Arc<Faulty>) -> CatalogService {
    let builder = CatalogService::builder().shared_store(store);
    builder.plugin(PlainPlugin::default()).build().unwrap()
}
