//! Loading what is stored and swapping what is served.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;

use super::guard::{Room, in_lane};
use super::load::LoadResult;
use super::view::{LiveSource, PluginSlot, SourceSnapshot, SourceStatus};
use super::{CatalogService, Shared};
use crate::error::{CatalogError, StoreError};
use crate::model::{
    EntityFailure, PluginName, RefreshOutcome, RefreshStatus, Revision, RevisionId, SourceKey,
    SourceState,
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
            let sources = shared.store.list(&plugin).await?;
            let keys = sources.into_iter().map(|source| source.key);
            let keys: Vec<SourceKey> = keys.collect();
            let outcomes = join_all(keys.iter().map(|key| shared.refresh(key))).await;
            let gone = |outcome: &Result<_, CatalogError>| {
                // Deleted since it was listed.
                matches!(
                    outcome,
                    Err(CatalogError::Store(StoreError::SourceNotFound { .. }))
                )
            };
            outcomes.into_iter().filter(|o| !gone(o)).collect()
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
        match in_lane(&self.looks, self.store.get(key)).await? {
            Some(stored) => {
                let mut room = self.room(stored.document.size()).await;
                let outcome = self.reload(slot, &stored, &mut room).await;
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
        self.unrecord(key).await;
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
        room: &mut Room,
    ) -> RefreshOutcome {
        let began = (self.clock.now(), tokio::time::Instant::now());
        let result = self.load_stored(slot, stored, room).await;
        self.show(slot, stored, result, began, room).await
    }

    async fn load_stored(
        self: &Arc<Self>,
        slot: &Arc<PluginSlot>,
        stored: &StoredSource,
        room: &mut Room,
    ) -> LoadResult {
        if !stored.document.settings.enabled {
            return LoadResult::default();
        }
        if let Some(problem) = stored.problems.iter().find(|f| f.is_error()) {
            return LoadResult::failed(problem.to_string());
        }
        if let Some(unchanged) = self.unchanged(slot, stored) {
            return unchanged;
        }
        let written_at = stored.revision.created_at;
        self.load_checked(slot, &stored.key, &stored.document, written_at, room)
            .await
    }

    /// What a load would yield, when that is what is served already: the same revision of the same
    /// bytes, loaded whole, by a plugin and layers that look at nothing else.
    fn unchanged(&self, slot: &PluginSlot, stored: &StoredSource) -> Option<LoadResult> {
        let live = slot.live(&stored.key.id)?;
        let repeatable = slot.plugin.is_repeatable(&stored.document.settings)
            && self.pipeline.is_standard()
            && live.status.state == SourceState::Available
            && live.snapshot.whole
            && live.snapshot.revision.as_ref() == Some(&stored.revision.id)
            && live.revision == stored.revision
            && live.problems == stored.problems;
        // The digest costs most, so it comes last; it is of the bytes, whatever the store says.
        let same = repeatable && live.snapshot.digest == Some(stored.document.digest());
        same.then(|| LoadResult {
            kept: Some(live.snapshot.clone()),
            findings: live.status.findings.clone(),
            ..LoadResult::default()
        })
    }

    /// Swaps the snapshot when the load succeeded, and shows and records how it ended.
    pub(super) async fn show(
        self: &Arc<Self>,
        slot: &Arc<PluginSlot>,
        stored: &StoredSource,
        result: LoadResult,
        (started_at, started): (DateTime<Utc>, tokio::time::Instant),
        room: &mut Room,
    ) -> RefreshOutcome {
        self.tell(slot, stored);
        let LoadResult {
            loaded,
            error,
            mut findings,
            kept,
        } = result;
        let Loaded {
            entities,
            failures,
            warnings,
        } = loaded;
        let before = slot
            .live(&stored.key.id)
            .map(|live| live.snapshot.clone())
            .unwrap_or_default();
        let revision = stored.revision.id.clone();
        let snapshot = match &error {
            None => kept.unwrap_or_else(|| {
                let digest = stored.document.digest();
                Arc::new(SourceSnapshot::whole(revision, entities).of(digest))
            }),
            // Something whole was served: it stays.
            Some(_) if before.whole => before.clone(),
            // Nothing whole was ever served by this process: an older revision that loads, else
            // what could be loaded of this one.
            Some(_) => match self.last_good(slot, stored, room).await {
                Some(last_good) => Arc::new(last_good),
                None if entities.is_empty() => before.clone(),
                None => Arc::new(SourceSnapshot::partial(revision, entities)),
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
        let state = match (&outcome.error, stored.document.settings.enabled) {
            (_, false) => SourceState::Disabled,
            (Some(_), true) => SourceState::Error,
            (None, true) => SourceState::Available,
        };
        for finding in stored.problems.iter().cloned().chain(warnings) {
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
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
        let live = LiveSource::of(stored, snapshot, status);
        slot.set(&stored.key.id, Some(Arc::new(live)));
        // Nothing of the document is left. Rows that wait for each other are written at once, and those
        // of all sources may.
        room.leave();
        self.record(&row).await;
        self.emit(event);
        outcome
    }

    /// What was served before, as far as the history tells: the newest revision that loads without a
    /// failure. That may be the current one, when only its files are out of reach now.
    async fn last_good(
        self: &Arc<Self>,
        slot: &Arc<PluginSlot>,
        stored: &StoredSource,
        room: &mut Room,
    ) -> Option<SourceSnapshot> {
        if !stored.document.settings.enabled {
            return None;
        }
        let began = tokio::time::Instant::now();
        let revisions = self.store.revisions(&stored.key).await.ok()?;
        // The current document was tried just now, unless its files could not be read at all.
        let unread = !stored.is_sound();
        let tried =
            |r: &Revision| r.id > stored.revision.id || (r.id == stored.revision.id && !unread);
        for revision in revisions.into_iter().filter(|r| !tried(r)) {
            // What the store could not read well was never served.
            if revision.flawed {
                continue;
            }
            if began.elapsed() > self.options.load_timeout {
                break;
            }
            let Ok(record) = self.store.get_revision(&stored.key, &revision.id).await else {
                continue;
            };
            // Deleted or switched off: nothing was served then.
            let document = record.document?;
            if !document.settings.enabled {
                return Some(SourceSnapshot::whole(revision.id, Vec::new()));
            }
            let written_at = revision.created_at;
            let result = self
                .load_checked(slot, &stored.key, &document, written_at, room)
                .await;
            if result.error.is_none() {
                return Some(SourceSnapshot::whole(revision.id, result.loaded.entities));
            }
        }
        None
    }
}

/// How many entities were served and are not any more.
fn gone(before: &Arc<SourceSnapshot>, after: &Arc<SourceSnapshot>) -> u64 {
    if Arc::ptr_eq(before, after) {
        return 0;
    }
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
