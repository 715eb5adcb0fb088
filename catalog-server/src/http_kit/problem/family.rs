//! The families of error bodies, and which path belongs to which.

use catalog_api::Problem;
use poem::{Response, http::StatusCode, http::header};
use serde_json::json;

/// The shape that errors take for a group of routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Family {
    /// RFC 9457, `application/problem+json`: the management API and everything that is no one else's.
    #[default]
    Problem,
    /// `{"code": "Not Found", "message": …}`: the public catalogs, whose clients know nothing else.
    Public,
    /// `{"error": "Not Found", "message": …}`: the management routes that older clients know.
    Compat,
}

impl Family {
    /// The family of a path: `/api/<name>_catalog/…` is public, `/api/<name>_catalog/<version>/management/…` is for older clients.
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        let mut segments = path.strip_prefix("/api/").unwrap_or("").split('/');
        if !segments.next().unwrap_or("").ends_with("_catalog") {
            return Self::Problem;
        }
        match segments.nth(1) {
            Some("management") => Self::Compat,
            _ => Self::Public,
        }
    }

    /// Content type and body that tell `problem` the way this family does.
    pub(super) fn write(self, problem: &Problem) -> (&'static str, Vec<u8>) {
        let title = &problem.title;
        let message = problem.detail.as_ref().unwrap_or(title);
        match self {
            // A problem is made of strings, numbers and lists: there is nothing in it that JSON cannot hold.
            Self::Problem => (
                "application/problem+json",
                serde_json::to_vec(problem).unwrap_or_default(),
            ),
            Self::Public => (
                "application/json; charset=UTF-8",
                line(&json!({"code": title, "message": message})),
            ),
            Self::Compat => (
                "application/json",
                line(&json!({"error": title, "message": message})),
            ),
        }
    }

    /// The response that tells `problem` the way this family does.
    pub(crate) fn render(self, problem: &Problem) -> Response {
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (content_type, body) = self.write(problem);
        let mut response = Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, content_type);
        if let Some(seconds) = problem.retry_after {
            response = response.header(header::RETRY_AFTER, seconds);
        }
        response.body(body)
    }
}

/// One document and a newline, as these clients have always been sent.
fn line(value: &serde_json::Value) -> Vec<u8> {
    format!("{value}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_decides_the_family() {
        let cases = [
            ("/", Family::Problem),
            ("/api/catalog-management/v1alpha1/plugins", Family::Problem),
            ("/api/plugins", Family::Problem),
            ("/model_catalog/v1alpha1/models", Family::Problem),
            ("/api/model_catalog/v1alpha1/models", Family::Public),
            ("/api/mcp_catalog/v1alpha1", Family::Public),
            ("/api/mcp_catalog/v1alpha1/managements", Family::Public),
            (
                "/api/mcp_catalog/v1alpha1/management/sources",
                Family::Compat,
            ),
        ];
        for (path, family) in cases {
            assert_eq!(Family::of_path(path), family, "{path}");
        }
    }
}
