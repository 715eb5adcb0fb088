//! Sources files that can be read and do not say what they are meant to say.
#![cfg(feature = "file")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/files.rs"]
mod support;

use catalog_core::ports::{ComponentState, SourceConfigStore as _};
use catalog_core::testing::key;
use catalog_core::{Expect, RevisionKind, StoreError};
use catalog_stores::FileStore;
use support::*;

#[tokio::test]
async fn a_sources_file_of_the_wrong_shape_removes_nothing() {
    let shapeless = [
        ("", "empty"),
        ("# nothing but a comment\n", "empty"),
        (
            "catalogs:\n  mcp:\n    sources: {main: {id: main}}\n",
            "a list",
        ),
        ("catalogs:\n  mcp: [main]\n", "a mapping"),
        ("[]\n", "a mapping"),
        (
            "catalogs:\n  mcp:\n    sources: [{id: [main]}, {name: other}]\n",
            "text",
        ),
    ];
    for (text, why) in shapeless {
        let dir = catalog();
        let store = open_quiet(dir.path()).await;
        write(dir.path(), "sources.yaml", text);
        store.notice().await.unwrap();
        let sources = store.list(&main_key().plugin).await.unwrap();
        assert_eq!(sources.len(), 2, "{text}");
        for source in &sources {
            let problem = &source.problems[0];
            assert!(
                problem.is_error() && problem.message.contains(why),
                "{problem:?}"
            );
            assert_eq!(source.revision.kind, RevisionKind::Import, "{text}");
        }
        assert_eq!(
            store.health().await.state,
            ComponentState::Degraded,
            "{text}"
        );
        // A write would make the removal of what is missing so.
        let before = tree(dir.path());
        let answer = put(
            &store,
            &key("mcp", "n"),
            at_path("n.yaml", "n"),
            Expect::Absent,
        )
        .await;
        assert!(
            matches!(answer, Err(StoreError::Refused { .. })),
            "{answer:?}"
        );
        assert_eq!(tree(dir.path()), before);
        drop(store);

        let store = open_quiet(dir.path()).await;
        assert_eq!(
            kinds(&store, &main_key()).await,
            [RevisionKind::Import],
            "{text}"
        );
        write(dir.path(), "sources.yaml", SOURCES);
        assert!(get(&store, &main_key()).await.problems.is_empty());
        assert_eq!(
            kinds(&store, &main_key()).await,
            [RevisionKind::Import],
            "{text}"
        );
        assert_eq!(store.health().await.state, ComponentState::Healthy);
    }
}

#[tokio::test]
async fn an_entry_without_an_id_shields_what_is_missing_and_hides_no_edit() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    let text = SOURCES.replace("- {id: other,", "- {");
    let text = text.replace("Main servers", "Edited");
    write(dir.path(), "sources.yaml", text);
    let main = get(&store, &main_key()).await;
    assert_eq!(main.document.settings.name, "Edited");
    assert!(main.problems.is_empty(), "{:?}", main.problems);
    let other = get(&store, &key("mcp", "other")).await;
    assert!(!other.problems.is_empty());
    assert_eq!(other.revision.kind, RevisionKind::Import);
}

#[tokio::test]
async fn an_empty_file_of_a_catalog_without_sources_is_in_order() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "sources.yaml", "");
    let store = FileStore::open(dir.path()).await.unwrap();
    assert_eq!(store.health().await.state, ComponentState::Healthy);
    let (key, document) = (key("mcp", "first"), at_path("first.yaml", "x"));
    put(&store, &key, document, Expect::Absent).await.unwrap();
    assert_eq!(store.health().await.state, ComponentState::Healthy);
}

#[tokio::test]
async fn a_file_that_truly_lacks_the_entry_removes_the_source() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    write(
        dir.path(),
        "sources.yaml",
        "catalogs: {mcp: {sources: []}}\n",
    );
    store.notice().await.unwrap();
    assert!(store.list(&main_key().plugin).await.unwrap().is_empty());
    assert_eq!(
        kinds(&store, &main_key()).await,
        [RevisionKind::Import, RevisionKind::Delete]
    );
}
