//! Clocks that jump and files whose times are wrong: order is by revision, and nothing is missed.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use catalog_core::RevisionKind;
use catalog_core::model::{Author, Edit, Expect, SourceKey};
use catalog_core::ports::{
    ManualClock, MemoryStore, RefreshStatusRepository as _, SourceConfigStore as _,
};
use catalog_core::service::{ApplyOptions, CatalogService};
use catalog_core::testing::{PlainPlugin, document, key, meta};
use catalog_stores::{FileStore, FileStoreOptions, SqliteStatus};
use catalog_tests::PATIENCE;
use catalog_tests::matrix::{row, tries};
use chrono::{DateTime, TimeDelta, Utc};

fn plain(name: &str) -> String {
    format!("items:\n- name: {name}\n")
}

fn write_catalog(dir: &Path) {
    let text = "catalogs:\n  plain:\n    sources:\n      - {id: main, name: Main, type: yaml, properties: {yamlCatalogPath: main.yaml}}\n";
    fs::write(dir.join("sources.yaml"), text).unwrap();
    fs::write(dir.join("main.yaml"), plain("seed")).unwrap();
}

fn options(dir: &Path) -> FileStoreOptions {
    let main = main_key();
    FileStoreOptions::new([dir.join("sources.yaml")]).plugins([("plain".to_owned(), main.plugin)])
}

fn main_key() -> SourceKey {
    key("plain", "main")
}

/// The times that a clock may say, one after the other.
fn jumps() -> Vec<DateTime<Utc>> {
    let at = |seconds| DateTime::<Utc>::from_timestamp(seconds, 0).unwrap();
    let now = at(1_700_000_000);
    vec![
        now,
        now - TimeDelta::days(1),
        now + TimeDelta::days(1),
        now - TimeDelta::days(365 * 30),
        now + TimeDelta::days(365 * 30),
        at(0),
        at(-1),
        // Beyond what 32 bits, and what four digits of a year can say.
        at(1 << 31),
        at(253_402_300_799),
        at(253_402_300_800),
        at(-62_135_596_801),
        DateTime::<Utc>::MAX_UTC,
        DateTime::<Utc>::MIN_UTC,
        now,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_changes_no_order_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    write_catalog(dir.path());
    let clock = Arc::new(ManualClock::at(jumps()[0]));
    let dsn = format!("sqlite:{}", dir.path().join("catalog.db").display());
    let status = Arc::new(SqliteStatus::connect(&dsn).await.unwrap());
    let store = options(dir.path())
        .clock(clock.clone())
        .open()
        .await
        .unwrap();
    let store: Arc<FileStore> = Arc::new(store);
    let catalog = CatalogService::builder()
        .shared_store(store.clone())
        .shared_status(status.clone())
        .plugin(PlainPlugin::default())
        .clock(Shared(clock.clone()))
        .build()
        .unwrap();
    let running = catalog.start().await;
    let source = main_key();
    let (mut violations, mut tried, mut last) = (Vec::new(), 0, 1);
    for _ in 0..tries(1, 20) {
        for time in jumps() {
            clock.advance(time - catalog_core::ports::Clock::now(&*clock));
            tried += 1;
            let what = time.to_rfc3339();
            let edit = Edit::content(plain(&format!("edit-{tried}")));
            let author = Author::new("somebody");
            let work = async {
                let options = ApplyOptions::default();
                let done = catalog
                    .apply(&source, edit, Expect::Present, author, options)
                    .await?;
                catalog.refresh(&source).await?;
                Ok::<_, catalog_core::CatalogError>(done)
            };
            let done = match tokio::time::timeout(PATIENCE, work).await {
                Ok(Ok(done)) => done,
                other => {
                    violations.push(format!("{what}: {other:?}"));
                    continue;
                }
            };
            if done.revision.id.sequence() != last + 1 || done.revision.created_at != time {
                violations.push(format!("{what}: {:?} after {last}", done.revision));
            }
            last = done.revision.id.sequence();
            let revisions = catalog.revisions(&source).await.unwrap();
            let ordered = revisions
                .windows(2)
                .all(|w| w[0].revision.id > w[1].revision.id);
            let newest = revisions[0].revision.id == done.revision.id && revisions[0].current;
            if !ordered || !newest {
                violations.push(format!("{what}: the history is not in order"));
            }
            let row = status.get(&source).await;
            let recorded = row
                .as_ref()
                .ok()
                .and_then(|row| row.as_ref()?.revision.clone());
            if recorded != Some(done.revision.id.clone()) {
                violations.push(format!("{what}: recorded is {row:?}"));
            }
            // The cache of the health goes by a clock that does not jump.
            if !catalog.health().await.is_ready() {
                violations.push(format!("{what}: not ready"));
            }
        }
    }
    // Whoever opens it anew finds the same order, whatever its clock says.
    running.stop().await;
    for time in jumps() {
        tried += 1;
        let clock = Arc::new(ManualClock::at(time));
        let store = options(dir.path()).clock(clock).open().await.unwrap();
        let newest = store
            .get(&source)
            .await
            .unwrap()
            .map(|s| s.revision.id.sequence());
        let history = store.revisions(&source).await.unwrap();
        if newest != Some(last) || history[0].id.sequence() != last {
            violations.push(format!("opened at {time}: {newest:?} instead of {last}"));
        }
        store.close().await;
    }
    row("a clock that jumps", tried, &violations);
}

/// A clock that is shared.
struct Shared(Arc<ManualClock>);

impl catalog_core::ports::Clock for Shared {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }
}

fn set_time(path: &Path, time: SystemTime) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(time).unwrap();
}

/// The times that a file may have.
fn file_times() -> Vec<SystemTime> {
    let year = Duration::from_secs(365 * 24 * 3600);
    let now = SystemTime::now();
    vec![
        now,
        now + year * 10,
        now - year * 10,
        SystemTime::UNIX_EPOCH,
        SystemTime::UNIX_EPOCH - year * 10,
        SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 31),
        SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 33),
    ]
}

/// Waits until the newest revision is of this content.
async fn noticed(store: &FileStore, text: &str) -> bool {
    let end = Instant::now() + PATIENCE;
    loop {
        let found = store.get(&main_key()).await.unwrap();
        if found.and_then(|s| s.document.content).as_deref() == Some(text.as_bytes()) {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_of_files_with_any_time_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    write_catalog(dir.path());
    let path = dir.path().join("main.yaml");
    let interval = Duration::from_millis(20);
    let open = async || {
        options(dir.path())
            .poll_interval(interval)
            .open()
            .await
            .unwrap()
    };
    let mut store = open().await;
    let (mut violations, mut tried) = (Vec::new(), 0);
    for round in 0..tries(2, 20) {
        for (i, time) in file_times().into_iter().enumerate() {
            for in_place in [true, false] {
                tried += 1;
                // As long as the one before, and with the time of the one before.
                let text = plain(&format!("{round:03}-{i:03}-{}", u8::from(in_place)));
                if in_place {
                    fs::write(&path, &text).unwrap();
                    set_time(&path, time);
                } else {
                    let next = dir.path().join("next");
                    fs::write(&next, &text).unwrap();
                    set_time(&next, time);
                    fs::rename(&next, &path).unwrap();
                }
                if !noticed(&store, &text).await {
                    violations.push(format!("{time:?}, in place: {in_place}: missed"));
                }
            }
        }
        // A restart does not take them for edits, and misses none that were made meanwhile.
        let before = store.revisions(&main_key()).await.unwrap();
        store.close().await;
        drop(store);
        store = open().await;
        tried += 1;
        if store.revisions(&main_key()).await.unwrap()[0].id != before[0].id {
            violations.push("a restart made a revision".to_owned());
        }
    }
    row(
        "files with times in the future and the past",
        tried,
        &violations,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_edits_within_a_second_the_last_is_always_seen() {
    let dir = tempfile::tempdir().unwrap();
    write_catalog(dir.path());
    let path = dir.path().join("main.yaml");
    let store = options(dir.path())
        .poll_interval(Duration::from_millis(20))
        .open()
        .await
        .unwrap();
    let frozen = SystemTime::now();
    let (mut violations, mut tried) = (Vec::new(), 0);
    for round in 0..tries(5, 100) {
        let mut last = String::new();
        for i in 0..100 {
            tried += 1;
            last = plain(&format!("{round:03}-{i:03}"));
            if i % 2 == 0 {
                fs::write(&path, &last).unwrap();
            } else {
                let next = dir.path().join("next");
                fs::write(&next, &last).unwrap();
                fs::rename(&next, &path).unwrap();
            }
            // All within the same second, with the same time, of the same length.
            set_time(&path, frozen);
            tokio::time::sleep(Duration::from_millis(7)).await;
        }
        if !noticed(&store, &last).await {
            violations.push(format!("round {round}: the last edit was missed"));
        }
    }
    let revisions = store.revisions(&main_key()).await.unwrap();
    let sequences: Vec<u64> = revisions.iter().map(|r| r.id.sequence()).collect();
    if sequences.windows(2).any(|w| w[0] != w[1] + 1) {
        violations.push(format!("the order: {sequences:?}"));
    }
    // And through the store every one is a revision, in order, within one tick of the clock.
    let memory = MemoryStore::new();
    for i in 1..=100 {
        tried += 1;
        let text = document("A name", plain(&i.to_string()), serde_json::Map::new());
        let revision = memory.seed(&main_key(), text, &meta(RevisionKind::Apply));
        if revision.id.sequence() != i {
            violations.push(format!("{i} is {}", revision.id));
        }
    }
    row("a hundred edits within one second", tried, &violations);
}
