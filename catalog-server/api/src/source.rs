//! A source as it is shown: its settings, where it comes from and how it is doing.

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Status;

/// The provider-specific settings of a source, by name. Values may be any JSON.
pub type Properties = BTreeMap<String, Value>;

/// The settings of one source. In answers, secret values are replaced by a marker.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(rename_all = "camelCase", skip_serializing_if_is_none)
)]
pub struct Source {
    /// Unique among the sources of a plugin: `^[a-z0-9][a-z0-9_-]{0,62}$`.
    pub id: String,
    /// The name people read.
    pub name: String,
    /// The provider that loads it, such as `yaml`.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", oai(rename = "type"))]
    pub kind: String,
    /// Whether its entities are served.
    pub enabled: bool,
    /// Free labels to group sources by.
    #[serde(default)]
    pub labels: Vec<String>,
    /// What the provider needs to know.
    #[serde(default)]
    pub properties: Properties,
    /// Patterns of the entities to take; empty takes all.
    #[serde(default)]
    pub included_items: Vec<String>,
    /// Patterns of the entities to leave out; wins over `includedItems`.
    #[serde(default)]
    pub excluded_items: Vec<String>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("type", &self.kind)
            .field("enabled", &self.enabled)
            .field("labels", &self.labels)
            .field("properties", &Names(&self.properties))
            .field("included_items", &self.included_items)
            .field("excluded_items", &self.excluded_items)
            .finish()
    }
}

/// Shows the names of properties only: their values may be secrets, and `Debug` ends up in logs.
pub(crate) struct Names<'a>(pub(crate) &'a Properties);

impl fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// One source in a list: settings, revision, origin and status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(rename_all = "camelCase", skip_serializing_if_is_none)
)]
pub struct SourceView {
    /// The settings, secrets redacted.
    pub source: Source,
    /// The stored revision, such as `3-9f86d081884c`. Also the ETag.
    pub revision: String,
    /// Where the source is kept, such as a file or a ConfigMap.
    pub origin: String,
    /// Whether it can be changed through this API.
    pub editable: bool,
    /// Whether it has content (raw YAML) besides its settings.
    pub has_content: bool,
    /// How it is doing right now.
    pub status: Status,
}

/// One source in full: what the list shows, its content and the facts of its revision.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
pub struct SourceDetail {
    /// What the list shows of it.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", oai(flatten))]
    pub view: SourceView,
    /// The content as typed, secrets redacted; null for a source without content.
    #[cfg_attr(feature = "openapi", oai(nullable))]
    pub raw_yaml: Option<String>,
    /// The facts of the stored revision.
    pub metadata: SourceMetadata,
}

impl fmt::Debug for SourceDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceDetail")
            .field("view", &self.view)
            .field("raw_yaml", &Length(self.raw_yaml.as_deref()))
            .field("metadata", &self.metadata)
            .finish()
    }
}

/// Shows how many there are instead of what they are.
pub(crate) struct Count(pub(crate) usize);

impl fmt::Debug for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

/// Shows how long a text is instead of the text, which may hold secrets and is long anyway.
pub(crate) struct Length<'a>(pub(crate) Option<&'a str>);

impl fmt::Debug for Length<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(text) => write!(f, "Some(<{} bytes>)", text.len()),
            None => f.write_str("None"),
        }
    }
}

/// Who stored a revision, when, and what it weighs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(rename_all = "camelCase", skip_serializing_if_is_none)
)]
pub struct SourceMetadata {
    /// When the revision was stored.
    pub updated_at: DateTime<Utc>,
    /// Who stored it.
    pub author: String,
    /// What the author said about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Size of the document in bytes.
    pub size: u64,
    /// Digest of the document: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
}
