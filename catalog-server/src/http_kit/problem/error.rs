//! The error that handlers return.

use std::{error::Error as StdError, fmt, time::Duration};

use catalog_api::{Finding, MemberError, Problem};
use poem::{Response, error::ResponseError, http::StatusCode};
use poem_openapi::{
    ApiResponse,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};

use super::Family;

type Cause = Box<dyn StdError + Send + Sync>;

/// Why a request was not done: what may be told, and apart from it the cause, which only the log sees.
///
/// ```
/// use catalog_server::http_kit::ApiError;
/// use poem::http::StatusCode;
///
/// let error = ApiError::new(StatusCode::CONFLICT, "version-conflict")
///     .detail("the source was changed meanwhile")
///     .current("3-9f86d081884c");
/// assert_eq!(error.problem().status, 409);
/// ```
#[derive(Debug)]
pub struct ApiError {
    // Boxed: a problem has many members, and every `Result` of a handler would be as large.
    problem: Box<Problem>,
    cause: Option<Cause>,
}

impl ApiError {
    /// An error with a status and a stable code.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        Self {
            problem: Box::new(Problem::new(status.as_u16(), title, code)),
            cause: None,
        }
    }

    /// 500 `internal`: says nothing; `cause` goes to the log with the request's id.
    #[must_use]
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal").caused_by(cause)
    }

    /// 400 `malformed-request`.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed-request").detail(detail)
    }

    /// A sentence for people. It is sent as it is: no secrets, no internals.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.problem.detail = Some(detail.into());
        self
    }

    /// What is wrong with the document.
    #[must_use]
    pub fn findings(mut self, findings: Vec<Finding>) -> Self {
        self.problem.findings = Some(findings);
        self
    }

    /// What is wrong with the request body, member by member.
    #[must_use]
    pub fn errors(mut self, errors: Vec<MemberError>) -> Self {
        self.problem.errors = Some(errors);
        self
    }

    /// The revision that is stored now.
    #[must_use]
    pub fn current(mut self, revision: impl Into<String>) -> Self {
        self.problem.current = Some(revision.into());
        self
    }

    /// The limit that was passed and, where it is known, the size that passed it, both in bytes.
    #[must_use]
    pub fn limit(mut self, limit: u64, actual: Option<u64>) -> Self {
        self.problem.limit = Some(limit);
        self.problem.actual = actual;
        self
    }

    /// The entities that would be removed.
    #[must_use]
    pub fn removals(mut self, entities: Vec<String>) -> Self {
        self.problem.removals = Some(entities);
        self
    }

    /// When it is worth to try again, in the body and as `Retry-After`. Part of a second counts as a whole one.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.problem.retry_after = Some(seconds);
        self
    }

    /// What led to it, for the log. Never sent.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Cause>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// What may be told.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem.code)?;
        match &self.problem.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl StdError for ApiError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as _)
    }
}

impl ResponseError for ApiError {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    // Seen only where nothing wraps the endpoint: `Catch` renders it in the family of the path.
    fn as_response(&self) -> Response {
        Family::default().render(&self.problem)
    }
}

/// In the OpenAPI document: every status that is not listed is a problem.
impl ApiResponse for ApiError {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "Why the request was not done",
                status: None,
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: "application/problem+json",
                    schema: Problem::schema_ref(),
                }],
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        Problem::register(registry);
    }
}
