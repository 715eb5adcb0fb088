//! Several processes on the same files.
#![cfg(feature = "file")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/files.rs"]
mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use catalog_core::ports::{SourceConfigStore as _, StoreChange};
use catalog_core::testing::content;
use catalog_core::{Expect, StoreError};
use futures_util::StreamExt as _;
use support::*;

const DIR: &str = "CATALOG_TEST_DIR";
const WRITER: &str = "CATALOG_TEST_WRITER";

/// Writes that every process makes.
const WRITES: usize = 15;

/// Not a test by itself: a process that appends a line again and again, whoever else does.
#[tokio::test]
async fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let writer = std::env::var(WRITER).unwrap();
    let store = open(Path::new(&dir)).await;
    for i in 0..WRITES {
        loop {
            let main = get(&store, &main_key()).await;
            let mut document = main.document.clone();
            let before = String::from_utf8_lossy(text(&main)).into_owned();
            document.content = content(format!("{before}\n{writer}:{i}"));
            document.settings.name = format!("{writer}:{i}");
            let expect = Expect::Revision(main.revision.id);
            match put(&store, &main_key(), document, expect).await {
                Ok(_) => break,
                Err(StoreError::Conflict { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}

fn spawn(dir: &Path, writer: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--quiet"])
        .env(DIR, dir)
        .env(WRITER, writer)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_write_of_any_process_is_lost_and_no_reader_sees_half_of_one() {
    let dir = catalog();
    let store = open(dir.path()).await;
    let writers = ["one", "two", "three"];
    let mut children: Vec<Child> = writers.iter().map(|w| spawn(dir.path(), w)).collect();
    let mut running = true;
    while running {
        running = children.iter_mut().any(|c| c.try_wait().unwrap().is_none());
        let main = get(&store, &main_key()).await;
        // Settings and content of one write, never of two.
        let lines = String::from_utf8_lossy(text(&main)).into_owned();
        let last = lines.rsplit('\n').next().unwrap();
        if main.revision.id.sequence() > 1 {
            assert_eq!(main.document.settings.name, last);
        }
        assert_eq!(main.revision.digest, main.document.digest().to_string());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let main = get(&store, &main_key()).await;
    let lines = String::from_utf8_lossy(text(&main)).into_owned();
    for writer in writers {
        for i in 0..WRITES {
            let line = format!("{writer}:{i}");
            assert_eq!(lines.lines().filter(|l| *l == line).count(), 1, "{line}");
        }
    }
    let expected = 1 + (writers.len() * WRITES) as u64;
    assert_eq!(
        main.revision.id.sequence(),
        expected,
        "nothing was taken for an edit from outside"
    );
    assert!(leftovers(dir.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_of_another_process_is_announced_within_a_second() {
    let dir = catalog();
    let store = open(dir.path()).await;
    let mut changes = store.watch();
    let mut child = spawn(dir.path(), "far");
    assert!(
        tokio::task::spawn_blocking(move || child.wait())
            .await
            .unwrap()
            .unwrap()
            .success()
    );
    let seen = tokio::time::timeout(PATIENCE, changes.next()).await;
    assert_eq!(seen.unwrap(), Some(StoreChange::Source(main_key())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_changes_no_byte_is_seen_by_others_too() {
    let dir = catalog();
    let (one, two) = (open_quiet(dir.path()).await, open_quiet(dir.path()).await);
    for _ in 0..5 {
        let same = get(&one, &main_key()).await.document;
        let revision = put(&one, &main_key(), same, Expect::Any).await.unwrap();
        assert_eq!(get(&two, &main_key()).await.revision, revision);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_writers_over_two_stores_exactly_one_wins() {
    let dir = catalog();
    let (one, two) = (open(dir.path()).await, open(dir.path()).await);
    let head = get(&one, &main_key()).await;
    let writes = (0..12).map(|i| {
        let store = if i % 2 == 0 { &one } else { &two };
        let mut document = head.document.clone();
        document.content = content(format!("writer {i}"));
        let expect = Expect::Revision(head.revision.id.clone());
        async move { put(store, &main_key(), document, expect).await }
    });
    let results = futures_util::future::join_all(writes).await;
    let wins: Vec<_> = results.iter().filter_map(|r| r.as_ref().ok()).collect();
    let lost = |r: &&Result<_, StoreError>| matches!(r, Err(StoreError::Conflict { .. }));
    assert_eq!((wins.len(), results.iter().filter(lost).count()), (1, 11));
    assert_eq!(get(&two, &main_key()).await.revision, *wins[0]);
    assert_eq!(one.revisions(&main_key()).await.unwrap().len(), 2);
}

/// In a container a single file is often mounted by itself. It cannot be replaced then.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_a_mount_of_its_own_is_written_in_place() {
    let (dir, host) = (catalog(), catalog());
    let script = "mount --bind \"$1/sources.yaml\" \"$2/sources.yaml\" \
        && mount --bind \"$1/main.yaml\" \"$2/main.yaml\" || exit 77; \
        exec \"$3\" child --exact --quiet";
    let status = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .args([host.path(), dir.path()])
        .arg(std::env::current_exe().unwrap())
        .env(DIR, dir.path())
        .env(WRITER, "mounted")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match status.map(|status| status.code()) {
        Ok(Some(0)) => {}
        Ok(Some(101)) => panic!("the writer failed"),
        other => {
            eprintln!("NOT TESTED: a file that is a mount of its own ({other:?})");
            return;
        }
    }
    let last = format!("mounted:{}", WRITES - 1);
    assert!(read(host.path(), "sources.yaml").contains(&last));
    assert!(read(host.path(), "main.yaml").ends_with(&last));
    assert_eq!(
        read(dir.path(), "main.yaml"),
        MAIN,
        "beneath the mount nothing changed"
    );
    assert!(leftovers(dir.path()).is_empty() && leftovers(host.path()).is_empty());
}
