//! Keeping what is served in step with what is stored, whoever changed it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::BoxStream;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::guard::{in_lane, task_failed};
use super::view::{LiveSource, PluginSlot};
use super::{CatalogService, Shared};
use crate::error::{CatalogError, StoreError};
use crate::health::bounded;
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
        let shared = &self.service.shared;
        let limit = shared.options.port_timeout;
        let closed = async {
            shared.store.close().await;
            shared.status.close().await;
        };
        if bounded(limit, closed).await.is_none() {
            tracing::warn!("store and status repository did not close in time");
        }
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
        let task = tokio::spawn(async move {
            tokio::join!(
                shared.clone().follow(changes, pending),
                shared.keep_ledger()
            );
        });
        Running {
            task,
            service: self.clone(),
        }
    }

    /// Brings what is served in step with what is stored, now.
    ///
    /// # Errors
    /// Those of the store. What could be looked at is in step nevertheless.
    pub async fn reconcile(&self) -> Result<(), CatalogError> {
        let shared = self.shared.clone();
        self.detached(async move { Ok(shared.reconcile_all().await?) })
            .await
    }

    /// Whether every source was loaded once since the start.
    pub fn is_loaded(&self) -> bool {
        self.shared.loaded_once.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// Follows the store: each change is looked at in a task of its own, so that a source that takes
    /// long keeps no other from being shown.
    async fn follow(self: Arc<Self>, mut changes: BoxStream<'static, StoreChange>, pending: bool) {
        let interval = self.options.retry_interval;
        let mut retry_at = pending.then(|| Instant::now() + interval);
        let mut ended = false;
        let mut tasks: JoinSet<Result<(), StoreError>> = JoinSet::new();
        loop {
            tokio::select! {
                change = changes.next(), if !ended => match change {
                    Some(StoreChange::Source(key)) => {
                        let shared = self.clone();
                        tasks.spawn(async move { shared.reconcile_one(&key).await });
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
                    if let Err(error) = done.map_err(|e| task_failed(&e)).and_then(|r| Ok(r?)) {
                        let error = &*error as &dyn std::error::Error;
                        tracing::warn!(error, "what is served may be behind what is stored");
                        retry_at.get_or_insert_with(|| Instant::now() + interval);
                    }
                }
                () = sleep_until(retry_at), if retry_at.is_some() => {
                    retry_at = None;
                    let shared = self.clone();
                    tasks.spawn(async move { shared.reconcile_all().await });
                }
                else => return,
            }
        }
    }

    /// Looks at every source, to the end, whatever one of them says.
    async fn reconcile_all(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut result = Ok(());
        for (plugin, slot) in &self.plugins {
            let live = slot.view.load_full();
            let shown = live
                .sources()
                .map(|s| SourceKey::new(plugin.clone(), s.id.clone()));
            let mut keys: BTreeSet<SourceKey> = shown.collect();
            // Rows of sources that went while nobody looked.
            keys.extend(self.recorded_keys(plugin).await);
            match self.store.list(plugin).await {
                Ok(stored) => keys.extend(stored.into_iter().map(|s| s.key)),
                Err(error) => result = result.and(Err(error)),
            }
            let looks = join_all(keys.iter().map(|key| self.reconcile_one(key))).await;
            result = looks.into_iter().fold(result, Result::and);
        }
        if result.is_ok() {
            self.loaded_once.store(true, Ordering::SeqCst);
        }
        result
    }

    /// Brings one source in step. What is stored is asked for under its lock: anything seen before
    /// may be gone.
    async fn reconcile_one(self: &Arc<Self>, key: &SourceKey) -> Result<(), StoreError> {
        let Some(slot) = self.plugins.get(&key.plugin) else {
            return Ok(());
        };
        let lock = slot.lock(&key.id);
        let _turn = lock.turn.lock().await;
        match in_lane(&self.looks, self.store.get(key)).await? {
            None => self.forget(slot, key).await,
            Some(stored) if !in_step(slot, &stored) => {
                if slot.live(&key.id).is_none() {
                    slot.set(&key.id, Some(Arc::new(LiveSource::loading(&stored))));
                    if self.loaded_once.load(Ordering::SeqCst) {
                        self.changed(key, &stored.revision);
                    }
                }
                let mut room = self.room(stored.document.size()).await;
                self.reload(slot, &stored, &mut room).await;
            }
            Some(_) => {}
        }
        Ok(())
    }
}

/// Waits until then; for ever when there is no such time.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Whether what is shown is about what is stored.
fn in_step(slot: &PluginSlot, stored: &StoredSource) -> bool {
    slot.live(&stored.key.id).is_some_and(|live| {
        (live.status.last_refresh.is_some() || live.held)
            && live.revision.id == stored.revision.id
            && live.origin == stored.origin
            && live.problems == stored.problems
    })
}
