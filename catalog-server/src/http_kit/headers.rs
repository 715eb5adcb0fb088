//! Headers that make browsers careful.

use poem::{
    Endpoint, IntoResponse, Middleware, Request, Response, Result,
    http::{HeaderMap, HeaderName, HeaderValue, header},
};

/// What every response carries unless it says otherwise itself.
const DEFAULTS: [(HeaderName, HeaderValue); 5] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    // An answer is true now; a revision shown from a cache would be edited and refused.
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    // Answers are data: should a browser take one for a page, nothing in it runs.
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
];

/// All of them.
pub(super) fn defaults() -> HeaderMap {
    DEFAULTS.into_iter().collect()
}

/// Middleware: adds the headers that are missing. A page that needs another policy sets its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct SecurityHeaders;

impl<E: Endpoint> Middleware<E> for SecurityHeaders {
    type Output = SecurityHeadersEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        SecurityHeadersEndpoint(inner)
    }
}

/// The endpoint that [`SecurityHeaders`] makes.
#[derive(Debug)]
pub struct SecurityHeadersEndpoint<E>(E);

impl<E: Endpoint> Endpoint for SecurityHeadersEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let mut response = self.0.call(request).await?.into_response();
        // These, and the id of the request.
        response.headers_mut().reserve(DEFAULTS.len() + 1);
        for (name, value) in DEFAULTS {
            response.headers_mut().entry(name).or_insert(value);
        }
        Ok(response)
    }
}
