//! The canonical management API.

use std::sync::Arc;

use catalog_api as wire;
use catalog_core::error::CatalogError;
use catalog_core::model::{Author, Edit, PluginName, RevisionId, SourceId, SourceKey};
use catalog_core::service::{Applied, ApplyOptions, CatalogService};
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::{OpenApi, Tags};
use tokio::sync::{Semaphore, watch};

use super::convert::{self, ToWire as _};
use super::errors::{no_such, problem};
use super::events::Events;
use super::precondition::{By, Precondition, precondition};
use crate::http_kit::{Answer, ApiError, Strict, Tagged, Wire};

/// Who makes changes while nobody is asked who they are.
const AUTHOR: &str = "api";

#[derive(Tags)]
enum Tag {
    /// Manage sources: validate, apply, refresh, roll back.
    Management,
}

/// The handlers of the management API.
pub(super) struct Management {
    catalog: CatalogService,
    streams: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

fn plugin_name(plugin: &str) -> Result<PluginName, ApiError> {
    PluginName::new(plugin).map_err(|e| no_such("plugin", &e))
}

fn revision_id(id: &str) -> Result<RevisionId, ApiError> {
    id.parse().map_err(|e| no_such("revision", &e))
}

/// Of an operation that expects nothing.
fn plain(error: CatalogError) -> ApiError {
    problem(error, By::Body)
}

/// What a change answers. A dry run made no revision that could be matched.
fn answer(
    applied: Result<Applied, CatalogError>,
    by: By,
) -> Result<Tagged<wire::ApplyResult>, ApiError> {
    let body = applied.map_err(|e| problem(e, by))?.to_wire();
    let revision = (!body.dry_run).then(|| body.revision.clone());
    Ok(Tagged { body, revision })
}

fn options(options: wire::ApplyOptions, message: Option<String>) -> ApplyOptions {
    let confirmed = usize::try_from(options.confirm_removals).unwrap_or(usize::MAX);
    let base = if options.dry_run {
        ApplyOptions::dry_run()
    } else {
        ApplyOptions::default()
    };
    base.refreshing(options.refresh_after_apply)
        .confirming(confirmed)
        .with_message(message)
}

fn edit(source: Option<wire::SourceInput>, raw_yaml: Option<String>) -> Edit {
    let edit = match source {
        Some(source) => Edit::settings(convert::patch(source)),
        None => Edit::default(),
    };
    match raw_yaml {
        Some(text) => edit.with_content(text),
        None => edit,
    }
}

impl Management {
    pub(super) fn new(
        catalog: CatalogService,
        max_event_streams: usize,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let streams = max_event_streams.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            catalog,
            streams: Arc::new(Semaphore::new(streams)),
            stop,
        }
    }

    /// The plugin, if there is one of this name.
    fn known(&self, plugin: &str) -> Result<PluginName, ApiError> {
        let name = plugin_name(plugin)?;
        match self.catalog.plugin(&name) {
            Some(_) => Ok(name),
            None => Err(plain(CatalogError::PluginNotFound(name))),
        }
    }

    fn key(&self, plugin: &str, source_id: &str) -> Result<SourceKey, ApiError> {
        let plugin = self.known(plugin)?;
        let id = SourceId::new(source_id).map_err(|e| no_such("source", &e))?;
        Ok(SourceKey::new(plugin, id))
    }

    /// As [`key`](Self::key) for a source that may be about to be created: an id that cannot be
    /// one is a malformed request, not a missing source.
    fn new_key(&self, plugin: &str, source_id: &str) -> Result<SourceKey, ApiError> {
        let plugin = self.known(plugin)?;
        let id = SourceId::new(source_id).map_err(|e| ApiError::malformed(e.to_string()))?;
        Ok(SourceKey::new(plugin, id))
    }
}

#[OpenApi(
    prefix_path = "/api/catalog-management/v1alpha1",
    tag = "Tag::Management"
)]
impl Management {
    /// List the plugins
    #[oai(path = "/plugins", method = "get", operation_id = "listPlugins")]
    async fn plugins(&self) -> Answer<wire::PluginList> {
        let plugins = self.catalog.plugins();
        Ok(Wire(plugins.iter().map(|p| p.to_wire()).collect()))
    }

    /// Follow what happens, as server-sent events
    #[oai(path = "/events", method = "get", operation_id = "followEvents")]
    async fn events(&self) -> Result<Events, ApiError> {
        Events::new(&self.catalog, &self.streams, self.stop.clone())
    }

    /// List the sources of a plugin, with their status
    #[oai(
        path = "/plugins/:plugin/sources",
        method = "get",
        operation_id = "listSources"
    )]
    async fn sources(&self, plugin: Path<String>) -> Answer<wire::SourceList> {
        let plugin = self.known(&plugin)?;
        let sources = self.catalog.list(&plugin).map_err(plain)?;
        Ok(Wire(sources.iter().map(|s| s.to_wire()).collect()))
    }

    /// Get a source with its content; the `ETag` is its revision
    #[oai(
        path = "/plugins/:plugin/sources/:source_id",
        method = "get",
        operation_id = "getSource"
    )]
    async fn source(
        &self,
        plugin: Path<String>,
        source_id: Path<String>,
    ) -> Result<Tagged<wire::SourceDetail>, ApiError> {
        let key = self.key(&plugin, &source_id)?;
        let detail = self.catalog.get(&key).await.map_err(plain)?;
        Ok(Tagged {
            body: detail.to_wire(),
            revision: Some(detail.view.revision.id.to_string()),
        })
    }

    /// Check a document against every layer; writes nothing
    #[oai(
        path = "/plugins/:plugin/sources/:source_id/~validate",
        method = "post",
        operation_id = "validateSource"
    )]
    async fn validate(
        &self,
        plugin: Path<String>,
        source_id: Path<String>,
        body: Strict<wire::ValidateRequest>,
    ) -> Answer<wire::ValidationReport> {
        let key = self.new_key(&plugin, &source_id)?;
        let edit = edit(body.0.source, body.0.raw_yaml);
        let report = self.catalog.validate(&key, &edit).await.map_err(plain)?;
        Ok(Wire(report.to_wire()))
    }

    /// Change or create a source: validate, store a revision, show it
    #[oai(
        path = "/plugins/:plugin/sources/:source_id/~apply",
        method = "post",
        operation_id = "applySource"
    )]
    async fn apply(
        &self,
        plugin: Path<String>,
        source_id: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        #[oai(name = "If-None-Match")] if_none_match: Header<Option<String>>,
        body: Strict<wire::ApplyRequest>,
    ) -> Result<Tagged<wire::ApplyResult>, ApiError> {
        let key = self.new_key(&plugin, &source_id)?;
        let Precondition { expect, by } = precondition(
            if_match.as_deref(),
            if_none_match.as_deref(),
            &body.0.expected_revision,
        )?;
        let options = options(body.0.options(), body.0.message);
        let edit = edit(body.0.source, body.0.raw_yaml);
        let author = Author::new(AUTHOR);
        let applied = self
            .catalog
            .apply(&key, edit, expect, author, options)
            .await;
        answer(applied, by)
    }

    /// Switch a source on or off
    #[oai(
        path = "/plugins/:plugin/sources/:source_id/~enable",
        method = "post",
        operation_id = "enableSource"
    )]
    async fn enable(
        &self,
        plugin: Path<String>,
        source_id: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Strict<wire::EnableRequest>,
    ) -> Result<Tagged<wire::ApplyResult>, ApiError> {
        let key = self.key(&plugin, &source_id)?;
        let Precondition { expect, by } =
            precondition(if_match.as_deref(), None, &body.0.expected_revision)?;
        let author = Author::new(AUTHOR);
        let applied = self
            .catalog
            .enable(&key, body.0.enabled, expect, author)
            .await;
        answer(applied, by)
    }

    /// Delete a source; its history stays
    #[oai(
        path = "/plugins/:plugin/sources/:source_id",
        method = "delete",
        operation_id = "deleteSource"
    )]
    async fn delete(
        &self,
        plugin: Path<String>,
        source_id: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Answer<wire::DeleteResult> {
        let key = self.key(&plugin, &source_id)?;
        let Precondition { expect, by } =
            precondition(if_match.as_deref(), None, &wire::Expected::Unstated)?;
        let author = Author::new(AUTHOR);
        let deleted = self.catalog.delete(&key, expect, author, None).await;
        let deleted = deleted.map_err(|e| problem(e, by))?;
        Ok(Wire(wire::DeleteResult {
            revision: deleted.revision.id.to_string(),
        }))
    }

    /// Load a source again; a load that fails is still 200 and says so
    #[oai(
        path = "/plugins/:plugin/sources/:source_id/~refresh",
        method = "post",
        operation_id = "refreshSource"
    )]
    async fn refresh(
        &self,
        plugin: Path<String>,
        source_id: Path<String>,
    ) -> Answer<wire::RefreshResult> {
        let key = self.key(&plugin, &source_id)?;
        let outcome = self.catalog.refresh(&key).await.map_err(plain)?;
        Ok(Wire(outcome.to_wire()))
    }

    /// Load every source of a plugin again
    #[oai(
        path = "/plugins/:plugin/~refresh",
        method = "post",
        operation_id = "refreshPlugin"
    )]
    async fn refresh_all(&self, plugin: Path<String>) -> Answer<wire::RefreshList> {
        let plugin = self.known(&plugin)?;
        let outcomes = self.catalog.refresh_all(&plugin).await.map_err(plain)?;
        Ok(Wire(outcomes.iter().map(|o| o.to_wire()).collect()))
    }

    /// List the revisions of a source, newest first; a deleted source's too
    #[oai(
        path = "/plugins/:plugin/sources/:source_id/revisions",
        method = "get",
        operation_id = "listRevisions"
    )]
    async fn revisions(
        &self,
        plugin: Path<String>,
        source_id: Path<String>,
    ) -> Answer<wire::RevisionList> {
        let key = self.key(&plugin, &source_id)?;
        let revisions = self.catalog.revisions(&key).await.map_err(plain)?;
        Ok(Wire(revisions.iter().map(|r| r.to_wire()).collect()))
    }

    /// Get a revision with its document
    #[oai(
        path = "/plugins/:plugin/sources/:source_id/revisions/:revision",
        method = "get",
        operation_id = "getRevision"
    )]
    async fn revision(
        &self,
        plugin: Path<String>,
        source_id: Path<String>,
        revision: Path<String>,
    ) -> Answer<wire::RevisionDetail> {
        let key = self.key(&plugin, &source_id)?;
        let id = revision_id(&revision)?;
        let detail = self.catalog.revision(&key, &id).await.map_err(plain)?;
        Ok(Wire(convert::revision(&key.id, &detail)))
    }

    /// Compare two revisions
    #[oai(
        path = "/plugins/:plugin/sources/:source_id/diff",
        method = "get",
        operation_id = "diffRevisions"
    )]
    async fn diff(
        &self,
        plugin: Path<String>,
        source_id: Path<String>,
        /// The older revision; the one before `to` by default
        from: Query<Option<String>>,
        /// The newer revision; the current one by default
        to: Query<Option<String>>,
    ) -> Answer<wire::Diff> {
        let key = self.key(&plugin, &source_id)?;
        let from = from.as_deref().map(revision_id).transpose()?;
        let to = to.as_deref().map(revision_id).transpose()?;
        let diff = self
            .catalog
            .diff(&key, from.as_ref(), to.as_ref())
            .await
            .map_err(plain)?;
        Ok(Wire(diff.to_wire()))
    }

    /// Store the document of an older revision as a new one and show it
    #[oai(
        path = "/plugins/:plugin/sources/:source_id/~rollback",
        method = "post",
        operation_id = "rollBackSource"
    )]
    async fn roll_back(
        &self,
        plugin: Path<String>,
        source_id: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        #[oai(name = "If-None-Match")] if_none_match: Header<Option<String>>,
        body: Strict<wire::RollbackRequest>,
    ) -> Result<Tagged<wire::ApplyResult>, ApiError> {
        let key = self.key(&plugin, &source_id)?;
        let to = revision_id(&body.0.revision_id)?;
        let Precondition { expect, by } = precondition(
            if_match.as_deref(),
            if_none_match.as_deref(),
            &body.0.expected_revision,
        )?;
        let options = options(body.0.options(), body.0.message);
        let author = Author::new(AUTHOR);
        let applied = self
            .catalog
            .roll_back(&key, &to, expect, author, options)
            .await;
        answer(applied, by)
    }

    /// What is wrong with the sources of a plugin
    #[oai(
        path = "/plugins/:plugin/diagnostics",
        method = "get",
        operation_id = "diagnosePlugin"
    )]
    async fn diagnostics(&self, plugin: Path<String>) -> Answer<wire::Diagnostics> {
        let plugin = self.known(&plugin)?;
        let view = self.catalog.snapshot(&plugin).unwrap_or_default();
        let sources: Vec<_> = view.sources().map(|s| convert::diagnosis(s)).collect();
        let errors = sources.iter().filter_map(|s| {
            let message = s.last_error.clone()?;
            Some(wire::DiagnosticError {
                source_id: Some(s.id.clone()),
                message,
            })
        });
        let errors = errors.collect();
        Ok(Wire(wire::Diagnostics {
            plugin: plugin.to_string(),
            sources,
            errors,
        }))
    }
}
