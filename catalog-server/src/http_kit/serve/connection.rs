//! One connection: hyper's HTTP/1 between a socket and an endpoint.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use http_body_util::combinators::BoxBody;
use hyper::{
    Request, Response,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    server::conn::http1::Builder,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use poem::{
    Addr, Endpoint,
    http::{HeaderValue, header, uri::Scheme},
    web::{LocalAddr, RemoteAddr},
};
use tokio::{net::TcpStream, sync::watch};

use super::{
    ServeOptions,
    arriving::Arriving,
    room::Room,
    stopped,
    timed_io::{InFlight, Requests, TimedIo},
};

/// What is buffered of a connection, each way, while the other end is slower: enough to keep a fast one busy.
const BUFFER_BYTES: usize = 32 * 1024;

/// What all connections of a server share.
pub(super) struct Connections<E> {
    app: Arc<E>,
    local: SocketAddr,
    http: Builder,
    options: Arc<ServeOptions>,
    room: Arc<Room>,
    shutdown: watch::Receiver<bool>,
}

impl<E: Endpoint + 'static> Connections<E> {
    pub(super) fn new(
        app: E,
        local: SocketAddr,
        options: ServeOptions,
        room: Arc<Room>,
        shutdown: watch::Receiver<bool>,
    ) -> Self {
        let mut http = Builder::new();
        // `TimedIo` keeps the time: it can tell a request that is late from a connection that is idle.
        http.header_read_timeout(None)
            .max_header_size(options.max_head_bytes)
            .max_buf_size(BUFFER_BYTES.max(options.max_head_bytes));
        if options.max_headers != ServeOptions::default().max_headers {
            http.max_headers(options.max_headers);
        }
        Self {
            app: Arc::new(app),
            local,
            http,
            options: Arc::new(options),
            room,
            shutdown,
        }
    }

    /// What is sent to a client that is gone without a word goes nowhere, and a stream of little things takes hours to fill what the
    /// system buffers: so the system closes what was not acknowledged for as long as a write may take.
    fn give_up_on_the_vanished(&self, stream: &TcpStream) {
        let millis = u32::try_from(self.options.write_timeout.as_millis()).unwrap_or(u32::MAX);
        #[cfg(target_os = "linux")]
        let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, millis);
        #[cfg(not(target_os = "linux"))]
        let _ = (stream, millis);
    }

    /// Serves one connection to its end.
    pub(super) fn drive(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> impl Future<Output = ()> + Send + 'static {
        // Answers are small and wanted at once. Not worth a word if the system cannot.
        let _ = stream.set_nodelay(true);
        self.give_up_on_the_vanished(&stream);
        let place = self.room.enter();
        let requests = Requests::new(place.clone());
        let io = TimedIo::new(stream, self.options.clone(), requests.clone());
        let app = self.app.clone();
        let local = self.local;
        let service = service_fn(move |request: Request<Incoming>| {
            let in_flight = requests.begin();
            let requests = requests.clone();
            let app = app.clone();
            let addresses = (
                LocalAddr(Addr::socket(local)),
                RemoteAddr(Addr::socket(peer)),
            );
            async move {
                let request = (request, addresses.0, addresses.1, Scheme::HTTP).into();
                let request = placed(request, requests.clone());
                let mut response: Response<_> = app.get_response(request).await.into();
                let sized = response.headers().contains_key(header::CONTENT_LENGTH);
                requests.answer(!sized && response.body().size_hint().exact().is_none());
                // What is left of a request would be taken for the next one; or others need the place.
                if requests.left_unread() || requests.place().is_closing() {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(header::CONNECTION, close);
                }
                Ok::<_, Infallible>(response.map(|body| Counted {
                    body,
                    _in_flight: in_flight,
                }))
            }
        });
        let connection = self.http.serve_connection(TokioIo::new(io), service);
        let mut shutdown = self.shutdown.clone();
        async move {
            let mut connection = pin!(connection);
            let mut stopping = false;
            let ended = loop {
                tokio::select! {
                    // First, so that a connection that can go on does.
                    biased;
                    ended = connection.as_mut() => break ended,
                    () = place.asked_to_leave() => {
                        tracing::debug!(%peer, "connection closed to make room");
                        return;
                    }
                    () = stopped(&mut shutdown), if !stopping => {
                        connection.as_mut().graceful_shutdown();
                        stopping = true;
                    }
                }
            };
            if let Err(error) = ended {
                // Clients that go away or send nonsense are the client's business.
                tracing::debug!(%peer, %error, "connection ended early");
            }
        }
    }
}

/// The request with its connection's place, and a body that tells it when it waits.
fn placed(mut request: poem::Request, requests: Requests) -> poem::Request {
    request.extensions_mut().insert(requests.place().clone());
    let body = request.take_body();
    if !body.is_empty() {
        request.set_body(Arriving::wrap(body, requests));
    }
    request
}

/// A response body that counts as a request in flight until all of it has been handed over, to be sent.
struct Counted {
    body: BoxBody<Bytes, std::io::Error>,
    _in_flight: InFlight,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
