//! Wire types of the canonical management API, `v1alpha1`.
//!
//! Every object and every request of `/api/catalog-management/v1alpha1` has its type here, for the server that answers and for the
//! clients that ask. Members are camelCase, optional members are left out when there is nothing to say, times are RFC 3339 in UTC.
//!
//! The types only carry data. They know nothing of validation, storage or HTTP, so a client needs no more than this crate.
//! With the feature `openapi` they also describe themselves for an OpenAPI document.
//!
//! ```
//! use catalog_api::{ApplyRequest, Expected};
//!
//! let request: ApplyRequest = serde_json::from_str(r#"{"rawYaml": "mcp_servers: []\n", "expectedRevision": null}"#)?;
//! assert_eq!(request.expected_revision, Expected::Absent);
//! assert!(!request.options().dry_run);
//! # Ok::<(), serde_json::Error>(())
//! ```

mod change;
mod diagnostics;
mod diff;
mod expected;
mod finding;
mod list;
mod plugin;
mod problem;
mod refresh;
mod request;
mod revision;
mod source;
mod status;

pub use change::{ApplyResult, DeleteResult};
pub use diagnostics::{DiagnosticError, Diagnostics, SourceDiagnostics};
pub use diff::{Diff, EntityChanges, FieldChange};
pub use expected::Expected;
pub use finding::{Finding, LayerResult, Severity, ValidationReport};
pub use list::{PluginList, RefreshList, RevisionList, SourceList};
pub use plugin::PluginView;
pub use problem::{MemberError, PROBLEM_TYPE, Problem};
pub use refresh::{RefreshFailure, RefreshResult};
pub use request::{
    ApplyOptions, ApplyRequest, EnableRequest, RollbackRequest, SourceInput, ValidateRequest,
};
pub use revision::{Revision, RevisionDetail, RevisionKind};
pub use source::{Properties, Source, SourceDetail, SourceMetadata, SourceView};
pub use status::{RefreshOutcome, SourceState, Status};
