use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::*;
use crate::error::StoreError;
use crate::model::{Author, Edit, Expect, RevisionKind, SettingsPatch, SourceState};
use crate::ports::{ContentContext, LoadError, LoadRequest, Loaded, MemoryStore};
use crate::testing::{PlainPlugin, content, document, key, meta};
use crate::validation::Findings;

fn items(names: &[&str]) -> String {
    let list: String = names.iter().map(|n| format!("  - name: {n}\n")).collect();
    format!("items:\n{list}")
}

fn new_source(text: &str) -> Edit {
    let patch = SettingsPatch {
        name: Some("A source".into()),
        source_type: Some("yaml".into()),
        ..SettingsPatch::default()
    };
    Edit::settings(patch).with_content(text)
}

struct Bench {
    catalog: CatalogService,
    store: Arc<MemoryStore>,
    key: SourceKey,
    _running: Running,
}

impl Bench {
    async fn new() -> Self {
        Self::with(PlainPlugin::default(), MemoryStore::new()).await
    }

    async fn with(plugin: impl CatalogPlugin + 'static, store: MemoryStore) -> Self {
        let store = Arc::new(store);
        let builder = CatalogService::builder()
            .shared_store(store.clone())
            .plugin(plugin);
        let catalog = builder.build().unwrap();
        let running = catalog.start().await;
        Self {
            catalog,
            store,
            key: key("plain", "s"),
            _running: running,
        }
    }

    async fn apply(&self, edit: Edit, expect: Expect) -> Result<Applied, CatalogError> {
        let author = Author::new("alice");
        self.catalog
            .apply(&self.key, edit, expect, author, ApplyOptions::default())
            .await
    }

    async fn created(&self, names: &[&str]) -> Applied {
        self.apply(new_source(&items(names)), Expect::Absent)
            .await
            .unwrap()
    }

    fn served(&self) -> Vec<String> {
        let view = self.catalog.snapshot(&self.key.plugin).unwrap();
        view.entities().map(|(_, e)| e.name.to_string()).collect()
    }

    fn status(&self) -> SourceStatus {
        let view = self.catalog.snapshot(&self.key.plugin).unwrap();
        view.source(&self.key.id).unwrap().status.clone()
    }

    async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        for _ in 0..200 {
            if condition(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never: {what}");
    }
}

fn revision(applied: &Applied) -> Expect {
    Expect::Revision(applied.revision.as_ref().unwrap().id.clone())
}

#[tokio::test]
async fn an_apply_is_stored_shown_and_told() {
    let bench = Bench::new().await;
    let done = bench.created(&["a", "b"]).await;
    assert!(done.created && done.changed && !done.dry_run);
    assert_eq!(done.diff.entities.added, ["a", "b"]);
    assert_eq!(
        (done.status.state, done.status.entity_count),
        (SourceState::Available, 2)
    );
    assert_eq!(
        done.status.revision,
        done.revision.as_ref().map(|r| r.id.clone())
    );
    assert_eq!(bench.served(), ["a", "b"]);

    let next = bench
        .apply(Edit::content(items(&["b", "c"])), revision(&done))
        .await
        .unwrap();
    assert_eq!(next.diff.entities.added, ["c"]);
    assert_eq!(next.diff.entities.removed, ["a"]);
    assert!(next.diff.entities.changed.is_empty());
    assert!(
        next.diff.unified.contains("-  - name: a\n"),
        "{}",
        next.diff.unified
    );
    let refresh = next.refresh.unwrap();
    assert_eq!((refresh.entities_loaded, refresh.entities_removed), (2, 1));
}

#[tokio::test]
async fn an_invalid_edit_changes_nothing() {
    let bench = Bench::new().await;
    let done = bench.created(&["a"]).await;
    let before = bench.store.revisions(&bench.key).await.unwrap();
    for text in [
        "items: [",
        "items:\n  - {}\n",
        "other: 1\n",
        "",
        "items:\n- name: x\n- name: x\n",
    ] {
        let answer = bench.apply(Edit::content(text), revision(&done)).await;
        assert!(
            matches!(answer, Err(CatalogError::Invalid(_))),
            "{text:?}: {answer:?}"
        );
    }
    assert_eq!(bench.store.revisions(&bench.key).await.unwrap(), before);
    assert_eq!(bench.served(), ["a"]);
}

#[tokio::test]
async fn a_stale_expectation_is_a_conflict_with_the_current_revision() {
    let bench = Bench::new().await;
    let first = bench.created(&["a"]).await;
    let second = bench
        .apply(Edit::content(items(&["b"])), revision(&first))
        .await
        .unwrap();
    let answer = bench
        .apply(Edit::content(items(&["c"])), revision(&first))
        .await;
    let Err(CatalogError::Store(StoreError::Conflict { current, .. })) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(current, second.revision.map(|r| r.id));
}

#[tokio::test]
async fn applying_what_is_stored_changes_nothing() {
    let bench = Bench::new().await;
    let first = bench.created(&["a"]).await;
    let again = bench
        .apply(Edit::content(items(&["a"])), revision(&first))
        .await
        .unwrap();
    assert!(!again.changed);
    assert_eq!(again.revision, first.revision);
    assert_eq!(bench.store.revisions(&bench.key).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_writes_nothing() {
    let bench = Bench::new().await;
    let first = bench.created(&["a"]).await;
    let edit = Edit::content(items(&["b"]));
    let author = Author::new("alice");
    let options = ApplyOptions::dry_run();
    let dry = bench
        .catalog
        .apply(&bench.key, edit, revision(&first), author, options)
        .await
        .unwrap();
    assert!(dry.dry_run && dry.changed);
    assert_eq!(
        (dry.diff.entities.added, dry.diff.entities.removed),
        (vec!["b".to_owned()], vec!["a".to_owned()])
    );
    assert_eq!(dry.revision, first.revision);
    assert_eq!(bench.served(), ["a"]);
}

#[tokio::test]
async fn removing_much_needs_confirmation() {
    let bench = Bench::new().await;
    let names: Vec<String> = (0..30).map(|i| format!("n{i:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let first = bench.created(&names).await;
    let answer = bench
        .apply(Edit::content(items(&names[..5])), revision(&first))
        .await;
    let Err(CatalogError::RemovalsNeedConfirmation { removed, of }) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!((removed.len(), of), (25, 30));
    assert_eq!(bench.served().len(), 30);
    // Ten are fine, whatever their share.
    let ten = bench
        .apply(Edit::content(items(&names[..20])), revision(&first))
        .await
        .unwrap();
    let options = ApplyOptions::default().confirming(15);
    let edit = Edit::content(items(&names[..5]));
    let author = Author::new("alice");
    bench
        .catalog
        .apply(&bench.key, edit, revision(&ten), author, options)
        .await
        .unwrap();
    assert_eq!(bench.served().len(), 5);
}

#[tokio::test]
async fn rolling_back_restores_bytes_and_counts_and_a_deleted_source() {
    let bench = Bench::new().await;
    let odd = "# why\r\nitems:\r\n  - name: a\r\n  - name:   b # x\r\n";
    let first = bench.apply(new_source(odd), Expect::Absent).await.unwrap();
    let second = bench
        .apply(Edit::content(items(&["z"])), revision(&first))
        .await
        .unwrap();
    let to = first.revision.clone().unwrap().id;
    let author = Author::new("bob");
    let options = ApplyOptions::default();
    let back = bench
        .catalog
        .roll_back(
            &bench.key,
            &to,
            revision(&second),
            author.clone(),
            options.clone(),
        )
        .await
        .unwrap();
    assert_eq!(back.rolled_back_to, Some(to.clone()));
    assert_eq!(back.status.entity_count, 2);
    let stored = bench.store.get(&bench.key).await.unwrap().unwrap();
    assert_eq!(stored.document.content.as_deref(), Some(odd.as_bytes()));
    assert_eq!(stored.revision.kind, RevisionKind::Rollback);

    bench
        .catalog
        .delete(&bench.key, revision(&back), author.clone(), None)
        .await
        .unwrap();
    assert!(bench.served().is_empty());
    assert!(matches!(
        bench.catalog.get(&bench.key).await,
        Err(CatalogError::Store(StoreError::SourceNotFound { .. }))
    ));
    assert_eq!(bench.catalog.revisions(&bench.key).await.unwrap().len(), 4);
    let reborn = bench
        .catalog
        .roll_back(&bench.key, &to, Expect::Absent, author, options)
        .await
        .unwrap();
    assert!(reborn.created);
    assert_eq!(bench.served(), ["a", "b"]);
}

#[tokio::test]
async fn a_disabled_source_yields_nothing_until_it_is_enabled() {
    let bench = Bench::new().await;
    let first = bench.created(&["a"]).await;
    let author = Author::new("alice");
    let off = bench
        .catalog
        .enable(&bench.key, false, revision(&first), author.clone())
        .await
        .unwrap();
    assert_eq!(
        (off.status.state, off.status.entity_count),
        (SourceState::Disabled, 0)
    );
    assert_eq!(
        off.diff
            .settings
            .iter()
            .map(|c| c.field.as_str())
            .collect::<Vec<_>>(),
        ["enabled"]
    );
    assert_eq!(off.diff.entities.removed, ["a"]);
    assert!(bench.served().is_empty());
    let on = bench
        .catalog
        .enable(&bench.key, true, revision(&off), author.clone())
        .await
        .unwrap();
    assert_eq!(on.status.entity_count, 1);
    let nobody = key("plain", "nobody");
    let answer = bench
        .catalog
        .enable(&nobody, true, Expect::Any, author)
        .await;
    assert!(matches!(
        answer,
        Err(CatalogError::Store(StoreError::SourceNotFound { .. }))
    ));
}

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
        (1, first.revision.map(|r| r.id))
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

/// Counts loads, and misbehaves on request.
struct Moody {
    plain: PlainPlugin,
    loads: Arc<AtomicUsize>,
}

#[async_trait]
impl CatalogPlugin for Moody {
    fn name(&self) -> &PluginName {
        self.plain.name()
    }
    fn version(&self) -> &str {
        "v1"
    }
    fn description(&self) -> &str {
        "moody"
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
    fn validate_content(&self, _: ContentContext<'_>, _: &mut Findings) {}
    async fn load(&self, request: LoadRequest<'_>) -> Result<Loaded, LoadError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let text = request
            .content
            .map(|c| c.text.to_string())
            .unwrap_or_default();
        tokio::time::sleep(Duration::from_millis(20)).await;
        if text.contains("panic") {
            panic!("a canary that must not leave");
        }
        if text.contains("hang") {
            std::future::pending::<()>().await;
        }
        self.plain.load(request).await
    }
}

#[tokio::test]
async fn many_refreshes_at_once_share_one_load() {
    let loads = Arc::new(AtomicUsize::new(0));
    let moody = Moody {
        plain: PlainPlugin::default(),
        loads: loads.clone(),
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

#[tokio::test]
async fn a_caller_that_goes_away_does_not_stop_a_change_half_way() {
    let moody = Moody {
        plain: PlainPlugin::default(),
        loads: Arc::default(),
    };
    let bench = Bench::with(moody, MemoryStore::new()).await;
    let work = bench.apply(new_source(&items(&["a"])), Expect::Absent);
    let _ = tokio::time::timeout(Duration::from_millis(5), work).await;
    bench
        .until("the change is shown", |b| b.served() == ["a"])
        .await;
    assert_eq!(bench.status().state, SourceState::Available);
}

#[tokio::test]
async fn an_unknown_plugin_and_a_foreign_id_are_told() {
    let bench = Bench::new().await;
    let answer = bench
        .catalog
        .validate(&key("other", "s"), &Edit::content(""))
        .await;
    assert!(matches!(answer, Err(CatalogError::PluginNotFound(_))));
    let patch = SettingsPatch {
        id: Some("else".into()),
        ..SettingsPatch::default()
    };
    let answer = bench.apply(Edit::settings(patch), Expect::Absent).await;
    assert!(matches!(answer, Err(CatalogError::Malformed(_))));
}

#[tokio::test]
async fn a_new_source_needs_name_type_and_content_and_hears_it_at_once() {
    let bench = Bench::new().await;
    let answer = bench
        .apply(Edit::settings(SettingsPatch::default()), Expect::Absent)
        .await;
    let Err(CatalogError::Invalid(report)) = answer else {
        panic!("{answer:?}")
    };
    let fields: Vec<_> = report.errors().map(|f| f.path.to_string()).collect();
    assert!(
        fields.contains(&"name".to_owned()) && fields.contains(&"type".to_owned()),
        "{fields:?}"
    );
}

#[tokio::test]
async fn secrets_survive_an_edit_and_are_shown_nowhere() {
    let bench = Bench::new().await;
    let patch = SettingsPatch {
        name: Some("A source".into()),
        source_type: Some("yaml".into()),
        properties: serde_json::json!({"apiKey": "canary-1234", "region": "eu"})
            .as_object()
            .cloned(),
        ..SettingsPatch::default()
    };
    let text = "items:\n  - name: a\n    password: canary-5678 # mine\n";
    let first = bench
        .apply(Edit::settings(patch).with_content(text), Expect::Absent)
        .await
        .unwrap();
    assert!(first.warnings.len() >= 2, "{:?}", first.warnings);
    let shown = bench.catalog.get(&bench.key).await.unwrap();
    let raw = shown.raw_yaml.clone().unwrap();
    assert!(!format!("{first:?} {shown:?}").contains("canary"));
    let mut properties = shown.view.settings.properties.clone();
    properties.insert("region".into(), "us".into());
    let patch = SettingsPatch {
        properties: Some(properties),
        ..SettingsPatch::default()
    };
    let edit = Edit::settings(patch).with_content(raw.replace("name: a", "name: b"));
    let second = bench.apply(edit, revision(&first)).await.unwrap();
    assert!(!format!("{second:?}").contains("canary"));
    let stored = bench.store.get(&bench.key).await.unwrap().unwrap().document;
    assert_eq!(stored.settings.properties["apiKey"], "canary-1234");
    assert_eq!(stored.settings.properties["region"], "us");
    assert_eq!(stored.content, content(text.replace("name: a", "name: b")));
    // A marker that stands for nothing is refused.
    let stray =
        Edit::content("items:\n  - name: b\n  - name: z\n    password: \"***REDACTED***\"\n");
    let answer = bench.apply(stray, revision(&second)).await;
    let Err(CatalogError::Invalid(report)) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(
        report.errors().next().unwrap().code,
        "stray-redaction-marker"
    );
}

#[tokio::test]
async fn a_secret_reference_that_does_not_resolve_is_refused() {
    let bench = Bench::new().await;
    let patch = SettingsPatch {
        name: Some("A source".into()),
        source_type: Some("yaml".into()),
        properties: serde_json::json!({"apiKey": {"name": "s", "key": "k"}})
            .as_object()
            .cloned(),
        ..SettingsPatch::default()
    };
    let edit = Edit::settings(patch).with_content(items(&["a"]));
    let answer = bench.apply(edit, Expect::Absent).await;
    assert!(
        matches!(answer, Err(CatalogError::SecretUnresolved(_))),
        "{answer:?}"
    );
    assert!(bench.store.get(&bench.key).await.unwrap().is_none());
}

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
