//! The shared suites, run for what the core brings itself.

use std::sync::Arc;

use catalog_core::ports::{MemoryStatus, MemoryStore};
use catalog_core::testing::{
    PlainPlugin, PluginSample, StoreSuiteOptions, plugin_suite, status_suite, store_suite,
};

#[tokio::test]
async fn the_memory_store_passes_the_store_suite() {
    store_suite(StoreSuiteOptions::default(), || async {
        let store = Arc::new(MemoryStore::new());
        (store.clone(), store, ())
    })
    .await;
}

#[tokio::test]
async fn the_memory_status_passes_the_status_suite() {
    status_suite(|| async { (MemoryStatus::new(), ()) }).await;
}

#[tokio::test]
async fn the_plain_plugin_passes_the_plugin_suite() {
    let sample = PluginSample {
        valid: "items:\n  - name: a\n  - name: b\n".to_owned(),
        names: vec!["a".to_owned(), "b".to_owned()],
        invalid: "items:\n  - name: a\n  - {}\n".to_owned(),
    };
    plugin_suite(&PlainPlugin::default(), &sample).await;
}
