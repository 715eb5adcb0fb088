//! Calls to ports that must not hold anything up for ever.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::Shared;
use super::view::PluginSlot;
use crate::error::{CatalogError, Cause};
use crate::health::bounded;
use crate::model::{SecretRef, SourceDocument, SourceKey};
use crate::ports::SecretError;
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

/// A source that takes longer than this to load waits for somebody else rather than for this machine.
const LANE_PATIENCE: Duration = Duration::from_millis(100);

/// Does work of which only so much is done at a time. What takes long makes room for others and goes
/// on: sources whose upstreams hang must not keep the others from being loaded.
pub(super) async fn in_lane<T>(lanes: &Semaphore, work: impl Future<Output = T>) -> T {
    let permit = lanes.acquire().await;
    let mut work = std::pin::pin!(work);
    match tokio::time::timeout(LANE_PATIENCE, &mut work).await {
        Ok(done) => done,
        Err(_) => {
            drop(permit);
            work.await
        }
    }
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
}
