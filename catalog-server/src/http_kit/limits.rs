//! How much a request may send and how long it may take.

use std::time::Duration;

use futures_util::StreamExt;
use poem::{
    Body, Endpoint, Middleware, Request, Result,
    error::ReadBodyError,
    http::{StatusCode, header},
};
use tokio::time::timeout;

use super::ApiError;

/// The largest body by default: three times a document of 1 MiB, see [`Limits::for_document`].
const BODY_BYTES: usize = 3 * 1024 * 1024 + ENVELOPE_BYTES;
/// What a request has around a document: settings, message, options.
const ENVELOPE_BYTES: usize = 64 * 1024;
/// A body of a few megabytes comes in within this on a poor line; one that trickles does not.
const BODY_DEADLINE: Duration = Duration::from_secs(30);
/// The slowest thing a request waits for is the load of a source over the network.
const REQUEST_DEADLINE: Duration = Duration::from_secs(120);
/// Filters and names fit; proxies in front rarely pass on more.
const URL_BYTES: usize = 8 * 1024;
/// How much of a refused body is still read, so that a client that sends before it reads gets to see the refusal.
const LINGER_BYTES: usize = 16 * 1024 * 1024;
/// How long a refused body is still read.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// How much a request may send and how long it may take. As middleware it enforces that, and hands on bodies read in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest body in bytes; more is 413.
    pub body_bytes: usize,
    /// How long the body may take to come in; more is 408.
    pub body_deadline: Duration,
    /// How long the answer may take once the body is there; more is 503. A response that streams only has to begin in time.
    pub request_deadline: Duration,
    /// The longest path and query in bytes; more is 414.
    pub url_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: BODY_BYTES,
            body_deadline: BODY_DEADLINE,
            request_deadline: REQUEST_DEADLINE,
            url_bytes: URL_BYTES,
        }
    }
}

impl Limits {
    /// Limits under which a document of this size always gets through, so that one that is too large is told so by the store, which
    /// knows its limit: JSON that escapes everything outside of ASCII takes three times the bytes.
    #[must_use]
    pub fn for_document(max_bytes: usize) -> Self {
        Self {
            body_bytes: max_bytes.saturating_mul(3).saturating_add(ENVELOPE_BYTES),
            ..Self::default()
        }
    }

    async fn admit(&self, request: &mut Request) -> Result<()> {
        let url = request.original_uri().path_and_query();
        if url.is_some_and(|url| url.as_str().len() > self.url_bytes) {
            let error = ApiError::new(StatusCode::URI_TOO_LONG, "uri-too-long");
            return Err(error.limit(self.url_bytes as u64, None).into());
        }
        let body = request.take_body();
        if body.is_empty() {
            return Ok(());
        }
        let announced = request
            .header(header::CONTENT_LENGTH)
            .and_then(|length| length.parse::<u64>().ok());
        if announced.is_some_and(|length| length > self.body_bytes as u64) {
            // A client that asks first has not sent anything yet, and is not asked to.
            if request.header(header::EXPECT).is_none() {
                linger(body).await;
            }
            return Err(self.too_large(announced).into());
        }
        match timeout(self.body_deadline, self.read(body)).await {
            Ok(bytes) => {
                request.set_body(bytes?);
                request.extensions_mut().insert(Bounded);
                Ok(())
            }
            Err(_elapsed) => Err(
                ApiError::new(StatusCode::REQUEST_TIMEOUT, "request-timeout")
                    .detail("the request body did not arrive in time")
                    .into(),
            ),
        }
    }

    async fn read(&self, body: Body) -> Result<Vec<u8>> {
        let mut read = Vec::new();
        let mut chunks = body.into_bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(ReadBodyError::Io)?;
            if chunk.len() > self.body_bytes - read.len() {
                linger(Body::from_bytes_stream(chunks)).await;
                return Err(self.too_large(None).into());
            }
            read.extend_from_slice(&chunk);
        }
        Ok(read)
    }

    fn too_large(&self, actual: Option<u64>) -> ApiError {
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "document-too-large")
            .detail(format!(
                "the request body is larger than {} bytes",
                self.body_bytes
            ))
            .limit(self.body_bytes as u64, actual)
    }
}

/// Reads on for a while and forgets. Closing a connection with bytes unread resets it, and the reset overtakes the response.
async fn linger(body: Body) {
    let mut chunks = body.into_bytes_stream();
    let discard = async {
        let mut seen = 0;
        while let Some(Ok(chunk)) = chunks.next().await {
            seen += chunk.len();
            if seen > LINGER_BYTES {
                break;
            }
        }
    };
    // Whether it ended or ran out of time makes no difference.
    let _ = timeout(LINGER_TIME, discard).await;
}

/// In a request's extensions: its body is in memory and within the limits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounded;

impl<E: Endpoint> Middleware<E> for Limits {
    type Output = LimitsEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        LimitsEndpoint {
            inner,
            limits: *self,
        }
    }
}

/// The endpoint that [`Limits`] makes.
#[derive(Debug)]
pub struct LimitsEndpoint<E> {
    inner: E,
    limits: Limits,
}

impl<E: Endpoint> Endpoint for LimitsEndpoint<E> {
    type Output = E::Output;

    async fn call(&self, mut request: Request) -> Result<E::Output> {
        self.limits.admit(&mut request).await?;
        match timeout(self.limits.request_deadline, self.inner.call(request)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "deadline-exceeded",
            )
            .detail("the answer took too long; what was asked for may have been done")
            .into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_at_its_limit_fits_however_it_is_escaped() {
        let limits = Limits::for_document(1024);
        // One character of two bytes in UTF-8 is six bytes when escaped.
        let escaped = "ü".repeat(512).chars().count() * r"\u00fc".len();
        assert!(escaped <= limits.body_bytes);
        assert_eq!(Limits::for_document(usize::MAX).body_bytes, usize::MAX);
    }
}
