//! Keeping what is served in step with what is stored, whoever changed it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::task::{JoinHandle, JoinSet};

use super::view::{LiveSource, PluginSlot};
use super::{CatalogService, Shared};
use crate::error::StoreError;
use crate::model::SourceKey;
use crate::ports::{StoreChange, StoredSource};

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
    /// Follows the store: each change is looked at in a task of its own, so that a source that takes
    /// long keeps no other from being shown.
    async fn follow(
        self: Arc<Self>,
        mut changes: BoxStream<'static, StoreChange>,
        mut pending: bool,
    ) {
        let mut ended = false;
        let mut tasks: JoinSet<Result<(), StoreError>> = JoinSet::new();
        loop {
            let retry = tokio::time::sleep(self.options.retry_interval);
            tokio::select! {
                change = changes.next(), if !ended => match change {
                    Some(StoreChange::Source(key)) => {
                        let shared = self.clone();
                        tasks.spawn(async move { shared.reconcile_one(&key, None).await });
                    }
                    Some(StoreChange::Everything) => {
                        let shared = self.clone();
                        tasks.spawn(async move { shared.reconcile_all().await });
                    }
                    None => {
                        tracing::warn!("the store tells of no more changes");
                        ended = true;
                    }
                },
                Some(done) = tasks.join_next() => {
                    if let Ok(Err(error)) = done {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(error, "what is served may be behind what is stored");
                        pending = true;
                    }
                }
                () = retry, if pending => {
                    pending = false;
                    let shared = self.clone();
                    tasks.spawn(async move { shared.reconcile_all().await });
                }
                else => return,
            }
        }
    }

    async fn reconcile_all(self: &Arc<Self>) -> Result<(), StoreError> {
        for (plugin, slot) in &self.plugins {
            let mut found: BTreeMap<SourceKey, Option<StoredSource>> = BTreeMap::new();
            for live in slot.view.load().sources() {
                found.insert(SourceKey::new(plugin.clone(), live.id.clone()), None);
            }
            // Rows of sources that went while nobody looked.
            for row in self.status.list(plugin).await.unwrap_or_default() {
                found.insert(row.key, None);
            }
            for stored in self.store.list(plugin).await? {
                let loading = Arc::new(LiveSource::loading(&stored));
                slot.set_if_absent(&stored.key.id, &loading);
                found.insert(stored.key.clone(), Some(stored));
            }
            let looks = stream::iter(found)
                .map(|(key, stored)| async move { self.reconcile_one(&key, stored).await })
                .buffer_unordered(self.options.concurrent_loads.max(1));
            looks.try_collect::<Vec<()>>().await?;
        }
        self.loaded_once.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Brings one source in step. `seen` is how it was stored a moment ago; without it, the store is
    /// asked.
    async fn reconcile_one(
        self: &Arc<Self>,
        key: &SourceKey,
        seen: Option<StoredSource>,
    ) -> Result<(), StoreError> {
        let Some(slot) = self.plugins.get(&key.plugin) else {
            return Ok(());
        };
        let lock = slot.lock(&key.id);
        let _turn = lock.turn.lock().await;
        let live = slot.live(&key.id);
        let is_old = |stored: &StoredSource| {
            live.as_ref()
                .is_some_and(|live| live.revision.id > stored.revision.id)
        };
        let stored = match seen {
            Some(stored) if !is_old(&stored) => Some(stored),
            _ => self.store.get(key).await?,
        };
        match stored {
            None => self.forget(slot, key).await,
            Some(stored) if !in_step(slot, &stored) => {
                let known = live.is_some_and(|live| live.revision.id == stored.revision.id);
                if !known {
                    self.changed(key, &stored.revision);
                }
                self.reload(slot, &stored).await;
            }
            Some(_) => {}
        }
        Ok(())
    }
}

/// Whether what is shown is about what is stored.
fn in_step(slot: &PluginSlot, stored: &StoredSource) -> bool {
    slot.live(&stored.key.id).is_some_and(|live| {
        live.status.last_refresh.is_some()
            && live.revision.id == stored.revision.id
            && live.origin == stored.origin
            && live.problems == stored.problems
    })
}
