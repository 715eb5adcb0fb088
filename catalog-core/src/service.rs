//! The façade that embedders and the HTTP server call.
//!
//! A [`CatalogService`] ties a store, a status repository and plugins together. Every write takes
//! the same way: restore redacted values, validate, load what would be served, compare, store
//! durably, and only then swap what readers see. Reads take no lock: they look at an immutable
//! [`PluginView`].
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use catalog_core::model::{Author, Edit, Expect, SettingsPatch, SourceKey};
//! use catalog_core::ports::MemoryStore;
//! use catalog_core::service::{ApplyOptions, CatalogService};
//! use catalog_core::testing::PlainPlugin;
//!
//! let catalog = CatalogService::builder()
//!     .store(MemoryStore::new())
//!     .plugin(PlainPlugin::default())
//!     .build()?;
//! let running = catalog.start().await;
//!
//! let key = SourceKey::parse("plain", "first")?;
//! let settings = SettingsPatch {
//!     name: Some("First".into()),
//!     source_type: Some("yaml".into()),
//!     ..SettingsPatch::default()
//! };
//! let edit = Edit::settings(settings).with_content("items:\n  - name: a\n");
//! let done = catalog
//!     .apply(&key, edit, Expect::Absent, Author::new("operator"), ApplyOptions::default())
//!     .await?;
//! assert!(done.created);
//! assert_eq!(done.status.entity_count, 1);
//! let view = catalog.snapshot(&key.plugin).ok_or("no such plugin")?;
//! assert_eq!(view.entities().count(), 1);
//! running.stop().await;
//! # Ok(())
//! # }
//! ```

mod apply;
mod builder;
mod change;
mod diff;
mod guard;
mod health;
mod ledger;
mod load;
mod names;
mod order;
mod plan;
mod read;
mod reconcile;
mod refresh;
mod resolving;
mod sources;
mod view;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::{Semaphore, broadcast};

pub use apply::{Applied, ApplyOptions, Deleted};
pub use builder::{BuildError, CatalogServiceBuilder};
pub use diff::{Diff, EntityChanges, FieldChange};
pub use health::{HealthReport, PluginsHealth};
pub use order::Order;
pub use read::{PluginInfo, RevisionDetail, RevisionEntry, SourceDetail, SourceView};
pub use reconcile::Running;
pub use view::{LiveSource, PluginView, SourceSnapshot, SourceStatus};

use crate::error::CatalogError;
use crate::model::{PluginName, SourceKey};
use crate::ports::{
    CatalogEvent, CatalogPlugin, Clock, EventSink, HealthCheck, RefreshStatusRepository,
    SecretResolver, SourceConfigStore,
};
use crate::validation::Pipeline;
use ledger::Ledger;
use view::PluginSlot;

/// What may be set of the service. Every field has a default.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ServiceOptions {
    /// A load that takes longer has failed.
    pub load_timeout: Duration,
    /// An edit may remove this many entities without confirmation…
    pub max_unconfirmed_removals: usize,
    /// …or this share of the source's entities (0 to 1), whichever is more.
    pub max_unconfirmed_removal_share: f64,
    /// A status repository or secret resolver that takes longer has failed.
    pub port_timeout: Duration,
    /// Sources that are loaded at the same time, besides those that wait for their upstreams.
    pub concurrent_loads: usize,
    /// Bytes of documents that are validated, compared or loaded at the same time. Parsed they take up
    /// to 30 times as much memory. A document larger than this has it all to itself.
    pub documents_in_work: usize,
    /// A health check that takes longer has failed.
    pub health_timeout: Duration,
    /// A health answer is this old at most.
    pub health_cache: Duration,
    /// How long to wait before trying again to read a store, or to record with a status repository,
    /// that does not answer.
    pub retry_interval: Duration,
}

impl Default for ServiceOptions {
    fn default() -> Self {
        Self {
            load_timeout: Duration::from_secs(30),
            max_unconfirmed_removals: 10,
            max_unconfirmed_removal_share: 0.2,
            port_timeout: Duration::from_secs(10),
            concurrent_loads: 8,
            documents_in_work: 4 << 20,
            health_timeout: Duration::from_secs(2),
            health_cache: Duration::from_secs(1),
            retry_interval: Duration::from_secs(2),
        }
    }
}

impl ServiceOptions {
    /// As a semaphore counts.
    fn documents_in_work(&self) -> u32 {
        u32::try_from(self.documents_in_work)
            .unwrap_or(u32::MAX)
            .clamp(1, (Semaphore::MAX_PERMITS.min(u32::MAX as usize)) as u32)
    }
}

/// Manages catalogs. Cheap to clone; all clones are the same service.
#[derive(Clone)]
pub struct CatalogService {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for CatalogService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CatalogService")
            .field("store", &self.shared.store.describe())
            .field("plugins", &self.shared.plugins.keys())
            .finish_non_exhaustive()
    }
}

struct Shared {
    store: Arc<dyn SourceConfigStore>,
    status: Arc<dyn RefreshStatusRepository>,
    secrets: Arc<dyn SecretResolver>,
    sink: Arc<dyn EventSink>,
    clock: Arc<dyn Clock>,
    pipeline: Pipeline,
    options: ServiceOptions,
    plugins: BTreeMap<PluginName, Arc<PluginSlot>>,
    /// In the order in which they were added.
    order: Vec<PluginName>,
    events: broadcast::Sender<CatalogEvent>,
    checks: Vec<Arc<dyn HealthCheck>>,
    loaded_once: AtomicBool,
    ledger: Ledger,
    showing: read::Turns,
    comparing: read::Turns,
    /// Sources that the store is asked for at the same time.
    looks: Semaphore,
    /// Room for documents in work, in bytes.
    work: Arc<Semaphore>,
    health: health::Cache,
}

impl CatalogService {
    /// Starts putting a service together.
    pub fn builder() -> CatalogServiceBuilder {
        CatalogServiceBuilder::default()
    }

    /// Events from now on. A slow receiver loses the oldest ones and is told how many.
    pub fn subscribe(&self) -> broadcast::Receiver<CatalogEvent> {
        self.shared.events.subscribe()
    }

    /// What readers see of a plugin at this moment; it never changes.
    pub fn snapshot(&self, plugin: &PluginName) -> Option<Arc<PluginView>> {
        self.shared
            .plugins
            .get(plugin)
            .map(|slot| slot.view.load_full())
    }

    /// The plugin's own code, for what an embedder wants to ask it.
    pub fn plugin(&self, name: &PluginName) -> Option<&dyn CatalogPlugin> {
        self.shared.plugins.get(name).map(|slot| &*slot.plugin)
    }

    /// Runs work that must not stop half-way when the caller goes away.
    async fn detached<T, F>(&self, work: F) -> Result<T, CatalogError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, CatalogError>> + Send + 'static,
    {
        use tracing::Instrument as _;
        match tokio::spawn(work.in_current_span()).await {
            Ok(result) => result,
            Err(error) => Err(CatalogError::Internal(guard::task_failed(&error))),
        }
    }
}

impl Shared {
    fn slot(&self, plugin: &PluginName) -> Result<&Arc<PluginSlot>, CatalogError> {
        self.plugins
            .get(plugin)
            .ok_or_else(|| CatalogError::PluginNotFound(plugin.clone()))
    }

    fn emit(&self, event: CatalogEvent) {
        self.sink.emit(&event);
        // Nobody may be listening.
        let _ = self.events.send(event);
    }

    fn key_span(&self, name: &'static str, key: &SourceKey) -> tracing::Span {
        tracing::info_span!("catalog.source", operation = name, plugin = %key.plugin, source.id = %key.id)
    }
}

#[cfg(test)]
mod tests;
