//! Where refresh status is kept.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use super::ComponentHealth;
use crate::model::{PluginName, RefreshStatus, SourceKey};

/// A status repository that does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the status database does not answer while it should {operation}")]
pub struct StatusError {
    /// What was tried, such as `store a status`.
    pub operation: &'static str,
    /// The driver's error.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Runs kept per source in [`RefreshStatusRepository::history`], at least.
pub const STATUS_HISTORY: usize = 20;

/// Keeps the last refresh of every source, and the last runs.
#[async_trait]
pub trait RefreshStatusRepository: Send + Sync {
    /// Stores the row, replacing the source's former one, and adds it to the history.
    ///
    /// # Errors
    /// [`StatusError`]: nothing was stored.
    async fn upsert(&self, status: &RefreshStatus) -> Result<(), StatusError>;

    /// The row of a source.
    ///
    /// # Errors
    /// [`StatusError`]; "no row" is `Ok(None)`.
    async fn get(&self, key: &SourceKey) -> Result<Option<RefreshStatus>, StatusError>;

    /// The rows of a plugin, by source id.
    ///
    /// # Errors
    /// [`StatusError`]
    async fn list(&self, plugin: &PluginName) -> Result<Vec<RefreshStatus>, StatusError>;

    /// Removes the row and the history of a source; there may be none.
    ///
    /// # Errors
    /// [`StatusError`]: nothing was removed.
    async fn delete(&self, key: &SourceKey) -> Result<(), StatusError>;

    /// Removes the rows and histories of a plugin; answers how many rows there were.
    ///
    /// # Errors
    /// [`StatusError`]: nothing was removed.
    async fn delete_plugin(&self, plugin: &PluginName) -> Result<u64, StatusError>;

    /// The last runs of a source, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`StatusError`]
    async fn history(
        &self,
        key: &SourceKey,
        limit: usize,
    ) -> Result<Vec<RefreshStatus>, StatusError>;

    /// Whether the repository answers. `None`: there is none, everything is a no-op.
    async fn health(&self) -> Option<ComponentHealth>;

    /// Whether every migration is applied; healthy where there are none.
    async fn migrations(&self) -> ComponentHealth {
        ComponentHealth::healthy()
    }

    /// Gives back connections and files. Further calls may fail.
    async fn close(&self) {}
}

type Rows = BTreeMap<SourceKey, Vec<RefreshStatus>>;

/// Keeps status in memory: gone with the process.
#[derive(Debug, Default)]
pub struct MemoryStatus(Mutex<Rows>);

impl MemoryStatus {
    /// Nothing stored.
    pub fn new() -> Self {
        Self::default()
    }

    fn rows(&self) -> std::sync::MutexGuard<'_, Rows> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl RefreshStatusRepository for MemoryStatus {
    async fn upsert(&self, status: &RefreshStatus) -> Result<(), StatusError> {
        let mut rows = self.rows();
        let runs = rows.entry(status.key.clone()).or_default();
        runs.insert(0, status.clone());
        runs.truncate(STATUS_HISTORY);
        Ok(())
    }

    async fn get(&self, key: &SourceKey) -> Result<Option<RefreshStatus>, StatusError> {
        Ok(self.rows().get(key).and_then(|runs| runs.first().cloned()))
    }

    async fn list(&self, plugin: &PluginName) -> Result<Vec<RefreshStatus>, StatusError> {
        let rows = self.rows();
        let of_plugin = rows.iter().filter(|(key, _)| key.plugin == *plugin);
        Ok(of_plugin
            .filter_map(|(_, runs)| runs.first().cloned())
            .collect())
    }

    async fn delete(&self, key: &SourceKey) -> Result<(), StatusError> {
        self.rows().remove(key);
        Ok(())
    }

    async fn delete_plugin(&self, plugin: &PluginName) -> Result<u64, StatusError> {
        let mut rows = self.rows();
        let before = rows.len();
        rows.retain(|key, _| key.plugin != *plugin);
        Ok((before - rows.len()) as u64)
    }

    async fn history(
        &self,
        key: &SourceKey,
        limit: usize,
    ) -> Result<Vec<RefreshStatus>, StatusError> {
        let rows = self.rows();
        let runs = rows.get(key).map(Vec::as_slice).unwrap_or_default();
        Ok(runs.iter().take(limit).cloned().collect())
    }

    async fn health(&self) -> Option<ComponentHealth> {
        None
    }
}
