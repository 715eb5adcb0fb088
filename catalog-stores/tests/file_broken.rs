//! Files that cannot be read as they are meant.
#![cfg(feature = "file")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/files.rs"]
mod support;

use catalog_core::ports::{ComponentState, SourceConfigStore as _};
use catalog_core::testing::{key, meta};
use catalog_core::{RevisionKind, StoreError};
use support::*;

#[tokio::test]
async fn rubbish_is_recorded_too() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    let rubbish = b"\xff\x00{{{ not yaml";
    write(dir.path(), "main.yaml", rubbish);
    let main = get(&store, &main_key()).await;
    assert_eq!(text(&main), rubbish);
    let record = store
        .get_revision(&main_key(), &main.revision.id)
        .await
        .unwrap();
    assert_eq!(
        record.document.unwrap().content.as_deref(),
        Some(&rubbish[..])
    );
}

#[tokio::test]
async fn an_entry_with_a_mistake_is_a_problem_of_its_source_only() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    write(
        dir.path(),
        "sources.yaml",
        SOURCES.replace("name: \"Main", "nmae: \"Main"),
    );
    let main = get(&store, &main_key()).await;
    assert!(
        problems(&main).contains(&"unknown-field"),
        "{:?}",
        main.problems
    );
    assert!(main.revision.flawed, "it is the best reading, not more");
    let other = get(&store, &key("mcp", "other")).await;
    assert!(other.problems.is_empty() && !other.revision.flawed);
    // The same document, read without a flaw, is a revision of its own.
    write(dir.path(), "sources.yaml", SOURCES);
    let main = get(&store, &main_key()).await;
    assert!(!main.revision.flawed && main.problems.is_empty());
}

#[tokio::test]
async fn content_that_vanishes_is_a_problem_and_what_was_there_stays_known() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    std::fs::remove_file(dir.path().join("main.yaml")).unwrap();
    let main = get(&store, &main_key()).await;
    assert_eq!(problems(&main), ["not-found"]);
    assert_eq!(
        main.problems[0].path.to_string(),
        "properties.yamlCatalogPath"
    );
    assert_eq!(text(&main), MAIN.as_bytes());
    assert_eq!(main.revision.id.sequence(), 1, "nothing new is recorded");
    put_text(&store, &main_key(), "again").await.unwrap();
    let main = get(&store, &main_key()).await;
    assert_eq!((text(&main), problems(&main)), (&b"again"[..], vec![]));
}

#[tokio::test]
async fn a_sources_file_that_does_not_parse_removes_nothing() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    let broken = SOURCES.replace("id: main", "id: main: [");
    write(dir.path(), "sources.yaml", &broken);
    store.notice().await.unwrap();
    for source in store.list(&main_key().plugin).await.unwrap() {
        let problem = &source.problems[0];
        assert!(problem.is_error());
        assert!(
            problem.message.contains("sources.yaml:9:"),
            "{}",
            problem.message
        );
        assert_eq!(problem.position.map(|p| p.line), Some(9));
        assert!(!source.origin.is_empty());
    }
    assert_eq!(text(&get(&store, &main_key()).await), MAIN.as_bytes());
    let health = store.health().await;
    assert_eq!(health.state, ComponentState::Degraded);
    assert!(health.detail.unwrap().contains("sources.yaml:9:"));

    let before = tree(dir.path());
    let answer = put_text(&store, &main_key(), "no").await;
    let Err(StoreError::Refused { reason, .. }) = answer else {
        panic!("{answer:?}");
    };
    assert!(reason.contains("sources.yaml:9:"), "{reason}");
    let delete = meta(RevisionKind::Delete);
    let answer = store
        .delete(&main_key(), &catalog_core::Expect::Any, &delete)
        .await;
    assert!(
        matches!(answer, Err(StoreError::Refused { .. })),
        "{answer:?}"
    );
    assert_eq!(tree(dir.path()), before);

    // Another process that starts now is no worse off.
    let late = open(dir.path()).await;
    assert_eq!(text(&get(&late, &main_key()).await), MAIN.as_bytes());

    write(dir.path(), "sources.yaml", SOURCES);
    assert!(get(&store, &main_key()).await.problems.is_empty());
    assert_eq!(store.health().await.state, ComponentState::Healthy);
    assert_eq!(kinds(&store, &main_key()).await, [RevisionKind::Import]);
}

#[tokio::test]
async fn a_sources_file_that_is_gone_removes_nothing() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    std::fs::remove_file(dir.path().join("sources.yaml")).unwrap();
    assert_eq!(problems(&get(&store, &main_key()).await), ["not-found"]);
    assert_eq!(store.health().await.state, ComponentState::Degraded);
    write(dir.path(), "sources.yaml", SOURCES);
    assert!(get(&store, &main_key()).await.problems.is_empty());
}

#[tokio::test]
async fn an_existing_catalog_with_a_broken_file_can_be_opened() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "sources.yaml", "catalogs: {mcp: [");
    let store = open(dir.path()).await;
    assert!(store.list(&main_key().plugin).await.unwrap().is_empty());
    assert_eq!(store.health().await.state, ComponentState::Degraded);
}
