//! How a refresh went.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::RefreshOutcome;

/// How one refresh of one source went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(rename_all = "camelCase", skip_serializing_if_is_none)
)]
pub struct RefreshResult {
    /// The source that was loaded.
    pub source_id: String,
    /// How it ended.
    pub status: RefreshOutcome,
    /// How many entities are served now.
    pub entities_loaded: u64,
    /// How many entities are not served any more.
    pub entities_removed: u64,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The entities that could not be loaded, one by one.
    pub failures: Vec<RefreshFailure>,
}

/// One entity that could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(rename_all = "camelCase", skip_serializing_if_is_none)
)]
pub struct RefreshFailure {
    /// Its name, if it got as far as having one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// Why.
    pub message: String,
    /// The line, from 1, in the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
}
