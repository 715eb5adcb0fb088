//! Putting a service together.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use tokio::sync::{Semaphore, broadcast};

use super::health::Cache;
use super::ledger::Ledger;
use super::view::PluginSlot;
use super::{CatalogService, ServiceOptions, Shared};
use crate::model::PluginName;
use crate::ports::{
    CatalogPlugin, Clock, EventSink, HealthCheck, MemoryStatus, NoEvents, NoSecrets,
    RefreshStatusRepository, SecretResolver, SourceConfigStore, SystemClock,
};
use crate::validation::{Pipeline, ValidationLayer};
use crate::yaml::Limits;

/// Events that a slow subscriber may lag behind.
const EVENT_BUFFER: usize = 1024;

/// A service that cannot be put together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Nothing keeps the documents.
    #[error("a store is needed")]
    NoStore,
    /// Two plugins of one name.
    #[error("the plugin {0} was added twice")]
    DuplicatePlugin(PluginName),
    /// Two plugins of one section in `sources.yaml`.
    #[error("two plugins have the config key {0}")]
    DuplicateConfigKey(String),
}

/// Collects the parts of a [`CatalogService`]. Only a store is required.
#[derive(Default)]
pub struct CatalogServiceBuilder {
    store: Option<Arc<dyn SourceConfigStore>>,
    status: Option<Arc<dyn RefreshStatusRepository>>,
    secrets: Option<Arc<dyn SecretResolver>>,
    sink: Option<Arc<dyn EventSink>>,
    clock: Option<Arc<dyn Clock>>,
    plugins: Vec<Arc<dyn CatalogPlugin>>,
    layers: Vec<Arc<dyn ValidationLayer>>,
    checks: Vec<Arc<dyn HealthCheck>>,
    limits: Option<Limits>,
    options: ServiceOptions,
}

impl CatalogServiceBuilder {
    /// Keeps the documents here.
    pub fn store(mut self, store: impl SourceConfigStore + 'static) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// As [`store`](Self::store), for one that is shared.
    pub fn shared_store(mut self, store: Arc<dyn SourceConfigStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Keeps refresh status here. Without it, in memory.
    pub fn status(mut self, status: impl RefreshStatusRepository + 'static) -> Self {
        self.status = Some(Arc::new(status));
        self
    }

    /// As [`status`](Self::status), for one that is shared.
    pub fn shared_status(mut self, status: Arc<dyn RefreshStatusRepository>) -> Self {
        self.status = Some(status);
        self
    }

    /// Adds an asset type.
    pub fn plugin(mut self, plugin: impl CatalogPlugin + 'static) -> Self {
        self.plugins.push(Arc::new(plugin));
        self
    }

    /// Adds a validation layer behind the standard ones.
    pub fn layer(mut self, layer: impl ValidationLayer + 'static) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Asks this component how it is, too, whenever somebody asks for the health of all.
    pub fn health_check(mut self, check: impl HealthCheck + 'static) -> Self {
        self.checks.push(Arc::new(check));
        self
    }

    /// Resolves secret references here. Without it, none resolves.
    pub fn secrets(mut self, secrets: impl SecretResolver + 'static) -> Self {
        self.secrets = Some(Arc::new(secrets));
        self
    }

    /// Sends events here, besides to subscribers.
    pub fn events(mut self, sink: impl EventSink + 'static) -> Self {
        self.sink = Some(Arc::new(sink));
        self
    }

    /// Takes the time from here.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Bounds content. Without it, what fits the store's document size.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Sets time-outs and thresholds.
    pub fn options(mut self, options: ServiceOptions) -> Self {
        self.options = options;
        self
    }

    /// Puts the service together. Nothing is read before [`CatalogService::start`].
    ///
    /// # Errors
    /// [`BuildError`]
    pub fn build(self) -> Result<CatalogService, BuildError> {
        let store = self.store.ok_or(BuildError::NoStore)?;
        let mut plugins = BTreeMap::new();
        let mut order = Vec::new();
        let mut config_keys = HashSet::new();
        for plugin in self.plugins {
            let name = plugin.name().clone();
            let config_key = plugin.config_key().to_owned();
            if !plugins.contains_key(&name) && !config_keys.insert(config_key.clone()) {
                return Err(BuildError::DuplicateConfigKey(config_key));
            }
            order.push(name.clone());
            if plugins
                .insert(name.clone(), Arc::new(PluginSlot::new(plugin)))
                .is_some()
            {
                return Err(BuildError::DuplicatePlugin(name));
            }
        }
        let limits = self.limits.unwrap_or_else(|| {
            let bytes = store.capabilities().max_document_bytes;
            Limits::for_documents(usize::try_from(bytes).unwrap_or(usize::MAX))
        });
        let pipeline = self
            .layers
            .into_iter()
            .fold(Pipeline::new(limits), Pipeline::with_layer);
        Ok(CatalogService {
            shared: Arc::new(Shared {
                store,
                status: self.status.unwrap_or_else(|| Arc::new(MemoryStatus::new())),
                secrets: self.secrets.unwrap_or_else(|| Arc::new(NoSecrets)),
                sink: self.sink.unwrap_or_else(|| Arc::new(NoEvents)),
                clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock)),
                pipeline,
                options: self.options,
                plugins,
                order,
                events: broadcast::channel(EVENT_BUFFER).0,
                checks: self.checks,
                loaded_once: false.into(),
                ledger: Ledger::default(),
                showing: super::read::Turns::default(),
                comparing: super::read::Turns::default(),
                looks: Semaphore::new(self.options.concurrent_loads.max(1)),
                work: Arc::new(Semaphore::new(self.options.documents_in_work() as usize)),
                health: Cache::default(),
            }),
        })
    }
}
