//! What readers see: immutable, swapped as a whole.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::names::{Name, Names};
use super::order::{Order, Orders};
use super::sources::Sources;
use crate::digest::Digest;
use crate::model::{
    Entity, EntityFailure, RefreshOutcome, RefreshStatus, Revision, RevisionId, SourceId,
    SourceSettings, SourceState,
};
use crate::ports::{CatalogPlugin, StoredSource};
use crate::validation::Finding;

/// The entities of one source as last loaded.
#[derive(Debug, Default)]
pub struct SourceSnapshot {
    /// The revision that they come from; `None` when nothing was ever loaded.
    pub revision: Option<RevisionId>,
    /// Whether every entity of that revision is here. Of a source that never loaded whole, those
    /// that do load are served.
    pub whole: bool,
    /// Of the document that they come from, when they are all of it.
    pub(super) digest: Option<Digest>,
    entities: Box<[Entity]>,
    names: Names,
    orders: Orders,
}

impl SourceSnapshot {
    /// What a load without failures yields.
    pub(super) fn whole(revision: RevisionId, entities: Vec<Entity>) -> Self {
        Self {
            whole: true,
            ..Self::partial(revision, entities)
        }
    }

    /// What could be loaded.
    pub(super) fn partial(revision: RevisionId, entities: Vec<Entity>) -> Self {
        // They stay; what the list grew beyond their number need not.
        let entities = entities.into_boxed_slice();
        Self {
            revision: Some(revision),
            whole: false,
            digest: None,
            names: Names::of(&entities),
            entities,
            orders: Orders::default(),
        }
    }

    /// The same, as what the document with this digest yields.
    pub(super) fn of(mut self, digest: Digest) -> Self {
        self.digest = Some(digest);
        self
    }

    /// In the order of the content.
    pub fn entities(&self) -> &[Entity] {
        &self.entities
    }

    /// Indices into [`entities`](Self::entities), in this order.
    pub fn sorted(&self, order: Order) -> &[u32] {
        self.orders.of(&self.entities, order)
    }

    /// The entity of this name.
    pub fn get(&self, name: &str) -> Option<&Entity> {
        self.find(Name::new(name))
    }

    fn find(&self, name: Name<'_>) -> Option<&Entity> {
        self.names.get(name, &self.entities)
    }
}

/// How a source is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SourceStatus {
    /// Its state.
    pub state: SourceState,
    /// Entities that are served.
    pub entity_count: u64,
    /// The revision whose entities are served. Differs from the stored one when that does not load.
    pub revision: Option<RevisionId>,
    /// The last refresh.
    pub last_refresh: Option<RefreshStatus>,
    /// The entities that failed in it.
    pub failures: Vec<EntityFailure>,
    /// What validation and the store found in the stored document.
    pub findings: Vec<Finding>,
}

impl SourceStatus {
    /// Nothing is known yet.
    pub(super) fn unknown(state: SourceState) -> Self {
        Self {
            state,
            entity_count: 0,
            revision: None,
            last_refresh: None,
            failures: Vec::new(),
            findings: Vec::new(),
        }
    }
}

/// A source with its entities and status, at one moment.
#[derive(Debug)]
pub struct LiveSource {
    /// The source.
    pub id: SourceId,
    /// Its settings, redacted.
    pub settings: SourceSettings,
    /// The stored revision.
    pub revision: Revision,
    /// Where the entry comes from.
    pub origin: String,
    /// Whether the store can change it.
    pub editable: bool,
    /// Whether it has content.
    pub has_content: bool,
    /// Its entities.
    pub snapshot: Arc<SourceSnapshot>,
    /// How it is.
    pub status: SourceStatus,
    pub(super) problems: Vec<Finding>,
    /// Whether its author wants the stored revision to wait for the next refresh.
    pub(super) held: bool,
}

impl LiveSource {
    /// A source that is stored, and not loaded yet.
    pub(super) fn loading(stored: &StoredSource) -> Self {
        let state = match stored.document.settings.enabled {
            true => SourceState::Loading,
            false => SourceState::Disabled,
        };
        let status = SourceStatus {
            findings: stored.problems.clone(),
            ..SourceStatus::unknown(state)
        };
        Self::of(stored, Arc::default(), status)
    }

    pub(super) fn of(
        stored: &StoredSource,
        snapshot: Arc<SourceSnapshot>,
        status: SourceStatus,
    ) -> Self {
        Self {
            id: stored.key.id.clone(),
            settings: super::read::shown(&stored.document.settings),
            revision: stored.revision.clone(),
            origin: stored.origin.clone(),
            editable: stored.editable,
            has_content: stored.document.content.is_some(),
            snapshot,
            status,
            problems: stored.problems.clone(),
            held: false,
        }
    }
}

/// Everything of one plugin at one moment.
#[derive(Debug, Default)]
pub struct PluginView {
    pub(super) sources: Sources,
}

impl PluginView {
    /// The sources, by id.
    pub fn sources(&self) -> impl Iterator<Item = &Arc<LiveSource>> {
        self.sources.iter()
    }

    /// One source.
    pub fn source(&self, id: &SourceId) -> Option<&Arc<LiveSource>> {
        self.sources.get(id)
    }

    /// Every entity with its source: by source id, then in the order of the content.
    pub fn entities(&self) -> impl Iterator<Item = (&LiveSource, &Entity)> {
        self.sources.iter().flat_map(|source| {
            source
                .snapshot
                .entities()
                .iter()
                .map(move |entity| (&**source, entity))
        })
    }

    /// The entity of this name, from the first source that has one.
    pub fn entity(&self, name: &str) -> Option<(&LiveSource, &Entity)> {
        let name = Name::new(name);
        self.sources
            .iter()
            .find_map(|s| s.snapshot.find(name).map(|e| (&**s, e)))
    }
}

/// The last outcome of a source, with the number of the refresh that made it.
pub(super) type LastRun = Option<(u64, RefreshOutcome)>;

/// Makes changes and refreshes of one source come one after the other.
#[derive(Debug, Default)]
pub(super) struct SourceLock {
    pub(super) turn: Arc<tokio::sync::Mutex<LastRun>>,
    /// Refreshes begun.
    pub(super) begun: AtomicU64,
}

impl SourceLock {
    /// Waits for the lock, and has it wherever it goes.
    pub(super) async fn taken(self: Arc<Self>) -> Turn {
        let turn = self.turn.clone().lock_owned().await;
        Turn {
            _turn: turn,
            _lock: self,
        }
    }
}

/// A source's lock. As long as there is one, it is the source's only one.
pub(super) struct Turn {
    _turn: tokio::sync::OwnedMutexGuard<LastRun>,
    _lock: Arc<SourceLock>,
}

/// A plugin with what is live of it.
pub(super) struct PluginSlot {
    pub(super) plugin: Arc<dyn CatalogPlugin>,
    pub(super) view: ArcSwap<PluginView>,
    locks: Mutex<HashMap<SourceId, Arc<SourceLock>>>,
}

impl PluginSlot {
    pub(super) fn new(plugin: Arc<dyn CatalogPlugin>) -> Self {
        Self {
            plugin,
            view: ArcSwap::default(),
            locks: Mutex::default(),
        }
    }

    /// The lock of a source. Locks nobody holds are dropped now and then, so that made-up ids
    /// cannot fill the memory.
    pub(super) fn lock(&self, id: &SourceId) -> Arc<SourceLock> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        if locks.len() > 2 * self.view.load().sources.len() + 64 {
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        }
        locks.entry(id.clone()).or_default().clone()
    }

    /// What is live of a source.
    pub(super) fn live(&self, id: &SourceId) -> Option<Arc<LiveSource>> {
        self.view.load().sources.get(id).cloned()
    }

    /// Swaps one source; readers see the old whole or the new whole.
    pub(super) fn set(&self, id: &SourceId, source: Option<Arc<LiveSource>>) {
        self.view.rcu(|view| PluginView {
            sources: match &source {
                Some(source) => view.sources.with(source.clone()),
                None => view.sources.without(id),
            },
        });
    }
}
