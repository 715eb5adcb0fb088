//! The watch over the files, when something is in its way.
#![cfg(feature = "file")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/files.rs"]
mod support;

use std::time::{Duration, Instant};

use catalog_core::model::RevisionKind;
use catalog_core::ports::SourceConfigStore as _;
use catalog_core::testing::key;
use catalog_stores::{FileStore, FileStoreOptions};
use support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_never_rests_does_not_hide_an_edit_of_another() {
    let dir = catalog();
    let store = open_patient(dir.path()).await;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let churn = std::thread::spawn({
        let (stop, path) = (stop.clone(), dir.path().to_owned());
        move || {
            for i in 0.. {
                write(&path, "sub/other.yaml", format!("turn: {i}\n"));
                std::thread::sleep(Duration::from_millis(20));
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(400)).await;
    let mut changes = store.watch();
    write(dir.path(), "main.yaml", "seen nevertheless");
    seen(&mut changes, &main_key()).await;
    let other = store.get(&key("mcp", "other")).await.unwrap().unwrap();
    assert_eq!(
        other.revision.id.sequence(),
        1,
        "what moves is not recorded"
    );
    // A write of the one source does not wait for the other, and records nothing of it.
    let document = store.get(&main_key()).await.unwrap().unwrap().document;
    put(&store, &main_key(), document, catalog_core::Expect::Any)
        .await
        .unwrap();
    let other = store.get(&key("mcp", "other")).await.unwrap().unwrap();
    assert_eq!(other.revision.id.sequence(), 1);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    churn.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_comes_to_a_bad_end_says_so_and_goes_on() {
    let dir = catalog();
    let bad = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let hook = bad.clone();
    let store = options(dir.path())
        .poll_interval(Duration::from_millis(20))
        .hook(
            move |_| match hook.load(std::sync::atomic::Ordering::SeqCst) {
                true => panic!("on purpose"),
                false => catalog_stores::FsAnswer::Go,
            },
        )
        .open()
        .await
        .unwrap();
    bad.store(true, std::sync::atomic::Ordering::SeqCst);
    write(dir.path(), "main.yaml", "edited");
    let start = Instant::now();
    while store.health().await.detail.is_none() {
        assert!(start.elapsed() < PATIENCE, "the health says so");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bad.store(false, std::sync::atomic::Ordering::SeqCst);
    while text(&store.get(&main_key()).await.unwrap().unwrap()) != b"edited" {
        assert!(start.elapsed() < PATIENCE, "it goes on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    while store.health().await.detail.is_some() {
        assert!(start.elapsed() < PATIENCE, "it is well again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_somebody_is_still_writing_is_not_taken() {
    use std::io::Write as _;
    let dir = catalog();
    let store = open(dir.path()).await;
    let mut file = std::fs::File::create(dir.path().join("main.yaml")).unwrap();
    let mut whole = String::new();
    // Each pause is longer than a file must rest; but the file stays open.
    for i in 0..10 {
        let line = format!("line: {i}\n");
        file.write_all(line.as_bytes()).unwrap();
        whole += &line;
        tokio::time::sleep(FileStoreOptions::DEFAULT_REST_TIME * 3).await;
    }
    drop(file);
    let start = Instant::now();
    while text(&store.get(&main_key()).await.unwrap().unwrap()) != whole.as_bytes() {
        assert!(start.elapsed() < PATIENCE, "noticed in time");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let kinds = kinds(&store, &main_key()).await;
    assert_eq!(kinds, [RevisionKind::Import, RevisionKind::External]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_made_anew_is_looked_at_again() {
    let dir = catalog();
    let store = open(dir.path()).await;
    let other = key("mcp", "other");
    for text in ["first", "second", "third"] {
        std::fs::remove_dir_all(dir.path().join("sub")).unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        write(dir.path(), "sub/other.yaml", text);
        let start = Instant::now();
        while text_of(&store, &other).await != text.as_bytes() {
            assert!(start.elapsed() < PATIENCE, "noticed in time");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn text_of(store: &FileStore, key: &catalog_core::model::SourceKey) -> Vec<u8> {
    let source = store.get(key).await.unwrap().unwrap();
    text(&source).to_vec()
}
