//! A toy API on a real socket, and a client that sends exactly what it is told.

use std::{net::SocketAddr, time::Duration};

use catalog_api::{ApplyRequest, DeleteResult, EnableRequest};
use catalog_server::http_kit::{
    Answer, ApiError, Drained, Published, ServeOptions, ShellOptions, Strict, Wire, WithAllow,
    docs, listen, serve, shell,
};
use futures_util::StreamExt as _;
use poem::{Route, http::StatusCode};
use poem_openapi::{
    OpenApi, OpenApiService,
    param::{Path, Query},
};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

pub const BASE: &str = "/api/catalog-management/v1alpha1";
pub const PUBLIC: &str = "/api/mcp_catalog/v1alpha1";
/// Longer than anything in these tests should take.
const PATIENCE: Duration = Duration::from_secs(10);

fn echo(text: impl Into<String>) -> Answer<DeleteResult> {
    Ok(Wire(DeleteResult {
        revision: text.into(),
    }))
}

struct Management;

#[OpenApi(prefix_path = "/api/catalog-management/v1alpha1")]
impl Management {
    #[oai(path = "/plugins/:plugin/sources/:id", method = "get")]
    async fn get(&self, plugin: Path<String>, id: Path<String>) -> Answer<DeleteResult> {
        echo(format!("get {} {}", *plugin, *id))
    }

    #[oai(path = "/plugins/:plugin/sources/:id", method = "delete")]
    async fn delete(&self, plugin: Path<String>, id: Path<String>) -> Answer<DeleteResult> {
        echo(format!("delete {} {}", *plugin, *id))
    }

    #[oai(path = "/plugins/:plugin/sources/:id/~apply", method = "post")]
    async fn apply(
        &self,
        plugin: Path<String>,
        id: Path<String>,
        body: Strict<ApplyRequest>,
    ) -> Answer<DeleteResult> {
        let length = body.raw_yaml.as_deref().unwrap_or_default().len();
        echo(format!("apply {} {} {length}", *plugin, *id))
    }

    #[oai(path = "/plugins/:plugin/sources/:id/~enable", method = "post")]
    async fn enable(
        &self,
        plugin: Path<String>,
        id: Path<String>,
        body: Strict<EnableRequest>,
    ) -> Answer<DeleteResult> {
        echo(format!("enable {} {} {}", *plugin, *id, body.enabled))
    }

    #[oai(path = "/plugins/:plugin/~refresh", method = "post")]
    async fn refresh(&self, plugin: Path<String>) -> Answer<DeleteResult> {
        echo(format!("refresh {}", *plugin))
    }

    #[oai(path = "/slow", method = "get")]
    async fn slow(&self, ms: Query<u64>) -> Answer<DeleteResult> {
        sleep(Duration::from_millis(*ms)).await;
        echo("slow")
    }

    #[oai(path = "/boom", method = "get")]
    async fn boom(&self) -> Answer<DeleteResult> {
        panic!("hunter2")
    }

    #[oai(path = "/broken", method = "get")]
    async fn broken(&self) -> Answer<DeleteResult> {
        Err(ApiError::internal(std::io::Error::other("hunter2")))
    }

    #[oai(path = "/away", method = "get")]
    async fn away(&self) -> Answer<DeleteResult> {
        let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "store-unavailable");
        Err(error
            .detail("the store is away")
            .retry_after(Duration::from_millis(1500)))
    }
}

struct Public;

#[OpenApi(prefix_path = "/api/mcp_catalog/v1alpha1")]
impl Public {
    #[oai(path = "/servers/:id", method = "get")]
    async fn server(&self, id: Path<String>, limit: Query<Option<u32>>) -> Answer<DeleteResult> {
        echo(format!("{} {:?}", *id, *limit))
    }

    #[oai(path = "/boom", method = "get")]
    async fn boom(&self) -> Answer<DeleteResult> {
        panic!("hunter2")
    }
}

/// A stream of very little, this often, for ever.
fn ticks(every: Duration) -> poem::Response {
    let tick = move |wait| async move {
        sleep(wait).await;
        Some((Ok::<_, std::io::Error>("tick\n"), every))
    };
    let ticks = futures_util::stream::unfold(Duration::ZERO, tick);
    poem::Response::builder().body(poem::Body::from_bytes_stream(ticks))
}

/// So many parts of one size, of a known length.
fn parts(count: usize, size: usize) -> poem::Response {
    let part = move |_| Ok::<_, std::io::Error>("x".repeat(size));
    let parts = futures_util::stream::iter(0..count).map(part);
    poem::Response::builder()
        .header("content-length", count * size)
        .body(poem::Body::from_bytes_stream(parts))
}

/// From now on nothing reaches this socket, and it says nothing: as if its machine were unplugged.
pub fn unplug(stream: &TcpStream) {
    let drop_all = socket2::SockFilter::new(0x06, 0, 0, 0);
    socket2::SockRef::from(stream)
        .attach_filter(&[drop_all])
        .unwrap();
}

/// A running toy server. Dropping it stops it.
pub struct Toy {
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    ended: JoinHandle<std::io::Result<Drained>>,
}

impl Toy {
    pub async fn start() -> Self {
        Self::with(|_, _| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut ServeOptions, &mut ShellOptions)) -> Self {
        let (mut options, mut outer) = (ServeOptions::default(), ShellOptions::default());
        change(&mut options, &mut outer);
        let stream = |every| poem::endpoint::make_sync(move |_| ticks(every));
        let api = Published(WithAllow((Management, Public)));
        let service = OpenApiService::new(api, "toy", "1");
        let app = Route::new()
            .at("/ticks", stream(Duration::from_millis(20)))
            .at("/still", stream(PATIENCE * 2))
            .at("/large", poem::endpoint::make_sync(|_| "x".repeat(40_000)))
            .at("/parts", poem::endpoint::make_sync(|_| parts(100, 16_000)))
            .at("/docs", docs::page(&service))
            .at("/openapi.json", docs::document(&service))
            .nest_no_strip("/", service);
        let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, shutdown) = watch::channel(false);
        let ended = tokio::spawn(serve(listener, shell(app, outer), options, shutdown));
        Self {
            address,
            stop,
            ended,
        }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends these bytes on a new connection and reads all that comes back.
    pub async fn raw(&self, bytes: impl AsRef<[u8]>) -> Reply {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.unwrap();
        Reply::read(&mut stream).await
    }

    /// Sends these bytes and then one `x` every now and then, for as long as the server listens, and
    /// reads all that comes back. The server has to end it: the drops never do.
    pub async fn drip(&self, bytes: impl AsRef<[u8]>, drop: &[u8], every: Duration) -> Reply {
        let (mut reader, mut writer) = self.connect().await.into_split();
        writer.write_all(bytes.as_ref()).await.unwrap();
        let dripping = async {
            while writer.write_all(drop).await.is_ok() {
                tokio::time::sleep(every).await;
            }
            // The server is gone; what it said before is still to be read.
            std::future::pending::<Reply>().await
        };
        tokio::select! {
            reply = Reply::read(&mut reader) => reply,
            never = dripping => never,
        }
    }

    /// One request without a body.
    pub async fn ask(&self, method: &str, path: &str) -> Reply {
        self.raw(format!(
            "{method} {path} HTTP/1.1\r\nHost: toy\r\nConnection: close\r\n\r\n"
        ))
        .await
    }

    /// One POST with a JSON body.
    pub async fn post(&self, path: &str, body: &str) -> Reply {
        self.raw(format!(
            "POST {path} HTTP/1.1\r\nHost: toy\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await
    }

    pub fn stop(&self) {
        self.stop.send(true).unwrap();
    }

    pub async fn drained(self) -> Drained {
        timeout(PATIENCE, self.ended)
            .await
            .unwrap()
            .unwrap()
            .unwrap()
    }
}

/// A response, as it was on the wire.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Reply {
    /// Reads to the end of the connection. Nothing at all is status 0.
    pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Self {
        let mut bytes = Vec::new();
        // A reset after the response changes nothing about the response.
        let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes))
            .await
            .expect("the connection stays open");
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        Self {
            status: head.get(9..12).map_or(0, |status| status.parse().unwrap()),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The answer of a toy handler.
    #[track_caller]
    pub fn echo(&self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["revision"].as_str().unwrap().to_owned()
    }
}
