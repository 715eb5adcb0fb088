//! Changing a source.

use super::support::*;
use crate::error::{CatalogError, StoreError};
use crate::model::*;
use crate::ports::*;
use crate::service::*;
use crate::testing::{PlainPlugin, document, key, meta};

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
    assert_eq!(done.status.revision, Some(done.revision.id.clone()));
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
    assert_eq!(current, Some(second.revision.id));
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
    let author = Author::new("operator");
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
    assert_eq!(bench.served(), ["a"]);
    assert_eq!(bench.store.revisions(&bench.key).await.unwrap().len(), 1);
    // The revision that would come is the one that comes.
    let edit = Edit::content(items(&["b"]));
    let wet = bench.apply(edit, revision(&first)).await.unwrap();
    assert_eq!(wet.revision.id, dry.revision.id);
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
    let author = Author::new("operator");
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
    let to = first.revision.id.clone();
    let author = Author::new("svc");
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
    let author = Author::new("operator");
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
async fn a_caller_that_goes_away_does_not_stop_a_change_half_way() {
    let moody = Moody {
        plain: PlainPlugin::default(),
        loads: Arc::default(),
        repeatable: false,
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
async fn what_the_store_refuses_is_said_by_validate_and_dry_run_too() {
    let catalog = over(Arc::new(Faulty::new()));
    let _running = catalog.start().await;
    let key = key("plain", "s");
    let mut edit = new_source(&items(&["a"]));
    let patch = edit.settings.as_mut().unwrap();
    patch.properties = serde_json::json!({"path": "nowhere"}).as_object().cloned();
    let report = catalog.validate(&key, &edit).await.unwrap();
    let finding = report.errors().next().unwrap();
    assert_eq!(
        (&*finding.code, finding.path.to_string().as_str()),
        ("refused-by-store", "properties.path")
    );
    for options in [ApplyOptions::dry_run(), ApplyOptions::default()] {
        let answer = catalog
            .apply(
                &key,
                edit.clone(),
                Expect::Absent,
                Author::new("a"),
                options,
            )
            .await;
        assert!(
            matches!(answer, Err(CatalogError::Store(StoreError::Refused { .. }))),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_read_after_a_write_does_not_undo_the_answer() {
    let store = Arc::new(Faulty::new());
    let catalog = over(store.clone());
    let _running = catalog.start().await;
    let key = key("plain", "s");
    let options = ApplyOptions::default().with_message(Some("go blind".into()));
    let author = Author::new("a");
    let done = catalog
        .apply(
            &key,
            new_source(&items(&["a"])),
            Expect::Absent,
            author,
            options,
        )
        .await
        .unwrap();
    assert_eq!(
        (done.status.state, done.status.entity_count),
        (SourceState::Available, 1)
    );
    assert_eq!(done.status.revision, Some(done.revision.id));
}

#[tokio::test]
async fn a_broken_source_can_always_be_switched_off() {
    let bench = Bench::new().await;
    bench.created(&["a"]).await;
    let broken = document("A source", "items: [\n", serde_json::Map::new());
    bench
        .store
        .seed(&bench.key, broken, &meta(RevisionKind::External));
    bench
        .until("the error shows", |b| {
            b.status().state == SourceState::Error
        })
        .await;
    let off = bench
        .catalog
        .enable(&bench.key, false, Expect::Present, Author::new("a"))
        .await
        .unwrap();
    assert_eq!(
        (off.status.state, off.status.entity_count),
        (SourceState::Disabled, 0)
    );
    assert!(
        off.warnings.iter().any(|w| w.code == "syntax"),
        "{:?}",
        off.warnings
    );
    let on = bench
        .catalog
        .enable(&bench.key, true, Expect::Present, Author::new("a"))
        .await;
    assert!(matches!(on, Err(CatalogError::Invalid(_))), "{on:?}");
}

#[tokio::test]
async fn a_change_that_is_not_to_be_shown_waits_until_somebody_wants_it() {
    let bench = Bench::new().await;
    let author = Author::new("operator");
    let hidden = || ApplyOptions::default().refreshing(false);
    let edit = new_source(&items(&["a"]));
    let made = bench
        .catalog
        .apply(&bench.key, edit, Expect::Absent, author.clone(), hidden())
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(bench.served().is_empty());
    let edit = Edit::content(items(&["a", "b"]));
    let next = bench
        .catalog
        .apply(&bench.key, edit, revision(&made), author, hidden())
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(bench.served().is_empty());
    // The same again, to be shown: nothing is stored, and it is shown.
    let again = bench
        .apply(Edit::content(items(&["a", "b"])), revision(&next))
        .await
        .unwrap();
    assert!(!again.changed);
    assert_eq!(again.status.revision, Some(next.revision.id));
    assert_eq!(bench.served(), ["a", "b"]);
}

#[tokio::test]
async fn a_roll_back_needs_no_secret_to_be_there() {
    let store = MemoryStore::new();
    let key = key("plain", "s");
    let mut with_secret = document("A source", items(&["a"]), serde_json::Map::new());
    let reference = serde_json::json!({"apiKey": {"name": "s", "key": "k"}});
    with_secret.settings.properties = reference.as_object().cloned().unwrap_or_default();
    let old = store.seed(&key, with_secret, &meta(RevisionKind::Apply));
    let plain = document("A source", items(&["b"]), serde_json::Map::new());
    store.seed(&key, plain, &meta(RevisionKind::Apply));
    let bench = Bench::with(PlainPlugin::default(), store).await;
    let author = Author::new("operator");
    let options = ApplyOptions::default();
    bench
        .catalog
        .roll_back(&key, &old.id, Expect::Present, author, options)
        .await
        .unwrap();
    assert_eq!(bench.served(), ["a"]);
}

#[tokio::test]
async fn what_nobody_sees_is_in_no_name_label_or_pattern() {
    let bench = Bench::new().await;
    for bad in [
        "a\u{200b}b",
        "\u{202e}ba",
        "a\u{61c}",
        "\u{3164}x",
        "a\u{e0041}",
        "a\tb",
    ] {
        let listed = Some(vec!["fine".to_owned(), bad.to_owned()]);
        let patch = SettingsPatch {
            name: Some(bad.into()),
            source_type: Some("yaml".into()),
            labels: listed.clone(),
            included_items: listed.clone(),
            excluded_items: listed,
            ..SettingsPatch::default()
        };
        let edit = Edit::settings(patch).with_content(items(&["a"]));
        let report = bench.catalog.validate(&bench.key, &edit).await.unwrap();
        let paths: Vec<String> = report.errors().map(|f| f.path.to_string()).collect();
        let expected = ["name", "labels[1]", "includedItems[1]", "excludedItems[1]"];
        assert_eq!(paths, expected, "{bad:?}");
    }
}
