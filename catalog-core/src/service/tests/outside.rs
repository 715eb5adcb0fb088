//! What changes past the service, and what a restart finds.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::support::*;
use crate::model::*;
use crate::ports::*;
use crate::service::*;
use crate::testing::{PlainPlugin, document, key, meta};

#[tokio::test]
async fn an_outside_edit_that_does_not_load_keeps_the_last_good_entities() {
    let bench = Bench::new().await;
    let first = bench.created(&["a"]).await;
    let outside = |text: &str| document("A source", text, serde_json::Map::new());
    bench.store.seed(
        &bench.key,
        outside("items: [\n"),
        &meta(RevisionKind::External),
    );
    bench
        .until("the error shows", |b| {
            b.status().state == SourceState::Error
        })
        .await;
    let status = bench.status();
    assert_eq!(
        (status.entity_count, status.revision),
        (1, Some(first.revision.id))
    );
    let error = status.last_refresh.unwrap().last_error.unwrap();
    assert!(error.contains("line 1"), "{error}");
    assert_eq!(bench.served(), ["a"]);
    // Every listed state is told truly: stored differs from served.
    let detail = bench.catalog.get(&bench.key).await.unwrap();
    assert_eq!(detail.view.revision.kind, RevisionKind::External);
    assert_ne!(Some(detail.view.revision.id), detail.view.status.revision);

    bench.store.seed(
        &bench.key,
        outside(&items(&["a", "b"])),
        &meta(RevisionKind::External),
    );
    bench
        .until("the repair shows", |b| {
            b.status().state == SourceState::Available
        })
        .await;
    assert_eq!(bench.served(), ["a", "b"]);
}

#[tokio::test]
async fn after_a_restart_the_last_good_revision_is_served() {
    let store = MemoryStore::new();
    let key = key("plain", "s");
    let outside = |text: &str| document("A source", text, serde_json::Map::new());
    let good = store.seed(&key, outside(&items(&["a"])), &meta(RevisionKind::Apply));
    store.seed(&key, outside("items: [\n"), &meta(RevisionKind::External));
    let bench = Bench::with(PlainPlugin::default(), store).await;
    let status = bench.status();
    assert_eq!((status.state, status.entity_count), (SourceState::Error, 1));
    assert_eq!(status.revision, Some(good.id));
    assert_eq!(bench.served(), ["a"]);
}

#[tokio::test]
async fn a_first_load_with_one_bad_entity_serves_the_others_and_names_it() {
    let store = MemoryStore::new();
    let key = key("plain", "s");
    let text = "items:\n  - name: a\n  - {}\n";
    store.seed(
        &key,
        document("A source", text, serde_json::Map::new()),
        &meta(RevisionKind::Import),
    );
    let bench = Bench::with(PlainPlugin::default(), store).await;
    assert_eq!(bench.served(), ["a"]);
    let status = bench.status();
    assert_eq!(status.state, SourceState::Error);
    assert_eq!(status.failures[0].line, Some(3));
}

#[tokio::test]
async fn many_refreshes_at_once_share_one_load() {
    let loads = Arc::new(AtomicUsize::new(0));
    let moody = Moody {
        plain: PlainPlugin::default(),
        loads: loads.clone(),
        repeatable: false,
    };
    let bench = Bench::with(moody, MemoryStore::new()).await;
    bench.created(&["a"]).await;
    let before = loads.load(Ordering::SeqCst);
    let calls = (0..20).map(|_| bench.catalog.refresh(&bench.key));
    for outcome in futures_util::future::join_all(calls).await {
        assert_eq!(outcome.unwrap().entities_loaded, 1);
    }
    let loaded = loads.load(Ordering::SeqCst) - before;
    assert!(loaded <= 2, "{loaded} loads for 20 callers");
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_panics_or_hangs_fails_its_source_only() {
    let moody = Moody {
        plain: PlainPlugin::default(),
        loads: Arc::default(),
        repeatable: false,
    };
    let bench = Bench::with(moody, MemoryStore::new()).await;
    bench.created(&["a"]).await;
    for (text, error) in [
        ("items: [] # panic", "failed while loading"),
        ("items: [] # hang", "longer than 30 s"),
    ] {
        let document = document("A source", text, serde_json::Map::new());
        bench
            .store
            .seed(&bench.key, document, &meta(RevisionKind::External));
        let outcome = bench.catalog.refresh(&bench.key).await.unwrap();
        assert!(
            outcome.error.clone().unwrap().contains(error),
            "{outcome:?}"
        );
        assert_eq!(bench.served(), ["a"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_without_watch_that_fails_at_first_is_tried_again() {
    let store = Arc::new(Faulty {
        watches: false,
        ..Faulty::new()
    });
    let seeded = document("A source", items(&["a"]), serde_json::Map::new());
    store
        .inner
        .seed(&key("plain", "s"), seeded, &meta(RevisionKind::Import));
    store.blind.store(true, Ordering::SeqCst);
    let catalog = over(store.clone());
    let _running = catalog.start().await;
    assert!(!catalog.is_loaded());
    store.blind.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(catalog.is_loaded());
}

#[tokio::test]
async fn what_was_switched_off_stays_off_after_a_restart_with_a_broken_file() {
    let store = MemoryStore::new();
    let key = key("plain", "s");
    let mut off = document("A source", items(&["secretive"]), serde_json::Map::new());
    store.seed(&key, off.clone(), &meta(RevisionKind::Apply));
    off.settings.enabled = false;
    store.seed(&key, off, &meta(RevisionKind::Apply));
    let broken = document("A source", "items: [", serde_json::Map::new());
    store.seed(&key, broken, &meta(RevisionKind::External));
    let bench = Bench::with(PlainPlugin::default(), store).await;
    assert!(bench.served().is_empty());
    assert_eq!(bench.status().state, SourceState::Error);
}

#[tokio::test]
async fn files_out_of_reach_after_a_restart_leave_the_recorded_entities_served() {
    let store = MemoryStore::new();
    let key = key("plain", "s");
    let settings = |names: &[&str]| document("A source", items(names), serde_json::Map::new());
    store.seed(&key, settings(&["old"]), &meta(RevisionKind::Apply));
    let problem =
        crate::validation::Finding::error(crate::validation::Layer::Provider, "not-found", "gone");
    let mut stored = StoredSource {
        key: key.clone(),
        document: settings(&["a", "b"]),
        revision: store.seed(&key, settings(&["x"]), &meta(RevisionKind::Apply)),
        origin: "a file".to_owned(),
        editable: true,
        problems: vec![problem],
    };
    stored.document = settings(&["a", "b"]);
    store.adopt(stored, &meta(RevisionKind::Apply));
    let bench = Bench::with(PlainPlugin::default(), store).await;
    assert_eq!(bench.served(), ["a", "b"]);
    assert_eq!(bench.status().state, SourceState::Error);
}

#[tokio::test]
async fn outside_edits_have_to_pass_every_layer_to_be_available() {
    let bench = Bench::new().await;
    bench.created(&["a"]).await;
    let blank_label = || {
        let mut document = document("A source", items(&["b"]), serde_json::Map::new());
        document.settings.labels = vec![" ".into()];
        document
    };
    bench
        .store
        .seed(&bench.key, blank_label(), &meta(RevisionKind::External));
    bench
        .until("the error shows", |b| {
            b.status().state == SourceState::Error
        })
        .await;
    assert_eq!(bench.served(), ["a"]);
    assert!(
        bench
            .status()
            .findings
            .iter()
            .any(|f| f.path.to_string() == "labels[0]")
    );
}

#[tokio::test]
async fn an_outside_edit_is_told_as_a_change() {
    let bench = Bench::new().await;
    bench.created(&["a"]).await;
    let mut events = bench.catalog.subscribe();
    let edited = document("A source", items(&["b"]), serde_json::Map::new());
    bench
        .store
        .seed(&bench.key, edited, &meta(RevisionKind::External));
    let event = tokio::time::timeout(Duration::from_secs(2), events.recv())
        .await
        .unwrap()
        .unwrap();
    assert!(
        matches!(
            event,
            CatalogEvent::Changed {
                kind: "external",
                ..
            }
        ),
        "{event:?}"
    );
}

#[tokio::test]
async fn rows_of_sources_that_are_gone_are_removed() {
    use {MemoryStatus, RefreshStatusRepository as _};
    let status = Arc::new(MemoryStatus::new());
    let row = |id: &str| {
        let outcome = RefreshOutcome {
            key: key("plain", id),
            entities_loaded: 1,
            entities_removed: 0,
            started_at: chrono::DateTime::UNIX_EPOCH,
            finished_at: chrono::DateTime::UNIX_EPOCH,
            duration_ms: 0,
            error: None,
            failures: Vec::new(),
        };
        RefreshStatus::of(&outcome, None)
    };
    status.upsert(&row("gone")).await.unwrap();
    let store = MemoryStore::new();
    let there = document("A source", items(&["a"]), serde_json::Map::new());
    store.seed(&key("plain", "there"), there, &meta(RevisionKind::Import));
    let builder = CatalogService::builder()
        .store(store)
        .shared_status(status.clone());
    let catalog = builder.plugin(PlainPlugin::default()).build().unwrap();
    let _running = catalog.start().await;
    let rows = status.list(&key("plain", "x").plugin).await.unwrap();
    assert_eq!(
        rows.iter().map(|r| r.key.id.as_str()).collect::<Vec<_>>(),
        ["there"]
    );
}
