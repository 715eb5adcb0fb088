//! What a durable write costs, against the bare syscalls of the same files.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use catalog_core::ports::SourceConfigStore as _;
use catalog_core::testing::{accept, content, document, key, meta};
use catalog_core::{Expect, RevisionKind, SourceDocument, SourceKey};
use catalog_stores::{FileStore, FileStoreOptions, FsAnswer, FsChange};
use catalog_tests::{matrix, measure};
use tokio::runtime::Runtime;

/// Bytes of the document: a catalog of a dozen servers.
const BYTES: usize = 8 << 10;

/// What the record of a revision adds to the document.
const RECORD_BYTES: usize = BYTES + 600;

const WRITERS: usize = 16;

fn text(n: usize) -> String {
    let line = format!("# revision {n} of this document, as long as a line of YAML is\n");
    let mut text = line.repeat(BYTES / line.len() + 1);
    text.truncate(BYTES);
    text
}

fn source(i: usize) -> SourceKey {
    key("mcp", &format!("s{i}"))
}

fn document_of(i: usize, n: usize) -> SourceDocument {
    let path = serde_json::json!({"yamlCatalogPath": format!("s{i}.yaml")});
    let mut document = document("A name", "", path.as_object().expect("an object").clone());
    document.content = content(text(n));
    document
}

async fn put(store: &FileStore, i: usize, n: usize) {
    let document = accept(document_of(i, n));
    let meta = meta(RevisionKind::Apply);
    let done = store.put(&source(i), &document, &Expect::Any, &meta).await;
    done.expect("a write");
}

/// Replaces a file durably, but for its directory.
fn replace(dir: &Path, name: &str, bytes: &[u8]) {
    let temp = dir.join("temp");
    let mut file = File::create(&temp).expect("a file");
    file.write_all(bytes).expect("a write");
    file.sync_all().expect("a sync");
    fs::rename(temp, dir.join(name)).expect("a rename");
}

fn bare(dir: &Path, n: usize) {
    let (text, record) = (text(n), vec![b'#'; RECORD_BYTES]);
    let history = dir.join("history");
    replace(dir, "content.yaml", text.as_bytes());
    replace(&history, &format!("{n}.rev"), &record);
    for dir in [dir, &history] {
        File::open(dir).and_then(|d| d.sync_all()).expect("a sync");
    }
}

/// The rate of so many writers, in writes a second.
fn rate(
    runtime: &tokio::runtime::Runtime,
    store: &Arc<FileStore>,
    writers: usize,
    each: usize,
) -> f64 {
    let start = Instant::now();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..writers)
            .map(|i| {
                let store = store.clone();
                tokio::spawn(async move {
                    for n in 0..each {
                        put(&store, i, n).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("a writer");
        }
    });
    (writers * each) as f64 / start.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_unstable_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn main() {
    let rounds = usize::try_from(matrix::tries(60, 400)).expect("a count");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let (dir, floor_dir) = (dir(), dir());
    fs::create_dir(floor_dir.path().join("history")).expect("a directory");
    let store = runtime.block_on(FileStore::create(dir.path()));
    let store = Arc::new(store.expect("a store"));
    for i in 0..WRITERS {
        runtime.block_on(put(&store, i, 0));
    }

    let floor = |n| measure::time(|| bare(floor_dir.path(), n));
    let work = |n| measure::time(|| runtime.block_on(put(&store, 0, n)));
    let times = measure::in_turns(rounds, floor, work);
    measure::compare("durable apply of 8 KiB", &times, "≤ 1.3");

    // The least that any store could do: what it writes in one place, which is there already.
    let journal = File::create(floor_dir.path().join("journal")).expect("a file");
    let bytes = vec![b'#'; 2 * RECORD_BYTES];
    journal.write_all_at(&vec![0; 4 << 20], 0).expect("room");
    journal.sync_all().expect("a sync");
    let floor = |n: usize| {
        measure::time(|| {
            let offset = (n * 20_480 % (3 << 20)) as u64;
            journal.write_all_at(&bytes, offset).expect("a write");
            journal.sync_data().expect("a sync");
        })
    };
    let work = |n| measure::time(|| runtime.block_on(put(&store, 0, n)));
    let times = measure::in_turns(rounds, floor, work);
    measure::compare(
        "durable apply of 8 KiB, against one overwrite and sync",
        &times,
        "–",
    );

    writers(&runtime, &store, rounds, "");
    // What grouping the syncs is worth depends on what a sync costs: here little, elsewhere more.
    for wait in SLOW {
        let dir = self::dir();
        let store = runtime.block_on(slow(dir.path(), wait));
        let name = format!(", of which a sync takes {} ms more", wait.as_millis());
        writers(&runtime, &Arc::new(store), rounds, &name);
    }
}

/// Syncs of disks that are slower than most that this is run on.
const SLOW: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(8)];

/// A store on a disk that takes so much longer to make the journal durable.
async fn slow(dir: &Path, wait: Duration) -> FileStore {
    drop(FileStore::create(dir).await.expect("a store"));
    let options = FileStoreOptions::new([dir.join("sources.yaml")]).hook(move |op| {
        if matches!(op.change, FsChange::SyncFile) && op.path.ends_with("journal") {
            std::thread::sleep(wait);
        }
        FsAnswer::Go
    });
    let store = options.open().await.expect("a store");
    for i in 0..WRITERS {
        put(&store, i, 0).await;
    }
    store
}

fn writers(runtime: &Runtime, store: &Arc<FileStore>, rounds: usize, disk: &str) {
    let (mut one, mut many) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        one.push(rate(runtime, store, 1, rounds / 2));
        many.push(rate(runtime, store, WRITERS, rounds / 4));
    }
    let (one, many) = (median(one), median(many));
    measure::row(
        &format!("16 writers on 16 sources, writes a second{disk}"),
        &format!("{many:.0}"),
        &format!("{one:.0} by one writer"),
        many / one,
        "≥ 4",
    );
}

/// A directory on a disk: what is in memory has no syncs to compare.
fn dir() -> tempfile::TempDir {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tempfile::tempdir_in(target).expect("a directory")
}
