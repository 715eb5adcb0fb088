//! What callers send. `Debug` of these shows no value that may be a secret.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Expected, Properties,
    source::{Count, Length},
};

/// The settings of a source as someone sends them. What is left out keeps what is stored.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(rename_all = "camelCase", skip_serializing_if_is_none)
)]
pub struct SourceInput {
    /// If present, must equal the id in the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name people read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The provider that loads it, such as `yaml`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(rename = "type"))]
    pub kind: Option<String>,
    /// Whether its entities are served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Free labels to group sources by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// What the provider needs to know; replaces all properties that are stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub properties: Option<Properties>,
    /// Patterns of the entities to take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_items: Option<Vec<String>>,
    /// Patterns of the entities to leave out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_items: Option<Vec<String>>,
}

impl fmt::Debug for SourceInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceInput")
            .field("id", &self.id)
            .field("name", &Length(self.name.as_deref()))
            .field("type", &self.kind)
            .field("enabled", &self.enabled)
            .field("labels", &count(&self.labels))
            .field(
                "properties",
                &self.properties.as_ref().map(|p| Count(p.len())),
            )
            .field("included_items", &count(&self.included_items))
            .field("excluded_items", &count(&self.excluded_items))
            .finish()
    }
}

fn count(items: &Option<Vec<String>>) -> Option<Count> {
    items.as_ref().map(|items| Count(items.len()))
}

/// A document to check. What is left out keeps what is stored.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(rename_all = "camelCase", skip_serializing_if_is_none)
)]
pub struct ValidateRequest {
    /// The settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceInput>,
    /// The content, as typed. Redaction markers left where they were keep the stored values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_yaml: Option<String>,
}

impl fmt::Debug for ValidateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValidateRequest")
            .field("source", &self.source)
            .field("raw_yaml", &Length(self.raw_yaml.as_deref()))
            .finish()
    }
}

/// A document to store and serve. What is left out keeps what is stored.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(rename_all = "camelCase", skip_serializing_if_is_none)
)]
pub struct ApplyRequest {
    /// The settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceInput>,
    /// The content, as typed. Redaction markers left where they were keep the stored values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_yaml: Option<String>,
    /// The revision that must be stored; null when the source must not exist yet. Left out when a header says it.
    #[serde(default, skip_serializing_if = "Expected::is_unstated")]
    #[cfg_attr(
        feature = "openapi",
        oai(skip_serializing_if = "Expected::is_unstated")
    )]
    pub expected_revision: Expected,
    /// A word about the change, for the history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How to go about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<ApplyOptions>,
}

impl ApplyRequest {
    /// The options that hold, with the defaults for what was left out.
    #[must_use]
    pub fn options(&self) -> ApplyOptions {
        self.options.unwrap_or_default()
    }
}

impl fmt::Debug for ApplyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApplyRequest")
            .field("source", &self.source)
            .field("raw_yaml", &Length(self.raw_yaml.as_deref()))
            .field("expected_revision", &self.expected_revision)
            .field("message", &Length(self.message.as_deref()))
            .field("options", &self.options)
            .finish()
    }
}

/// How to go about a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
pub struct ApplyOptions {
    /// Only say what would happen.
    #[cfg_attr(feature = "openapi", oai(default))]
    pub dry_run: bool,
    /// Load the source after it was stored.
    #[cfg_attr(feature = "openapi", oai(default = "refresh_by_default"))]
    pub refresh_after_apply: bool,
    /// How many entities the caller agrees to lose.
    #[cfg_attr(feature = "openapi", oai(default))]
    pub confirm_removals: u64,
}

/// Whoever applies a change wants to see it.
const fn refresh_by_default() -> bool {
    true
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self {
            dry_run: false,
            refresh_after_apply: refresh_by_default(),
            confirm_removals: 0,
        }
    }
}

/// Switches a source on or off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
pub struct EnableRequest {
    /// Whether the source's entities shall be served.
    pub enabled: bool,
    /// The revision that must be stored. Left out when a header says it.
    #[serde(default, skip_serializing_if = "Expected::is_unstated")]
    #[cfg_attr(
        feature = "openapi",
        oai(skip_serializing_if = "Expected::is_unstated")
    )]
    pub expected_revision: Expected,
}

/// Goes back to an earlier revision: a new revision with the old bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(rename_all = "camelCase", skip_serializing_if_is_none)
)]
pub struct RollbackRequest {
    /// The revision to go back to, in full.
    pub revision_id: String,
    /// The revision that must be stored now; null when the source must not exist. Left out when a header says it.
    #[serde(default, skip_serializing_if = "Expected::is_unstated")]
    #[cfg_attr(
        feature = "openapi",
        oai(skip_serializing_if = "Expected::is_unstated")
    )]
    pub expected_revision: Expected,
    /// A word about the change, for the history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How to go about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<ApplyOptions>,
}

impl fmt::Debug for RollbackRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RollbackRequest")
            .field("revision_id", &self.revision_id)
            .field("expected_revision", &self.expected_revision)
            .field("message", &Length(self.message.as_deref()))
            .field("options", &self.options)
            .finish()
    }
}

impl RollbackRequest {
    /// The options that hold, with the defaults for what was left out.
    #[must_use]
    pub fn options(&self) -> ApplyOptions {
        self.options.unwrap_or_default()
    }
}
