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
use catalog_tests::measure::Plots;
use catalog_tests::{Server, load, matrix, measure};
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
fn sources(runtime: &Runtime, count: usize, plots: &mut Plots) {
    let dir = dir();
    let text = catalog(dir.path(), count);
    let first = measure::time(|| drop(runtime.block_on(open(dir.path()))));
    plots.time("sources: first open, which imports them", count, first);
    let parse = |_| {
        measure::time(|| {
            let limits = Limits::for_documents(64 << 20);
            let file = SourcesFile::parse_for("x", text.as_bytes(), &limits, &["mcp"]);
            parse_contents(dir.path());
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
    if count == 1000 {
        over("open a store of 1 000 sources", &(floor, work.clone()));
    }
    plots.times("sources: open", count, &work);

    let store = runtime.block_on(open(dir.path()));
    let content = median(40, |n| runtime.block_on(put(&store, count / 2, n, None)));
    plots.times("sources: put of content", count, &content);
    let settings = median(10, |n| {
        let name = Some(format!("Name {n}"));
        runtime.block_on(put(&store, count / 2, n, name));
    });
    plots.times("sources: put of settings", count, &settings);
    let key = key("mcp", "s1");
    let get = median(200, |_| {
        drop(runtime.block_on(store.get(&key)).expect("a store"))
    });
    plots.times("sources: get", count, &get);
    let plugin = PluginName::new("mcp").expect("a name");
    let list = median(10, |_| {
        drop(runtime.block_on(store.list(&plugin)).expect("a store"))
    });
    plots.times("sources: list", count, &list);
    std::thread::sleep(std::time::Duration::from_millis(600));
    let before = cpu_ticks();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let percent = (cpu_ticks() - before) as f64 / 2.0;
    let told = format!("{percent:.1} %");
    // A clock tick is the least that can be told.
    let plot = "sources: idle, CPU of a core";
    plots.point(plot, count, percent.max(0.5), &told);
}

/// What depends on how often a source was written.
fn revisions(runtime: &Runtime, most: usize, plots: &mut Plots) {
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
        plots.times("revisions of a source: put", upto, &puts);
        let lists = median(20, |_| {
            drop(runtime.block_on(store.revisions(&key)).expect("a store"));
        });
        plots.times("revisions of a source: list of them", upto, &lists);
        from = upto;
    }
    drop(store);
    let start = measure::time(|| drop(runtime.block_on(open(dir.path()))));
    plots.time("revisions of a source: open", most, start);
}

/// Hundredths of a second of CPU that this process has used.
fn cpu_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let times = fields.split_whitespace().skip(11).take(2);
    times.filter_map(|field| field.parse::<u64>().ok()).sum()
}

/// Reads and parses every content file.
fn parse_contents(dir: &Path) {
    let limits = Limits::default();
    for file in fs::read_dir(dir).expect("a directory") {
        let path = file.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "yaml") && !path.ends_with("sources.yaml") {
            let content = fs::read(path).expect("a file");
            catalog_core::yaml::parse_bytes(&content, &limits).expect("YAML");
        }
    }
}

/// Prints how much longer than its floor, the parse of the same bytes, something takes.
fn over(name: &str, (floor, work): &(measure::Times, measure::Times)) {
    let over = work.median().saturating_sub(floor.median());
    measure::row(
        &format!("{name}, over its floor, the parse of the same bytes"),
        &format!("{over:.1?} over; {work}"),
        &floor.to_string(),
        work.median().as_secs_f64() / floor.median().as_secs_f64(),
        "≤ 100 ms over it",
    );
}

/// The whole server, from the start of the process to where it says that it is ready.
fn starts(count: usize, plots: &mut Plots) {
    // Before anything is measured: the binary may have to be built.
    drop(Server::start(dir().path()));
    let ready = |dir: &Path| {
        let mut server = None;
        let took = measure::time(|| {
            let started = Server::start(dir);
            started.client().get("/readyz").expect(200);
            server = Some(started);
        });
        // Stopped as it should be, so that the next start has nothing to finish.
        if let Some(server) = server {
            server.terminate();
            server.wait();
        }
        took
    };
    let parse = |dir: &Path| {
        measure::time(|| {
            let sources = fs::read(dir.join("sources.yaml")).expect("a file");
            let limits = Limits::for_documents(64 << 20);
            let keys = ["mcp", "model"];
            SourcesFile::parse_for("x", &sources, &limits, &keys).expect("a sources file");
            parse_contents(dir);
        })
    };
    let fresh = || {
        let dir = dir();
        load::prepare(dir.path(), count);
        dir
    };
    let rounds = usize::try_from(matrix::tries(3, 5)).expect("a count");
    let first = measure::in_turns(rounds, |_| parse(fresh().path()), |_| ready(fresh().path()));
    let again = fresh();
    let times = measure::in_turns(2 * rounds, |_| parse(again.path()), |_| ready(again.path()));
    if count == 1000 {
        let name = "first start to ready, 1 000 sources, recording a revision of each";
        over(name, &first);
        over("start again to ready, 1 000 sources", &times);
    }
    plots.times("first start of the server by sources", count, &first.1);
    plots.times("start of the server by sources", count, &times.1);
}

fn main() {
    // `cargo test --benches` only wants to know whether it runs.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let runtime = runtime();
    let mut plots = Plots::default();
    let counts: &[usize] = match matrix::full() {
        true => &[10, 100, 1000, 10_000],
        false => &[10, 100, 1000],
    };
    for &count in counts {
        starts(count, &mut plots);
    }
    for &count in counts {
        sources(&runtime, count, &mut plots);
    }
    let most = matrix::tries(500, 10_000);
    revisions(
        &runtime,
        usize::try_from(most).expect("a count"),
        &mut plots,
    );
    plots.fit();
}

/// A directory on a disk.
fn dir() -> tempfile::TempDir {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tempfile::tempdir_in(target).expect("a directory")
}
