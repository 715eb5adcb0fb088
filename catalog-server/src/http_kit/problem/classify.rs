//! What to tell about the errors of the framework.
//!
//! Their texts are written for programmers: some hold values from the request, some hold internals. So only the errors that are
//! known here get a detail of their own; of any other only the status is told.

use catalog_api::Problem;
use poem::{
    error::{ReadBodyError, ResponseError},
    http::StatusCode,
};
use poem_openapi::error::{ContentTypeError, ParseParamError, ParsePathError};

use super::{ApiError, Family};

/// 405: the path exists, the method does not.
#[derive(Debug, Clone, thiserror::Error)]
#[error("method not allowed; allowed: {allow}")]
pub struct MethodNotAllowed {
    /// The methods that exist, as `Allow` has them.
    pub allow: String,
}

impl ResponseError for MethodNotAllowed {
    fn status(&self) -> StatusCode {
        StatusCode::METHOD_NOT_ALLOWED
    }
}

/// The problem that stands for any error.
pub(super) fn problem_of(error: &poem::Error) -> Problem {
    if let Some(error) = error.downcast_ref::<ApiError>() {
        return error.problem().clone();
    }
    let status = error.status();
    let title = status.canonical_reason().unwrap_or("Error");
    let mut problem = Problem::new(status.as_u16(), title, code(status));
    problem.detail = detail(error, status);
    problem
}

/// Content type and body for a status that no endpoint had a say in: the request never was one.
pub(in crate::http_kit) fn bare(status: StatusCode) -> (&'static str, Vec<u8>) {
    let title = status.canonical_reason().unwrap_or("Error");
    Family::default().write(&Problem::new(status.as_u16(), title, code(status)))
}

/// The stable code of a status that came from the framework.
fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "unauthenticated",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::NOT_FOUND => "not-found",
        StatusCode::METHOD_NOT_ALLOWED => "method-not-allowed",
        StatusCode::REQUEST_TIMEOUT => "request-timeout",
        StatusCode::PAYLOAD_TOO_LARGE => "document-too-large",
        StatusCode::URI_TOO_LONG => "uri-too-long",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported-media-type",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "headers-too-large",
        StatusCode::TOO_MANY_REQUESTS => "rate-limited",
        StatusCode::NOT_IMPLEMENTED => "not-supported",
        status if status.is_client_error() => "malformed-request",
        _ => "internal",
    }
}

fn detail(error: &poem::Error, status: StatusCode) -> Option<String> {
    if let Some(ParseParamError { name, reason }) = error.downcast_ref() {
        return Some(format!("{name}: {reason}"));
    }
    if let Some(ParsePathError { name, reason }) = error.downcast_ref() {
        return Some(format!("{name}: {reason}"));
    }
    if let Some(error) = error.downcast_ref::<MethodNotAllowed>() {
        return Some(error.to_string());
    }
    if error.is::<ContentTypeError>() {
        return Some("the content type of the request body is not supported".to_owned());
    }
    if matches!(
        error.downcast_ref::<ReadBodyError>(),
        Some(ReadBodyError::Io(_))
    ) {
        return Some("the request body ended before it was complete".to_owned());
    }
    match status {
        StatusCode::NOT_FOUND => Some("nothing is at this path".to_owned()),
        _ => None,
    }
}
