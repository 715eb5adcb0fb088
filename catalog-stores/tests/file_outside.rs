//! Edits that are made past the store.
#![cfg(feature = "file")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/files.rs"]
mod support;

use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use catalog_core::ports::{SourceConfigStore as _, StoreChange};
use catalog_core::testing::key;
use catalog_core::{RevisionKind, StoreError};
use catalog_stores::FileStore;
use futures_util::StreamExt as _;
use support::*;

#[tokio::test]
async fn an_edit_of_content_is_noticed_and_recorded() {
    let dir = catalog();
    let store = open(dir.path()).await;
    let mut changes = store.watch();
    write(dir.path(), "main.yaml", "edited: true\r\n");
    seen(&mut changes, &main_key()).await;
    let main = get(&store, &main_key()).await;
    assert_eq!(text(&main), b"edited: true\r\n");
    assert_eq!(main.revision.kind, RevisionKind::External);
    assert_eq!(main.revision.author, "external");
    assert_eq!(
        kinds(&store, &key("mcp", "other")).await,
        [RevisionKind::Import]
    );
}

#[tokio::test]
async fn every_way_of_replacing_a_file_is_noticed() {
    let dir = catalog();
    let store = open(dir.path()).await;
    let path = dir.path().join("main.yaml");
    let mut changes = store.watch();

    // As editors do: another file takes the name.
    write(dir.path(), "main.yaml.swp", "by rename");
    std::fs::rename(dir.path().join("main.yaml.swp"), &path).unwrap();
    seen(&mut changes, &main_key()).await;
    assert_eq!(text(&get(&store, &main_key()).await), b"by rename");

    // In place, of the same size, with the time set back.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    write(dir.path(), "main.yaml", "in place!");
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(modified).unwrap();
    seen(&mut changes, &main_key()).await;
    assert_eq!(text(&get(&store, &main_key()).await), b"in place!");
}

#[tokio::test]
async fn a_mounted_config_map_may_swap_its_links() {
    let dir = tempfile::tempdir().unwrap();
    for (version, text) in [("..1", MAIN), ("..2", "second")] {
        std::fs::create_dir_all(dir.path().join(version).join("sub")).unwrap();
        let version = dir.path().join(version);
        write(&version, "sources.yaml", SOURCES);
        write(&version, "main.yaml", text);
        write(&version, "sub/other.yaml", OTHER);
    }
    symlink("..1", dir.path().join("..data")).unwrap();
    for name in ["sources.yaml", "main.yaml", "sub"] {
        symlink(format!("..data/{name}"), dir.path().join(name)).unwrap();
    }
    let store = open(dir.path()).await;
    assert_eq!(text(&get(&store, &main_key()).await), MAIN.as_bytes());
    let mut changes = store.watch();
    symlink("..2", dir.path().join("..tmp")).unwrap();
    std::fs::rename(dir.path().join("..tmp"), dir.path().join("..data")).unwrap();
    seen(&mut changes, &main_key()).await;
    assert_eq!(text(&get(&store, &main_key()).await), b"second");
}

#[tokio::test]
async fn every_edit_at_rest_is_taken_when_somebody_asks_for_it() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    write(dir.path(), "main.yaml", "one");
    assert_eq!(text(&get(&store, &main_key()).await), b"one");
    write(dir.path(), "main.yaml", "two");
    assert_eq!(text(&get(&store, &main_key()).await), b"two");
    assert_eq!(store.revisions(&main_key()).await.unwrap().len(), 3);
}

#[tokio::test]
async fn edits_within_a_tick_of_the_clock_are_not_lost() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    for i in 0..20 {
        // The same size and inode every time, and often the same time stamp.
        write(dir.path(), "main.yaml", format!("{i:04}"));
        let _ = get(&store, &main_key()).await;
        write(dir.path(), "main.yaml", format!("{:04}", i + 100));
        let found = get(&store, &main_key()).await;
        assert_eq!(text(&found), format!("{:04}", i + 100).as_bytes());
    }
}

#[tokio::test]
async fn what_was_edited_before_a_write_is_recorded_before_it() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    let known = get(&store, &main_key()).await;
    write(dir.path(), "main.yaml", "by hand");
    let expect = catalog_core::Expect::Revision(known.revision.id);
    let answer = put(&store, &main_key(), known.document, expect).await;
    let Err(StoreError::Conflict {
        current: Some(current),
        ..
    }) = answer
    else {
        panic!("{answer:?}");
    };
    assert_eq!(current.sequence(), 2);
    put_text(&store, &main_key(), "by the store").await.unwrap();
    assert_eq!(
        kinds(&store, &main_key()).await,
        [
            RevisionKind::Import,
            RevisionKind::External,
            RevisionKind::Apply
        ]
    );
    let record = store.get_revision(&main_key(), &current).await.unwrap();
    assert_eq!(
        record.document.unwrap().content.as_deref(),
        Some(&b"by hand"[..])
    );
}

#[tokio::test]
async fn an_edited_entry_changes_its_source_only() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    write(
        dir.path(),
        "sources.yaml",
        SOURCES.replace("Main servers", "By hand"),
    );
    let main = get(&store, &main_key()).await;
    assert_eq!(main.document.settings.name, "By hand");
    assert_eq!(main.revision.kind, RevisionKind::External);
    assert_eq!(
        get(&store, &key("mcp", "other"))
            .await
            .revision
            .id
            .sequence(),
        1
    );
}

#[tokio::test]
async fn an_entry_that_is_removed_by_hand_leaves_a_tombstone() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    let start = SOURCES.find("      - {id: other").unwrap();
    let end = start + SOURCES[start..].find('\n').unwrap() + 1;
    let text = [&SOURCES[..start], &SOURCES[end..]].concat();
    write(dir.path(), "sources.yaml", text);
    let other = key("mcp", "other");
    store.notice().await.unwrap();
    assert!(store.get(&other).await.unwrap().is_none());
    assert_eq!(
        kinds(&store, &other).await,
        [RevisionKind::Import, RevisionKind::Delete]
    );
    let tombstone = store.revisions(&other).await.unwrap().remove(0);
    assert_eq!(tombstone.author, "external");
    write(dir.path(), "sources.yaml", SOURCES);
    assert_eq!(get(&store, &other).await.revision.id.sequence(), 3);
}

#[tokio::test]
async fn a_file_that_an_editor_empties_first_is_read_when_it_is_whole() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    let path = dir.path().to_owned();
    write(dir.path(), "sources.yaml", "");
    let editor = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        write(
            &path,
            "sources.yaml",
            SOURCES.replace("Main servers", "Slowly"),
        );
    });
    let main = get(&store, &main_key()).await;
    editor.join().unwrap();
    assert_eq!(main.document.settings.name, "Slowly");
    assert_eq!(
        kinds(&store, &main_key()).await,
        [RevisionKind::Import, RevisionKind::External]
    );
}

#[tokio::test]
async fn nothing_is_noticed_after_the_store_was_closed() {
    let dir = catalog();
    let store = open(dir.path()).await;
    store.close().await;
    let mut changes = store.watch();
    write(dir.path(), "main.yaml", "later");
    let waited = tokio::time::timeout(Duration::from_millis(700), changes.next()).await;
    assert!(waited.is_err());
    drop(store);
    assert_eq!(changes.next().await, None, "the stream ends with the store");
}

#[tokio::test]
async fn a_watcher_that_falls_behind_is_told_to_look_at_everything() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    let mut changes = store.watch();
    for i in 0..70 {
        put_text(&store, &main_key(), i.to_string()).await.unwrap();
    }
    assert_eq!(changes.next().await, Some(StoreChange::Everything));
}

#[tokio::test]
async fn looking_at_a_store_at_rest_takes_no_lock() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    get(&store, &main_key()).await;
    let lock = std::fs::File::open(dir.path().join(".history/lock")).unwrap();
    lock.lock().unwrap();
    let start = Instant::now();
    let main = store.get(&main_key()).await.unwrap().unwrap();
    assert_eq!(text(&main), MAIN.as_bytes());
    assert!(start.elapsed() < PATIENCE);
    drop(lock);
    let _: FileStore = store;
}

#[test]
fn one_thread_for_what_blocks_is_enough() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let dir = catalog();
    let key = main_key();
    let work = async {
        let (store, other) = (open_quiet(dir.path()).await, open_quiet(dir.path()).await);
        for n in 0..40 {
            // What the one has to find out about, while it has something to write itself.
            put_text(&other, &key, format!("# {n}\n")).await.unwrap();
            let (seen, _, written, health) = tokio::join!(
                store.get(&key),
                store.list(&key.plugin),
                put_text(&store, &key, format!("# own {n}\n")),
                store.health()
            );
            let seen = seen.unwrap().unwrap();
            assert_ne!(text(&seen), format!("# own {}\n", n - 1).as_bytes());
            written.unwrap();
            assert_eq!(health.detail, None);
        }
    };
    runtime.block_on(async { tokio::time::timeout(PATIENCE * 3, work).await.unwrap() });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_written_slowly_is_one_revision_however_often_it_is_read() {
    let dir = catalog();
    let store = open_patient(dir.path()).await;
    let path = dir.path().join("main.yaml");
    let mut whole = String::new();
    for i in 0..20 {
        whole += &format!("line: {i}\n");
        std::fs::write(&path, &whole).unwrap();
        for _ in 0..4 {
            let main = store.get(&main_key()).await.unwrap().unwrap();
            assert_eq!(
                text(&main),
                MAIN.as_bytes(),
                "the last whole state is served"
            );
            store.list(&main_key().plugin).await.unwrap();
            store.health().await;
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }
    let start = Instant::now();
    while text(&store.get(&main_key()).await.unwrap().unwrap()) != whole.as_bytes() {
        assert!(start.elapsed() < PATIENCE, "noticed in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let kinds = kinds(&store, &main_key()).await;
    assert_eq!(kinds, [RevisionKind::Import, RevisionKind::External]);
}
