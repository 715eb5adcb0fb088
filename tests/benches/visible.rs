//! From an edit on disk to what readers see, and from a refresh to its end; the floor is reading
//! and parsing the same bytes.

use std::path::Path;
use std::time::{Duration, Instant};

use catalog_core::CatalogService;
use catalog_core::yaml::{self, Limits};
use catalog_plugins::McpPlugin;
use catalog_stores::FileStoreOptions;
use catalog_tests::matrix::tries;
use catalog_tests::measure::{compare, in_turns, time};

/// After this long nobody takes a file for one that is being written.
const SETTLED: Duration = Duration::from_millis(500);

/// A catalog of so many bytes, different for each turn.
fn content(bytes: usize, turn: usize) -> String {
    let mut text = format!("# turn {turn}\nmcpservers:\n");
    for i in 0.. {
        if text.len() >= bytes {
            break;
        }
        text += &format!(
            "- name: server-{i}\n  description: {}\n  deploymentMode: local\n  transportType: stdio\n",
            "What this server is good for, in some words of prose. ".repeat(12)
        );
    }
    text
}

/// As an editor saves: a new file in the place of the old one.
fn save(path: &Path, text: &str) {
    let temp = path.with_extension("tmp");
    std::fs::write(&temp, text).expect("written");
    std::fs::rename(&temp, path).expect("renamed");
}

fn main() {
    // `cargo test --benches` only wants to know whether it runs.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let rounds = usize::try_from(tries(9, 41)).unwrap_or(9);
    for (name, bytes) in [("8 KiB", 8 << 10), ("3 MB", 3_000_000)] {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("servers.yaml");
        std::fs::write(
            dir.path().join("sources.yaml"),
            "mcp_catalogs:\n- id: main\n  name: Main\n  type: yaml\n  enabled: true\n  properties: {yamlCatalogPath: servers.yaml}\n",
        )
        .expect("written");
        save(&path, &content(bytes, 0));
        let (catalog, running) = runtime.block_on(async {
            let options = FileStoreOptions::new([dir.path().join("sources.yaml")]);
            let catalog = CatalogService::builder()
                .store(
                    options
                        .max_document_bytes(8 << 20)
                        .open()
                        .await
                        .expect("opens"),
                )
                .limits(Limits::default().with_max_bytes(8 << 20))
                .plugin(McpPlugin::new())
                .build()
                .expect("builds");
            let running = catalog.start().await;
            (catalog, running)
        });
        let key = catalog_core::testing::key("mcp", "main");
        let revision = || {
            let plugin = catalog.snapshot(&key.plugin).expect("the plugin");
            plugin.source(&key.id)?.snapshot.revision.clone()
        };
        assert!(revision().is_some(), "the catalog is served");
        let parse = |turn: usize| {
            let text = content(bytes, turn);
            time(|| {
                yaml::parse_bytes(text.as_bytes(), &Limits::default().with_max_bytes(8 << 20))
                    .is_ok()
            })
        };
        let visible = in_turns(rounds, parse, |turn| {
            let text = content(bytes, turn + 1_000_000);
            let before = revision();
            let start = Instant::now();
            save(&path, &text);
            while revision() == before {
                assert!(start.elapsed() < Duration::from_secs(20), "never seen");
                std::thread::sleep(Duration::from_micros(200));
            }
            start.elapsed()
        });
        compare(
            &format!("edit on disk → visible, {name}; floor: the parse"),
            &visible,
            "< 100 ms",
        );
        // From here on nobody follows the files but the refreshes.
        drop(running);
        let reload = in_turns(rounds, parse, |turn| {
            save(&path, &content(bytes, turn + 2_000_000));
            // At rest, so that the refresh takes it and not the file of before.
            std::thread::sleep(SETTLED);
            let before = revision();
            let took = time(|| runtime.block_on(catalog.refresh(&key)).expect("refreshed"));
            assert_ne!(revision(), before, "what was saved is what was loaded");
            took
        });
        compare(
            &format!("reload of changed content, {name}; floor: the parse"),
            &reload,
            "< 80 ms",
        );
    }
}
