//! What a source yields.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Fields;

/// One MCP server or model, ready to be served: typed fields for filtering, JSON rendered once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entity {
    /// Unique within its source.
    pub name: Arc<str>,
    /// A stable positive number, derived from plugin, source and name.
    pub id: i64,
    /// The entity in the public API's shape, redacted, as JSON text.
    pub json: Arc<str>,
    /// The fields that readers filter and sort by, besides the id.
    pub fields: Fields,
    /// Further JSON texts that are served on their own, such as a model's `artifacts`; redacted.
    pub parts: BTreeMap<Arc<str>, Arc<str>>,
}

/// An entity that could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityFailure {
    /// Its name, when it has one.
    pub entity: Option<String>,
    /// Why, without any value that may be secret.
    pub message: String,
    /// 1-based line in the content.
    pub line: Option<u32>,
}
