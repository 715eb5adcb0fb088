//! The last stop of every error and every panic.

use std::{error::Error as StdError, panic::AssertUnwindSafe};

use catalog_api::Problem;
use catalog_core::redaction::redact_text;
use futures_util::FutureExt;
use poem::{
    Endpoint, IntoResponse, Middleware, Request, Response, Result,
    http::{HeaderValue, StatusCode, header},
};

use super::{Family, MethodNotAllowed, classify::problem_of};
use crate::http_kit::RequestId;

/// Middleware: no error and no panic gets past it; each becomes a response in the family of the request's path.
///
/// Has to be outside of any nesting, where the path is still whole.
#[derive(Debug, Clone, Copy)]
pub struct Catch {
    family: fn(&str) -> Family,
}

impl Catch {
    /// With the function that knows the family of a path.
    #[must_use]
    pub fn new(family: fn(&str) -> Family) -> Self {
        Self { family }
    }
}

impl<E: Endpoint> Middleware<E> for Catch {
    type Output = CatchEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        CatchEndpoint {
            inner,
            family: self.family,
        }
    }
}

/// The endpoint that [`Catch`] makes.
#[derive(Debug)]
pub struct CatchEndpoint<E> {
    inner: E,
    family: fn(&str) -> Family,
}

impl<E: Endpoint> Endpoint for CatchEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let family = (self.family)(request.uri().path());
        let id = request.extensions().get::<RequestId>().cloned();
        // A request shares nothing with the next one but what is built to be shared, so unwinding leaves nothing half done behind.
        let outcome = AssertUnwindSafe(self.inner.call(request))
            .catch_unwind()
            .await;
        Ok(match outcome {
            Ok(Ok(response)) => response.into_response(),
            // Someone made this response on purpose.
            Ok(Err(error)) if error.is_from_response() => error.into_response(),
            Ok(Err(error)) => told(&error, family, id.as_ref()),
            Err(_panic) => {
                // The message may hold anything, secrets included; the panic hook has written what it is allowed to.
                let shown = id.as_ref().map(tracing::field::display);
                tracing::error!(request.id = shown, "a handler panicked");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                let title = status.canonical_reason().unwrap_or("Error");
                let problem = Problem::new(status.as_u16(), title, "internal");
                finish(problem, family, id.as_ref())
            }
        })
    }
}

fn told(error: &poem::Error, family: Family, id: Option<&RequestId>) -> Response {
    let problem = problem_of(error);
    let status = error.status();
    // A backend that cannot do something is no failure of ours.
    if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED {
        let id = id.map(tracing::field::display);
        tracing::error!(
            request.id = id,
            code = problem.code,
            error = redact_text(&chain(error)),
            "request failed"
        );
    }
    let mut response = finish(problem, family, id);
    if let Some(MethodNotAllowed { allow }) = error.downcast_ref()
        && let Ok(allow) = HeaderValue::from_str(allow)
    {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

/// Credentials taken out of everything that quotes what somebody sent: a value may be a secret in the
/// wrong place, and so may the name of a member.
fn without_secrets(problem: &mut Problem) {
    let hide = |text: &mut String| *text = redact_text(text);
    problem.detail.iter_mut().for_each(hide);
    problem.removals.iter_mut().flatten().for_each(hide);
    for error in problem.errors.iter_mut().flatten() {
        hide(&mut error.pointer);
        hide(&mut error.message);
        error.suggestion.iter_mut().for_each(hide);
    }
    for finding in problem.findings.iter_mut().flatten() {
        hide(&mut finding.message);
        finding.pointer.iter_mut().for_each(hide);
        finding.field.iter_mut().for_each(hide);
        finding.suggestion.iter_mut().for_each(hide);
    }
}

fn finish(mut problem: Problem, family: Family, id: Option<&RequestId>) -> Response {
    without_secrets(&mut problem);
    problem.instance = id.map(RequestId::urn);
    if problem.status == 500
        && family != Family::Problem
        && let Some(id) = id
    {
        // These families have no other place for the id that leads to the log.
        problem.detail = Some(format!("internal error, request {id}"));
    }
    family.render(&problem)
}

/// An error and everything that led to it, in one line. A cause that its effect has already quoted is not said twice.
fn chain(error: &poem::Error) -> String {
    let mut text = error.to_string();
    // The first source is the very error that `text` is of.
    let mut next = error.source().and_then(StdError::source);
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_kit::ApiError;

    #[test]
    fn the_log_gets_the_whole_chain_of_causes() {
        let disk = std::io::Error::other("disk is gone");
        let store = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "store-unavailable")
            .detail("the store is away")
            .caused_by(disk);
        assert_eq!(
            chain(&store.into()),
            "store-unavailable: the store is away: disk is gone"
        );
    }
}
