//! The OpenAPI document is part of what clients get: a change of it shows in the diff of a commit.

use catalog_core::CatalogService;
use catalog_core::ports::MemoryStore;
use catalog_plugins::{McpPlugin, ModelPlugin};

const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

#[test]
fn the_committed_openapi_document_is_the_one_that_is_served() {
    let builder = CatalogService::builder().store(MemoryStore::new());
    let catalog = builder
        .plugin(McpPlugin::new())
        .plugin(ModelPlugin::new())
        .build()
        .unwrap();
    let document = catalog_server::http::openapi(&catalog);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(SNAPSHOT, &document).unwrap();
    }
    let committed = std::fs::read_to_string(SNAPSHOT).unwrap_or_default();
    assert!(
        committed == document,
        "catalog-server/openapi.json is not what the server serves; \
         run UPDATE_SNAPSHOTS=1 cargo test -p catalog-server --test openapi and look at the diff"
    );
}
