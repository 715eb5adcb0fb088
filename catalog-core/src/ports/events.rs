//! What happened, for whoever listens.

use serde::Serialize;

use crate::model::{RevisionId, SourceKey};

/// Something that happened to a source. Carries no document, so no secret.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum CatalogEvent {
    /// A new revision is stored.
    Changed {
        /// The source.
        #[serde(flatten)]
        key: SourceKey,
        /// The new revision.
        revision: RevisionId,
        /// `apply`, `rollback`, `external`, `delete` or `import`.
        kind: &'static str,
    },
    /// A refresh ended.
    Refreshed {
        /// The source.
        #[serde(flatten)]
        key: SourceKey,
        /// Whether the new entities are served.
        succeeded: bool,
        /// Entities served from now on.
        entity_count: u64,
        /// The revision that is served.
        revision: Option<RevisionId>,
    },
    /// The source is gone from the catalog.
    Removed {
        /// The source.
        #[serde(flatten)]
        key: SourceKey,
    },
}

/// Takes events. Must not block.
pub trait EventSink: Send + Sync {
    /// Takes one.
    fn emit(&self, event: &CatalogEvent);
}

/// Drops events.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEvents;

impl EventSink for NoEvents {
    fn emit(&self, _event: &CatalogEvent) {}
}
