//! The service's errors as problems.

use std::time::Duration;

use catalog_core::error::{CatalogError, StoreError};
use catalog_core::model::InvalidId;
use poem::http::StatusCode;

use super::convert::ToWire as _;
use super::precondition::By;
use crate::http_kit::ApiError;

/// When to try again after the store or a secret did not answer.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// What a conflict says.
const CONFLICT_DETAIL: &str = "the source was changed meanwhile, or is not what was expected";

/// The problem that tells this error. `by` is how the request said what it expects: a header that
/// does not hold is 412, a member of the body 409.
pub(super) fn problem(error: CatalogError, by: By) -> ApiError {
    let code = error.code();
    let detail = error.to_string();
    let new = |status| ApiError::new(status, code).detail(detail.clone());
    match error {
        CatalogError::PluginNotFound(_) => new(StatusCode::NOT_FOUND),
        CatalogError::Malformed(_) => new(StatusCode::BAD_REQUEST),
        CatalogError::Invalid(report) => {
            let findings = report.findings().map(|f| f.to_wire()).collect();
            new(StatusCode::UNPROCESSABLE_ENTITY).findings(findings)
        }
        CatalogError::RemovalsNeedConfirmation { removed, .. } => {
            new(StatusCode::CONFLICT).removals(removed)
        }
        CatalogError::SecretUnresolved(error) if error.retryable => {
            new(StatusCode::SERVICE_UNAVAILABLE).retry_after(RETRY_AFTER)
        }
        CatalogError::SecretUnresolved(_) => new(StatusCode::UNPROCESSABLE_ENTITY),
        CatalogError::Store(error) => store(error, by),
        other => ApiError::internal(other),
    }
}

fn store(error: StoreError, by: By) -> ApiError {
    let code = error.code();
    let detail = error.to_string();
    let new = |status| ApiError::new(status, code).detail(detail.clone());
    match error {
        StoreError::Conflict { current, .. } => {
            let status = match by {
                By::Header => StatusCode::PRECONDITION_FAILED,
                By::Body => StatusCode::CONFLICT,
            };
            let problem = ApiError::new(status, code).detail(CONFLICT_DETAIL);
            match current {
                Some(current) => problem.current(current.to_string()),
                None => problem,
            }
        }
        StoreError::SourceNotFound { .. } | StoreError::RevisionNotFound { .. } => {
            new(StatusCode::NOT_FOUND)
        }
        StoreError::TooLarge { limit, actual } => {
            new(StatusCode::PAYLOAD_TOO_LARGE).limit(limit, Some(actual))
        }
        StoreError::Refused { field, reason } => {
            let finding = catalog_api::Finding {
                layer: "provider".to_owned(),
                severity: catalog_api::Severity::Error,
                code: "refused-by-store".to_owned(),
                message: reason,
                pointer: field.as_ref().map(|f| format!("/{}", f.replace('.', "/"))),
                field,
                line: None,
                column: None,
                suggestion: None,
            };
            new(StatusCode::UNPROCESSABLE_ENTITY).findings(vec![finding])
        }
        StoreError::Unsupported { .. } => new(StatusCode::NOT_IMPLEMENTED),
        StoreError::Unavailable { .. } => new(StatusCode::SERVICE_UNAVAILABLE)
            .retry_after(RETRY_AFTER)
            .caused_by(error),
        other => ApiError::internal(other),
    }
}

/// No source can have this id.
pub(super) fn no_such(what: &'static str, error: &InvalidId) -> ApiError {
    let code = match what {
        "plugin" => "plugin-not-found",
        "revision" => "revision-not-found",
        _ => "source-not-found",
    };
    ApiError::new(StatusCode::NOT_FOUND, code).detail(error.to_string())
}
