//! What an operator looks at when something is wrong.

use serde::{Deserialize, Serialize};

use crate::{Finding, RefreshFailure, RefreshResult, SourceState};

/// How all the sources of a plugin are doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
pub struct Diagnostics {
    /// The plugin.
    pub plugin: String,
    /// Its sources, by id.
    pub sources: Vec<SourceDiagnostics>,
    /// Everything that is wrong, in one list.
    pub errors: Vec<DiagnosticError>,
}

/// How one source is doing, entity by entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(rename_all = "camelCase", skip_serializing_if_is_none)
)]
pub struct SourceDiagnostics {
    /// The source.
    pub id: String,
    /// Its state in one word.
    pub state: SourceState,
    /// How many entities of it are served.
    pub entity_count: u64,
    /// The entities that could not be loaded.
    pub failures: Vec<RefreshFailure>,
    /// What validation and the store found in the stored document, warnings included.
    pub findings: Vec<Finding>,
    /// The last refresh, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_refresh: Option<RefreshResult>,
    /// Why the source is in state `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(rename_all = "camelCase", skip_serializing_if_is_none)
)]
pub struct DiagnosticError {
    /// The source it is about; left out when it is about the plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// What is wrong.
    pub message: String,
}
