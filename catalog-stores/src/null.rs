//! No database.

use async_trait::async_trait;
use catalog_core::model::{PluginName, RefreshStatus, SourceKey};
use catalog_core::ports::{ComponentHealth, RefreshStatusRepository, StatusError};

/// Stands in where no database is configured: takes everything, keeps nothing.
///
/// Its health is `None`, so that a missing database is not reported as a broken one.
///
/// ```
/// # use catalog_core::ports::RefreshStatusRepository as _;
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// assert!(catalog_stores::NullStatus.health().await.is_none());
/// # });
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct NullStatus;

#[async_trait]
impl RefreshStatusRepository for NullStatus {
    async fn upsert(&self, _status: &RefreshStatus) -> Result<(), StatusError> {
        Ok(())
    }

    async fn get(&self, _key: &SourceKey) -> Result<Option<RefreshStatus>, StatusError> {
        Ok(None)
    }

    async fn list(&self, _plugin: &PluginName) -> Result<Vec<RefreshStatus>, StatusError> {
        Ok(Vec::new())
    }

    async fn delete(&self, _key: &SourceKey) -> Result<(), StatusError> {
        Ok(())
    }

    async fn delete_plugin(&self, _plugin: &PluginName) -> Result<u64, StatusError> {
        Ok(0)
    }

    async fn history(
        &self,
        _key: &SourceKey,
        _limit: usize,
    ) -> Result<Vec<RefreshStatus>, StatusError> {
        Ok(Vec::new())
    }

    async fn health(&self) -> Option<ComponentHealth> {
        None
    }
}
