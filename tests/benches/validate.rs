//! Validating and loading: against the bare parse, against another language's tools, and against
//! size. `cargo bench -p catalog-tests --bench validate`

#[path = "validate/peer.rs"]
mod peer;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use catalog_core::model::{
    Author, ChangeMeta, Edit, Expect, RevisionKind, SettingsPatch, SourceDocument,
};
use catalog_core::ports::{CatalogPlugin, Clock as _, MemoryStore, SystemClock};
use catalog_core::service::{ApplyOptions, CatalogService, Running};
use catalog_core::validation::Pipeline;
use catalog_core::yaml::{self, Limits};
use catalog_core::{SourceKey, SourceSettings};
use catalog_plugins::{McpPlugin, ModelPlugin};
use catalog_tests::matrix::{did_not_run, full};
use catalog_tests::measure::{Plots, Times, compare, in_turns, row, time};
use catalog_tests::sample::many_servers;
use catalog_tests::shared_data;

/// Larger than any content here.
const MAX_BYTES: usize = 128 << 20;

fn main() {
    // `cargo test --benches` runs this, too, without measuring.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    match real_catalog() {
        Some(text) => {
            validation(&text);
            reload(&runtime, &text);
        }
        None => did_not_run("validate the real catalog", "it is not there"),
    }
    entity_by_name(&runtime);
    unchanged_refresh(&runtime);
    sizes(&runtime);
}

fn real_catalog() -> Option<String> {
    let file = shared_data("validation")?.join("odh-catalogs/validated-models-catalog.yaml");
    std::fs::read_to_string(file).ok()
}

fn limits() -> Limits {
    Limits::for_documents(MAX_BYTES)
}

fn rounds(quick: usize, whole: usize) -> usize {
    if full() { whole } else { quick }
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// All layers and all findings of the largest real catalog.
fn validation(text: &str) {
    let plugin = ModelPlugin::new();
    let key = SourceKey::parse("model", "real").expect("a key");
    let settings = SourceSettings::new("Real", "yaml");
    let content: Arc<[u8]> = text.as_bytes().into();
    let pipeline = Pipeline::new(limits());
    let limits = limits();
    let validate = || {
        let document = SourceDocument::new(settings.clone(), Some(content.clone()));
        let run = pipeline.run(&key, document, &plugin, Vec::new());
        assert!(run.report.is_valid(), "the real catalog is valid");
        run
    };
    let times = in_turns(
        rounds(25, 201),
        |_| time(|| yaml::parse_bytes(&content, &limits).expect("it is YAML")),
        |_| time(validate),
    );
    let name = "validate a real catalog of 1.67 MiB, all layers; floor: the bare parse";
    compare(name, &times, "≤ 2");

    let name = "the same; against PyYAML's C loader and jsonschema";
    match peer::validate(text, rounds(3, 15)) {
        Ok(peer) => {
            let ratio = peer.median().as_secs_f64() / times.1.median().as_secs_f64();
            row(name, &times.1.to_string(), &peer.to_string(), ratio, "≥ 20");
        }
        Err(why) => did_not_run(name, &why),
    }
}

/// A service with one source of this content.
struct Bench {
    service: CatalogService,
    store: Arc<MemoryStore>,
    key: SourceKey,
    running: Running,
}

impl Bench {
    /// The service, and how long the first load took.
    async fn start(plugin: impl CatalogPlugin + 'static, contents: &[String]) -> (Self, Duration) {
        let name = plugin.name().as_str().to_owned();
        let store = Arc::new(MemoryStore::with_max_document_bytes(MAX_BYTES as u64));
        for (n, content) in contents.iter().enumerate() {
            let key = SourceKey::parse(&name, &format!("s{n}")).expect("a key");
            seed(&store, &key, content);
        }
        let service = CatalogService::builder()
            .shared_store(store.clone())
            .plugin(plugin)
            .limits(limits())
            .build()
            .expect("a service");
        let begun = std::time::Instant::now();
        let running = service.start().await;
        let took = begun.elapsed();
        let key = SourceKey::parse(&name, "s0").expect("a key");
        let new = Self {
            service,
            store,
            key,
            running,
        };
        (new, took)
    }

    async fn refresh(&self) -> Duration {
        let begun = std::time::Instant::now();
        let outcome = self.service.refresh(&self.key).await.expect("an outcome");
        assert!(outcome.error.is_none(), "{:?}", outcome.error);
        begun.elapsed()
    }
}

fn seed(store: &MemoryStore, key: &SourceKey, content: &str) {
    let settings = SourceSettings::new("Bench", "yaml");
    let document = SourceDocument::new(settings, Some(content.as_bytes().into()));
    let meta = ChangeMeta {
        author: Author::system(),
        message: None,
        kind: RevisionKind::Import,
        at: SystemClock.now(),
    };
    store.seed(key, document, &meta);
}

/// Showing a changed document: read, validated by all layers, loaded, swapped.
fn reload(runtime: &tokio::runtime::Runtime, text: &str) {
    let text = grown(text, 3_000_000);
    let limits = limits();
    let (bench, _) = runtime.block_on(Bench::start(
        ModelPlugin::new(),
        std::slice::from_ref(&text),
    ));
    let times = in_turns(
        rounds(9, 51),
        |_| time(|| yaml::parse(&text, &limits).expect("it is YAML")),
        |turn| {
            seed(&bench.store, &bench.key, &format!("{text}# {turn}\n"));
            runtime.block_on(bench.refresh())
        },
    );
    let name = "reload a real catalog of 3 MB; floor: the bare parse";
    let reach = format!("< 80 ms; here {}", ms(times.1.median()));
    compare(name, &times, &reach);
    runtime.block_on(bench.running.stop());
}

/// The real catalog with its entries repeated under other names, up to this size.
fn grown(text: &str, bytes: usize) -> String {
    let start = text.find("    - name: ").expect("a list of models");
    let mut out = text.to_owned();
    for entry in text[start..]
        .split_inclusive("\n    - name: ")
        .cycle()
        .skip(1)
    {
        if out.len() >= bytes {
            break;
        }
        let body = entry.strip_suffix("    - name: ").unwrap_or(entry);
        out.push_str(&format!("    - name: copy-{}-{body}", out.len()));
    }
    out
}

/// Reading costs the same however much there is.
fn entity_by_name(runtime: &tokio::runtime::Runtime) {
    let gets = rounds(100_000, 1_000_000);
    for (sources, each) in [(1, 25_000), (20, 1_250), (200, 125)] {
        let all = many_servers(sources * each);
        let entries: Vec<&str> = all.split("  - name: ").skip(1).collect();
        let contents: Vec<String> = entries
            .chunks(each)
            .map(|part| format!("mcpservers:\n  - name: {}", part.join("  - name: ")))
            .collect();
        let (bench, _) = runtime.block_on(Bench::start(McpPlugin::new(), &contents));
        let view = bench.service.snapshot(&bench.key.plugin).expect("a view");
        let names: Vec<Arc<str>> = view.entities().map(|(_, e)| e.name.clone()).collect();
        assert_eq!(names.len(), sources * each);
        let times = (0..11).map(|turn| {
            let took = time(|| {
                for n in 0..gets {
                    let name = &names[(n * 7919 + turn) % names.len()];
                    let view = bench.service.snapshot(&bench.key.plugin).expect("a view");
                    black_box(view.entity(name).expect("an entity"));
                }
            });
            took / u32::try_from(gets).expect("not so many")
        });
        let times = Times::new(times.collect());
        let name =
            format!("get an entity by name in process, 25 000 entities in {sources} sources");
        let ratio = times.median().as_secs_f64() * 1e6;
        row(&name, &times.to_string(), "1 µs", ratio, "< 1");
        runtime.block_on(bench.running.stop());
    }
}

/// A refresh of what has not changed keeps what is there.
fn unchanged_refresh(runtime: &tokio::runtime::Runtime) {
    let count = if full() { 80_000 } else { 20_000 };
    let content = [many_servers(count)];
    let (mut firsts, mut agains) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let (bench, first) = runtime.block_on(Bench::start(McpPlugin::new(), &content));
        firsts.push(first);
        agains.extend((0..5).map(|_| runtime.block_on(bench.refresh())));
        let served = bench.service.snapshot(&bench.key.plugin).expect("a view");
        assert_eq!(served.entities().count(), count);
        runtime.block_on(bench.running.stop());
    }
    let name = format!("refresh {count} unchanged entities again; floor: their first load");
    compare(&name, &(Times::new(firsts), Times::new(agains)), "≤ 0.05");
}

/// What the work costs when there is more of it.
fn sizes(runtime: &tokio::runtime::Runtime) {
    let sizes: &[usize] = match full() {
        true => &[1_000, 10_000, 80_000],
        false => &[1_000, 4_000, 16_000],
    };
    let mut plots = Plots::default();
    for &size in sizes {
        let content = many_servers(size);
        let mut each = |what: &str, took: Duration| {
            let each = took.as_secs_f64() * 1e6 / size as f64;
            let cost = format!("{}, {each:.2} µs each", ms(took));
            let plot = format!("{what} one source of many entities");
            plots.point(&plot, size, took.as_secs_f64(), &cost);
        };
        let limits = limits();
        let took = time(|| yaml::parse(&content, &limits).expect("it is YAML"));
        each("parse", took);

        let (bench, _) = runtime.block_on(Bench::start(McpPlugin::new(), &[]));
        let edit = |text: &str| {
            let settings = SettingsPatch {
                name: Some("Many".into()),
                source_type: Some("yaml".into()),
                ..SettingsPatch::default()
            };
            Edit::settings(settings).with_content(text)
        };
        let new = edit(&content);
        let took = time(|| {
            let report = runtime.block_on(bench.service.validate(&bench.key, &new));
            assert!(report.expect("a report").is_valid());
        });
        each("validate", took);

        let apply = |edit: Edit, expect: Expect| {
            let (author, options) = (Author::new("bench"), ApplyOptions::default());
            let applied = bench
                .service
                .apply(&bench.key, edit, expect, author, options);
            assert!(runtime.block_on(applied).expect("applied").changed);
        };
        each("create", time(|| apply(new, Expect::Absent)));
        let changed = edit(&content.replacen("Looks after", "Takes care of", 1));
        each("change a word of", time(|| apply(changed, Expect::Any)));

        seed(&bench.store, &bench.key, &content);
        each("load", runtime.block_on(bench.refresh()));
        each("refresh unchanged", runtime.block_on(bench.refresh()));
        let took = time(|| {
            let view = bench.service.snapshot(&bench.key.plugin).expect("a view");
            let bytes: usize = view.entities().map(|(_, e)| e.json.len()).sum();
            assert_eq!(view.entities().count(), size);
            black_box(bytes)
        });
        each("walk", took);
        runtime.block_on(bench.running.stop());
    }
    plots.fit();
}
