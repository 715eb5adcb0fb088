//! A thousand sources: how long things take is printed, and only that they work is tested.
#![cfg(feature = "file")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/files.rs"]
mod support;

use std::fmt::Write as _;
use std::time::Instant;

use catalog_core::Expect;
use catalog_core::ports::SourceConfigStore as _;
use catalog_core::testing::key;
use support::*;

const SOURCES_COUNT: usize = 1000;

#[tokio::test]
async fn a_thousand_sources_are_read_and_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut sources = "catalogs:\n  mcp:\n    sources:\n".to_owned();
    for i in 0..SOURCES_COUNT {
        write!(
            sources,
            "    - id: s{i}   # number {i}\n      name: Source {i}\n      type: yaml\n      \
             properties:\n        yamlCatalogPath: s{i}.yaml\n"
        )
        .unwrap();
        write(dir.path(), &format!("s{i}.yaml"), "mcpservers: []\n");
    }
    write(dir.path(), "sources.yaml", sources);

    let start = Instant::now();
    let store = open_quiet(dir.path()).await;
    eprintln!("first start: {:?}", start.elapsed());
    assert_eq!(
        store.list(&main_key().plugin).await.unwrap().len(),
        SOURCES_COUNT
    );

    let key = key("mcp", "s500");
    let mut document = get(&store, &key).await.document;
    let timed = async |what: &str, document| {
        let start = Instant::now();
        put(&store, &key, document, Expect::Any).await.unwrap();
        eprintln!("{what}: {:?}", start.elapsed());
    };
    document.content = catalog_core::testing::content("mcpservers: [] # new\n");
    timed("put of content", document.clone()).await;
    document.settings.name = "Another name".to_owned();
    timed("put of settings", document).await;

    let start = Instant::now();
    for _ in 0..100 {
        store.get(&key).await.unwrap().unwrap();
    }
    eprintln!("get: {:?}", start.elapsed() / 100);
    drop(store);
    let start = Instant::now();
    open_quiet(dir.path()).await;
    eprintln!("second start: {:?}", start.elapsed());
}
