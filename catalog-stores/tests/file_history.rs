//! What is kept of the past.
#![cfg(feature = "file")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/files.rs"]
mod support;

use catalog_core::ports::{SourceConfigStore as _, SourceConfigStoreExt as _};
use catalog_core::testing::{accept, key, meta};
use catalog_core::{Expect, RevisionKind, StoreError};
use support::*;

#[tokio::test]
async fn what_is_there_at_first_is_imported_as_it_is() {
    let dir = catalog();
    let store = open(dir.path()).await;
    let main = get(&store, &main_key()).await;
    assert_eq!(text(&main), MAIN.as_bytes());
    assert_eq!(main.revision.kind, RevisionKind::Import);
    assert_eq!(main.revision.author, "system");
    assert_eq!(main.revision.id.sequence(), 1);
    assert!(main.problems.is_empty(), "{:?}", main.problems);
    assert!(main.origin.ends_with("sources.yaml"));
    assert_eq!(
        read(dir.path(), "sources.yaml"),
        SOURCES,
        "reading writes nothing"
    );
    assert_eq!(store.list(&main_key().plugin).await.unwrap().len(), 2);
}

#[tokio::test]
async fn opening_again_records_nothing_new() {
    let dir = catalog();
    drop(open(dir.path()).await);
    let before = tree(dir.path());
    let store = open(dir.path()).await;
    assert_eq!(kinds(&store, &main_key()).await, [RevisionKind::Import]);
    assert_eq!(tree(dir.path()), before);
}

#[tokio::test]
async fn a_deleted_source_comes_back_with_the_entry_as_it_was_written() {
    let dir = catalog();
    let store = open(dir.path()).await;
    let first = get(&store, &main_key()).await.revision;
    let delete = meta(RevisionKind::Delete);
    store
        .delete(&main_key(), &Expect::Any, &delete)
        .await
        .unwrap();
    assert!(!dir.path().join("main.yaml").exists());
    store
        .roll_back::<_, StoreError>(
            &main_key(),
            &first.id,
            &Expect::Absent,
            &meta(RevisionKind::Rollback),
            |document| Ok(accept(document)),
        )
        .await
        .unwrap();
    assert_eq!(read(dir.path(), "main.yaml"), MAIN);
    let sources = read(dir.path(), "sources.yaml");
    for part in [
        "- id: main   # do not rename\n",
        "name: \"Main servers\"\n",
        "yamlCatalogPath: ./main.yaml   # beside this file",
    ] {
        assert!(sources.contains(part), "{part} is missing in\n{sources}");
    }
    assert_eq!(get(&store, &main_key()).await.revision.digest, first.digest);
}

#[tokio::test]
async fn a_file_that_no_source_used_can_be_had_back_after_it_was_replaced() {
    let dir = catalog();
    write(dir.path(), "unused.yaml", "precious");
    let store = open(dir.path()).await;
    let key = key("mcp", "new");
    let document = at_path("unused.yaml", "new");
    let revision = put(&store, &key, document, Expect::Absent).await.unwrap();
    assert_eq!(
        kinds(&store, &key).await,
        [RevisionKind::Import, RevisionKind::Apply]
    );
    let history = store.revisions(&key).await.unwrap();
    assert_eq!(history[0], revision);
    let first = store.get_revision(&key, &history[1].id).await.unwrap();
    assert_eq!(
        first.document.unwrap().content.as_deref(),
        Some(&b"precious"[..])
    );
}

#[tokio::test]
async fn at_least_twenty_revisions_are_kept_and_the_oldest_go() {
    let dir = catalog();
    let store = open(dir.path()).await;
    for i in 0..30 {
        put_text(&store, &main_key(), format!("text {i}"))
            .await
            .unwrap();
    }
    let revisions = store.revisions(&main_key()).await.unwrap();
    let sequences: Vec<u64> = revisions.iter().map(|r| r.id.sequence()).collect();
    assert_eq!(sequences, (12..=31).rev().collect::<Vec<_>>());
    assert_eq!(
        kinds(&store, &key("mcp", "other")).await,
        [RevisionKind::Import]
    );
}

#[tokio::test]
async fn edits_past_the_store_do_not_push_out_what_was_made_through_it() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    for i in 0..12 {
        put_text(&store, &main_key(), format!("text {i}"))
            .await
            .unwrap();
    }
    for i in 0..25 {
        write(dir.path(), "main.yaml", format!("by hand {i}"));
        store.notice().await.unwrap();
    }
    let kinds = kinds(&store, &main_key()).await;
    let externals = kinds
        .iter()
        .filter(|k| **k == RevisionKind::External)
        .count();
    assert_eq!((externals, kinds.len()), (20, 30));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_a_problem_of_its_source_only() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    let second = put_text(&store, &main_key(), "two").await.unwrap();
    drop(store);
    let path = format!(".history/mcp/main/{:010}-{}.rev", 2, second.id.hex());
    std::fs::remove_file(dir.path().join(&path)).unwrap();
    std::fs::create_dir(dir.path().join(&path)).unwrap();
    let store = open_quiet(dir.path()).await;
    assert!(get(&store, &key("mcp", "other")).await.problems.is_empty());
    let main = get(&store, &main_key()).await;
    assert_eq!((text(&main), main.revision.id.sequence()), (&b"two"[..], 3));
    put_text(&store, &main_key(), "four").await.unwrap();
    drop(store);

    // Nor does a source whose history is out of order altogether stop anything.
    std::fs::remove_dir_all(dir.path().join(".history/mcp/main")).unwrap();
    write(dir.path(), ".history/mcp/main", "not a directory");
    let store = open_quiet(dir.path()).await;
    let main = get(&store, &main_key()).await;
    assert_eq!(problems(&main), ["no-history"]);
    assert_eq!(text(&main), b"four");
    let health = store.health().await;
    assert!(health.detail.unwrap().contains("mcp/main"));
    put_text(&store, &key("mcp", "other"), "works")
        .await
        .unwrap();
    assert!(put_text(&store, &main_key(), "no").await.is_err());
}

#[tokio::test]
async fn a_damaged_record_is_reported_and_harms_nothing_else() {
    let dir = catalog();
    let store = open(dir.path()).await;
    let first = get(&store, &main_key()).await.revision;
    put_text(&store, &main_key(), "two").await.unwrap();
    let path = dir.path().join(format!(
        ".history/mcp/main/{:010}-{}.rev",
        1,
        first.id.hex()
    ));
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let answer = store.get_revision(&main_key(), &first.id).await;
    assert!(
        matches!(answer, Err(StoreError::Corrupt { .. })),
        "{answer:?}"
    );
    assert_eq!(text(&get(&store, &main_key()).await), b"two");
    put_text(&store, &main_key(), "three").await.unwrap();
}

#[tokio::test]
async fn a_damaged_head_is_replaced_by_what_is_live() {
    let dir = catalog();
    let store = open(dir.path()).await;
    let head = get(&store, &main_key()).await.revision;
    drop(store);
    let path = dir
        .path()
        .join(format!(".history/mcp/main/{:010}-{}.rev", 1, head.id.hex()));
    std::fs::write(&path, "rubbish").unwrap();
    let store = open(dir.path()).await;
    let main = get(&store, &main_key()).await;
    assert_eq!(
        (main.revision.kind, main.revision.id.sequence()),
        (RevisionKind::External, 2)
    );
    assert_eq!(text(&main), MAIN.as_bytes());
}
