//! The history of a source.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Source, source::Length};

/// How a revision came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Enum))]
#[cfg_attr(feature = "openapi", oai(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum RevisionKind {
    /// Someone applied it.
    Apply,
    /// Someone went back to an earlier revision.
    Rollback,
    /// It was found in the store: an editor or another tool wrote it.
    External,
    /// The source was deleted; a tombstone.
    Delete,
    /// It was taken over when the store was first opened.
    Import,
}

/// One revision of a source: an immutable snapshot of its document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(rename_all = "camelCase", skip_serializing_if_is_none)
)]
pub struct Revision {
    /// `<sequence>-<first 12 hexadecimal digits of the digest>`.
    pub id: String,
    /// Its number in the history of this source; never used twice.
    pub sequence: u64,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
    /// Who stored it.
    pub author: String,
    /// What the author said about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Size of the document in bytes.
    pub size: u64,
    /// Digest of the document: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// How it came to be.
    pub kind: RevisionKind,
    /// Whether it is the one that is stored now.
    pub current: bool,
}

/// One revision with its document, secrets redacted.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
pub struct RevisionDetail {
    /// The facts of the revision.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", oai(flatten))]
    pub revision: Revision,
    /// The settings as they were; null for a tombstone.
    #[cfg_attr(feature = "openapi", oai(nullable))]
    pub source: Option<Source>,
    /// The content as it was; null for a source without content.
    #[cfg_attr(feature = "openapi", oai(nullable))]
    pub raw_yaml: Option<String>,
}

impl fmt::Debug for RevisionDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevisionDetail")
            .field("revision", &self.revision)
            .field("source", &self.source)
            .field("raw_yaml", &Length(self.raw_yaml.as_deref()))
            .finish()
    }
}
