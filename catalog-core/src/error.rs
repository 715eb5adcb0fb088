//! What can go wrong. Messages are for callers: no secret, no internal detail; the cause is kept as
//! `source()` for the log.

use crate::model::{PluginName, RevisionId, SourceKey};
use crate::ports::SecretError;
use crate::validation::ValidationReport;

/// A cause that is logged, never shown.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What a store answers when it cannot do what was asked. In every case but
/// [`Unavailable`](Self::Unavailable) nothing was changed for certain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The source is not at the revision that was expected.
    #[error("the source {key} is not at the expected revision")]
    Conflict {
        /// The source.
        key: SourceKey,
        /// Where it is; `None`: it does not exist.
        current: Option<RevisionId>,
    },
    /// No such source.
    #[error("there is no source {key}")]
    SourceNotFound {
        /// The source.
        key: SourceKey,
    },
    /// No such revision; an id is never completed or guessed.
    #[error("the source {key} has no revision {id}")]
    RevisionNotFound {
        /// The source.
        key: SourceKey,
        /// What was asked for.
        id: RevisionId,
    },
    /// More bytes than the store takes.
    #[error("the document has {actual} bytes, the limit is {limit}")]
    TooLarge {
        /// Bytes.
        limit: u64,
        /// Bytes.
        actual: u64,
    },
    /// The store cannot hold this document, such as content at a path outside the allowed root.
    #[error("{reason}")]
    Refused {
        /// The setting that stands in the way, such as `properties.yamlCatalogPath`.
        field: Option<String>,
        /// Why.
        reason: String,
    },
    /// The store cannot do this at all.
    #[error("{by} does not support {operation}")]
    Unsupported {
        /// The store.
        by: String,
        /// What was asked for.
        operation: &'static str,
    },
    /// A record is damaged.
    #[error("{what} is damaged")]
    Corrupt {
        /// The record.
        what: String,
        /// Why.
        #[source]
        source: Option<Cause>,
    },
    /// The store does not answer, or writing failed.
    #[error("the store cannot {operation}")]
    Unavailable {
        /// What was tried, such as `write sources.yaml`.
        operation: String,
        /// Why.
        #[source]
        source: Option<Cause>,
    },
}

impl StoreError {
    /// The store failed at `operation` because of `source`.
    pub fn unavailable(operation: impl Into<String>, source: impl Into<Cause>) -> Self {
        Self::Unavailable {
            operation: operation.into(),
            source: Some(source.into()),
        }
    }

    /// Stable, in kebab-case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "version-conflict",
            Self::SourceNotFound { .. } => "source-not-found",
            Self::RevisionNotFound { .. } => "revision-not-found",
            Self::TooLarge { .. } => "document-too-large",
            Self::Refused { .. } => "validation-failed",
            Self::Unsupported { .. } => "not-supported",
            Self::Corrupt { .. } => "internal",
            Self::Unavailable { .. } => "store-unavailable",
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Conflict { .. }
            | Self::SourceNotFound { .. }
            | Self::RevisionNotFound { .. }
            | Self::TooLarge { .. }
            | Self::Refused { .. }
            | Self::Unsupported { .. }
            | Self::Corrupt { .. } => false,
        }
    }
}

/// What a use case answers when it cannot do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// No such asset type.
    #[error("there is no plugin {0}")]
    PluginNotFound(PluginName),
    /// What was asked makes no sense, such as a `source.id` that differs from the path.
    #[error("{0}")]
    Malformed(String),
    /// The document is not acceptable.
    #[error("the document is not valid: {} error(s)", .0.errors().count())]
    Invalid(Box<ValidationReport>),
    /// The change removes more entities than it may without confirmation.
    #[error("this would remove {} of {of} entities; confirm with confirmRemovals", .removed.len())]
    RemovalsNeedConfirmation {
        /// The entities that would go.
        removed: Vec<String>,
        /// How many the source has.
        of: usize,
    },
    /// A secret reference does not resolve.
    #[error(transparent)]
    SecretUnresolved(#[from] SecretError),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The service is stopping or a task of it failed.
    #[error("the catalog cannot finish this")]
    Internal(#[source] Cause),
}

impl CatalogError {
    /// Stable, in kebab-case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::PluginNotFound(_) => "plugin-not-found",
            Self::Malformed(_) => "malformed-request",
            Self::Invalid(_) => "validation-failed",
            Self::RemovalsNeedConfirmation { .. } => "removals-need-confirmation",
            Self::SecretUnresolved(_) => "secret-unresolved",
            Self::Store(error) => error.code(),
            Self::Internal(_) => "internal",
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            Self::SecretUnresolved(error) => error.retryable,
            Self::PluginNotFound(_)
            | Self::Malformed(_)
            | Self::Invalid(_)
            | Self::RemovalsNeedConfirmation { .. }
            | Self::Internal(_) => false,
        }
    }
}
