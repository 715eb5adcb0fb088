//! History.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{RevisionId, SourceDocument};

/// How a revision came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RevisionKind {
    /// An edit through the service.
    Apply,
    /// A return to an older document.
    Rollback,
    /// An edit past the service, found afterwards.
    External,
    /// A tombstone: the source is gone, its history stays.
    Delete,
    /// What was there when the store first saw the source, or came from another store.
    Import,
}

impl RevisionKind {
    /// The word on the wire and in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Rollback => "rollback",
            Self::External => "external",
            Self::Delete => "delete",
            Self::Import => "import",
        }
    }
}

/// An immutable snapshot of one source's document: what is known about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// Unique per source; orders by sequence.
    pub id: RevisionId,
    /// When it was written, by the writer's clock. Never used for ordering.
    pub created_at: DateTime<Utc>,
    /// Who wrote it.
    pub author: String,
    /// Why, in the author's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Size of the document in bytes, see [`SourceDocument::size`].
    pub size: u64,
    /// `sha256:<hex>` of the document.
    pub digest: String,
    /// How it came about.
    pub kind: RevisionKind,
    /// Whether the store found something wrong when it read this document from outside: then it is
    /// the best reading that was possible, and never served.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub flawed: bool,
}

impl Revision {
    /// The revision that comes `sequence`-th and holds `document` (`None`: a tombstone).
    pub fn describe(
        sequence: u64,
        document: Option<&SourceDocument>,
        meta: &super::ChangeMeta,
    ) -> Self {
        let digest =
            document.map_or_else(|| crate::digest::Digest::of(b""), SourceDocument::digest);
        Self {
            id: RevisionId::new(sequence, &digest),
            created_at: meta.at,
            author: meta.author.as_str().to_owned(),
            message: meta.message.clone(),
            size: document.map_or(0, SourceDocument::size),
            digest: digest.to_string(),
            kind: meta.kind,
            flawed: false,
        }
    }
}

/// A revision with its document; a tombstone has none.
#[derive(Debug, Clone, PartialEq)]
pub struct RevisionRecord {
    /// What is known about it.
    pub revision: Revision,
    /// The document as it was.
    pub document: Option<SourceDocument>,
}
