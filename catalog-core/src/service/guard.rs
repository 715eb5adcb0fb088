//! Calls to ports that must not hold anything up for ever.

use std::future::Future;
use std::sync::Arc;

use super::Shared;
use super::view::PluginSlot;
use crate::error::{CatalogError, Cause};
use crate::health::bounded;
use crate::model::{PluginName, RefreshStatus, SecretRef, SourceDocument, SourceKey};
use crate::ports::{SecretError, StatusError};
use crate::validation::{Finding, Run};

/// A failure of a task, told without what a panic said: that may hold a secret.
#[derive(Debug, thiserror::Error)]
#[error("a task of the catalog {0}")]
struct TaskFailed(&'static str);

/// The cause that a failed task stands for.
pub(super) fn task_failed(error: &tokio::task::JoinError) -> Cause {
    Box::new(TaskFailed(match error.is_panic() {
        true => "panicked",
        false => "was cancelled",
    }))
}

impl Shared {
    /// Runs the pipeline where it may take its time.
    pub(super) async fn validated(
        &self,
        slot: &Arc<PluginSlot>,
        key: &SourceKey,
        document: SourceDocument,
        known: Vec<Finding>,
    ) -> Result<Run, CatalogError> {
        let (pipeline, slot, key) = (self.pipeline.clone(), slot.clone(), key.clone());
        let work = move || pipeline.run(&key, document, &*slot.plugin, known);
        let run = tokio::task::spawn_blocking(work).await;
        run.map_err(|error| CatalogError::Internal(task_failed(&error)))
    }

    /// Every reference must resolve now; the values are dropped at once.
    pub(super) async fn check_secrets(
        &self,
        document: &SourceDocument,
    ) -> Result<(), CatalogError> {
        let properties = serde_json::Value::Object(document.settings.properties.clone());
        for reference in SecretRef::all_in(&properties) {
            let answer = self.secrets.resolve(&reference);
            match bounded(self.options.port_timeout, answer).await {
                Some(resolved) => drop(resolved?),
                None => {
                    return Err(CatalogError::SecretUnresolved(SecretError {
                        reference,
                        reason: "no answer in time".to_owned(),
                        retryable: true,
                    }));
                }
            }
        }
        Ok(())
    }

    /// Records how a refresh ended. What is served does not depend on it.
    pub(super) async fn record(&self, row: &RefreshStatus) {
        self.told("recorded", &row.key, self.status.upsert(row))
            .await;
    }

    /// Removes what is recorded about a source that is gone.
    pub(super) async fn unrecord(&self, key: &SourceKey) {
        self.told("removed", key, self.status.delete(key)).await;
    }

    /// The sources that something is recorded about, as far as that can be told.
    pub(super) async fn recorded_keys(&self, plugin: &PluginName) -> Vec<SourceKey> {
        let rows = bounded(self.options.port_timeout, self.status.list(plugin)).await;
        let rows = rows.and_then(Result::ok).unwrap_or_default();
        rows.into_iter().map(|row| row.key).collect()
    }

    async fn told(
        &self,
        what: &'static str,
        key: &SourceKey,
        answer: impl Future<Output = Result<(), StatusError>>,
    ) {
        match bounded(self.options.port_timeout, answer).await {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(%key, error, "refresh status not {what}");
            }
            None => tracing::warn!(%key, "refresh status not {what} in time"),
        }
    }
}
