//! Loading what is stored and swapping what is served.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};

use super::load::LoadResult;
use super::view::{LiveSource, PluginSlot, SourceSnapshot, SourceStatus};
use super::{CatalogService, Shared};
use crate::error::{CatalogError, StoreError};
use crate::model::{
    EntityFailure, PluginName, RefreshOutcome, RefreshStatus, RevisionId, SourceKey, SourceState,
};
use crate::ports::{CatalogEvent, Loaded, StoredSource};

impl CatalogService {
    /// Loads a source again. A load that fails is an `Ok` outcome that says so: the entities served
    /// before stay.
    ///
    /// # Errors
    /// [`CatalogError::PluginNotFound`], [`StoreError::SourceNotFound`],
    /// [`StoreError::Unavailable`].
    pub async fn refresh(&self, key: &SourceKey) -> Result<RefreshOutcome, CatalogError> {
        let (shared, key) = (self.shared.clone(), key.clone());
        self.detached(async move { shared.refresh(&key).await })
            .await
    }

    /// Loads every source of a plugin again; one outcome each, by id.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh).
    pub async fn refresh_all(
        &self,
        plugin: &PluginName,
    ) -> Result<Vec<RefreshOutcome>, CatalogError> {
        let (shared, plugin) = (self.shared.clone(), plugin.clone());
        self.detached(async move {
            shared.slot(&plugin)?;
            let mut outcomes = Vec::new();
            for source in shared.store.list(&plugin).await? {
                match shared.refresh(&source.key).await {
                    Ok(outcome) => outcomes.push(outcome),
                    // Deleted since it was listed.
                    Err(CatalogError::Store(StoreError::SourceNotFound { .. })) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(outcomes)
        })
        .await
    }
}

impl Shared {
    async fn refresh(self: &Arc<Self>, key: &SourceKey) -> Result<RefreshOutcome, CatalogError> {
        let slot = self.slot(&key.plugin)?;
        let lock = slot.lock(&key.id);
        let asked = lock.begun.load(Ordering::SeqCst);
        let mut turn = lock.turn.lock().await;
        // Many callers at once share one load: one that began after this call was made has seen
        // everything that this call could see.
        if let Some((number, outcome)) = &*turn
            && *number > asked
        {
            return Ok(outcome.clone());
        }
        let number = lock.begun.fetch_add(1, Ordering::SeqCst) + 1;
        match self.store.get(key).await? {
            Some(stored) => {
                let outcome = self.reload(slot, &stored).await;
                *turn = Some((number, outcome.clone()));
                Ok(outcome)
            }
            None => {
                self.forget(slot, key).await;
                Err(StoreError::SourceNotFound { key: key.clone() }.into())
            }
        }
    }

    /// Takes a source that is gone out of the catalog. The caller holds its lock.
    pub(super) async fn forget(&self, slot: &PluginSlot, key: &SourceKey) {
        let was_there = slot.live(&key.id).is_some();
        slot.set(&key.id, None);
        if let Err(error) = self.status.delete(key).await {
            tracing::warn!(%key, error = &error as &dyn std::error::Error, "status not deleted");
        }
        if was_there {
            tracing::info!(%key, "source removed");
            self.emit(CatalogEvent::Removed { key: key.clone() });
        }
    }

    /// Loads what is stored and shows it. The caller holds the source's lock.
    pub(super) async fn reload(
        self: &Arc<Self>,
        slot: &Arc<PluginSlot>,
        stored: &StoredSource,
    ) -> RefreshOutcome {
        let started_at = self.clock.now();
        let started = tokio::time::Instant::now();
        let result = self.load_stored(slot, stored).await;
        self.show(slot, stored, result, started_at, started).await
    }

    async fn load_stored(
        self: &Arc<Self>,
        slot: &Arc<PluginSlot>,
        stored: &StoredSource,
    ) -> LoadResult {
        if !stored.document.settings.enabled {
            return LoadResult::default();
        }
        if let Some(problem) = stored.problems.iter().find(|f| f.is_error()) {
            return LoadResult {
                error: Some(problem.to_string()),
                ..LoadResult::default()
            };
        }
        let written_at = stored.revision.created_at;
        self.load(slot, &stored.key, &stored.document, written_at)
            .await
    }

    /// Swaps the snapshot when the load succeeded, and shows and records how it ended.
    pub(super) async fn show(
        self: &Arc<Self>,
        slot: &Arc<PluginSlot>,
        stored: &StoredSource,
        result: LoadResult,
        started_at: DateTime<Utc>,
        started: tokio::time::Instant,
    ) -> RefreshOutcome {
        let LoadResult {
            loaded,
            error,
            mut findings,
        } = result;
        let Loaded {
            entities,
            failures,
            warnings,
        } = loaded;
        let before = match slot.live(&stored.key.id) {
            Some(live) => live.snapshot.clone(),
            None => Arc::default(),
        };
        let enabled = stored.document.settings.enabled;
        let snapshot = match (&error, before.revision.is_some()) {
            (None, _) => Arc::new(SourceSnapshot::new(stored.revision.id.clone(), entities)),
            // Something was served: it stays.
            (Some(_), true) => before.clone(),
            // Nothing was ever served: an older revision that loads, else what could be loaded.
            (Some(_), false) => match self.last_good(slot, stored).await {
                Some(last_good) => Arc::new(last_good),
                None if entities.is_empty() => Arc::default(),
                None => Arc::new(SourceSnapshot::new(stored.revision.id.clone(), entities)),
            },
        };
        let outcome = RefreshOutcome {
            key: stored.key.clone(),
            entities_loaded: match error {
                None => snapshot.entities().len() as u64,
                Some(_) => 0,
            },
            entities_removed: gone(&before, &snapshot),
            started_at,
            finished_at: self.clock.now(),
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            error,
            failures,
        };
        let state = match (&outcome.error, enabled) {
            (_, false) => SourceState::Disabled,
            (Some(_), true) => SourceState::Error,
            (None, true) => SourceState::Available,
        };
        findings.extend(stored.problems.iter().cloned());
        findings.extend(warnings);
        let row = RefreshStatus::of(&outcome, Some(stored.revision.id.clone()));
        let status = SourceStatus {
            state,
            entity_count: snapshot.entities().len() as u64,
            revision: snapshot.revision.clone(),
            last_refresh: Some(row.clone()),
            failures: outcome.failures.clone(),
            findings,
        };
        let event = CatalogEvent::Refreshed {
            key: stored.key.clone(),
            succeeded: outcome.succeeded(),
            entity_count: status.entity_count,
            revision: status.revision.clone(),
        };
        log(&outcome, &stored.revision.id);
        slot.set(
            &stored.key.id,
            Some(Arc::new(LiveSource::of(stored, snapshot, status))),
        );
        if let Err(error) = self.status.upsert(&row).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(key = %stored.key, error, "refresh status not recorded");
        }
        self.emit(event);
        outcome
    }

    /// The newest older revision that loads without a failure.
    async fn last_good(
        self: &Arc<Self>,
        slot: &Arc<PluginSlot>,
        stored: &StoredSource,
    ) -> Option<SourceSnapshot> {
        if !stored.document.settings.enabled {
            return None;
        }
        let revisions = self.store.revisions(&stored.key).await.ok()?;
        for revision in revisions.into_iter().filter(|r| r.id < stored.revision.id) {
            let Ok(record) = self.store.get_revision(&stored.key, &revision.id).await else {
                continue;
            };
            let Some(document) = record.document else {
                continue;
            };
            let result = self
                .load(slot, &stored.key, &document, revision.created_at)
                .await;
            if result.error.is_none() {
                return Some(SourceSnapshot::new(revision.id, result.loaded.entities));
            }
        }
        None
    }
}

/// How many entities were served and are not any more.
fn gone(before: &SourceSnapshot, after: &SourceSnapshot) -> u64 {
    before
        .entities()
        .iter()
        .filter(|e| after.get(&e.name).is_none())
        .count() as u64
}

fn log(outcome: &RefreshOutcome, revision: &RevisionId) {
    let RefreshOutcome {
        key,
        entities_loaded,
        entities_removed,
        duration_ms,
        ..
    } = outcome;
    match &outcome.error {
        None => tracing::info!(
            plugin = %key.plugin, source.id = %key.id, %revision,
            entities_loaded, entities_removed, duration_ms, "source refreshed"
        ),
        Some(error) => {
            let first = outcome.failures.first().map(|f: &EntityFailure| f.line);
            tracing::warn!(
                plugin = %key.plugin, source.id = %key.id, %revision, duration_ms,
                error, ?first, "source not refreshed, the last good entities stay"
            );
        }
    }
}
