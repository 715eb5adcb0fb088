//! What the journal is for: everything that a power cut can undo, and nothing that a person did.
#![cfg(feature = "file")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/files.rs"]
mod support;

use std::path::{Path, PathBuf};

use catalog_core::ports::{ComponentState, SourceConfigStore as _};
use catalog_core::testing::{key, meta};
use catalog_core::{Expect, RevisionKind, SourceKey};
use catalog_stores::{FileStore, FsAnswer, FsChange};
use support::*;

/// The store as it is opened after a power cut.
async fn after_power_cut(dir: &Path) -> FileStore {
    quiet(dir).boot("another boot").open().await.unwrap()
}

fn record_path(dir: &Path, key: &SourceKey, revision: &catalog_core::Revision) -> PathBuf {
    let name = format!("{:010}-{}.rev", revision.id.sequence(), revision.id.hex());
    dir.join(".history")
        .join(key.plugin.as_str())
        .join(key.id.as_str())
        .join(name)
}

#[tokio::test]
async fn what_a_power_cut_undoes_is_done_again() {
    let dir = catalog();
    let before = read(dir.path(), "sources.yaml");
    let store = open_quiet(dir.path()).await;
    let mut document = get(&store, &main_key()).await.document;
    document.settings.name = "Renamed".to_owned();
    document.content = catalog_core::testing::content("new content");
    let revision = put(&store, &main_key(), document, Expect::Any)
        .await
        .unwrap();
    let created = key("mcp", "created");
    let first = put(
        &store,
        &created,
        at_path("new/dir/created.yaml", "created"),
        Expect::Absent,
    )
    .await
    .unwrap();
    drop(store);
    // Renames and directories that were not synced are gone, in any combination.
    write(dir.path(), "main.yaml", MAIN);
    write(dir.path(), "sources.yaml", before);
    std::fs::remove_file(record_path(dir.path(), &main_key(), &revision)).unwrap();
    std::fs::remove_dir_all(dir.path().join("new")).unwrap();
    std::fs::remove_dir_all(dir.path().join(".history/mcp/created")).unwrap();

    let store = after_power_cut(dir.path()).await;
    let main = get(&store, &main_key()).await;
    assert_eq!(
        (text(&main), &main.revision),
        (&b"new content"[..], &revision)
    );
    assert_eq!(main.document.settings.name, "Renamed");
    let found = get(&store, &created).await;
    assert_eq!((text(&found), &found.revision), (&b"created"[..], &first));
    assert!(leftovers(dir.path()).is_empty());
    assert_eq!(store.health().await.state, ComponentState::Healthy);
}

#[tokio::test]
async fn a_file_that_a_power_cut_has_torn_is_whole_again() {
    for torn in [&b""[..], b"new co", b"new\0\0\0\0tent", b"\0\0\0"] {
        let dir = catalog();
        let store = open_quiet(dir.path()).await;
        put_text(&store, &main_key(), "new content").await.unwrap();
        drop(store);
        write(dir.path(), "main.yaml", torn);
        let store = after_power_cut(dir.path()).await;
        assert_eq!(text(&get(&store, &main_key()).await), b"new content");
        assert_eq!(store.revisions(&main_key()).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn of_many_writes_of_a_file_the_last_one_wins_whichever_was_left() {
    for left in [MAIN, "text 0", "text 3", "text"] {
        let dir = catalog();
        let store = open_quiet(dir.path()).await;
        for i in 0..5 {
            put_text(&store, &main_key(), format!("text {i}"))
                .await
                .unwrap();
        }
        drop(store);
        write(dir.path(), "main.yaml", left);
        let store = after_power_cut(dir.path()).await;
        assert_eq!(text(&get(&store, &main_key()).await), b"text 4", "{left}");
        assert_eq!(store.revisions(&main_key()).await.unwrap().len(), 6);
    }
}

#[tokio::test]
async fn a_deletion_that_a_power_cut_undoes_is_done_again() {
    let dir = catalog();
    let before = read(dir.path(), "sources.yaml");
    let store = open_quiet(dir.path()).await;
    put_text(&store, &main_key(), "two").await.unwrap();
    let delete = meta(RevisionKind::Delete);
    store
        .delete(&main_key(), &Expect::Any, &delete)
        .await
        .unwrap();
    drop(store);
    write(dir.path(), "main.yaml", MAIN);
    write(dir.path(), "sources.yaml", before);
    let store = after_power_cut(dir.path()).await;
    assert!(store.get(&main_key()).await.unwrap().is_none());
    assert!(!dir.path().join("main.yaml").exists());
}

#[tokio::test]
async fn what_somebody_put_back_in_the_same_boot_stays() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    put_text(&store, &main_key(), "new content").await.unwrap();
    // As after kill -9: nothing was made durable in its place.
    drop(store);
    write(dir.path(), "main.yaml", MAIN);
    let store = open_quiet(dir.path()).await;
    assert_eq!(text(&get(&store, &main_key()).await), MAIN.as_bytes());
    let expected = [
        RevisionKind::Import,
        RevisionKind::Apply,
        RevisionKind::External,
    ];
    assert_eq!(kinds(&store, &main_key()).await, expected);
}

#[tokio::test]
async fn an_edit_stays_even_after_a_power_cut() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    put_text(&store, &main_key(), "new content").await.unwrap();
    drop(store);
    write(dir.path(), "main.yaml", "by hand");
    let store = after_power_cut(dir.path()).await;
    assert_eq!(text(&get(&store, &main_key()).await), b"by hand");
    assert_eq!(store.revisions(&main_key()).await.unwrap().len(), 3);
}

#[tokio::test]
async fn what_a_checkpoint_has_made_durable_is_nobodys_business_any_more() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    put_text(&store, &main_key(), "new content").await.unwrap();
    store.close().await;
    drop(store);
    write(dir.path(), "main.yaml", MAIN);
    let store = after_power_cut(dir.path()).await;
    assert_eq!(text(&get(&store, &main_key()).await), MAIN.as_bytes());
}

#[tokio::test]
async fn when_nobody_writes_everything_is_made_durable_in_its_place() {
    let dir = catalog();
    let synced = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = synced.clone();
    let store = hooked(dir.path(), move |op| {
        if is_sync(op) {
            seen.lock().unwrap().push(op.path.clone());
        }
        FsAnswer::Go
    });
    let idle = std::time::Duration::from_millis(20);
    let store = store.checkpoint_after(idle).open().await.unwrap();
    put_text(&store, &main_key(), "new content").await.unwrap();
    let start = std::time::Instant::now();
    let root = dir.path().canonicalize().unwrap();
    for path in [root.join("main.yaml"), root.clone()] {
        while !synced.lock().unwrap().contains(&path) {
            assert!(start.elapsed() < PATIENCE, "{}", path.display());
            tokio::time::sleep(idle).await;
        }
    }
}

#[tokio::test]
async fn a_write_syncs_the_journal_once_and_nothing_else() {
    let dir = catalog();
    let synced = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = synced.clone();
    let store = hooked(dir.path(), move |op| {
        if is_sync(op) {
            seen.lock().unwrap().push(op.path.clone());
        }
        FsAnswer::Go
    });
    let store = store.open().await.unwrap();
    synced.lock().unwrap().clear();
    put_text(&store, &main_key(), "new content").await.unwrap();
    let journal = dir.path().canonicalize().unwrap().join(".history/journal");
    assert_eq!(*synced.lock().unwrap(), [journal]);
}

#[tokio::test]
async fn the_journal_does_not_grow_without_end() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    for i in 0..80 {
        let text = i.to_string().repeat(200_000);
        put_text(&store, &main_key(), text).await.unwrap();
    }
    let size = std::fs::metadata(dir.path().join(".history/journal"))
        .unwrap()
        .len();
    assert!(size < 40 << 20, "{size}");
    drop(store);
    let store = after_power_cut(dir.path()).await;
    assert_eq!(store.revisions(&main_key()).await.unwrap().len(), 20);
}

#[tokio::test]
async fn a_journal_that_is_damaged_is_set_aside_and_told_of() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    put_text(&store, &main_key(), "new content").await.unwrap();
    drop(store);
    let path = dir.path().join(".history/journal");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[..8192].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let store = open_quiet(dir.path()).await;
    assert_eq!(text(&get(&store, &main_key()).await), b"new content");
    let health = store.health().await;
    assert_eq!(health.state, ComponentState::Degraded);
    assert!(health.detail.unwrap().contains("journal.failed-1"));
    put_text(&store, &main_key(), "goes on").await.unwrap();
}

#[tokio::test]
async fn what_an_earlier_version_left_half_done_is_set_aside() {
    let dir = catalog();
    drop(open_quiet(dir.path()).await);
    write(dir.path(), ".history/wal", "{\"format\":2,\"steps\":[]}");
    let store = open_quiet(dir.path()).await;
    assert!(!dir.path().join(".history/wal").exists());
    assert_eq!(store.health().await.state, ComponentState::Degraded);
    put_text(&store, &main_key(), "goes on").await.unwrap();
}

#[tokio::test]
async fn a_disk_with_no_room_for_the_journal_takes_it_from_what_is_durable_elsewhere() {
    let dir = catalog();
    let limit = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(u64::MAX));
    let most = limit.clone();
    let store = hooked(dir.path(), move |op| match op.change {
        FsChange::Write { offset, bytes }
            if op.path.ends_with("journal")
                && offset + bytes.len() as u64 > most.load(std::sync::atomic::Ordering::SeqCst) =>
        {
            full()
        }
        _ => FsAnswer::Go,
    });
    let store = store.open().await.unwrap();
    limit.store(1 << 20, std::sync::atomic::Ordering::SeqCst);
    for i in 0..10 {
        put_text(&store, &main_key(), i.to_string().repeat(200_000))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn an_edit_that_was_recorded_is_not_undone_by_what_the_journal_had_before() {
    // Back to what it was, cut short: states that a power cut could leave, too.
    for edit in [MAIN, "new con"] {
        let dir = catalog();
        let store = open_quiet(dir.path()).await;
        put_text(&store, &main_key(), "new content").await.unwrap();
        write(dir.path(), "main.yaml", edit);
        store.notice().await.unwrap();
        let before = store.revisions(&main_key()).await.unwrap();
        drop(store);
        let store = after_power_cut(dir.path()).await;
        assert_eq!(store.revisions(&main_key()).await.unwrap(), before);
        assert_eq!(before.len(), 3);
        assert_eq!(read(dir.path(), "main.yaml"), edit);
    }
}
