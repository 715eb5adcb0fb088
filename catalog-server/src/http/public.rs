//! The public catalogs, read only. Paths and shapes are those of the existing public API.

// One argument for each query parameter.
#![allow(clippy::too_many_arguments)]

use catalog_core::model::{PluginName, SourceState};
use catalog_core::service::{CatalogService, LiveSource, PluginView};
use poem::http::StatusCode;
use poem_openapi::param::{Path, Query};
use poem_openapi::{OpenApi, Tags};
use std::sync::Arc;

use super::paging::{DEFAULT_PAGE_SIZE, Page, PageQuery};
use crate::http_kit::ApiError;
use error::PublicError;
pub(super) use rendered::Rendered;
pub(super) use short::short_way;

mod error;
mod rendered;
mod short;

/// Items on a page of MCP servers when nobody says.
const MCP_PAGE_SIZE: usize = 20;

#[derive(Tags)]
enum Tag {
    /// MCP servers, for readers.
    McpCatalog,
    /// ML models, for readers.
    ModelCatalog,
}

type Public = Result<Rendered, PublicError>;

/// A list that ignores what was asked for would look like an answer to it.
fn cannot_search(queries: [Option<&str>; 2]) -> Result<(), ApiError> {
    let asked = queries
        .iter()
        .any(|q| q.is_some_and(|q| !q.trim().is_empty()));
    match asked {
        true => Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, "not-supported")
            .detail("q and filterQuery are not supported yet")),
        false => Ok(()),
    }
}

/// What is served of a plugin; nothing, where the server runs without it.
fn view(catalog: &CatalogService, plugin: &str) -> Arc<PluginView> {
    let name = PluginName::new(plugin).ok();
    name.and_then(|name| catalog.snapshot(&name))
        .unwrap_or_default()
}

/// What a list of entities may be asked for, as it came.
#[derive(Debug, Default)]
struct Asked<'a> {
    source: Option<&'a str>,
    page: PageQuery<'a>,
    filter_query: Option<&'a str>,
    q: Option<&'a str>,
}

/// The handlers of the public MCP catalog.
#[derive(Clone)]
pub(super) struct McpCatalog {
    catalog: CatalogService,
}

impl McpCatalog {
    pub(super) fn new(catalog: CatalogService) -> Self {
        Self { catalog }
    }

    fn list(&self, mut asked: Asked<'_>) -> Result<Rendered, ApiError> {
        cannot_search([asked.filter_query, asked.q])?;
        // Older clients ask for everything with 0 or a negative number.
        let everything = asked.page.size.is_some_and(asks_for_everything);
        let size = if everything {
            asked.page.size = None;
            super::paging::MAX_PAGE_SIZE
        } else {
            MCP_PAGE_SIZE
        };
        let page = Page::parse(&asked.page, size)?;
        let view = view(&self.catalog, "mcp");
        let (items, next) = page.merged(view.sources().map(|s| &*s.snapshot));
        let items: Vec<_> = items.into_iter().map(|e| &e.json).collect();
        Ok(Rendered::mcp_list(&items, next.as_deref()))
    }

    fn one(&self, name: &str) -> Result<Rendered, ApiError> {
        match view(&self.catalog, "mcp").entity(name) {
            Some((_, entity)) => Ok(Rendered::one(&entity.json)),
            None => Err(ApiError::new(StatusCode::NOT_FOUND, "entity-not-found")
                .detail("there is no MCP server of this name")),
        }
    }
}

#[OpenApi(prefix_path = "/api/mcp_catalog/v1alpha1", tag = "Tag::McpCatalog")]
impl McpCatalog {
    /// List the MCP servers of all enabled sources
    #[oai(path = "/mcpservers", method = "get", operation_id = "listMcpServers")]
    async fn servers(
        &self,
        /// Items on a page, 20 by default
        #[oai(name = "pageSize")]
        page_size: Query<Option<String>>,
        /// From the answer before
        #[oai(name = "pageToken")]
        page_token: Query<Option<String>>,
        /// The same, as other lists call it
        #[oai(name = "nextPageToken")]
        next_page_token: Query<Option<String>>,
        /// Not supported yet
        #[oai(name = "filterQuery")]
        filter_query: Query<Option<String>>,
        /// Not supported yet
        q: Query<Option<String>>,
        /// `NAME` (default) or `ID`
        #[oai(name = "orderBy")]
        order_by: Query<Option<String>>,
        /// `ASC` (default) or `DESC`
        #[oai(name = "sortOrder")]
        sort_order: Query<Option<String>>,
    ) -> Public {
        let page = PageQuery {
            size: page_size.as_deref(),
            token: page_token.as_deref().or(next_page_token.as_deref()),
            order_by: order_by.as_deref(),
            sort_order: sort_order.as_deref(),
        };
        Ok(self.list(Asked {
            source: None,
            page,
            filter_query: filter_query.as_deref(),
            q: q.as_deref(),
        })?)
    }

    /// Get the MCP server of this name
    #[oai(
        path = "/mcpservers/:name",
        method = "get",
        operation_id = "getMcpServer"
    )]
    async fn server(&self, name: Path<String>) -> Public {
        Ok(self.one(&name)?)
    }
}

/// Whether a page size of older clients means "no pages".
fn asks_for_everything(size: &str) -> bool {
    size.parse::<i32>().is_ok_and(|n| n <= 0)
}

/// The handlers of the public model catalog.
#[derive(Clone)]
pub(super) struct ModelCatalog {
    catalog: CatalogService,
}

impl ModelCatalog {
    pub(super) fn new(catalog: CatalogService) -> Self {
        Self { catalog }
    }

    fn list(&self, asked: &Asked<'_>) -> Result<Rendered, ApiError> {
        cannot_search([asked.filter_query, asked.q])?;
        let page = Page::parse(&asked.page, DEFAULT_PAGE_SIZE)?;
        let wanted: Option<Vec<&str>> = asked.source.map(|s| s.split(',').collect());
        let is_wanted = |id: &str| wanted.as_ref().is_none_or(|w| w.contains(&id));
        let view = view(&self.catalog, "model");
        let sources = view.sources().filter(|s| is_wanted(s.id.as_str()));
        let (items, next) = page.merged(sources.map(|s| &*s.snapshot));
        let items: Vec<_> = items.into_iter().map(|e| &e.json).collect();
        Ok(Rendered::list(&items, page.size, next.as_deref()))
    }
}

#[OpenApi(prefix_path = "/api/model_catalog/v1alpha1", tag = "Tag::ModelCatalog")]
impl ModelCatalog {
    /// List the models of all enabled sources
    #[oai(path = "/models", method = "get", operation_id = "findModels")]
    async fn models(
        &self,
        /// Only models of these sources; several with commas
        source: Query<Option<String>>,
        /// Items on a page, 10 by default
        #[oai(name = "pageSize")]
        page_size: Query<Option<String>>,
        /// From the answer before
        #[oai(name = "nextPageToken")]
        next_page_token: Query<Option<String>>,
        /// Not supported yet
        #[oai(name = "filterQuery")]
        filter_query: Query<Option<String>>,
        /// Not supported yet
        q: Query<Option<String>>,
        /// `NAME` (default) or `ID`
        #[oai(name = "orderBy")]
        order_by: Query<Option<String>>,
        /// `ASC` (default) or `DESC`
        #[oai(name = "sortOrder")]
        sort_order: Query<Option<String>>,
    ) -> Public {
        let page = PageQuery {
            size: page_size.as_deref(),
            token: next_page_token.as_deref(),
            order_by: order_by.as_deref(),
            sort_order: sort_order.as_deref(),
        };
        Ok(self.list(&Asked {
            source: source.as_deref(),
            page,
            filter_query: filter_query.as_deref(),
            q: q.as_deref(),
        })?)
    }

    /// List the sources, model sources unless `assetType` says otherwise
    #[oai(path = "/sources", method = "get", operation_id = "findSources")]
    async fn sources(
        &self,
        /// `models` (default) or `mcp_servers`
        #[oai(name = "assetType")]
        asset_type: Query<Option<String>>,
        /// A part of the source's name
        name: Query<Option<String>>,
        /// Items on a page, 10 by default
        #[oai(name = "pageSize")]
        page_size: Query<Option<String>>,
        /// From the answer before
        #[oai(name = "nextPageToken")]
        next_page_token: Query<Option<String>>,
        /// `ID` (default) or `NAME`
        #[oai(name = "orderBy")]
        order_by: Query<Option<String>>,
        /// `ASC` (default) or `DESC`
        #[oai(name = "sortOrder")]
        sort_order: Query<Option<String>>,
    ) -> Public {
        let by_name = match order_by.as_deref().map(str::to_ascii_uppercase).as_deref() {
            None | Some("" | "ID") => false,
            Some("NAME") => true,
            Some(_) => {
                return Err(ApiError::malformed("orderBy must be ID or NAME").into());
            }
        };
        let query = PageQuery {
            size: page_size.as_deref(),
            token: next_page_token.as_deref(),
            order_by: None,
            sort_order: sort_order.as_deref(),
        };
        let page = Page::parse(&query, DEFAULT_PAGE_SIZE)?;
        let (plugin, asset_type) = match asset_type.as_deref() {
            None | Some("" | "models") => ("model", "models"),
            Some("mcp_servers") => ("mcp", "mcp_servers"),
            // Kinds that this server does not know have no sources.
            Some(_) => ("-", ""),
        };
        let view = view(&self.catalog, plugin);
        let part = name.as_deref().unwrap_or_default().to_lowercase();
        let sources = view
            .sources()
            .filter(|s| s.settings.name.to_lowercase().contains(&part));
        let (items, next) = page.of(sources, |s| match by_name {
            // Names may repeat; the id, which does not, comes second by a stable number.
            true => (
                s.settings.name.as_str(),
                catalog_core::digest::Digest::of(s.id.as_str().as_bytes()).to_id(),
            ),
            false => (s.id.as_str(), 0),
        });
        let items: Vec<_> = items.iter().map(|s| source_json(s, asset_type)).collect();
        let items: Vec<_> = items.iter().collect();
        Ok(Rendered::list(&items, page.size, next.as_deref()))
    }
}

/// A source in the shape of the public API. Type, properties and origin are never shown there.
fn source_json(source: &LiveSource, asset_type: &str) -> Arc<str> {
    let status = match source.status.state {
        SourceState::Available => Some("available"),
        SourceState::Disabled => Some("disabled"),
        SourceState::Error => Some("error"),
        // The public API has no word for it.
        _ => None,
    };
    let error = source
        .status
        .last_refresh
        .as_ref()
        .and_then(|r| r.last_error.clone());
    let settings = &source.settings;
    let mut json = serde_json::json!({
        "id": source.id.as_str(),
        "name": settings.name,
        "labels": settings.labels,
        "enabled": settings.enabled,
        "assetType": asset_type,
        "error": error,
    });
    if let Some(status) = status {
        json["status"] = status.into();
    }
    for (name, items) in [
        ("includedModels", &settings.included_items),
        ("excludedModels", &settings.excluded_items),
    ] {
        if asset_type == "models" && !items.is_empty() {
            json[name] = serde_json::json!(items);
        }
    }
    json.to_string().into()
}
