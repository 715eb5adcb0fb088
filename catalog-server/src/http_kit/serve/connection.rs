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
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{net::TcpStream, sync::watch};

use super::{
    ServeOptions, stopped,
    timed_io::{InFlight, Requests, TimedIo},
};

/// What all connections of a server share.
pub(super) struct Connections<E> {
    app: Arc<E>,
    local: SocketAddr,
    http: Builder,
    options: Arc<ServeOptions>,
    shutdown: watch::Receiver<bool>,
}

impl<E: Endpoint + 'static> Connections<E> {
    pub(super) fn new(
        app: E,
        local: SocketAddr,
        options: ServeOptions,
        shutdown: watch::Receiver<bool>,
    ) -> Self {
        let mut http = Builder::new();
        // `TimedIo` keeps the time: it can tell a request that is late from a connection that is idle.
        http.header_read_timeout(None)
            .max_header_size(options.max_head_bytes);
        if options.max_headers != ServeOptions::default().max_headers {
            http.max_headers(options.max_headers);
        }
        Self {
            app: Arc::new(app),
            local,
            http,
            options: Arc::new(options),
            shutdown,
        }
    }

    /// Serves one connection to its end.
    pub(super) fn drive(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> impl Future<Output = ()> + Send + 'static {
        // Answers are small and wanted at once. Not worth a word if the system cannot.
        let _ = stream.set_nodelay(true);
        let requests = Requests::default();
        let io = TimedIo::new(stream, self.options.clone(), requests.clone());
        let app = self.app.clone();
        let local = self.local;
        let service = service_fn(move |request: Request<Incoming>| {
            let in_flight = requests.begin();
            let app = app.clone();
            let addresses = (
                LocalAddr(Addr::socket(local)),
                RemoteAddr(Addr::socket(peer)),
            );
            async move {
                let request = (request, addresses.0, addresses.1, Scheme::HTTP).into();
                let response: Response<_> = app.get_response(request).await.into();
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
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stopped(&mut shutdown) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                // Clients that go away or send nonsense are the client's business.
                tracing::debug!(%peer, %error, "connection ended early");
            }
        }
    }
}

/// A response body that counts as a request in flight for as long as it is being sent.
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
