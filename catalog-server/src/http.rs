//! The HTTP surface: the management API, the public catalogs, probes, events and the API page.
//!
//! A handler decodes, calls the service and encodes; everything else is in
//! [`http_kit`](crate::http_kit).

mod convert;
mod errors;
mod events;
mod management;
mod paging;
mod precondition;
mod probes;
mod public;

use std::time::Duration;

use catalog_core::service::CatalogService;
use poem::{Endpoint, IntoEndpoint as _, Request, Response, RouteMethod};
use poem_openapi::OpenApiService;
use tokio::sync::watch;

use crate::http_kit::{Limits, Published, ShellOptions, WithAllow, docs, shell_with_short_way};
use management::Management;
use probes::Probes;
use public::{McpCatalog, ModelCatalog};

/// Where the management API is mounted.
pub const MANAGEMENT_BASE: &str = "/api/catalog-management/v1alpha1";
/// Where the public MCP catalog is mounted.
pub const MCP_BASE: &str = "/api/mcp_catalog/v1alpha1";
/// Where the public model catalog is mounted.
pub const MODEL_BASE: &str = "/api/model_catalog/v1alpha1";

/// More consoles than anybody has open at a time.
const MAX_EVENT_STREAMS: usize = 256;

/// What the HTTP surface needs to know besides the service.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HttpOptions {
    /// The largest document in bytes; a request may be as much larger as its encoding needs.
    pub max_document_bytes: usize,
    /// How long a request may take, or the default.
    pub request_deadline: Option<Duration>,
    /// How many streams of events there may be at a time; for more, 503.
    pub max_event_streams: usize,
}

impl HttpOptions {
    /// For documents of this size.
    pub fn new(max_document_bytes: usize) -> Self {
        Self {
            max_document_bytes,
            request_deadline: None,
            max_event_streams: MAX_EVENT_STREAMS,
        }
    }
}

type Apis = Published<WithAllow<(Management, McpCatalog, ModelCatalog, Probes)>>;

fn api(
    catalog: &CatalogService,
    options: &HttpOptions,
    stop: watch::Receiver<bool>,
) -> OpenApiService<Apis, ()> {
    let apis = (
        Management::new(catalog.clone(), options.max_event_streams, stop.clone()),
        McpCatalog::new(catalog.clone()),
        ModelCatalog::new(catalog.clone()),
        Probes::new(catalog.clone(), stop),
    );
    OpenApiService::new(
        Published(WithAllow(apis)),
        "Catalog server",
        env!("CARGO_PKG_VERSION"),
    )
    .description(
        "Manages catalogs of MCP servers and ML models: validate, apply, refresh, roll back. \
         Errors of the management API are RFC 9457 problems with a stable `code`.",
    )
}

/// The OpenAPI document as JSON text, with a line end.
pub fn openapi(catalog: &CatalogService) -> String {
    let (_, stop) = watch::channel(false);
    let spec: serde_json::Value =
        serde_json::from_str(&api(catalog, &HttpOptions::new(0), stop).spec()).unwrap_or_default();
    format!("{spec:#}\n")
}

/// The API, and what describes it. A router around the API's own would look at every path twice.
struct Site<A> {
    page: RouteMethod,
    document: RouteMethod,
    api: A,
}

impl<A: Endpoint<Output = Response>> Endpoint for Site<A> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        match request.uri().path() {
            "/docs" => self.page.call(request).await,
            "/openapi.json" => self.document.call(request).await,
            _ => self.api.call(request).await,
        }
    }
}

/// The whole application. `stop` turns true when the server begins to stop; streams end then, and
/// `/readyz` fails.
pub fn app(
    catalog: &CatalogService,
    options: &HttpOptions,
    stop: watch::Receiver<bool>,
) -> impl Endpoint<Output = Response> + 'static {
    let service = api(catalog, options, stop);
    let site = Site {
        page: docs::page(&service),
        document: docs::document(&service),
        api: service.into_endpoint(),
    };
    let mut limits = Limits::for_document(options.max_document_bytes);
    if let Some(deadline) = options.request_deadline {
        limits.request_deadline = deadline;
    }
    let options = ShellOptions {
        limits,
        ..ShellOptions::default()
    };
    let way = public::short_way(
        McpCatalog::new(catalog.clone()),
        ModelCatalog::new(catalog.clone()),
    );
    shell_with_short_way(site, options, way)
}
