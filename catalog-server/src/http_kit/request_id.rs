//! An id for every request, and the one log line it leaves.

use std::{
    collections::hash_map::RandomState,
    fmt,
    hash::BuildHasher,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use catalog_core::redaction::redact_text;
use poem::{
    Endpoint, FromRequest, IntoResponse, Middleware, Request, RequestBody, Response, Result,
    http::{HeaderName, HeaderValue, Method},
};
use tracing::Instrument;

/// The header that carries the id, both ways.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// An id from a client is taken up to this length; a longer one is more than a log line should carry.
const MAX_CHARS: usize = 128;

/// How long ids are that are made here.
const ID_CHARS: usize = 32;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// The id of a request. In the request's extensions, the log, the response and every problem.
///
/// Handlers may take it as an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as a URI, for the `instance` of a problem.
    #[must_use]
    pub fn urn(&self) -> String {
        format!("urn:request:{}", self.0)
    }

    /// The id the client sent, if it is one that can go into a log and a header as it is; else a new one.
    fn of(request: &Request) -> Self {
        match sent(request).and_then(|value| value.to_str().ok()) {
            Some(id) => Self(id.into()),
            None => Self::new(),
        }
    }

    fn new() -> Self {
        Self(String::from_utf8_lossy(&made()).into())
    }
}

/// The id of a request that nobody asks for but its client.
pub(super) fn value_for(request: &Request) -> HeaderValue {
    let made = || HeaderValue::from_bytes(&made()).unwrap_or(HeaderValue::from_static(""));
    sent(request).cloned().unwrap_or_else(made)
}

/// Whether reads that were answered are logged, too.
pub(super) fn reads_are_logged() -> bool {
    tracing::enabled!(tracing::Level::DEBUG)
}

fn sent(request: &Request) -> Option<&HeaderValue> {
    let sent = request.headers().get(HEADER)?;
    sent.to_str().ok().filter(is_sane).map(|_| sent)
}

/// Unique, and not to be guessed from the ids before it. It opens no door, so a keyed hash is enough.
fn made() -> [u8; ID_CHARS] {
    static KEYS: OnceLock<(RandomState, RandomState)> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (high, low) = KEYS.get_or_init(Default::default);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let number = u128::from(high.hash_one(count)) << 64 | u128::from(low.hash_one(count));
    // Written out: formatting would cost more than all else about an id.
    let digit = |at: u32| HEX[usize::from((number >> (4 * at)) as u8 & 0xf)];
    std::array::from_fn(|at| digit((ID_CHARS - 1 - at) as u32))
}

fn is_sane(id: &&str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=MAX_CHARS).contains(&id.len()) && id.bytes().all(plain)
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'a> FromRequest<'a> for RequestId {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        let known = request.extensions().get::<Self>().cloned();
        Ok(known.unwrap_or_else(|| Self::of(request)))
    }
}

/// Middleware: gives every request an id and a span `http.request`, and logs how it ended: changes and failures at `info`, reads that
/// were answered at `debug`.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestIds;

impl<E: Endpoint> Middleware<E> for RequestIds {
    type Output = RequestIdsEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        RequestIdsEndpoint(inner)
    }
}

/// How a request ended.
struct Done<'a> {
    path: &'a str,
    method: &'a Method,
    status: u16,
    latency_ms: f64,
}

impl Done<'_> {
    fn log(&self, id: &RequestId, quiet: bool) {
        let Self {
            path,
            method,
            status,
            latency_ms,
        } = self;
        if quiet && !reads_are_logged() {
            return;
        }
        // What was taken for a name in the path may be a secret.
        let path = redact_text(path);
        match quiet {
            true => {
                tracing::debug!(request.id = %id, %method, path, status, latency_ms, "request done")
            }
            false => {
                tracing::info!(request.id = %id, %method, path, status, latency_ms, "request done")
            }
        }
    }
}

/// The endpoint that [`RequestIds`] makes.
#[derive(Debug)]
pub struct RequestIdsEndpoint<E>(E);

impl<E: Endpoint> Endpoint for RequestIdsEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let id = RequestId::of(&request);
        request.extensions_mut().insert(id.clone());
        let (uri, method) = (request.uri().clone(), request.method().clone());
        let reads = method.is_safe();
        // Most requests read and find what they look for. A span, and a line for each of them, would cost more than the answer.
        let span = match reads {
            true => tracing::debug_span!("http.request", request.id = %id),
            false => tracing::info_span!("http.request", request.id = %id),
        };
        let begun = Instant::now();
        let call = async {
            let mut response = self.0.get_response(request).await.into_response();
            let status = response.status();
            let done = Done {
                // The path without the query: a token in a query must not end up in a log.
                path: uri.path(),
                method: &method,
                status: status.as_u16(),
                latency_ms: begun.elapsed().as_micros() as f64 / 1000.0,
            };
            // Probes come every few seconds; when they fail, what fails says so.
            let probe = matches!(done.path, "/livez" | "/readyz" | "/healthz");
            done.log(
                &id,
                reads && (probe || !status.is_client_error() && !status.is_server_error()),
            );
            if let Ok(value) = HeaderValue::from_str(id.as_str()) {
                response.headers_mut().insert(HEADER, value);
            }
            response
        };
        Ok(call.instrument(span).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sane_id_is_taken_and_any_other_is_replaced() {
        let id = |sent: &str| RequestId::of(&Request::builder().header(HEADER, sent).finish());
        assert_eq!(id("a-B_3.4").as_str(), "a-B_3.4");
        assert_eq!(id(&"x".repeat(128)).as_str().len(), 128);
        for bad in ["", "a b", "a\"b", "ü", &"x".repeat(129)] {
            let made = id(bad);
            assert_ne!(made.as_str(), bad);
            assert_eq!(made.as_str().len(), 32, "{bad:?}");
        }
    }

    #[test]
    fn made_ids_differ() {
        let ids: std::collections::HashSet<_> = (0..1000)
            .map(|_| RequestId::new().as_str().to_owned())
            .collect();
        assert_eq!(ids.len(), 1000);
    }
}
