//! Errors of the public catalogs, as their clients know them.

use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type as _;
use poem_openapi::{ApiResponse, Object};
use serde::Serialize;

use crate::http_kit::ApiError;

/// What went wrong.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Error")]
struct PublicProblem {
    /// The text of the HTTP status, such as `Not Found`.
    code: String,
    /// A sentence for people.
    message: String,
}

/// An [`ApiError`] that the OpenAPI document describes as `{code, message}`; it is rendered that way
/// by the family of its path.
#[derive(Debug)]
pub(crate) struct PublicError(ApiError);

impl From<ApiError> for PublicError {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl From<PublicError> for poem::Error {
    fn from(error: PublicError) -> Self {
        error.0.into()
    }
}

impl ApiResponse for PublicError {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "Why the request was not done",
                status: None,
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: "application/json; charset=UTF-8",
                    schema: PublicProblem::schema_ref(),
                }],
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        PublicProblem::register(registry);
    }
}
