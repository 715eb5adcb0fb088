//! How the service and its parts are.

use std::collections::BTreeMap;

use super::CatalogService;
use crate::health::{bounded, check};
use crate::model::SourceState;
use crate::ports::{ComponentHealth, ComponentState};

/// How the plugins are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PluginsHealth {
    /// Plugins without a source in error.
    pub healthy: usize,
    /// All plugins.
    pub total: usize,
}

/// How everything is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthReport {
    /// The status database; `None`: there is none.
    pub database: Option<ComponentHealth>,
    /// Its migrations.
    pub migrations: ComponentHealth,
    /// The store of source documents.
    pub store: ComponentHealth,
    /// Whether every source was loaded once.
    pub initial_load: bool,
    /// The components that an embedder added, by name. One that is unhealthy makes the service
    /// unready.
    pub others: BTreeMap<String, ComponentHealth>,
    /// The plugins. One bad source degrades its plugin; it does not make the service unready.
    pub plugins: PluginsHealth,
}

impl HealthReport {
    /// Whether requests can be served: the store and what an embedder added are not unhealthy, and
    /// the first load has ended. The status database takes no part: it only records what happened,
    /// and to take a catalog out of rotation for its sake would be an outage for a note book.
    pub fn is_ready(&self) -> bool {
        let fine = |health: &ComponentHealth| health.state != ComponentState::Unhealthy;
        self.initial_load && fine(&self.store) && self.others.values().all(fine)
    }

    /// How everything is, in one word: unhealthy when requests cannot be served, degraded when some
    /// part is not as it should be.
    pub fn state(&self) -> ComponentState {
        let parts = self.database.iter().chain([&self.migrations, &self.store]);
        let mut parts = parts.chain(self.others.values());
        let whole = self.plugins.healthy == self.plugins.total;
        match self.is_ready() {
            false => ComponentState::Unhealthy,
            true if whole && parts.all(|part| part.state == ComponentState::Healthy) => {
                ComponentState::Healthy
            }
            true => ComponentState::Degraded,
        }
    }
}

impl CatalogService {
    /// How everything is, at most [`ServiceOptions::health_cache`](super::ServiceOptions) old.
    pub async fn health(&self) -> HealthReport {
        let shared = &self.shared;
        let mut cached = shared.health.lock().await;
        if let Some((at, report)) = &*cached
            && at.elapsed() < shared.options.health_cache
        {
            return self.with_live_parts(report.clone());
        }
        let limit = shared.options.health_timeout;
        let (database, migrations, store) = tokio::join!(
            bounded(limit, shared.status.health()),
            bounded(limit, shared.status.migrations()),
            bounded(limit, shared.store.health()),
        );
        let mut others = BTreeMap::new();
        for component in &shared.checks {
            let health = check(&**component, limit).await;
            others.insert(component.name().to_owned(), health);
        }
        let timed_out = || ComponentHealth::unhealthy("no answer in time");
        let report = HealthReport {
            database: database.unwrap_or_else(|| Some(timed_out())),
            migrations: migrations.unwrap_or_else(timed_out),
            store: store.unwrap_or_else(timed_out),
            initial_load: false,
            others,
            plugins: PluginsHealth {
                healthy: 0,
                total: 0,
            },
        };
        // Whatever is wrong with it, it may lack something afterwards.
        if let Some(database) = &report.database
            && database.state != ComponentState::Healthy
        {
            shared.ledger.miss();
        }
        *cached = Some((tokio::time::Instant::now(), report.clone()));
        self.with_live_parts(report)
    }

    /// What costs nothing is never old.
    fn with_live_parts(&self, report: HealthReport) -> HealthReport {
        let slots = self.shared.plugins.values();
        let sound = slots.filter(|slot| {
            let view = slot.view.load();
            !view.sources().any(|s| s.status.state == SourceState::Error)
        });
        let plugins = PluginsHealth {
            healthy: sound.count(),
            total: self.shared.plugins.len(),
        };
        HealthReport {
            initial_load: self.is_loaded(),
            plugins,
            ..report
        }
    }
}
