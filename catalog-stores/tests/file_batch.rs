//! Writes that are made at once.
#![cfg(feature = "file")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/files.rs"]
mod support;

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use catalog_core::ports::SourceConfigStore as _;
use catalog_core::testing::{content, key};
use catalog_core::{Expect, Revision, SourceKey, StoreError};
use catalog_stores::{FileStore, FsAnswer, FsOp};
use support::*;

const WRITERS: usize = 16;

fn writer(i: usize) -> SourceKey {
    key("mcp", &format!("s{i}"))
}

/// A catalog of that many sources.
fn many() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut sources = "catalogs:\n  mcp:\n    sources:\n".to_owned();
    for i in 0..WRITERS {
        writeln!(
            sources,
            "    - {{id: s{i}, name: S, type: yaml, properties: {{yamlCatalogPath: s{i}.yaml}}}}"
        )
        .unwrap();
        write(dir.path(), &format!("s{i}.yaml"), "old");
    }
    write(dir.path(), "sources.yaml", sources);
    dir
}

/// Holds up the first sync once it is armed, so that writers gather behind it.
#[derive(Clone, Default)]
struct Slow {
    armed: Arc<AtomicBool>,
    held_up: Arc<AtomicBool>,
    released: Arc<AtomicBool>,
    syncs: Arc<AtomicUsize>,
}

impl Slow {
    fn pass(&self, op: &FsOp<'_>) {
        if is_sync(op) && self.armed.load(Ordering::SeqCst) {
            self.syncs.fetch_add(1, Ordering::SeqCst);
            if !self.held_up.swap(true, Ordering::SeqCst) {
                while !self.released.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
    }

    /// Starts one write that is held up, and then all others; all of them wait when this is done.
    async fn gather<T: Send + 'static>(
        &self,
        first: impl Future<Output = T> + Send + 'static,
        others: Vec<impl Future<Output = T> + Send + 'static>,
    ) -> Vec<tokio::task::JoinHandle<T>> {
        self.armed.store(true, Ordering::SeqCst);
        let mut tasks = vec![tokio::spawn(first)];
        let start = std::time::Instant::now();
        while !self.held_up.load(Ordering::SeqCst) {
            assert!(start.elapsed() < PATIENCE, "a write syncs");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tasks.extend(others.into_iter().map(tokio::spawn));
        // Each has had its turn to run up to where it waits.
        tokio::time::sleep(Duration::from_millis(100)).await;
        tasks
    }
}

async fn change(store: Arc<FileStore>, i: usize, expect: Expect) -> Result<Revision, StoreError> {
    let mut document = store.get(&writer(i)).await?.unwrap().document;
    document.content = content(format!("new {i}"));
    put(&store, &writer(i), document, expect).await
}

async fn results<T>(tasks: Vec<tokio::task::JoinHandle<T>>) -> Vec<T> {
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_different_sources_share_a_sync() {
    let (dir, slow) = (many(), Slow::default());
    let hook = slow.clone();
    let store = hooked(dir.path(), move |op| {
        hook.pass(op);
        FsAnswer::Go
    });
    let store = Arc::new(store.open().await.unwrap());
    let others = (1..WRITERS).map(|i| change(store.clone(), i, Expect::Any));
    let first = change(store.clone(), 0, Expect::Any);
    let tasks = slow.gather(first, others.collect()).await;
    slow.released.store(true, Ordering::SeqCst);
    for result in results(tasks).await {
        result.unwrap();
    }
    let syncs = slow.syncs.load(Ordering::SeqCst);
    assert!(syncs <= 3, "{syncs} syncs for {WRITERS} writes");
    drop(store);
    let store = open_quiet(dir.path()).await;
    for i in 0..WRITERS {
        let found = get(&store, &writer(i)).await;
        assert_eq!(text(&found), format!("new {i}").as_bytes());
        assert_eq!(found.revision.id.sequence(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_write_that_fails_harms_none_of_those_made_with_it() {
    let (dir, slow) = (many(), Slow::default());
    let hook = slow.clone();
    let store = hooked(dir.path(), move |op| {
        hook.pass(op);
        // Once at its record's temporary file, once where it would take its place.
        match renames_to(op, "s5.yaml") {
            true => FsAnswer::Fail(io::ErrorKind::PermissionDenied.into()),
            false => FsAnswer::Go,
        }
    });
    let store = Arc::new(store.open().await.unwrap());
    let stale = Expect::Absent;
    let others = (1..WRITERS).map(|i| {
        let expect = if i == 3 { stale.clone() } else { Expect::Any };
        change(store.clone(), i, expect)
    });
    let first = change(store.clone(), 0, Expect::Any);
    let tasks = slow.gather(first, others.collect()).await;
    slow.released.store(true, Ordering::SeqCst);
    let results = results(tasks).await;
    drop(store);
    let store = open_quiet(dir.path()).await;
    for (i, result) in results.iter().enumerate() {
        let found = get(&store, &writer(i)).await;
        let expected = match i {
            3 => {
                assert!(
                    matches!(result, Err(StoreError::Conflict { .. })),
                    "{result:?}"
                );
                "old".to_owned()
            }
            5 => {
                assert!(
                    matches!(result, Err(StoreError::Unavailable { .. })),
                    "{result:?}"
                );
                "old".to_owned()
            }
            _ => {
                assert!(result.is_ok(), "{i}: {result:?}");
                format!("new {i}")
            }
        };
        assert_eq!(text(&found), expected.as_bytes(), "{i}");
    }
    assert!(leftovers(dir.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failed_sync_fails_all_that_share_it_and_the_old_state_is_intact() {
    let (dir, slow) = (many(), Slow::default());
    let hook = slow.clone();
    let store = hooked(dir.path(), move |op| {
        hook.pass(op);
        match is_sync(op) && hook.syncs.load(Ordering::SeqCst) > 1 {
            true => FsAnswer::Fail(io::Error::other("input/output error")),
            false => FsAnswer::Go,
        }
    });
    let store = Arc::new(store.open().await.unwrap());
    let others = (1..WRITERS).map(|i| change(store.clone(), i, Expect::Any));
    let first = change(store.clone(), 0, Expect::Any);
    let tasks = slow.gather(first, others.collect()).await;
    slow.released.store(true, Ordering::SeqCst);
    let results = results(tasks).await;
    assert!(results[0].is_ok(), "it was made before");
    drop(store);
    let store = open_quiet(dir.path()).await;
    for (i, result) in results.iter().enumerate().skip(1) {
        assert!(
            matches!(result, Err(StoreError::Unavailable { .. })),
            "{i}: {result:?}"
        );
        let found = get(&store, &writer(i)).await;
        assert_eq!(
            (text(&found), found.revision.id.sequence()),
            (&b"old"[..], 1)
        );
    }
    assert!(leftovers(dir.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_one_source_and_of_one_file_come_one_after_the_other() {
    let (dir, slow) = (many(), Slow::default());
    let hook = slow.clone();
    let store = hooked(dir.path(), move |op| {
        hook.pass(op);
        FsAnswer::Go
    });
    let store = Arc::new(store.open().await.unwrap());
    let head = store.get(&writer(1)).await.unwrap().unwrap();
    // All want the same source, or the file of it, or the sources file; only one of each can win.
    let write = |i: usize| {
        let (store, head) = (store.clone(), head.clone());
        async move {
            let key = key("mcp", &format!("new{i}"));
            match i % 3 {
                0 => {
                    let mut document = head.document;
                    document.content = content(format!("writer {i}"));
                    put(
                        &store,
                        &writer(1),
                        document,
                        Expect::Revision(head.revision.id),
                    )
                    .await
                }
                1 => {
                    put(
                        &store,
                        &key,
                        at_path("fresh.yaml", format!("{i}")),
                        Expect::Absent,
                    )
                    .await
                }
                _ => {
                    let path = format!("fresh{i}.yaml");
                    put(&store, &key, at_path(&path, "x"), Expect::Absent).await
                }
            }
        }
    };
    let first = change(store.clone(), 0, Expect::Any);
    let tasks = slow.gather(first, (0..12).map(write).collect()).await;
    slow.released.store(true, Ordering::SeqCst);
    let results = results(tasks).await;
    let wins = |kind: usize| {
        let of_kind = results[1..].iter().skip(kind).step_by(3);
        of_kind.filter(|result| result.is_ok()).count()
    };
    assert_eq!((wins(0), wins(1), wins(2)), (1, 1, 4), "{results:?}");
    assert!(leftovers(dir.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_write_that_nobody_waits_for_any_more_is_not_made_later() {
    let (dir, slow) = (many(), Slow::default());
    let hook = slow.clone();
    let store = hooked(dir.path(), move |op| {
        hook.pass(op);
        FsAnswer::Go
    });
    let store = Arc::new(store.open().await.unwrap());
    let other = change(store.clone(), 1, Expect::Any);
    let first = change(store.clone(), 0, Expect::Any);
    let mut tasks = slow.gather(first, vec![other]).await;
    let given_up = tasks.remove(1);
    given_up.abort();
    assert!(given_up.await.is_err());
    slow.released.store(true, Ordering::SeqCst);
    results(tasks).await.remove(0).unwrap();
    change(store.clone(), 2, Expect::Any).await.unwrap();
    assert_eq!(text(&get(&store, &writer(1)).await), b"old");
}
