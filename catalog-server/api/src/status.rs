//! How a source is doing.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What can be said of a source in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Enum))]
#[cfg_attr(feature = "openapi", oai(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum SourceState {
    /// Its entities are served and current.
    Available,
    /// The last load failed; the last good entities, if any, are still served.
    Error,
    /// It is switched off; nothing of it is served.
    Disabled,
    /// Its first load has not finished.
    Loading,
}

/// How a refresh ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Enum))]
#[cfg_attr(feature = "openapi", oai(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum RefreshOutcome {
    /// The new entities are served.
    Success,
    /// Nothing was swapped; the old entities are kept.
    Error,
}

/// How a source is doing right now, and how its last refresh went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(rename_all = "camelCase", skip_serializing_if_is_none)
)]
pub struct Status {
    /// The state in one word.
    pub state: SourceState,
    /// How many entities of it are served.
    pub entity_count: u64,
    /// The revision whose entities are served; left out while none are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// When the last refresh ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_refresh_time: Option<DateTime<Utc>>,
    /// How the last refresh ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_refresh_status: Option<RefreshOutcome>,
    /// The last refresh in a sentence, such as `Loaded 6 entities`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_refresh_summary: Option<String>,
    /// Why the last refresh failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// How many entities the last refresh loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entities_loaded: Option<u64>,
    /// How many entities the last refresh took away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entities_removed: Option<u64>,
    /// How long the last refresh took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

impl Status {
    /// A status that says no more than the state and the number of entities.
    #[must_use]
    pub fn new(state: SourceState, entity_count: u64) -> Self {
        Self {
            state,
            entity_count,
            revision: None,
            last_refresh_time: None,
            last_refresh_status: None,
            last_refresh_summary: None,
            last_error: None,
            entities_loaded: None,
            entities_removed: None,
            duration_ms: None,
        }
    }
}
