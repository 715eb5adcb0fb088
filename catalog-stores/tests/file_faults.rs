//! Errors that do not go away by themselves.
#![cfg(feature = "file")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/files.rs"]
mod support;

use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use catalog_core::ports::{ComponentState, SourceConfigStore as _};
use catalog_core::testing::{content, key, meta};
use catalog_core::{Expect, RevisionKind, StoreError};
use catalog_stores::{FileStore, FileStoreOptions, FsAnswer, FsChange, FsOp};
use support::*;

const DIR: &str = "CATALOG_TEST_DIR";

type State = Vec<(String, String, String, u64)>;

async fn state(store: &FileStore) -> State {
    let sources = store.list(&main_key().plugin).await.unwrap();
    let of = |s: &catalog_core::ports::StoredSource| {
        let content = String::from_utf8_lossy(text(s)).into_owned();
        let name = s.document.settings.name.clone();
        (s.key.to_string(), name, content, s.revision.id.sequence())
    };
    sources.iter().map(of).collect()
}

async fn operate(store: &FileStore, operation: &str) -> Result<(), StoreError> {
    match operation {
        "put" => {
            let mut document = store.get(&main_key()).await?.unwrap().document;
            document.settings.name = "Renamed".to_owned();
            document.content = content("new content");
            put(store, &main_key(), document, Expect::Any).await?;
        }
        "create" => {
            let document = at_path("new/dir/created.yaml", "created");
            put(store, &key("mcp", "created"), document, Expect::Absent).await?;
        }
        _ => {
            let delete = meta(RevisionKind::Delete);
            store.delete(&main_key(), &Expect::Any, &delete).await?;
        }
    }
    Ok(())
}

/// Fails from one step on, until it is repaired.
#[derive(Clone, Default)]
struct Fault {
    steps: Arc<AtomicUsize>,
    from: Arc<AtomicUsize>,
    broken: Arc<AtomicBool>,
}

impl Fault {
    fn options(&self, dir: &Path) -> FileStoreOptions {
        let fault = self.clone();
        hooked(dir, move |op| {
            let counts = !is_sync(op) && fault.broken.load(Ordering::SeqCst);
            match counts
                && fault.steps.fetch_add(1, Ordering::SeqCst) >= fault.from.load(Ordering::SeqCst)
            {
                true => full(),
                false => FsAnswer::Go,
            }
        })
    }

    fn from(&self, step: usize) {
        self.steps.store(0, Ordering::SeqCst);
        self.from.store(step, Ordering::SeqCst);
        self.broken.store(true, Ordering::SeqCst);
    }

    fn repair(&self) {
        self.broken.store(false, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn an_error_that_persists_from_any_step_on_leaves_the_old_state_or_the_new() {
    let mut tried = 0;
    for operation in ["put", "create", "delete"] {
        let dir = catalog();
        let store = open_quiet(dir.path()).await;
        let old = state(&store).await;
        operate(&store, operation).await.unwrap();
        let new = state(&store).await;
        for step in 0.. {
            let (dir, fault) = (catalog(), Fault::default());
            let what = format!("{operation}, step {step}");
            let store = fault.options(dir.path()).open().await.unwrap();
            fault.from(step);
            let failed = operate(&store, operation).await.is_err();
            let reached = fault.steps.load(Ordering::SeqCst) > step;
            let found = state(&store).await;
            assert!(found == old || found == new, "{what}: {found:?}");
            // Whoever opens it while the error is there can read.
            fault.from(0);
            let late = fault.options(dir.path()).open().await.expect(&what);
            let seen = state(&late).await;
            assert!(seen == old || seen == new, "{what}: {seen:?}");
            fault.repair();
            for store in [&store, &late] {
                put(
                    store,
                    &key("mcp", "next"),
                    at_path("next.yaml", "n"),
                    Expect::Any,
                )
                .await
                .expect(&what);
            }
            let mut left = state(&open_quiet(dir.path()).await).await;
            left.retain(|(key, ..)| key != "mcp/next");
            assert!(left == old || left == new, "{what}: {left:?}");
            assert!(leftovers(dir.path()).is_empty(), "{what}");
            assert!(
                failed || left == new,
                "{what}: what was acknowledged is there"
            );
            if !reached {
                assert!(step > 8, "the steps were counted");
                tried += step;
                break;
            }
        }
    }
    row(
        "file store: a disk that is full from any change on, until it is repaired",
        tried,
    );
}

/// A disk that is full, for good, once so many files were put in place.
fn full_after(files: usize) -> impl Fn(&FsOp<'_>) -> FsAnswer + Send + Sync + 'static {
    let done = AtomicUsize::new(0);
    move |op| {
        let places = matches!(op.change, FsChange::Rename { .. });
        let earlier = done.fetch_add(usize::from(places), Ordering::SeqCst);
        match earlier + usize::from(places) > files {
            true => {
                done.store(files + 1, Ordering::SeqCst);
                full()
            }
            false => FsAnswer::Go,
        }
    }
}

/// A store that stops right after the commit point, with a plan that nothing is in place of, or with
/// one file of it in place.
async fn interrupted(dir: &Path, files_in_place: usize) {
    drop(open_quiet(dir).await);
    let store = hooked(dir, full_after(files_in_place));
    let store = store.open().await.unwrap();
    let answer = operate(&store, "put").await;
    assert!(
        matches!(answer, Err(StoreError::Unavailable { .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_target_that_was_moved_away_meanwhile_is_somebodys_doing() {
    for obstacle in ["link", "file", "gone"] {
        let dir = catalog();
        let sources = SOURCES.replace("./main.yaml", "deep/main.yaml");
        write(dir.path(), "sources.yaml", sources);
        std::fs::create_dir(dir.path().join("deep")).unwrap();
        write(&dir.path().join("deep"), "main.yaml", MAIN);
        interrupted(dir.path(), 0).await;
        let deep = dir.path().join("deep");
        std::fs::rename(&deep, dir.path().join("moved")).unwrap();
        match obstacle {
            "link" => symlink("moved", &deep).unwrap(),
            "file" => std::fs::write(&deep, "x").unwrap(),
            _ => {}
        }
        let store = open_quiet(dir.path()).await;
        // The rest is in place, and the history has what was committed.
        assert!(read(dir.path(), "sources.yaml").contains("Renamed"));
        let revisions = store.revisions(&main_key()).await.unwrap();
        let applied = revisions.iter().find(|r| r.kind == RevisionKind::Apply);
        let id = &applied.expect(obstacle).id;
        let record = store.get_revision(&main_key(), id).await.unwrap();
        let content = record.document.unwrap().content;
        assert_eq!(content.as_deref(), Some(&b"new content"[..]), "{obstacle}");
        assert_eq!(read(&dir.path().join("moved"), "main.yaml"), MAIN);
        // The source says what it lacks; behind the link it has what it had.
        let main = get(&store, &main_key()).await;
        assert_eq!(main.problems.is_empty(), obstacle == "link");
        put_text(&store, &key("mcp", "other"), "works")
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn whoever_only_reads_is_not_shown_half_a_change() {
    let dir = catalog();
    interrupted(dir.path(), 1).await;
    let before = tree(dir.path());
    let answer = options(dir.path()).read().await;
    assert!(
        matches!(answer, Err(StoreError::Unavailable { .. })),
        "{answer:?}"
    );
    assert_eq!(tree(dir.path()), before, "nothing was written");
    drop(open_quiet(dir.path()).await);
    // After a power cut, too, that is so only when something is missing.
    for (torn, boot) in [(false, "another boot"), (true, "another boot")] {
        if torn {
            write(dir.path(), "main.yaml", MAIN);
        }
        let answer = options(dir.path()).boot(boot).read().await;
        assert_eq!(answer.is_err(), torn);
    }
    let found = options(dir.path()).read().await.unwrap();
    assert_eq!(found.sources.len(), 2);
}

#[tokio::test]
async fn a_change_that_cannot_be_finished_is_set_aside_and_nothing_else_stops() {
    let dir = catalog();
    interrupted(dir.path(), 1).await;
    let store = hooked(dir.path(), |op| match renames_to(op, "sources.yaml") {
        true => FsAnswer::Fail(io::ErrorKind::PermissionDenied.into()),
        false => FsAnswer::Go,
    });
    let store = store.open().await.unwrap();
    let health = store.health().await;
    assert_eq!(health.state, ComponentState::Degraded);
    assert!(health.detail.unwrap().contains("journal.failed-1"));
    let kept = std::fs::read(dir.path().join(".history/journal.failed-1")).unwrap();
    assert!(
        String::from_utf8_lossy(&kept).contains("new content"),
        "the record is kept"
    );
    put_text(&store, &key("mcp", "other"), "works")
        .await
        .unwrap();
    // The history has what was committed.
    let revisions = store.revisions(&main_key()).await.unwrap();
    assert!(revisions.iter().any(|r| r.kind == RevisionKind::Apply));
    drop(store);
    let store = open_quiet(dir.path()).await;
    assert!(
        read(dir.path(), "sources.yaml").contains("Main servers"),
        "it is not tried again"
    );
    assert_eq!(store.health().await.state, ComponentState::Degraded);
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_written_until_the_store_is_opened_again() {
    let dir = catalog();
    let fail = Arc::new(AtomicBool::new(false));
    let hook = fail.clone();
    let store = hooked(dir.path(), move |op| {
        match is_sync(op) && hook.load(Ordering::SeqCst) {
            true => FsAnswer::Fail(io::Error::other("input/output error")),
            false => FsAnswer::Go,
        }
    });
    let store = store.open().await.unwrap();
    fail.store(true, Ordering::SeqCst);
    assert!(put_text(&store, &main_key(), "two").await.is_err());
    fail.store(false, Ordering::SeqCst);
    let answer = put_text(&store, &main_key(), "three").await;
    assert!(
        matches!(answer, Err(StoreError::Unavailable { .. })),
        "{answer:?}"
    );
    assert_eq!(store.health().await.state, ComponentState::Unhealthy);
    assert_eq!(
        store.list(&main_key().plugin).await.unwrap().len(),
        2,
        "readers go on"
    );
    drop(store);
    assert_eq!(
        read(dir.path(), "main.yaml"),
        MAIN,
        "the old state is intact"
    );
    let store = open_quiet(dir.path()).await;
    assert_eq!(kinds(&store, &main_key()).await, [RevisionKind::Import]);
    put_text(&store, &main_key(), "four").await.unwrap();
    assert_eq!(store.health().await.state, ComponentState::Healthy);
}

/// What a store does with these files, by hook.
fn seen_by(dir: &Path, see: impl Fn(&FsOp<'_>) + Send + Sync + 'static) -> FileStoreOptions {
    hooked(dir, move |op| {
        see(op);
        FsAnswer::Go
    })
}

#[tokio::test]
async fn what_a_failed_sync_may_have_lost_is_written_anew_by_whoever_comes_next() {
    for failing in ["main.yaml", "the directory"] {
        let dir = catalog();
        let real = std::fs::canonicalize(dir.path()).unwrap();
        let (file, root) = (real.join("main.yaml"), real.clone());
        let fails = move |op: &FsOp<'_>| match op.change {
            FsChange::SyncFile => failing == "main.yaml" && op.path == file,
            FsChange::SyncDir => failing != "main.yaml" && op.path == root,
            _ => false,
        };
        let broken = Arc::new(AtomicBool::new(false));
        let hook = broken.clone();
        let store = hooked(dir.path(), move |op| {
            match hook.load(Ordering::SeqCst) && fails(op) {
                true => FsAnswer::Fail(io::Error::other("input/output error")),
                false => FsAnswer::Go,
            }
        });
        let store = store.open().await.unwrap();
        let other = open_quiet(dir.path()).await;
        broken.store(true, Ordering::SeqCst);
        put_text(&store, &main_key(), "two").await.unwrap();
        assert_eq!(text(&get(&other, &main_key()).await), b"two");
        // What was acknowledged is durable in the journal, and in its place it will not be.
        store.close().await;
        assert_eq!(store.health().await.state, ComponentState::Unhealthy);
        drop(store);

        // What reads as it should is put in its place once more, and only then forgotten.
        let (file, journal) = (real.join("main.yaml"), real.join(".history/journal"));
        let anew = Arc::new(AtomicBool::new(false));
        let forgotten = Arc::new(AtomicBool::new(false));
        let (seen, early) = (anew.clone(), forgotten.clone());
        let next = seen_by(dir.path(), move |op| match &op.change {
            FsChange::Rename { to } if *to == file => seen.store(true, Ordering::SeqCst),
            FsChange::Write { offset, .. } if *offset < 8192 && op.path == journal => {
                early.fetch_or(!seen.load(Ordering::SeqCst), Ordering::SeqCst);
            }
            _ => {}
        });
        let next = next.open().await.unwrap();
        assert!(anew.load(Ordering::SeqCst), "{failing}");
        assert!(!forgotten.load(Ordering::SeqCst), "{failing}");
        // Once is enough.
        anew.store(false, Ordering::SeqCst);
        for store in [&next, &other] {
            put_text(store, &key("mcp", "other"), "works")
                .await
                .unwrap();
            assert_eq!(store.health().await.state, ComponentState::Healthy);
        }
        next.close().await;
        assert!(!anew.load(Ordering::SeqCst), "{failing}");
        assert_eq!(read(dir.path(), "main.yaml"), "two");
        assert!(leftovers(dir.path()).is_empty());
    }
}

#[tokio::test]
async fn a_process_that_hears_of_anothers_failed_sync_does_not_forget_the_journal() {
    let dir = catalog();
    let real = std::fs::canonicalize(dir.path()).unwrap();
    let main = real.join("main.yaml");
    let failing = hooked(dir.path(), move |op| {
        match matches!(op.change, FsChange::SyncFile) && op.path == main {
            true => FsAnswer::Fail(io::Error::other("input/output error")),
            false => FsAnswer::Go,
        }
    });
    let failing = failing.open().await.unwrap();
    let anew = Arc::new(AtomicBool::new(false));
    let (seen, main) = (anew.clone(), real.join("main.yaml"));
    let other = seen_by(dir.path(), move |op| {
        let to_main = matches!(&op.change, FsChange::Rename { to } if *to == main);
        seen.fetch_or(to_main, Ordering::SeqCst);
    });
    let other = other.open().await.unwrap();
    put_text(&failing, &main_key(), "two").await.unwrap();
    // It knows of the write, and would sync it by itself.
    put_text(&other, &key("mcp", "other"), "works")
        .await
        .unwrap();
    assert!(!anew.load(Ordering::SeqCst));
    failing.close().await;
    other.close().await;
    assert!(anew.load(Ordering::SeqCst));
    assert_eq!(other.health().await.state, ComponentState::Healthy);
}

#[tokio::test]
async fn what_was_acknowledged_before_a_power_cut_waits_for_its_place_to_come_back() {
    let dir = catalog();
    let store = open_quiet(dir.path()).await;
    let revision = put_text(&store, &main_key(), "two").await.unwrap();
    drop(store);
    write(dir.path(), "main.yaml", MAIN);
    let read_only = Arc::new(AtomicBool::new(true));
    let hook = read_only.clone();
    let store = hooked(dir.path(), move |op| {
        let there = !op.path.components().any(|c| c.as_os_str() == ".history");
        match there && hook.load(Ordering::SeqCst) {
            true => FsAnswer::Fail(io::ErrorKind::ReadOnlyFilesystem.into()),
            false => FsAnswer::Go,
        }
    });
    let store = store.boot("another boot").open().await.unwrap();
    // That is told, and nothing else is recorded meanwhile.
    assert_ne!(store.health().await.state, ComponentState::Healthy);
    assert!(put_text(&store, &main_key(), "three").await.is_err());
    assert_eq!(store.revisions(&main_key()).await.unwrap()[0], revision);
    read_only.store(false, Ordering::SeqCst);
    assert_eq!(store.health().await.state, ComponentState::Healthy);
    let main = get(&store, &main_key()).await;
    assert_eq!((text(&main), &main.revision), (&b"two"[..], &revision));
}

/// Not a test by itself: deletes, in the mounts that the parent has made.
#[tokio::test]
async fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let dir = Path::new(&dir);
    let roots = [dir.to_owned(), dir.join("sub")];
    let open = || options(dir).content_roots(roots.clone()).open();
    let store = open().await.unwrap();
    for source in [main_key(), key("mcp", "other")] {
        let answer = put_text(&store, &source, "changed").await;
        let (Ok(_) | Err(StoreError::Unavailable { .. })) = answer else {
            panic!("{answer:?}");
        };
        let delete = meta(RevisionKind::Delete);
        store.delete(&source, &Expect::Any, &delete).await.unwrap();
    }
    put(
        &store,
        &key("mcp", "next"),
        at_path("next.yaml", "n"),
        Expect::Absent,
    )
    .await
    .unwrap();
    drop(store);
    let store = open().await.unwrap();
    assert_eq!(store.list(&main_key().plugin).await.unwrap().len(), 1);
    assert_eq!(store.health().await.state, ComponentState::Healthy);
}

#[tokio::test]
async fn a_source_whose_file_is_mounted_or_read_only_can_be_deleted() {
    let writable = "mount --bind \"$1/main.yaml\" \"$2/main.yaml\"";
    let read_only = "mount --bind -o ro \"$1/main.yaml\" \"$2/main.yaml\" && \
        mount -o remount,bind,ro \"$2/main.yaml\"";
    let directory = "mount --bind \"$1/sub\" \"$2/sub\" && mount -o remount,bind,ro \"$2/sub\"";
    for mounts in [writable, read_only, directory] {
        let (dir, host) = (catalog(), catalog());
        let script = format!("{mounts} || exit 77; exec \"$3\" child --exact --quiet");
        let status = Command::new("unshare")
            .args(["--mount", "sh", "-c", &script, "sh"])
            .args([host.path(), dir.path()])
            .arg(std::env::current_exe().unwrap())
            .env(DIR, dir.path())
            .status();
        match status.map(|status| status.code()) {
            Ok(Some(0)) => {}
            Ok(Some(101)) => panic!("{mounts}: the child failed"),
            other => eprintln!("NOT TESTED: mounted files are deleted ({other:?})"),
        }
        assert!(leftovers(dir.path()).is_empty(), "{mounts}");
    }
}
