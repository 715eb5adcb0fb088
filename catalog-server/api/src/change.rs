//! What a write did.

use serde::{Deserialize, Serialize};

use crate::{Diff, Finding, RefreshResult, Status};

/// What an apply, an enable or a roll back did, or would do in a dry run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(rename_all = "camelCase", skip_serializing_if_is_none)
)]
pub struct ApplyResult {
    /// The revision that is stored now.
    pub revision: String,
    /// The revision that was stored before; left out when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_revision: Option<String>,
    /// Whether the source did not exist before.
    pub created: bool,
    /// Whether anything differs from what was stored; false made no new revision.
    pub changed: bool,
    /// Whether this only says what would happen.
    pub dry_run: bool,
    /// The revision whose bytes are back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolled_back_to: Option<String>,
    /// What validation wants someone to look at.
    pub warnings: Vec<Finding>,
    /// What differs.
    pub diff: Diff,
    /// How the refresh that followed went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh: Option<RefreshResult>,
    /// How the source is doing afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

/// What a delete did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
pub struct DeleteResult {
    /// The tombstone. The history before it stays.
    pub revision: String,
}
