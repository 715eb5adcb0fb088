//! Events and health.

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
    assert!(health.others.contains_key("upstream"));
}
