//! How much a request may send and how long it may take.

use std::time::Duration;

use futures_util::StreamExt;
use hyper::body::Body as _;
use poem::{
    Body, Endpoint, IntoResponse, Middleware, Request, Response, Result,
    error::ReadBodyError,
    http::{StatusCode, header},
};
use tokio::time::timeout;

use super::{
    ApiError,
    serve::{Held, Place},
};
use holding::Holding;

mod holding;

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
/// So much of every body is in memory without asking for it: small requests are served whatever large ones there are. What all
/// connections hold this way is a small number of megabytes.
pub(crate) const FREE_BYTES: usize = 16 * 1024;
/// What a body grows by.
const PIECE_BYTES: usize = 16 * 1024;
/// When to try again where memory was short.
const RETRY_AFTER: Duration = Duration::from_secs(1);
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

    async fn admit(&self, request: &mut Request) -> Result<Memory> {
        let mut memory = Memory::of(request);
        let url = request.original_uri().path_and_query();
        if url.is_some_and(|url| url.as_str().len() > self.url_bytes) {
            let error = ApiError::new(StatusCode::URI_TOO_LONG, "uri-too-long");
            return Err(error.limit(self.url_bytes as u64, None).into());
        }
        let body = request.take_body();
        if body.is_empty() {
            return Ok(memory);
        }
        let announced = request
            .header(header::CONTENT_LENGTH)
            .and_then(|length| length.parse::<u64>().ok());
        if announced.is_some_and(|length| length > self.body_bytes as u64) {
            return Err(self.too_large(announced).into());
        }
        match timeout(self.body_deadline, self.read(body, &mut memory)).await {
            Ok(bytes) => {
                request.set_body(bytes?);
                request.extensions_mut().insert(Bounded);
                Ok(memory)
            }
            Err(_elapsed) => Err(
                ApiError::new(StatusCode::REQUEST_TIMEOUT, "request-timeout")
                    .detail("the request body did not arrive in time")
                    .into(),
            ),
        }
    }

    async fn read(&self, body: Body, memory: &mut Memory) -> Result<Vec<u8>> {
        let mut read = Pieces::default();
        let mut chunks = body.into_bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(ReadBodyError::Io)?;
            if chunk.len() > self.body_bytes - read.length {
                return Err(self.too_large(None).into());
            }
            memory.grow_to(read.length + chunk.len()).await?;
            read.take(&chunk);
        }
        Ok(read.whole())
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

/// A body on its way in, in pieces of one size: one that grows is not copied, which would leave blocks of every size behind, and may
/// never be whole.
#[derive(Default)]
struct Pieces {
    pieces: Vec<Vec<u8>>,
    length: usize,
}

impl Pieces {
    fn take(&mut self, bytes: &[u8]) {
        self.length += bytes.len();
        let mut rest = bytes;
        if let Some(last) = self.pieces.last_mut() {
            let room = PIECE_BYTES.saturating_sub(last.len());
            let now;
            (now, rest) = bytes.split_at(bytes.len().min(room));
            last.extend_from_slice(now);
        }
        self.pieces
            .extend(rest.chunks(PIECE_BYTES).map(<[u8]>::to_vec));
    }

    fn whole(mut self) -> Vec<u8> {
        match self.pieces.len() {
            0 | 1 => self.pieces.pop().unwrap_or_default(),
            _ => self.pieces.concat(),
        }
    }
}

/// The share of the memory of all bodies that one request has; without limit where nothing counts it.
struct Memory {
    place: Option<Place>,
    held: Vec<Held>,
    bytes: usize,
}

impl Memory {
    fn of(request: &Request) -> Self {
        Self {
            place: request.extensions().get::<Place>().cloned(),
            held: Vec::new(),
            bytes: FREE_BYTES,
        }
    }

    /// Makes sure of this much, in few steps.
    async fn grow_to(&mut self, bytes: usize) -> Result<(), ApiError> {
        let Some(place) = self.place.as_ref().filter(|_| bytes > self.bytes) else {
            return Ok(());
        };
        let more = (bytes - self.bytes).max(FREE_BYTES);
        self.held
            .push(place.hold(more).await.ok_or_else(overloaded)?);
        self.bytes += more;
        Ok(())
    }
}

fn overloaded() -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded")
        .detail("too much is being sent and received at the same time")
        .retry_after(RETRY_AFTER)
}

/// In a response's extensions: its body is shared by all who ask for it, and takes no memory of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared;

/// Counts a large body that is ready to be sent until it is. One that is made while it is sent says no size, and has none.
async fn count(response: &mut Response, place: Option<Place>) -> Result<(), ApiError> {
    if response.extensions().get::<Shared>().is_some() {
        return Ok(());
    }
    let body = response.take_body();
    let body: http_body_util::combinators::BoxBody<_, _> = body.into();
    let bytes = body.size_hint().exact();
    let bytes = bytes.map_or(0, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    let Some(place) = place.filter(|_| bytes > FREE_BYTES) else {
        response.set_body(body);
        return Ok(());
    };
    let held = place.hold(bytes).await.ok_or_else(|| {
        overloaded()
            .detail("there is no memory for the answer; what was asked for may have been done")
    })?;
    response.set_body(Holding::wrap(body, held));
    Ok(())
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
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        // Held until the answer is there: what is made of a body is as large as the body.
        let memory = self.limits.admit(&mut request).await?;
        let answer = timeout(self.limits.request_deadline, self.inner.call(request)).await;
        let Ok(outcome) = answer else {
            return Err(
                ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "deadline-exceeded")
                    .detail("the answer took too long; what was asked for may have been done")
                    .into(),
            );
        };
        let mut response = outcome?.into_response();
        let Memory { place, held, .. } = memory;
        drop(held);
        count(&mut response, place).await?;
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_the_same_however_it_came_in() {
        let body: Vec<u8> = (0..200_000u32).map(|n| n as u8 ^ (n >> 8) as u8).collect();
        for size in [
            1,
            7,
            1000,
            PIECE_BYTES - 1,
            PIECE_BYTES,
            PIECE_BYTES + 1,
            body.len(),
        ] {
            let mut pieces = Pieces::default();
            body.chunks(size).for_each(|chunk| pieces.take(chunk));
            assert_eq!(pieces.length, body.len());
            assert!(pieces.whole() == body, "in chunks of {size}");
        }
        assert!(Pieces::default().whole().is_empty());
    }

    #[test]
    fn a_document_at_its_limit_fits_however_it_is_escaped() {
        let limits = Limits::for_document(1024);
        // One character of two bytes in UTF-8 is six bytes when escaped.
        let escaped = "ü".repeat(512).chars().count() * r"\u00fc".len();
        assert!(escaped <= limits.body_bytes);
        assert_eq!(Limits::for_document(usize::MAX).body_bytes, usize::MAX);
    }
}
