//! A catalog whose files are somewhere else than when they were written: moved, copied, mounted at
//! another path.
#![cfg(feature = "file")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/files.rs"]
mod support;

use std::path::Path;
use std::process::Command;

use catalog_core::ports::{ComponentState, SourceConfigStore as _};
use catalog_core::testing::key;
use catalog_core::{Expect, StoreError};
use catalog_stores::FileStore;
use support::*;

/// A catalog with a change of two files that the journal has and the files may not.
async fn written(dir: &Path) {
    let store = open_quiet(dir).await;
    put_text(&store, &main_key(), "two").await.unwrap();
    let created = at_path("new/created.yaml", "created");
    put(&store, &key("mcp", "created"), created, Expect::Absent)
        .await
        .unwrap();
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(status.unwrap().success());
}

async fn after_power_cut(dir: &Path) -> FileStore {
    quiet(dir).boot("another boot").open().await.unwrap()
}

#[tokio::test]
async fn a_copy_is_finished_by_itself_and_the_original_left_alone() {
    let (dir, elsewhere) = (catalog(), tempfile::tempdir().unwrap());
    written(dir.path()).await;
    let copied = elsewhere.path().join("copy");
    copy(dir.path(), &copied);
    // A power cut has undone what was not synced, in both.
    for dir in [dir.path(), &copied] {
        write(dir, "main.yaml", MAIN);
        std::fs::remove_dir_all(dir.join("new")).unwrap();
    }
    let before = tree(dir.path());
    let store = after_power_cut(&copied).await;
    assert_eq!(text(&get(&store, &main_key()).await), b"two");
    assert_eq!(text(&get(&store, &key("mcp", "created")).await), b"created");
    store.close().await;
    assert_eq!(tree(dir.path()), before);
}

#[tokio::test]
async fn a_catalog_that_was_moved_is_finished_where_it_is_now() {
    let (dir, elsewhere) = (catalog(), tempfile::tempdir().unwrap());
    written(dir.path()).await;
    write(dir.path(), "main.yaml", MAIN);
    std::fs::remove_dir_all(dir.path().join("new")).unwrap();
    let moved = elsewhere.path().join("deep/moved");
    std::fs::create_dir_all(moved.parent().unwrap()).unwrap();
    std::fs::rename(dir.path(), &moved).unwrap();
    let store = after_power_cut(&moved).await;
    assert_eq!(text(&get(&store, &main_key()).await), b"two");
    assert_eq!(text(&get(&store, &key("mcp", "created")).await), b"created");
    assert_eq!(store.health().await.state, ComponentState::Healthy);
    assert!(!dir.path().exists());
}

#[tokio::test]
async fn a_change_below_a_directory_that_the_store_does_not_have_waits_for_it() {
    let (dir, content_dir) = (catalog(), tempfile::tempdir().unwrap());
    write(content_dir.path(), "main.yaml", MAIN);
    let path = content_dir.path().join("main.yaml");
    let sources = SOURCES.replace("./main.yaml", path.to_str().unwrap());
    write(dir.path(), "sources.yaml", sources);
    let roots = [dir.path(), content_dir.path()];
    let store = quiet(dir.path()).content_roots(roots).open().await.unwrap();
    let revision = put_text(&store, &main_key(), "two").await.unwrap();
    drop(store);
    write(content_dir.path(), "main.yaml", MAIN);

    let options = || quiet(dir.path()).boot("another boot");
    let less = options().content_roots([dir.path()]).open().await.unwrap();
    let health = less.health().await;
    assert_ne!(health.state, ComponentState::Healthy);
    let detail = health.detail.unwrap();
    assert!(detail.contains("none of the directories"), "{detail}");
    let answer = put_text(&less, &key("mcp", "other"), "works").await;
    assert!(
        matches!(answer, Err(StoreError::Unavailable { .. })),
        "{answer:?}"
    );
    less.close().await;
    assert_eq!(read(content_dir.path(), "main.yaml"), MAIN);

    let more = tempfile::tempdir().unwrap();
    let roots = [more.path(), content_dir.path(), dir.path()];
    let store = options().content_roots(roots).open().await.unwrap();
    let main = get(&store, &main_key()).await;
    assert_eq!((text(&main), &main.revision), (&b"two"[..], &revision));
    assert_eq!(store.health().await.state, ComponentState::Healthy);
}
