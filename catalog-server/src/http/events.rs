//! What happens, as server-sent events (WHATWG HTML, *Server-sent events*).

use std::sync::Arc;
use std::time::Duration;

use catalog_core::ports::CatalogEvent;
use catalog_core::service::CatalogService;
use futures_util::stream::{self, Stream};
use poem::http::{StatusCode, header};
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::http_kit::ApiError;

const CONTENT_TYPE: &str = "text/event-stream";

/// A comment this often keeps proxies from closing a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// When to try again where there are too many streams already.
const RETRY_AFTER: Duration = Duration::from_secs(10);

struct Listener {
    events: Receiver<CatalogEvent>,
    stop: watch::Receiver<bool>,
    greeted: bool,
    _slot: OwnedSemaphorePermit,
}

/// A stream of `changed`, `refreshed` and `removed` events. A reader that falls behind gets
/// `resync` and should look at everything anew.
pub(super) struct Events(Listener);

impl Events {
    /// What happens from now on, until the server stops.
    ///
    /// # Errors
    /// 503 when there are as many streams as there may be.
    pub(super) fn new(
        catalog: &CatalogService,
        slots: &Arc<Semaphore>,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, ApiError> {
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded")
                .detail("there are as many streams of events as there may be")
                .retry_after(RETRY_AFTER));
        };
        Ok(Self(Listener {
            events: catalog.subscribe(),
            stop,
            greeted: false,
            _slot: slot,
        }))
    }
}

impl IntoResponse for Events {
    fn into_response(self) -> Response {
        Response::builder()
            .header(header::CONTENT_TYPE, CONTENT_TYPE)
            .body(Body::from_bytes_stream(frames(self.0)))
    }
}

impl ApiResponse for Events {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "Events `changed`, `refreshed` and `removed`; `resync` for a reader that fell behind",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: CONTENT_TYPE,
                    schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
                }],
                headers: vec![],
            }],
        }
    }

    fn register(_registry: &mut Registry) {}
}

fn frames(listener: Listener) -> impl Stream<Item = std::io::Result<String>> + Send {
    stream::unfold(listener, |mut listener| async move {
        if !listener.greeted {
            // Sent at once, so that the reader knows that it misses nothing from here on.
            listener.greeted = true;
            return Some((Ok(": ok\n\n".to_owned()), listener));
        }
        let frame = tokio::select! {
            _ = listener.stop.wait_for(|stop| *stop) => return None,
            event = tokio::time::timeout(KEEP_ALIVE, listener.events.recv()) => match event {
                Ok(Ok(event)) => frame(&event),
                Ok(Err(RecvError::Lagged(_))) => "event: resync\ndata: {}\n\n".to_owned(),
                Ok(Err(RecvError::Closed)) => return None,
                Err(_) => ": still here\n\n".to_owned(),
            },
        };
        Some((Ok(frame), listener))
    })
}

fn frame(event: &CatalogEvent) -> String {
    let value = serde_json::to_value(event).unwrap_or_default();
    let name = value["type"].as_str().unwrap_or("message").to_owned();
    format!("event: {name}\ndata: {value}\n\n")
}
