//! What differs between two revisions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What differs between two revisions: text, settings and entities, secrets redacted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(rename_all = "camelCase", skip_serializing_if_is_none)
)]
pub struct Diff {
    /// The older revision; left out when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The newer revision; left out when it was not stored, as in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The content as a unified diff; empty when it is the same.
    pub unified: String,
    /// The settings that differ.
    pub settings: Vec<FieldChange>,
    /// The entities that differ, by name.
    pub entities: EntityChanges,
}

/// One setting that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(rename_all = "camelCase", skip_serializing_if_is_none)
)]
pub struct FieldChange {
    /// The path of the setting, such as `properties.url`.
    pub field: String,
    /// What it was; left out when it was not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// What it is; left out when it is not set any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

/// The entities that differ, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
pub struct EntityChanges {
    /// Only in the newer one.
    pub added: Vec<String>,
    /// In both, with different contents.
    pub changed: Vec<String>,
    /// Only in the older one.
    pub removed: Vec<String>,
}
