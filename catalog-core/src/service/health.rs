//! How the service and its parts are.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{self, BoxFuture};
use tokio::time::Instant;

use super::{CatalogService, Shared};
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

/// Who asks waits this long for checks that are under way when there is an older answer: less than
/// probes usually do (1 s).
const PATIENCE: Duration = Duration::from_millis(500);
/// An answer older than this says nothing any more, even while a check hangs. Longer than the usual
/// interval of probes (10 s): what one of them began is there for the next.
const OLDEST: Duration = Duration::from_secs(30);

/// The last answer, and the checks under way.
#[derive(Default)]
pub(super) struct Cache(Mutex<Known>);

#[derive(Default)]
struct Known {
    last: Option<(Instant, HealthReport)>,
    /// Ends when the answer is there.
    checks: Option<Checks>,
}

/// Checks under way, that everybody who asks meanwhile waits for.
type Checks = future::Shared<BoxFuture<'static, ()>>;

impl Cache {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last(&self, oldest: Duration) -> Option<HealthReport> {
        let known = self.known();
        let young = known.last.as_ref().filter(|(at, _)| at.elapsed() < oldest);
        young.map(|(_, report)| report.clone())
    }
}

impl CatalogService {
    /// How everything is: at most [`health_cache`](super::ServiceOptions::health_cache) old, unless a
    /// component takes long to answer. Then the last answer is given meanwhile, up to half a minute
    /// old.
    ///
    /// All components are asked at once, each for at most
    /// [`health_timeout`](super::ServiceOptions::health_timeout), once for all who ask meanwhile, and
    /// to the end even when nobody waits any longer.
    pub async fn health(&self) -> HealthReport {
        let shared = &self.shared;
        if let Some(report) = shared.health.last(shared.options.health_cache) {
            return self.with_live_parts(report);
        }
        let checks = self.checks();
        if bounded(PATIENCE, checks.clone()).await.is_none() && shared.health.last(OLDEST).is_none()
        {
            checks.await;
        }
        let timed_out = || Shared::report(None, None, None, BTreeMap::new());
        let report = shared.health.last(Duration::MAX).unwrap_or_else(timed_out);
        self.with_live_parts(report)
    }

    /// The checks under way, begun if need be.
    fn checks(&self) -> Checks {
        let mut known = self.shared.health.known();
        if let Some(checks) = &known.checks {
            return checks.clone();
        }
        let shared = self.shared.clone();
        let task = tokio::spawn(async move {
            let report = shared.ask_all().await;
            let mut known = shared.health.known();
            known.last = Some((Instant::now(), report));
            known.checks = None;
        });
        // A check that panics has no answer.
        let shared = self.shared.clone();
        let checks = task.then(async move |done| {
            if done.is_err() {
                shared.health.known().checks = None;
            }
        });
        let checks = checks.boxed().shared();
        known.checks = Some(checks.clone());
        checks
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

impl Shared {
    /// Asks every component, all at once.
    async fn ask_all(&self) -> HealthReport {
        let limit = self.options.health_timeout;
        let others = self.checks.iter().map(async |component| {
            let health = check(&**component, limit).await;
            (component.name().to_owned(), health)
        });
        let (database, migrations, store, others) = tokio::join!(
            bounded(limit, self.status.health()),
            bounded(limit, self.status.migrations()),
            bounded(limit, self.store.health()),
            future::join_all(others),
        );
        let report = Self::report(database, migrations, store, others.into_iter().collect());
        // Whatever is wrong with it, it may lack something afterwards.
        if let Some(database) = &report.database
            && database.state != ComponentState::Healthy
        {
            self.ledger.miss();
        }
        report
    }

    /// What the components answered; `None`: nothing in time.
    fn report(
        database: Option<Option<ComponentHealth>>,
        migrations: Option<ComponentHealth>,
        store: Option<ComponentHealth>,
        others: BTreeMap<String, ComponentHealth>,
    ) -> HealthReport {
        let timed_out = || ComponentHealth::unhealthy("no answer in time");
        HealthReport {
            database: database.unwrap_or_else(|| Some(timed_out())),
            migrations: migrations.unwrap_or_else(timed_out),
            store: store.unwrap_or_else(timed_out),
            initial_load: false,
            others,
            plugins: PluginsHealth {
                healthy: 0,
                total: 0,
            },
        }
    }
}
