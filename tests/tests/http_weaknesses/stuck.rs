//! A server whose first load and whose store's health wait until they are told to go on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use catalog_core::model::{
    ChangeMeta, Expect, PluginName, Revision, RevisionId, RevisionRecord, SourceDocument, SourceKey,
};
use catalog_core::ports::{
    ComponentHealth, MemoryStore, SourceConfigStore, StoreCapabilities, StoreChange, StoredSource,
};
use catalog_core::service::CatalogService;
use catalog_core::testing::PlainPlugin;
use catalog_core::validation::Validated;
use catalog_core::{RevisionKind, SourceSettings, StoreError};
use catalog_server::http::{HttpOptions, app};
use catalog_server::http_kit::{ServeOptions, serve};
use catalog_tests::Client;
use futures_util::stream::BoxStream;
use tokio::sync::{Semaphore, watch};

use super::hanging::Hanging;

/// A running server, and what it waits for.
pub struct Stuck {
    address: SocketAddr,
    gate: Arc<Semaphore>,
    sick: Arc<AtomicBool>,
    _stop: watch::Sender<bool>,
}

impl Stuck {
    pub async fn start() -> Self {
        let gate = Arc::new(Semaphore::new(0));
        let sick = Arc::new(AtomicBool::new(false));
        let inner = MemoryStore::new();
        let settings = SourceSettings::new("Slow", "yaml");
        let content: Arc<[u8]> = b"items: []\n# hang\n"[..].into();
        let meta = ChangeMeta {
            author: catalog_core::Author::system(),
            message: None,
            kind: RevisionKind::Import,
            at: "2026-01-01T00:00:00Z".parse().unwrap(),
        };
        let key = SourceKey::parse("plain", "slow").unwrap();
        inner.seed(&key, SourceDocument::new(settings, Some(content)), &meta);
        let catalog = CatalogService::builder()
            .store(Sick {
                inner,
                sick: sick.clone(),
            })
            .plugin(Hanging {
                plain: PlainPlugin::default(),
                gate: gate.clone(),
            })
            .build()
            .unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, shutdown) = watch::channel(false);
        let app = app(&catalog, &HttpOptions::new(1 << 20), shutdown.clone());
        tokio::spawn(serve(listener, app, ServeOptions::default(), shutdown));
        tokio::spawn(async move {
            let _running = catalog.start().await;
            std::future::pending::<()>().await;
        });
        Self {
            address,
            gate,
            sick,
            _stop: stop,
        }
    }

    pub fn client(&self) -> Client {
        Client::new(format!("http://{}", self.address))
    }

    /// Lets loads go on.
    pub fn open(&self) {
        self.gate.add_permits(1000);
    }

    /// From now on the store does not say how it is.
    pub fn hold_health(&self) {
        self.sick.store(true, Ordering::SeqCst);
    }
}

struct Sick {
    inner: MemoryStore,
    sick: Arc<AtomicBool>,
}

#[async_trait]
impl SourceConfigStore for Sick {
    fn describe(&self) -> String {
        self.inner.describe()
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
        self.inner.put(key, document, expect, meta).await
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
    fn watch(&self) -> BoxStream<'static, StoreChange> {
        self.inner.watch()
    }
    async fn health(&self) -> ComponentHealth {
        if self.sick.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.inner.health().await
    }
}
