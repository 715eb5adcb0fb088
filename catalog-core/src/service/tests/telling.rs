//! Events and health.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;

use super::support::*;
use crate::model::*;
use crate::ports::*;
use crate::service::*;
use crate::testing::{PlainPlugin, document, key, meta};

#[tokio::test]
async fn events_tell_what_happened() {
    let bench = Bench::new().await;
    let mut events = bench.catalog.subscribe();
    let first = bench.created(&["a"]).await;
    bench
        .catalog
        .delete(&bench.key, revision(&first), Author::new("a"), None)
        .await
        .unwrap();
    let mut seen = Vec::new();
    while let Ok(event) = events.try_recv() {
        seen.push(
            serde_json::to_value(&event).unwrap()["type"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    assert_eq!(seen, ["changed", "refreshed", "changed", "removed"]);
}

#[tokio::test]
async fn health_is_ready_after_the_first_load_and_one_bad_source_does_not_change_that() {
    let store = MemoryStore::new();
    let bad = document("A source", "items: [", serde_json::Map::new());
    store.seed(&key("plain", "bad"), bad, &meta(RevisionKind::Import));
    let bench = Bench::with(PlainPlugin::default(), store).await;
    let health = bench.catalog.health().await;
    assert!(health.is_ready());
    assert_eq!(health.state(), ComponentState::Degraded);
    assert_eq!(
        health.plugins,
        PluginsHealth {
            healthy: 0,
            total: 1
        }
    );
    assert!(!bench.catalog.plugins()[0].healthy);
}

#[tokio::test]
async fn an_embedders_component_takes_part_in_readiness() {
    struct Down;
    #[async_trait]
    impl HealthCheck for Down {
        fn name(&self) -> &str {
            "upstream"
        }
        async fn check(&self) -> ComponentHealth {
            ComponentHealth::unhealthy("away")
        }
    }
    let builder = CatalogService::builder()
        .store(MemoryStore::new())
        .health_check(Down);
    let catalog = builder.plugin(PlainPlugin::default()).build().unwrap();
    let _running = catalog.start().await;
    let health = catalog.health().await;
    assert!(!health.is_ready());
    assert_eq!(health.state(), ComponentState::Unhealthy);
    assert!(health.others.contains_key("upstream"));
}

/// A status repository that can be away.
#[derive(Default)]
struct Away {
    inner: MemoryStatus,
    away: AtomicBool,
    calls: AtomicUsize,
}

impl Away {
    fn ask(&self) -> Result<(), StatusError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match self.away.load(Ordering::SeqCst) {
            false => Ok(()),
            true => Err(StatusError {
                operation: "answer",
                source: "away".into(),
            }),
        }
    }
}

#[async_trait]
impl RefreshStatusRepository for Away {
    async fn upsert(&self, status: &RefreshStatus) -> Result<(), StatusError> {
        self.ask()?;
        self.inner.upsert(status).await
    }
    async fn get(&self, key: &SourceKey) -> Result<Option<RefreshStatus>, StatusError> {
        self.ask()?;
        self.inner.get(key).await
    }
    async fn list(&self, plugin: &PluginName) -> Result<Vec<RefreshStatus>, StatusError> {
        self.ask()?;
        self.inner.list(plugin).await
    }
    async fn delete(&self, key: &SourceKey) -> Result<(), StatusError> {
        self.ask()?;
        self.inner.delete(key).await
    }
    async fn delete_plugin(&self, plugin: &PluginName) -> Result<u64, StatusError> {
        self.ask()?;
        self.inner.delete_plugin(plugin).await
    }
    async fn history(
        &self,
        k: &SourceKey,
        limit: usize,
    ) -> Result<Vec<RefreshStatus>, StatusError> {
        self.ask()?;
        self.inner.history(k, limit).await
    }
    async fn health(&self) -> Option<ComponentHealth> {
        Some(match self.away.load(Ordering::SeqCst) {
            true => ComponentHealth::unhealthy("away"),
            false => ComponentHealth::healthy(),
        })
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_recorded_is_recorded_when_the_repository_is_back() {
    let status = Arc::new(Away::default());
    let catalog = CatalogService::builder()
        .store(MemoryStore::new())
        .shared_status(status.clone())
        .plugin(PlainPlugin::default())
        .build()
        .unwrap();
    let _running = catalog.start().await;
    let apply = async |id: &str, names: &[&str], expect| {
        let edit = new_source(&items(names));
        let author = Author::new("operator");
        let key = key("plain", id);
        let options = ApplyOptions::default();
        catalog
            .apply(&key, edit, expect, author, options)
            .await
            .unwrap()
    };
    apply("deleted", &["x"], Expect::Absent).await;
    let plain = key("plain", "x").plugin;
    status.away.store(true, Ordering::SeqCst);
    let calls = status.calls.load(Ordering::SeqCst);
    apply("a", &["x"], Expect::Absent).await;
    apply("b", &["x", "y"], Expect::Absent).await;
    let last = apply("a", &["z"], Expect::Any).await;
    let author = Author::new("operator");
    catalog
        .delete(&key("plain", "deleted"), Expect::Any, author, None)
        .await
        .unwrap();
    assert_eq!(
        status.calls.load(Ordering::SeqCst) - calls,
        1,
        "asked once, not for each"
    );
    let health = catalog.health().await;
    assert!(health.is_ready(), "what is served does not depend on it");
    assert_eq!(health.state(), ComponentState::Degraded);
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(
        status.inner.list(&plain).await.unwrap().len(),
        1,
        "still away"
    );
    status.away.store(false, Ordering::SeqCst);
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let rows = status.inner.list(&plain).await.unwrap();
    let told: Vec<_> = rows
        .iter()
        .map(|r| (r.key.id.as_str(), r.entities_loaded))
        .collect();
    assert_eq!(told, [("a", 1), ("b", 2)]);
    assert_eq!(rows[0].revision, Some(last.revision.id));
    let calls = status.calls.load(Ordering::SeqCst);
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(
        status.calls.load(Ordering::SeqCst),
        calls,
        "and then nobody asks"
    );
}

/// Takes this long to answer, and counts how often it is asked.
struct Slow {
    name: &'static str,
    takes: std::time::Duration,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl HealthCheck for Slow {
    fn name(&self) -> &str {
        self.name
    }
    async fn check(&self) -> ComponentHealth {
        self.asked.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(self.takes).await;
        ComponentHealth::healthy()
    }
}

#[tokio::test(start_paused = true)]
async fn probes_that_are_less_patient_than_a_check_get_an_answer_all_the_same() {
    let asked = Arc::new(AtomicUsize::new(0));
    let check = |name, seconds| Slow {
        name,
        takes: std::time::Duration::from_secs(seconds),
        asked: asked.clone(),
    };
    let mut builder = CatalogService::builder()
        .store(MemoryStore::new())
        .plugin(PlainPlugin::default());
    for name in ["a", "b", "c"] {
        builder = builder.health_check(check(name, 1));
    }
    let catalog = builder.build().unwrap();
    let _running = catalog.start().await;
    let probe = async || {
        let second = std::time::Duration::from_millis(900);
        tokio::time::timeout(second, catalog.health()).await
    };
    let probes = futures_util::future::join_all((0..5).map(|_| probe())).await;
    assert!(probes.iter().all(Result::is_err));
    // What the first ones began is there for the next one: all were asked at once, and once.
    for _ in 0..5 {
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
        assert!(probe().await.expect("an answer").is_ready());
    }
    assert_eq!(asked.load(Ordering::SeqCst), 3 * 6);
    // After a long time the last answer says nothing any more.
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert!(probe().await.is_err());
}
