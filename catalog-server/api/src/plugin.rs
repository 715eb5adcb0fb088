//! The asset types that a server knows.

use serde::{Deserialize, Serialize};

/// One plugin: an asset type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
pub struct PluginView {
    /// Its name in paths, such as `mcp`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// Its key in a sources file.
    pub config_key: String,
    /// The types of source it can load.
    pub source_types: Vec<String>,
    /// The kinds of entity it yields.
    pub entity_kinds: Vec<String>,
    /// Whether it is well.
    pub healthy: bool,
}
