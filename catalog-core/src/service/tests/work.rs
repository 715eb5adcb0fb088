//! Where work is done, and how much of it at a time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;

use super::support::*;
use crate::error::{CatalogError, StoreError};
use crate::model::*;
use crate::ports::*;
use crate::redaction::MARKER;
use crate::service::change;
use crate::service::*;
use crate::testing::{PlainPlugin, document, key, meta};
use crate::validation::Findings;

/// Weighs the documents that are between validation and the end of their load.
#[derive(Default)]
struct Scales {
    now: Mutex<HashMap<SourceKey, usize>>,
    most: AtomicUsize,
    threads: Mutex<Vec<ThreadId>>,
}

impl Scales {
    fn here(&self) {
        self.threads
            .lock()
            .unwrap()
            .push(std::thread::current().id());
    }

    fn put(&self, key: &SourceKey, size: usize) {
        let mut now = self.now.lock().unwrap();
        now.insert(key.clone(), size);
        self.most.fetch_max(now.values().sum(), Ordering::SeqCst);
    }

    /// The most that there was since this was asked last.
    fn most(&self) -> usize {
        assert!(self.now.lock().unwrap().is_empty());
        self.most.swap(0, Ordering::SeqCst)
    }
}

struct Weighing {
    plain: PlainPlugin,
    scales: Arc<Scales>,
}

#[async_trait]
impl CatalogPlugin for Weighing {
    fn name(&self) -> &PluginName {
        self.plain.name()
    }
    fn version(&self) -> &str {
        "v1"
    }
    fn description(&self) -> &str {
        "weighing"
    }
    fn config_key(&self) -> &str {
        "plain"
    }
    fn source_types(&self) -> &[&str] {
        &["yaml"]
    }
    fn entity_kinds(&self) -> &[&str] {
        &["Item"]
    }
    fn content_keys(&self) -> &[&str] {
        &["items"]
    }
    fn validate_content(&self, context: ContentContext<'_>, _: &mut Findings) {
        self.scales.here();
        self.scales.put(context.key, context.content.text.len());
        std::thread::sleep(Duration::from_millis(2));
    }
    async fn load(&self, request: LoadRequest<'_>) -> Result<Loaded, LoadError> {
        self.scales.here();
        tokio::time::sleep(Duration::from_millis(2)).await;
        self.scales.here();
        self.scales.now.lock().unwrap().remove(request.key);
        self.plain.load(request).await
    }
}

fn large(name: &str) -> String {
    format!("items:\n  - name: {name}\n# {}\n", "x".repeat(32 << 10))
}

fn weighing(store: MemoryStore) -> (CatalogService, Arc<Scales>, usize) {
    let scales = Arc::new(Scales::default());
    let plugin = Weighing {
        plain: PlainPlugin::default(),
        scales: scales.clone(),
    };
    let options = ServiceOptions {
        documents_in_work: 100 << 10,
        ..ServiceOptions::default()
    };
    let builder = CatalogService::builder().store(store).plugin(plugin);
    let catalog = builder.options(options).build().unwrap();
    (catalog, scales, options.documents_in_work)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_large_sources_at_once_stay_within_their_room() {
    let store = MemoryStore::new();
    let keys: Vec<SourceKey> = (0..60).map(|n| key("plain", &format!("s{n}"))).collect();
    for key in &keys {
        let document = document("A source", large("a"), serde_json::Map::new());
        store.seed(key, document, &meta(RevisionKind::Import));
    }
    let (catalog, scales, room) = weighing(store);
    let within = |what: &str, room: usize| {
        let most = scales.most();
        assert!(
            (32 << 10..=room).contains(&most),
            "{what}: {most} of {room}"
        );
    };
    let _running = catalog.start().await;
    assert!(catalog.is_loaded());
    within("start", room);
    let plugin = &keys[0].plugin;
    assert_eq!(catalog.refresh_all(plugin).await.unwrap().len(), 60);
    within("refresh", room);
    let change = async |key: &SourceKey, text: &str| {
        let author = Author::new("alice");
        let (edit, options) = (Edit::content(text), ApplyOptions::default());
        let done = catalog
            .apply(key, edit, Expect::Present, author, options)
            .await;
        assert_eq!(done.unwrap().status.entity_count, 1);
    };
    let other = large("b");
    join_all(keys.iter().map(|key| change(key, &other))).await;
    within("changes", room);
    // One that is larger than all the room has it to itself.
    let larger = format!("{}# {}\n", large("c"), "x".repeat(room));
    join_all(keys[..4].iter().map(|key| change(key, &larger))).await;
    within("larger ones", larger.len());
}

#[tokio::test]
async fn nothing_that_takes_time_is_done_where_others_are_served() {
    let (catalog, scales, _) = weighing(MemoryStore::new());
    let _running = catalog.start().await;
    let key = key("plain", "s");
    let apply = async |catalog: &CatalogService| {
        let author = Author::new("alice");
        let edit = new_source(&large("a"));
        catalog
            .apply(&key, edit, Expect::Absent, author, ApplyOptions::default())
            .await
    };
    apply(&catalog).await.unwrap();
    catalog.refresh(&key).await.unwrap();
    catalog.diff(&key, None, None).await.unwrap();
    catalog
        .validate(&key, &Edit::content(large("b")))
        .await
        .unwrap();
    let here = std::thread::current().id();
    let threads = std::mem::take(&mut *scales.threads.lock().unwrap());
    assert!(threads.len() > 6 && threads.iter().all(|thread| *thread != here));
    // What is wanted is found out there, too.
    let store = Arc::new(Faulty::new());
    apply(&over(store.clone())).await.unwrap();
    assert!(
        store
            .asked_in
            .lock()
            .unwrap()
            .is_some_and(|thread| thread != here)
    );
}

#[tokio::test(start_paused = true)]
async fn sources_that_wait_for_somebody_else_leave_room_for_the_others() {
    let store = MemoryStore::new();
    for n in 0..30 {
        let text = if n == 29 {
            items(&["a"])
        } else {
            "items: [] # hang".to_owned()
        };
        let document = document("A source", text, serde_json::Map::new());
        store.seed(
            &key("plain", &format!("s{n:02}")),
            document,
            &meta(RevisionKind::Import),
        );
    }
    let moody = Moody {
        plain: PlainPlugin::default(),
        loads: Arc::default(),
        repeatable: false,
    };
    let catalog = CatalogService::builder()
        .store(store)
        .plugin(moody)
        .build()
        .unwrap();
    let starting = catalog.clone();
    let _start = tokio::spawn(async move { starting.start().await.stop().await });
    tokio::time::sleep(Duration::from_secs(5)).await;
    let view = catalog.snapshot(&key("plain", "s29").plugin).unwrap();
    assert_eq!(view.entities().count(), 1, "the others take 30 s to fail");
}

#[tokio::test]
async fn a_change_whose_caller_goes_away_before_its_turn_is_not_made() {
    let moody = Moody {
        plain: PlainPlugin::default(),
        loads: Arc::default(),
        repeatable: false,
    };
    let bench = Bench::with(moody, MemoryStore::new()).await;
    let first = bench.created(&["a"]).await;
    let (one, two) = (items(&["one"]), items(&["two"]));
    let slow = bench.apply(Edit::content(&one), Expect::Present);
    let gone = tokio::time::timeout(
        Duration::from_millis(5),
        bench.apply(Edit::content(&two), Expect::Present),
    );
    let (slow, gone) = tokio::join!(slow, gone);
    assert!(gone.is_err());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let revisions = bench.store.revisions(&bench.key).await.unwrap();
    assert_eq!(revisions.len(), 2);
    assert_eq!(revisions[0].id, slow.unwrap().revision.id);
    assert_eq!(revisions[1].id, first.revision.id);
}

#[tokio::test]
async fn what_cannot_fit_is_refused_before_anything_is_put_back() {
    let bench = Bench::new().await;
    bench.created(&["a"]).await;
    let limit = bench.store.capabilities().max_document_bytes;
    let stray = format!("- {MARKER}\n");
    let text = format!("# {}\n{stray}", "x".repeat(limit as usize));
    let edit = Edit::content(&text);
    let stored = bench.store.get(&bench.key).await.unwrap();
    let wanted = |edit: &Edit| {
        change::wanted(
            &bench.key,
            edit,
            stored.as_ref(),
            limit,
            serde_json::Map::new,
        )
        .unwrap()
    };
    assert!(wanted(&edit).findings.is_empty());
    assert_eq!(
        wanted(&edit).document.content.as_deref(),
        Some(text.as_bytes())
    );
    let answer = bench.apply(edit.clone(), Expect::Present).await;
    assert!(
        matches!(
            answer,
            Err(CatalogError::Store(StoreError::TooLarge { .. }))
        ),
        "{answer:?}"
    );
    let report = bench.catalog.validate(&bench.key, &edit).await.unwrap();
    assert!(report.errors().any(|f| f.code == "too-large"));
    // Markers may stand for less than they take, and there are never more findings than help.
    let markers = stray.repeat(limit as usize / stray.len() + 1);
    assert_eq!(wanted(&Edit::content(&markers)).findings.len(), 501);
    let many = serde_json::Map::from_iter([("a".to_owned(), vec![MARKER; 2000].into())]);
    let patch = SettingsPatch {
        properties: Some(many),
        ..SettingsPatch::default()
    };
    assert_eq!(wanted(&Edit::settings(patch)).findings.len(), 501);
}
