//! Keeping secrets in.
//!
//! What leaves the process is shown with every secret replaced by [`MARKER`]: values of sensitive
//! keys ([`is_sensitive_key`]), values beside a sensitive name (`{name: DB_PASSWORD, value: …}`),
//! credentials that show by their shape in any text (tokens, private keys, passwords in URLs), and
//! copies of all these elsewhere in the same document. References to secrets, booleans, nulls and
//! empty texts stay.
//!
//! ```
//! use catalog_core::redaction::{redact_yaml, restore_yaml};
//! let stored = "url: https://example.com # internal\npassword: hunter2\n";
//! let shown = redact_yaml(stored);
//! assert_eq!(shown, "url: https://example.com # internal\npassword: \"***REDACTED***\"\n");
//! // Somebody edits what is shown; what is hidden stays what it was.
//! let edited = shown.replace("internal", "public");
//! let saved = restore_yaml(&edited, Some(stored)).unwrap();
//! assert_eq!(saved, "url: https://example.com # public\npassword: hunter2\n");
//! ```
//!
//! A marker that comes back stands for what is stored at the same place: the same path, except that
//! items of lists are found by their `name`, else `id`, else `key`. A marker with nothing to stand
//! for, or where it is not clear for what, is an error ([`StrayMarker`]) and never stored. So is one that
//! stands for something that the new document would show: nobody but who knows a secret can make it
//! visible.

mod align;
mod document;
mod exposed;
mod formats;
mod json;
mod keys;
mod lexical;
mod patch;
mod placeholder;
mod positions;
mod restore;
mod scan;
mod shown;
mod starts;
mod taint;
mod tree;

use serde_json::Value;

use crate::validation::Path;
use crate::yaml::{self, Limits, Position};

pub use keys::is_sensitive_key;

/// What stands in the place of a secret.
pub const MARKER: &str = "***REDACTED***";

/// Markers that are named: one more than findings are listed.
const MAX_STRAYS: usize = crate::validation::MAX_FINDINGS + 1;

/// A marker that cannot be taken for what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrayMarker {
    /// Where in the tree; the root for a comment.
    pub path: Path,
    /// Where in the text, for YAML.
    pub position: Option<Position>,
    /// Why.
    pub cause: StrayCause,
}

/// Why a marker cannot be taken for what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StrayCause {
    /// Nothing is stored at this place that it could stand for.
    Unknown,
    /// What is stored would be visible here: what hid it, such as the name beside it or the secret
    /// that it is a copy of, is not in the new document.
    Visible,
}

/// A credential in plain sight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Where in the tree; the root for a comment.
    pub path: Path,
    /// Where in the text, for YAML.
    pub position: Option<Position>,
    /// What kind, for people: `value of a sensitive key`, `JSON web token`.
    pub kind: &'static str,
}

/// Free text with every credential in it replaced. Only what shows by its shape is found; ordinary
/// prose stays as it is, and costs one pass.
///
/// ```
/// use catalog_core::redaction::redact_text;
/// assert_eq!(
///     redact_text("GET https://svc:hunter2@example.net/?page=2 failed"),
///     "GET https://svc:***REDACTED***@example.net/?page=2 failed"
/// );
/// ```
pub fn redact_text(text: &str) -> String {
    shown::passage(text, &taint::Taint::default()).unwrap_or_else(|| text.to_owned())
}

/// A key, as messages and paths show it: credentials replaced, and cut to a readable length.
pub fn redact_key(key: &str) -> String {
    // Characters. The first bound is for the work, the second for the reader.
    const MAX_READ: usize = 4096;
    const MAX_SHOWN: usize = 64;
    let read = key
        .char_indices()
        .nth(MAX_READ)
        .map_or(key, |(end, _)| &key[..end]);
    let shown = redact_text(read);
    match shown.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

/// The secrets of a document, to recognise copies of them in what is made from it.
///
/// ```
/// use catalog_core::redaction::Secrets;
/// use serde_json::{Value, json};
/// let secrets = Secrets::of([&json!({"apiKey": "k3y-k3y-k3y-k3y"})], []);
/// assert_eq!(
///     secrets.hide(&json!({"note": "use k3y-k3y-k3y-k3y here"})),
///     json!({"note": "use ***REDACTED*** here"})
/// );
/// ```
#[derive(Default)]
pub struct Secrets(taint::Taint);

impl Secrets {
    /// The secrets of trees and YAML documents that belong together.
    pub fn of<'a>(
        trees: impl IntoIterator<Item = &'a Value>,
        documents: impl IntoIterator<Item = &'a yaml::Document>,
    ) -> Self {
        let trees = trees.into_iter().flat_map(shown::secrets);
        let documents = documents.into_iter().flat_map(|d| shown::secrets(&d.root));
        Self(taint::Taint::new(trees.chain(documents)))
    }

    /// These and more.
    pub fn and<'a>(&self, more: impl IntoIterator<Item = &'a str>) -> Self {
        let more: Vec<&str> = more.into_iter().collect();
        Self(
            self.0
                .with(more.into_iter().map(std::borrow::Cow::Borrowed)),
        )
    }

    /// As [`redact_yaml`], with every copy replaced, too.
    ///
    /// ```
    /// use catalog_core::redaction::Secrets;
    /// use serde_json::json;
    /// let settings = json!({"token": "k3y-k3y-k3y-k3y"});
    /// let secrets = Secrets::of([&settings], []);
    /// let stored = "note: k3y-k3y-k3y-k3y # mine\n";
    /// let shown = secrets.redact_yaml(stored);
    /// assert_eq!(shown, "note: \"***REDACTED***\" # mine\n");
    /// assert_eq!(secrets.restore_yaml(&shown, Some(stored)).unwrap(), stored);
    /// ```
    pub fn redact_yaml(&self, text: &str) -> String {
        document::shown(text, &self.0)
    }

    /// As [`restore_yaml`], for a stored text that was shown by these secrets'
    /// [`redact_yaml`](Self::redact_yaml).
    ///
    /// # Errors
    /// Every marker that has no counterpart, or would have one that is visible.
    pub fn restore_yaml(
        &self,
        incoming: &str,
        stored: Option<&str>,
    ) -> Result<String, Vec<StrayMarker>> {
        restore::restore(incoming, stored, &self.0, &self.0)
    }

    /// As [`restore_yaml`](Self::restore_yaml), for a text that is going to be shown by the
    /// [`redact_yaml`](Self::redact_yaml) of other secrets from now on.
    ///
    /// # Errors
    /// Every marker that has no counterpart, or would have one that is visible.
    pub fn restore_yaml_beside(
        &self,
        after: &Self,
        incoming: &str,
        stored: Option<&str>,
    ) -> Result<String, Vec<StrayMarker>> {
        restore::restore(incoming, stored, &self.0, &after.0)
    }

    /// Whether all of these are here, too.
    pub fn includes(&self, other: &Self) -> bool {
        self.0.includes(&other.0)
    }

    /// Whether there is none that could be recognised.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tree with every copy replaced, besides what [`redact_value`] replaces.
    pub fn hide(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.hide_text(text)),
            Value::Array(items) => items.iter().map(|item| self.hide(item)).collect(),
            Value::Object(map) => map
                .iter()
                .map(|(key, member)| (key.clone(), self.hide(member)))
                .collect(),
            other => other.clone(),
        }
    }

    /// The text with every copy replaced, besides what [`redact_text`] replaces.
    pub fn hide_text(&self, text: &str) -> String {
        if self.0.is_copy(text) {
            return MARKER.to_owned();
        }
        shown::passage(text, &self.0).unwrap_or_else(|| text.to_owned())
    }

    /// As [`hide_text`](Self::hide_text) for a text that holds several values, such as a diff: words
    /// that are copies are replaced, too.
    pub fn hide_words(&self, text: &str) -> String {
        self.0.redact_words(text)
    }
}

/// A tree with every secret in it replaced. Doing it twice changes nothing more.
///
/// ```
/// use catalog_core::redaction::redact_value;
/// use serde_json::json;
/// assert_eq!(
///     redact_value(&json!({"token": "abc", "auth": {"password": 1234}, "verify": true})),
///     json!({"token": "***REDACTED***", "auth": {"password": "***REDACTED***"}, "verify": true})
/// );
/// ```
pub fn redact_value(value: &Value) -> Value {
    json::redact(value.clone())
}

/// As [`redact_value`], for a tree that is not needed any more: most have no secret, and are given
/// back as they are.
pub fn into_redacted(value: Value) -> Value {
    json::redact(value)
}

/// Raw YAML, perhaps not even YAML, with every secret in it replaced; every other byte stays.
///
/// What parses still parses. In what does not, secrets are looked for line by line, and in doubt a
/// line is hidden.
pub fn redact_yaml(text: &str) -> String {
    Secrets::default().redact_yaml(text)
}

/// Puts the stored secrets back where `incoming` has their markers.
///
/// # Errors
/// Every marker that has no counterpart, or would have one that is visible.
pub fn restore_value(incoming: &Value, stored: &Value) -> Result<Value, Vec<StrayMarker>> {
    json::restore(incoming, stored)
}

/// Puts the stored secrets back, byte for byte, where the YAML text `incoming` has their markers.
///
/// What [`redact_yaml`] made of the stored text gives back the stored text. A secret that moved to
/// where its spelling would mean something else, such as a block scalar to a line, is quoted anew.
///
/// # Errors
/// Every marker that has no counterpart, or would have one that is visible. In a text that is no YAML, every marker, unless it is the
/// unchanged redacted text.
pub fn restore_yaml(incoming: &str, stored: Option<&str>) -> Result<String, Vec<StrayMarker>> {
    Secrets::default().restore_yaml(incoming, stored)
}

/// The credentials in a tree.
pub fn scan_value(value: &Value) -> Vec<Hit> {
    scan::value(value)
}

/// The credentials in a YAML text, comments included.
pub fn scan_yaml(document: &yaml::Document) -> Vec<Hit> {
    scan::document(document)
}

/// Limits that any text within reason keeps: what is stored has been accepted before.
fn limits(text: &str) -> Limits {
    let mut limits = Limits::default();
    limits.max_bytes = limits.max_bytes.max(text.len());
    // Real catalogs have a value every 80 bytes. What is denser is looked at line by line.
    limits.max_nodes = limits.max_nodes.max(text.len() / 8);
    limits
}

#[cfg(test)]
mod tests;
