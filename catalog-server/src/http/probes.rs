//! Probes. Every member of a component is a string: clients decode them as maps of strings.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use catalog_core::ports::{ComponentHealth, ComponentState};
use catalog_core::service::{CatalogService, HealthReport};
use poem_openapi::{ApiResponse, Object, OpenApi, Tags};
use serde::Serialize;
use tokio::sync::watch;

use crate::http_kit::Wire;

#[derive(Tags)]
enum Tag {
    /// Health of the process and its parts.
    Probes,
}

/// The process answers.
#[derive(Debug, Object, Serialize)]
struct Liveness {
    /// Always `alive`.
    status: String,
    /// Since the start, such as `1h2m3s`.
    uptime: String,
}

/// Whether requests can be served.
#[derive(Debug, Object, Serialize)]
struct Readiness {
    /// `ready` or `not_ready`.
    status: String,
    /// Each part with its `status` and, where there is more to say, `error` or `details`.
    components: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(ApiResponse)]
enum ReadyAnswer {
    /// Requests are served.
    #[oai(status = 200)]
    Ready(Wire<Readiness>),
    /// Send requests elsewhere.
    #[oai(status = 503)]
    NotReady(Wire<Readiness>),
}

/// The handlers of the probes.
pub(super) struct Probes {
    catalog: CatalogService,
    started: Instant,
    stop: watch::Receiver<bool>,
}

impl Probes {
    pub(super) fn new(catalog: CatalogService, stop: watch::Receiver<bool>) -> Self {
        Self {
            catalog,
            started: Instant::now(),
            stop,
        }
    }

    fn alive(&self) -> Wire<Liveness> {
        let uptime = uptime(self.started.elapsed());
        Wire(Liveness {
            status: "alive".to_owned(),
            uptime,
        })
    }
}

#[OpenApi(tag = "Tag::Probes")]
impl Probes {
    /// The process answers; touches nothing
    #[oai(path = "/livez", method = "get", operation_id = "livez")]
    async fn livez(&self) -> Wire<Liveness> {
        self.alive()
    }

    /// As /livez
    #[oai(path = "/healthz", method = "get", operation_id = "healthz")]
    async fn healthz(&self) -> Wire<Liveness> {
        self.alive()
    }

    /// Whether requests can be served
    #[oai(path = "/readyz", method = "get", operation_id = "readyz")]
    async fn readyz(&self) -> ReadyAnswer {
        let report = self.catalog.health().await;
        let ready = report.is_ready() && !*self.stop.borrow();
        let status = if ready { "ready" } else { "not_ready" };
        let body = Readiness {
            status: status.to_owned(),
            components: components(&report),
        };
        match ready {
            true => ReadyAnswer::Ready(Wire(body)),
            false => ReadyAnswer::NotReady(Wire(body)),
        }
    }
}

type Component = BTreeMap<String, String>;

fn component(status: &str, more: Option<(&str, &str)>) -> Component {
    let mut component = Component::from([("status".to_owned(), status.to_owned())]);
    if let Some((name, value)) = more {
        component.insert(name.to_owned(), value.to_owned());
    }
    component
}

/// A component with its own words for the three states.
fn of(health: &ComponentHealth, [healthy, degraded, unhealthy]: [&str; 3]) -> Component {
    let status = match health.state {
        ComponentState::Healthy => healthy,
        ComponentState::Degraded => degraded,
        ComponentState::Unhealthy => unhealthy,
    };
    component(status, health.detail.as_deref().map(|d| ("error", d)))
}

fn components(report: &HealthReport) -> BTreeMap<String, Component> {
    let database = match &report.database {
        Some(health) => of(health, ["up", "up", "down"]),
        None => component("not_configured", None),
    };
    let load = if report.initial_load {
        "complete"
    } else {
        "pending"
    };
    let (healthy, total) = (report.plugins.healthy, report.plugins.total);
    let plugins = match healthy == total {
        true => component(
            "healthy",
            Some(("details", &format!("all {total} plugins healthy"))),
        ),
        false => {
            let details = format!("{healthy} of {total} plugins healthy");
            component("degraded", Some(("details", &details)))
        }
    };
    let others = report.others.iter();
    let others =
        others.map(|(name, health)| (name.clone(), of(health, ["up", "degraded", "down"])));
    let mut components: BTreeMap<String, Component> = others.collect();
    components.extend([
        ("database".to_owned(), database),
        (
            "migrations".to_owned(),
            of(&report.migrations, ["complete", "pending", "failed"]),
        ),
        (
            "config_store".to_owned(),
            of(&report.store, ["up", "degraded", "down"]),
        ),
        ("initial_load".to_owned(), component(load, None)),
        ("plugins".to_owned(), plugins),
    ]);
    components
}

/// As `1h2m3s`, `2m3s`, `3s`.
fn uptime(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (h, m) {
        (0, 0) => format!("{s}s"),
        (0, _) => format!("{m}m{s}s"),
        _ => format!("{h}h{m}m{s}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_reads_as_clients_know_it() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (61, "1m1s"),
            (3723, "1h2m3s"),
            (90_000, "25h0m0s"),
        ] {
            assert_eq!(uptime(Duration::from_secs(seconds)), text);
        }
    }
}
