//! Cost against size: nothing may grow faster than what it works on.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use catalog_core::ports::SourceConfigStore as _;
use catalog_core::sources_config::SourcesFile;
use catalog_core::testing::{accept, content, key, meta};
use catalog_core::yaml::Limits;
use catalog_core::{Expect, PluginName, RevisionKind};
use catalog_stores::{FileStore, FileStoreOptions};
use catalog_tests::{matrix, measure};
use tokio::runtime::Runtime;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// A catalog of so many sources; gives its `sources.yaml`.
fn catalog(dir: &Path, sources: usize) -> String {
    let mut text = "catalogs:\n  mcp:\n    sources:\n".to_owned();
    for i in 0..sources {
        write!(
            text,
            "    - id: s{i}   # number {i}\n      name: Source {i}\n      type: yaml\n      \
             properties:\n        yamlCatalogPath: s{i}.yaml\n"
        )
        .expect("text");
        fs::write(dir.join(format!("s{i}.yaml")), "mcpservers: []\n").expect("a file");
    }
    fs::write(dir.join("sources.yaml"), &text).expect("a file");
    text
}

async fn open(dir: &Path) -> FileStore {
    let options = FileStoreOptions::new([dir.join("sources.yaml")]);
    options.open().await.expect("a store")
}

/// Replaces the content of a source, and its name when one is given.
async fn put(store: &FileStore, i: usize, n: usize, name: Option<String>) {
    let key = key("mcp", &format!("s{i}"));
    let stored = store.get(&key).await.expect("a store").expect("a source");
    let mut document = stored.document;
    document.content = content(format!("mcpservers: [] # {n}\n"));
    if let Some(name) = name {
        document.settings.name = name;
    }
    let meta = meta(RevisionKind::Apply);
    let done = store
        .put(&key, &accept(document), &Expect::Any, &meta)
        .await;
    done.expect("a write");
}

fn median(rounds: usize, mut work: impl FnMut(usize)) -> measure::Times {
    measure::Times::new((0..rounds).map(|n| measure::time(|| work(n))).collect())
}

/// What depends on how many sources there are.
fn sources(runtime: &Runtime, count: usize) {
    let dir = dir();
    let text = catalog(dir.path(), count);
    let first = measure::time(|| drop(runtime.block_on(open(dir.path()))));
    measure::point(
        "sources: first start, which imports them",
        count,
        &format!("{first:.1?}"),
    );
    let parse = |_| {
        measure::time(|| {
            let limits = Limits::default().with_max_bytes(64 << 20);
            let file = SourcesFile::parse_for("x", text.as_bytes(), &limits, &["mcp"]);
            for i in 0..count {
                let content = fs::read(dir.path().join(format!("s{i}.yaml"))).expect("a file");
                catalog_core::yaml::parse_bytes(&content, &limits).expect("YAML");
            }
            file.expect("a sources file")
        })
    };
    // Stopping is not what is measured.
    let start = |_| {
        let mut store = None;
        let time = measure::time(|| store = Some(runtime.block_on(open(dir.path()))));
        drop(store);
        time
    };
    let (floor, work) = measure::in_turns(5, parse, start);
    let over = work.median().saturating_sub(floor.median());
    if count == 1000 {
        measure::row(
            "open a store of 1 000 sources, over the parse of their bytes",
            &format!("{over:.1?}"),
            &floor.to_string(),
            work.median().as_secs_f64() / floor.median().as_secs_f64(),
            "≤ 100 ms over it",
        );
    }
    measure::point("sources: start", count, &format!("{work} (parse {floor})"));

    let store = runtime.block_on(open(dir.path()));
    let content = median(40, |n| runtime.block_on(put(&store, count / 2, n, None)));
    measure::point("sources: put of content", count, &content.to_string());
    let settings = median(10, |n| {
        let name = Some(format!("Name {n}"));
        runtime.block_on(put(&store, count / 2, n, name));
    });
    measure::point("sources: put of settings", count, &settings.to_string());
    let key = key("mcp", "s1");
    let get = median(200, |_| {
        drop(runtime.block_on(store.get(&key)).expect("a store"))
    });
    measure::point("sources: get", count, &get.to_string());
    let plugin = PluginName::new("mcp").expect("a name");
    let list = median(10, |_| {
        drop(runtime.block_on(store.list(&plugin)).expect("a store"))
    });
    measure::point("sources: list", count, &list.to_string());
    std::thread::sleep(std::time::Duration::from_millis(600));
    let before = cpu_ticks();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let percent = (cpu_ticks() - before) as f64 / 2.0;
    measure::point(
        "sources: idle, CPU of a core",
        count,
        &format!("{percent:.1} %"),
    );
}

/// What depends on how often a source was written.
fn revisions(runtime: &Runtime, most: usize) {
    let dir = dir();
    catalog(dir.path(), 1);
    let store = runtime.block_on(open(dir.path()));
    let (mut from, key) = (0, key("mcp", "s0"));
    for upto in [most / 10, most / 2, most] {
        let rest = upto - from - 50;
        for n in 0..rest {
            runtime.block_on(put(&store, 0, n, None));
        }
        let puts = median(50, |n| runtime.block_on(put(&store, 0, n, None)));
        measure::point("revisions of a source: put", upto, &puts.to_string());
        let lists = median(20, |_| {
            drop(runtime.block_on(store.revisions(&key)).expect("a store"));
        });
        measure::point(
            "revisions of a source: list of them",
            upto,
            &lists.to_string(),
        );
        from = upto;
    }
    drop(store);
    let start = measure::time(|| drop(runtime.block_on(open(dir.path()))));
    measure::point(
        "revisions of a source: start",
        most,
        &format!("{start:.1?}"),
    );
}

/// Hundredths of a second of CPU that this process has used.
fn cpu_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let times = fields.split_whitespace().skip(11).take(2);
    times.filter_map(|field| field.parse::<u64>().ok()).sum()
}

fn main() {
    let runtime = runtime();
    for count in [10, 100, 1000] {
        sources(&runtime, count);
    }
    if matrix::full() {
        sources(&runtime, 10_000);
    }
    let most = matrix::tries(500, 10_000);
    revisions(&runtime, usize::try_from(most).expect("a count"));
}

/// A directory on a disk.
fn dir() -> tempfile::TempDir {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tempfile::tempdir_in(target).expect("a directory")
}
