//! What a caller asks to change, and what it expects to find.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{RevisionId, RevisionKind};
use crate::redaction::redact_text;
use crate::validation::is_invisible;

/// A change of some settings. `None` keeps what is stored.
#[derive(Clone, Default, PartialEq)]
pub struct SettingsPatch {
    /// Must equal the source's id when present.
    pub id: Option<String>,
    /// Display name.
    pub name: Option<String>,
    /// Provider type.
    pub source_type: Option<String>,
    /// Whether the source yields entities.
    pub enabled: Option<bool>,
    /// Tags.
    pub labels: Option<Vec<String>>,
    /// Provider options, replaced as a whole.
    pub properties: Option<Map<String, Value>>,
    /// Globs of entities to take.
    pub included_items: Option<Vec<String>>,
    /// Globs of entities to leave out.
    pub excluded_items: Option<Vec<String>>,
}

/// What to change of a source: settings, content or both. What is left out stays.
///
/// ```
/// use catalog_core::Edit;
/// let edit = Edit::content("mcpservers: []\n");
/// assert!(edit.settings.is_none());
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Edit {
    /// Changes of the entry.
    pub settings: Option<SettingsPatch>,
    /// The whole new content.
    pub content: Option<Arc<[u8]>>,
}

impl Edit {
    /// Replaces the content.
    pub fn content(text: impl AsRef<[u8]>) -> Self {
        Self {
            settings: None,
            content: Some(Arc::from(text.as_ref())),
        }
    }

    /// Changes settings.
    pub fn settings(patch: SettingsPatch) -> Self {
        Self {
            settings: Some(patch),
            content: None,
        }
    }

    /// The same edit with this content.
    pub fn with_content(mut self, text: impl AsRef<[u8]>) -> Self {
        self.content = Some(Arc::from(text.as_ref()));
        self
    }
}

/// Prints what is changed, never to what.
impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edit")
            .field("settings", &self.settings.is_some())
            .field("content_bytes", &self.content.as_ref().map(|c| c.len()))
            .finish()
    }
}

/// Prints which members are set, never their values.
impl fmt::Debug for SettingsPatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingsPatch")
            .field("name", &self.name.is_some())
            .field("type", &self.source_type.is_some())
            .field("enabled", &self.enabled)
            .field("labels", &self.labels.is_some())
            .field("properties", &self.properties.is_some())
            .finish_non_exhaustive()
    }
}

/// What a write expects to find. There is no write without an expectation; [`Expect::Any`] is for
/// imports and for callers that said so.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expect {
    /// The source must not exist.
    Absent,
    /// The source must be at this revision.
    Revision(RevisionId),
    /// The source must exist, at whatever revision.
    Present,
    /// Whatever is there, or nothing.
    Any,
}

impl Expect {
    /// The source must be at this revision.
    pub fn revision(id: RevisionId) -> Self {
        Self::Revision(id)
    }

    /// The source must be where it is now; `None`: it must not exist.
    pub fn at(current: Option<&RevisionId>) -> Self {
        current.map_or(Self::Absent, |id| Self::Revision(id.clone()))
    }

    /// Whether a source at `current` (`None`: it does not exist) is what was expected.
    pub fn holds(&self, current: Option<&RevisionId>) -> bool {
        match self {
            Self::Absent => current.is_none(),
            Self::Revision(id) => current == Some(id),
            Self::Present => current.is_some(),
            Self::Any => true,
        }
    }
}

/// Who made a change. At most 256 characters, none that nobody sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author(String);

impl Author {
    /// Takes the name; credentials and characters that nobody sees go, and what is too long is cut.
    ///
    /// ```
    /// use catalog_core::Author;
    /// assert_eq!(Author::new("ali\u{200b}ce\u{202e}\n").as_str(), "alice");
    /// ```
    pub fn new(name: impl AsRef<str>) -> Self {
        let name = name.as_ref().chars();
        // They go first: one of them in a credential would hide it.
        let visible: String = name.filter(|c| !is_invisible(*c)).collect();
        Self(redact_text(&visible).chars().take(256).collect())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The author of changes that were made past the service: an editor, `kubectl`.
    pub fn external() -> Self {
        Self("external".to_owned())
    }

    /// The author of what the process does by itself.
    pub fn system() -> Self {
        Self("system".to_owned())
    }
}

/// What a store records about a change besides the document.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeMeta {
    /// Who.
    pub author: Author,
    /// Why, in the author's words.
    pub message: Option<String>,
    /// What kind of change.
    pub kind: RevisionKind,
    /// When, by the service's clock.
    pub at: chrono::DateTime<chrono::Utc>,
}

#[cfg(test)]
mod tests {
    use super::Author;

    #[test]
    fn an_author_has_no_credential_even_with_something_invisible_in_it() {
        let token = format!("ghp_{}", "a1B2c3D4".repeat(5));
        let split = format!("{}\u{200b}{}", &token[..10], &token[10..]);
        assert_eq!(Author::new(split), Author::new(&token));
        assert!(!Author::new(&token).as_str().contains("a1B2"));
    }
}
