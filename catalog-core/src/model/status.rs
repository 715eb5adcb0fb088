//! What is known about the last refresh of a source.

use chrono::{DateTime, SubsecRound as _, Utc};

use super::{EntityFailure, RevisionId, SourceKey};

/// The state of a source as readers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceState {
    /// The stored document is loaded and served.
    Available,
    /// The stored document does not load; the last good entities, if any, stay served.
    Error,
    /// Switched off.
    Disabled,
    /// The first load has not ended.
    Loading,
}

impl SourceState {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Error => "error",
            Self::Disabled => "disabled",
            Self::Loading => "loading",
        }
    }
}

/// How a refresh ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RefreshOutcome {
    /// The source.
    pub key: SourceKey,
    /// Entities served from now on, when it succeeded.
    pub entities_loaded: u64,
    /// Entities that were served before and are gone.
    pub entities_removed: u64,
    /// Start, by the service's clock.
    pub started_at: DateTime<Utc>,
    /// End, by the service's clock.
    pub finished_at: DateTime<Utc>,
    /// Milliseconds.
    pub duration_ms: u64,
    /// Why it failed; `None` when it succeeded.
    pub error: Option<String>,
    /// The entities that failed, one by one.
    pub failures: Vec<EntityFailure>,
}

impl RefreshOutcome {
    /// Whether the new entities are served.
    pub fn succeeded(&self) -> bool {
        self.error.is_none()
    }
}

/// The durable row about a source's last refresh (`catalog_refresh_status`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshStatus {
    /// The source; the row's key.
    pub key: SourceKey,
    /// When the refresh ended.
    pub last_refresh_time: DateTime<Utc>,
    /// Whether it succeeded.
    pub succeeded: bool,
    /// `Loaded 6 entities`, `Loaded 5 entities, removed 1`, `Refresh failed`.
    pub last_refresh_summary: String,
    /// Why it failed.
    pub last_error: Option<String>,
    /// Entities loaded.
    pub entities_loaded: u64,
    /// Entities removed.
    pub entities_removed: u64,
    /// Milliseconds.
    pub duration_ms: u64,
    /// The revision whose document was loaded.
    pub revision: Option<RevisionId>,
    /// When the row was written.
    pub updated_at: DateTime<Utc>,
}

impl RefreshStatus {
    /// The row for an outcome.
    pub fn of(outcome: &RefreshOutcome, revision: Option<RevisionId>) -> Self {
        let summary = match (&outcome.error, outcome.entities_removed) {
            (Some(_), _) => "Refresh failed".to_owned(),
            (None, 0) => format!("Loaded {} entities", outcome.entities_loaded),
            (None, n) => format!("Loaded {} entities, removed {n}", outcome.entities_loaded),
        };
        // As precise as a database can hold, so that a row that comes back is the same.
        let at = outcome.finished_at.trunc_subsecs(6);
        Self {
            key: outcome.key.clone(),
            last_refresh_time: at,
            succeeded: outcome.succeeded(),
            last_refresh_summary: summary,
            last_error: outcome.error.clone(),
            entities_loaded: outcome.entities_loaded,
            entities_removed: outcome.entities_removed,
            duration_ms: outcome.duration_ms,
            revision,
            updated_at: at,
        }
    }
}
