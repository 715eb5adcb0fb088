//! Refreshes of what has not changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::support::*;
use crate::model::*;
use crate::ports::*;
use crate::service::*;
use crate::testing::{PlainPlugin, document, key, meta};
use crate::validation::{Finding, Layer, LayerContext, ValidationLayer};

struct Steady {
    bench: Bench,
    loads: Arc<AtomicUsize>,
}

impl Steady {
    async fn new(repeatable: bool) -> Self {
        let loads = Arc::new(AtomicUsize::new(0));
        let plugin = Moody {
            plain: PlainPlugin::default(),
            loads: loads.clone(),
            repeatable,
        };
        let bench = Bench::with(plugin, MemoryStore::new()).await;
        Self { bench, loads }
    }

    fn snapshot(&self) -> Arc<SourceSnapshot> {
        let view = self.bench.catalog.snapshot(&self.bench.key.plugin).unwrap();
        view.source(&self.bench.key.id).unwrap().snapshot.clone()
    }

    /// A refresh, and how many loads it took.
    async fn refresh(&self) -> (RefreshOutcome, usize) {
        let before = self.loads.load(Ordering::SeqCst);
        let outcome = self.bench.catalog.refresh(&self.bench.key).await.unwrap();
        (outcome, self.loads.load(Ordering::SeqCst) - before)
    }
}

#[tokio::test]
async fn a_refresh_of_what_has_not_changed_keeps_the_entities_and_is_recorded() {
    let steady = Steady::new(true).await;
    steady.bench.created(&["a", "b"]).await;
    let (before, status) = (steady.snapshot(), steady.bench.status());
    let mut events = steady.bench.catalog.subscribe();
    let (outcome, loads) = steady.refresh().await;
    assert_eq!(loads, 0);
    assert!(Arc::ptr_eq(&before, &steady.snapshot()));
    assert_eq!((outcome.entities_loaded, outcome.entities_removed), (2, 0));
    let after = steady.bench.status();
    let times = |s: &SourceStatus| s.last_refresh.as_ref().unwrap().last_refresh_time;
    assert!(times(&after) >= times(&status));
    // As precise as a database can hold.
    let lost = outcome.finished_at - times(&after);
    assert!(lost.num_microseconds() == Some(0), "{lost}");
    assert_eq!(after.findings, status.findings);
    assert!(matches!(
        events.try_recv(),
        Ok(CatalogEvent::Refreshed {
            entity_count: 2,
            succeeded: true,
            ..
        })
    ));
}

#[tokio::test]
async fn what_looks_at_more_than_the_document_is_loaded_every_time() {
    let moody = Steady::new(false).await;
    moody.bench.created(&["a"]).await;
    assert_eq!(moody.refresh().await.1, 1);

    struct Strict;
    impl ValidationLayer for Strict {
        fn layer(&self) -> Layer {
            Layer::Custom("today".into())
        }
        fn check(&self, _: LayerContext<'_>) -> Vec<Finding> {
            Vec::new()
        }
    }
    let loads = Arc::new(AtomicUsize::new(0));
    let plugin = Moody {
        plain: PlainPlugin::default(),
        loads: loads.clone(),
        repeatable: true,
    };
    let store = MemoryStore::new();
    let sound = document("A source", items(&["a"]), serde_json::Map::new());
    store.seed(&key("plain", "s"), sound, &meta(RevisionKind::Import));
    let builder = CatalogService::builder().store(store).plugin(plugin);
    let catalog = builder.layer(Strict).build().unwrap();
    let _running = catalog.start().await;
    catalog.refresh(&key("plain", "s")).await.unwrap();
    assert_eq!(loads.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn another_revision_is_loaded_even_with_the_same_bytes() {
    let steady = Steady::new(true).await;
    let first = steady.bench.created(&["a"]).await;
    let stored = steady.bench.store.get(&steady.bench.key).await.unwrap();
    let again = stored.unwrap().document;
    let seeded = steady
        .bench
        .store
        .seed(&steady.bench.key, again, &meta(RevisionKind::External));
    assert_ne!(seeded.id, first.revision.id);
    assert_eq!(steady.refresh().await.1, 1);
    assert_eq!(steady.snapshot().revision, Some(seeded.id));
}

#[tokio::test]
async fn what_did_not_load_is_tried_again() {
    let steady = Steady::new(true).await;
    steady.bench.created(&["a"]).await;
    let bad = document("A source", "items:\n  - nam: b\n", serde_json::Map::new());
    let meta = meta(RevisionKind::External);
    steady.bench.store.seed(&steady.bench.key, bad, &meta);
    for _ in 0..2 {
        let (outcome, loads) = steady.refresh().await;
        assert!(outcome.error.is_some() && loads > 0);
    }
    assert_eq!(steady.bench.served(), ["a"]);
}

#[tokio::test]
async fn other_bytes_are_loaded_even_under_the_same_revision() {
    let store = Arc::new(Faulty::new());
    let (key, first) = (key("plain", "s"), items(&["a"]));
    let sound = document("A source", first, serde_json::Map::new());
    store.inner.seed(&key, sound, &meta(RevisionKind::Import));
    let loads = Arc::new(AtomicUsize::new(0));
    let plugin = Moody {
        plain: PlainPlugin::default(),
        loads: loads.clone(),
        repeatable: true,
    };
    let builder = CatalogService::builder().shared_store(store.clone());
    let catalog = builder.plugin(plugin).build().unwrap();
    let _running = catalog.start().await;
    catalog.refresh(&key).await.unwrap();
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    *store.content.lock().unwrap() = Some(items(&["b"]));
    catalog.refresh(&key).await.unwrap();
    assert_eq!(loads.load(Ordering::SeqCst), 2);
    let view = catalog.snapshot(&key.plugin).unwrap();
    assert!(view.entity("b").is_some() && view.entity("a").is_none());
}
