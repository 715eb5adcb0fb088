//! Keeping the status repository in step with what happened, when it was away for a while.
//!
//! What is served never waits for a repository that does not answer: from the first outcome that
//! could not be recorded on, none is tried, and once in an interval everything that is missing is
//! recorded at once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::Shared;
use crate::health::bounded;
use crate::model::{PluginName, RefreshStatus, SourceKey};
use crate::ports::{ComponentState, StatusError};

/// How often a repository that nobody asks is asked how it is.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// How many outcomes are not recorded.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    missed: Mutex<u64>,
    wake: Notify,
}

impl Ledger {
    /// Whether something is missing.
    pub(super) fn is_behind(&self) -> bool {
        self.missed() > 0
    }

    /// Something is missing.
    pub(super) fn miss(&self) {
        *self.missed.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.wake.notify_one();
    }

    fn missed(&self) -> u64 {
        *self.missed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that was missing then is there; `false` when more is missing by now.
    fn caught_up(&self, then: u64) -> bool {
        let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        let all = *missed == then;
        if all {
            *missed = 0;
        }
        all
    }
}

impl Shared {
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
        if self.ledger.is_behind() {
            return Vec::new();
        }
        let rows = bounded(self.options.port_timeout, self.status.list(plugin)).await;
        let Some(Ok(rows)) = rows else {
            self.ledger.miss();
            return Vec::new();
        };
        rows.into_iter().map(|row| row.key).collect()
    }

    async fn told(
        &self,
        what: &'static str,
        key: &SourceKey,
        answer: impl Future<Output = Result<(), StatusError>>,
    ) {
        if self.ledger.is_behind() {
            self.ledger.miss();
            return;
        }
        match bounded(self.options.port_timeout, answer).await {
            Some(Ok(())) => return,
            Some(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(%key, error, "refresh status not {what}; trying again");
            }
            None => tracing::warn!(%key, "refresh status not {what} in time; trying again"),
        }
        self.ledger.miss();
    }

    /// Records what is missing, whenever something is, for ever.
    pub(super) async fn keep_ledger(&self) {
        loop {
            // Nobody may be asking it: what it has lost has to be noticed, too.
            let wait = tokio::time::timeout(LOOK_INTERVAL, self.ledger.wake.notified());
            if wait.await.is_err()
                && let Some(Some(health)) =
                    bounded(self.options.health_timeout, self.status.health()).await
                && health.state != ComponentState::Healthy
            {
                self.ledger.miss();
            }
            while self.ledger.is_behind() {
                tokio::time::sleep(self.options.retry_interval).await;
                let missed = self.ledger.missed();
                if self.record_all().await.is_some() && self.ledger.caught_up(missed) {
                    tracing::info!(missed, "every refresh status is recorded again");
                }
            }
        }
    }

    /// Makes the repository hold what is live and nothing else. `None`: it still does not answer.
    async fn record_all(&self) -> Option<()> {
        let limit = self.options.port_timeout;
        for (plugin, slot) in &self.plugins {
            let rows = bounded(limit, self.status.list(plugin)).await?.ok()?;
            let rows = rows.into_iter().map(|row| (row.key.clone(), row));
            let mut rows: BTreeMap<SourceKey, RefreshStatus> = rows.collect();
            for live in slot.view.load_full().sources() {
                let known = rows.remove(&SourceKey::new(plugin.clone(), live.id.clone()));
                if let Some(row) = live.status.last_refresh.as_ref()
                    && known.as_ref() != Some(row)
                {
                    bounded(limit, self.status.upsert(row)).await?.ok()?;
                }
            }
            // Another process may know of a source first: only what is not stored either is gone.
            for key in rows.into_keys() {
                if self.store.get(&key).await.ok()?.is_none() {
                    bounded(limit, self.status.delete(&key)).await?.ok()?;
                }
            }
        }
        Some(())
    }
}
