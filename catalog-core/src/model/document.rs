//! What an operator edits of a source.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::Digest;
use crate::redaction;

/// The entry of a source: everything about it but its content.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SourceSettings {
    /// Display name, 1 to 256 characters.
    pub name: String,
    /// Provider type, such as `yaml`.
    #[serde(rename = "type")]
    pub source_type: String,
    /// A disabled source is kept, but yields no entities.
    pub enabled: bool,
    /// Tags that readers select sources by.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Provider options. Values may be [`SecretRef`](super::SecretRef)s.
    #[serde(default)]
    pub properties: Map<String, Value>,
    /// Globs (`*` only) of entity names to take; empty takes all.
    #[serde(default)]
    pub included_items: Vec<String>,
    /// Globs of entity names to leave out; beats `included_items`.
    #[serde(default)]
    pub excluded_items: Vec<String>,
}

impl SourceSettings {
    /// An enabled source with a name and a provider type, and nothing else.
    pub fn new(name: impl Into<String>, source_type: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            source_type: source_type.into(),
            enabled: true,
            labels: Vec::new(),
            properties: Map::new(),
            included_items: Vec::new(),
            excluded_items: Vec::new(),
        }
    }

    /// The property, when it is a text.
    pub fn text_property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).and_then(Value::as_str)
    }
}

/// Prints with every sensitive value replaced.
impl fmt::Debug for SourceSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let properties = redaction::redact_value(&Value::Object(self.properties.clone()));
        f.debug_struct("SourceSettings")
            .field("name", &redaction::redact_text(&self.name))
            .field("type", &self.source_type)
            .field("enabled", &self.enabled)
            .field("labels", &self.labels.len())
            .field("properties", &properties.to_string())
            .finish_non_exhaustive()
    }
}

/// A source's settings and, when the source keeps its entities as YAML, the raw content.
///
/// Content is bytes: what was put is what is got, comments and line ends included. It need not be
/// valid text, because an editor may have written anything to the file that holds it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceDocument {
    /// The entry.
    pub settings: SourceSettings,
    /// The raw content; `None` for a source that has none.
    pub content: Option<Arc<[u8]>>,
}

impl SourceDocument {
    /// Puts settings and content together.
    pub fn new(settings: SourceSettings, content: Option<Arc<[u8]>>) -> Self {
        Self { settings, content }
    }

    /// The settings in one canonical form, for digests and records: JSON with sorted keys.
    pub fn canonical_settings(&self) -> String {
        let value = serde_json::to_value(&self.settings).unwrap_or(Value::Null);
        sorted(&value).to_string()
    }

    /// The digest that identifies this document.
    pub fn digest(&self) -> Digest {
        let settings = self.canonical_settings();
        match &self.content {
            Some(content) => Digest::of_parts(&[settings.as_bytes(), content]),
            None => Digest::of_parts(&[settings.as_bytes()]),
        }
    }

    /// Size in bytes of the content, or of the settings when there is no content.
    pub fn size(&self) -> u64 {
        match &self.content {
            Some(content) => content.len() as u64,
            None => self.canonical_settings().len() as u64,
        }
    }
}

/// Prints sizes, never content.
impl fmt::Debug for SourceDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceDocument")
            .field("settings", &self.settings)
            .field("content_bytes", &self.content.as_ref().map(|c| c.len()))
            .finish()
    }
}

/// The same value with the keys of every object in order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            entries
                .into_iter()
                .map(|(k, v)| (k.clone(), sorted(v)))
                .collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_digest_does_not_depend_on_key_order() {
        let mut a = SourceSettings::new("n", "yaml");
        a.properties = json!({"x": 1, "y": {"b": 1, "a": 2}})
            .as_object()
            .unwrap()
            .clone();
        let mut b = SourceSettings::new("n", "yaml");
        b.properties = json!({"y": {"a": 2, "b": 1}, "x": 1})
            .as_object()
            .unwrap()
            .clone();
        let digest = |s: &SourceSettings| SourceDocument::new(s.clone(), None).digest();
        assert_eq!(digest(&a), digest(&b));
    }

    #[test]
    fn no_content_differs_from_empty_content() {
        let settings = SourceSettings::new("n", "yaml");
        let none = SourceDocument::new(settings.clone(), None);
        let empty = SourceDocument::new(settings, Some(Arc::from(&b""[..])));
        assert_ne!(none.digest(), empty.digest());
    }

    #[test]
    fn debug_shows_no_content_and_no_secret() {
        let mut settings = SourceSettings::new("n", "yaml");
        settings.properties = json!({"apiKey": "canary-1"}).as_object().unwrap().clone();
        let document = SourceDocument::new(settings, Some(Arc::from(&b"canary-2"[..])));
        assert!(!format!("{document:?}").contains("canary"));
    }
}
