//! Keeping what is served in step with what is stored, whoever changed it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::StreamExt as _;
use tokio::task::JoinHandle;

use super::view::{LiveSource, PluginSlot};
use super::{CatalogService, Shared};
use crate::error::StoreError;
use crate::model::SourceKey;
use crate::ports::StoreChange;

/// A started service. Dropped, it stops following the store; what is served stays as it is.
#[derive(Debug)]
pub struct Running {
    task: JoinHandle<()>,
    service: CatalogService,
}

impl Running {
    /// Stops following the store and closes store and status repository.
    pub async fn stop(self) {
        self.task.abort();
        self.service.shared.store.close().await;
        self.service.shared.status.close().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl CatalogService {
    /// Loads every source for the first time and follows the store from then on. A source that does
    /// not load is shown in error; a store that does not answer is tried again in the background.
    pub async fn start(&self) -> Running {
        let shared = self.shared.clone();
        // Watching begins before the first look, so that no change falls between the two.
        let changes = shared.store.watch();
        let loaded = shared.reconcile_all().await;
        if let Err(error) = &loaded {
            let error = error as &dyn std::error::Error;
            tracing::error!(error, "the store does not answer; trying again");
        }
        let pending = loaded.is_err();
        let task = tokio::spawn(async move { shared.follow(changes, pending).await });
        Running {
            task,
            service: self.clone(),
        }
    }

    /// Brings what is served in step with what is stored, now.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn reconcile(&self) -> Result<(), StoreError> {
        self.shared.reconcile_all().await
    }

    /// Whether every source was loaded once since the start.
    pub fn is_loaded(&self) -> bool {
        self.shared.loaded_once.load(Ordering::SeqCst)
    }
}

impl Shared {
    async fn follow(
        self: Arc<Self>,
        mut changes: futures_util::stream::BoxStream<'static, StoreChange>,
        mut pending: bool,
    ) {
        loop {
            let change = if pending {
                let wait = tokio::time::timeout(self.options.retry_interval, changes.next());
                wait.await.unwrap_or(Some(StoreChange::Everything))
            } else {
                changes.next().await
            };
            let Some(change) = change else { return };
            let result = match change {
                // While something is pending, everything is looked at.
                StoreChange::Source(key) if !pending => self.reconcile_one(&key).await,
                _ => self.reconcile_all().await,
            };
            pending = match result {
                Ok(()) => false,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "what is served may be behind what is stored");
                    true
                }
            };
        }
    }

    async fn reconcile_all(self: &Arc<Self>) -> Result<(), StoreError> {
        for (plugin, slot) in &self.plugins {
            let mut keys: BTreeSet<SourceKey> = BTreeSet::new();
            for stored in self.store.list(plugin).await? {
                if slot.live(&stored.key.id).is_none() {
                    let loading = Arc::new(LiveSource::loading(&stored));
                    slot.set(&stored.key.id, Some(loading));
                }
                keys.insert(stored.key);
            }
            let live = slot.view.load();
            let shown = live
                .sources()
                .map(|s| SourceKey::new(plugin.clone(), s.id.clone()));
            keys.extend(shown);
            for key in keys {
                self.reconcile_one(&key).await?;
            }
        }
        self.loaded_once.store(true, Ordering::SeqCst);
        Ok(())
    }

    async fn reconcile_one(self: &Arc<Self>, key: &SourceKey) -> Result<(), StoreError> {
        let Some(slot) = self.plugins.get(&key.plugin) else {
            return Ok(());
        };
        let lock = slot.lock(&key.id);
        let _turn = lock.turn.lock().await;
        match self.store.get(key).await? {
            None => self.forget(slot, key).await,
            Some(stored) if !in_step(slot, &stored) => {
                self.reload(slot, &stored).await;
            }
            Some(_) => {}
        }
        Ok(())
    }
}

/// Whether what is shown is about what is stored.
fn in_step(slot: &PluginSlot, stored: &crate::ports::StoredSource) -> bool {
    slot.live(&stored.key.id).is_some_and(|live| {
        live.status.last_refresh.is_some()
            && live.revision.id == stored.revision.id
            && live.origin == stored.origin
            && live.problems == stored.problems
    })
}
