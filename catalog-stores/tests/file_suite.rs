//! The behaviour that every store must show, shown by the file store.
#![cfg(feature = "file")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use catalog_core::testing::{StoreSuiteOptions, store_suite};
use catalog_stores::FileStore;

#[tokio::test(flavor = "multi_thread")]
async fn the_file_store_behaves_as_every_store_must() {
    store_suite(StoreSuiteOptions::default(), || async {
        let dir = tempfile::tempdir().unwrap();
        let one = FileStore::create(dir.path()).await.unwrap();
        // A second handle of its own, as another process would have.
        let two = FileStore::open(dir.path()).await.unwrap();
        (Arc::new(one), Arc::new(two), dir)
    })
    .await;
}
