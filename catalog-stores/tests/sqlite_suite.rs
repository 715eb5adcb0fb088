//! The behaviour that every status repository must show, shown by SQLite.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use catalog_core::testing::status_suite;
use catalog_stores::SqliteStatus;

#[tokio::test(flavor = "multi_thread")]
async fn a_database_file_behaves_as_every_repository_must() {
    status_suite(|| async {
        let dir = tempfile::tempdir().unwrap();
        let dsn = format!("sqlite:{}", dir.path().join("status.db").display());
        (SqliteStatus::connect(&dsn).await.unwrap(), dir)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_memory_behaves_as_every_repository_must() {
    status_suite(|| async { (SqliteStatus::connect("sqlite::memory:").await.unwrap(), ()) }).await;
}

#[tokio::test]
async fn without_a_database_everything_is_a_no_op() {
    use catalog_core::ports::{ComponentState, RefreshStatusRepository as _};
    let key = catalog_core::testing::key("mcp", "a");
    let status = catalog_stores::NullStatus;
    assert_eq!(status.get(&key).await.unwrap(), None);
    assert!(status.list(&key.plugin).await.unwrap().is_empty());
    assert_eq!(status.delete_plugin(&key.plugin).await.unwrap(), 0);
    assert!(status.health().await.is_none());
    assert_eq!(status.migrations().await.state, ComponentState::Healthy);
}
