//! From a document to entities.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::Shared;
use super::guard::{Room, driven, task_failed};
use super::resolving::Remembering;
use super::view::{PluginSlot, SourceSnapshot};
use crate::model::{EntityFailure, SourceDocument, SourceKey};
use crate::ports::{LoadRequest, Loaded};
use crate::redaction::{self, Secrets};
use crate::validation::{Finding, Layer, Place, Run, Severity};
use crate::yaml::{self, YamlError};

/// How loading a document ended.
#[derive(Debug, Default)]
pub(super) struct LoadResult {
    /// What could be loaded.
    pub(super) loaded: Loaded,
    /// Why the document must not replace what is served.
    pub(super) error: Option<String>,
    /// What validation found.
    pub(super) findings: Vec<Finding>,
    /// The entities that are served already, when they are what a load would yield.
    pub(super) kept: Option<Arc<SourceSnapshot>>,
}

impl LoadResult {
    pub(super) fn failed(error: String) -> Self {
        Self {
            error: Some(redaction::redact_text(&error)),
            ..Self::default()
        }
    }
}

impl Shared {
    /// Loads a document. `content` is the document's when it was read already. Whoever calls has room
    /// for it.
    pub(super) async fn load(
        self: &Arc<Self>,
        slot: &Arc<PluginSlot>,
        key: &SourceKey,
        document: &SourceDocument,
        content: Option<yaml::Document>,
        written_at: DateTime<Utc>,
        room: &mut Room,
    ) -> LoadResult {
        let (shared, slot) = (self.clone(), slot.clone());
        let request = (key.clone(), document.clone());
        let work = async move {
            let (key, document) = &request;
            shared
                .load_now(&slot, key, document, content, written_at)
                .await
        };
        self.loading(key, work, room).await
    }

    /// Loads a document that may have come past the door: it has to pass the pipeline, too.
    pub(super) async fn load_checked(
        self: &Arc<Self>,
        slot: &Arc<PluginSlot>,
        key: &SourceKey,
        document: &SourceDocument,
        written_at: DateTime<Utc>,
        room: &mut Room,
    ) -> LoadResult {
        let (shared, slot) = (self.clone(), slot.clone());
        let request = (key.clone(), document.clone());
        let work = async move {
            let (key, document) = &request;
            let plugin = &*slot.plugin;
            let Run {
                report, content, ..
            } = shared
                .pipeline
                .run(key, document.clone(), plugin, Vec::new());
            let loaded = shared.load_now(&slot, key, document, content, written_at);
            let mut result = loaded.await;
            if result.error.is_none()
                && let Some(finding) = report.errors().find(|f| !is_tolerated(f))
            {
                result.error = Some(finding.to_string());
            }
            result.findings = report.findings().map(told).collect();
            result
        };
        self.loading(key, work, room).await
    }

    /// Loads in threads of its own: a plugin or a layer that panics or hangs harms nobody.
    async fn loading(
        &self,
        key: &SourceKey,
        work: impl Future<Output = LoadResult> + Send + 'static,
        room: &mut Room,
    ) -> LoadResult {
        let limit = self.options.load_timeout;
        match tokio::time::timeout(limit, driven(Box::pin(work), room)).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => {
                let error = &*task_failed(&error) as &dyn std::error::Error;
                tracing::error!(%key, error, "the plugin or a layer failed while loading");
                LoadResult::failed("the plugin or a layer failed while loading".to_owned())
            }
            Err(_) => {
                let limit = limit.as_secs_f64();
                LoadResult::failed(format!("loading took longer than {limit} s"))
            }
        }
    }

    fn read(&self, document: &SourceDocument) -> Result<Option<yaml::Document>, YamlError> {
        let content = document.content.as_deref();
        content
            .map(|bytes| yaml::parse_bytes(bytes, self.pipeline.limits()))
            .transpose()
    }

    async fn load_now(
        &self,
        slot: &PluginSlot,
        key: &SourceKey,
        document: &SourceDocument,
        content: Option<yaml::Document>,
        written_at: DateTime<Utc>,
    ) -> LoadResult {
        let content = match content {
            Some(content) => Some(content),
            None => match self.read(document) {
                Ok(content) => content,
                Err(error) => return LoadResult::failed(error.to_string()),
            },
        };
        let (settings, content) = (&document.settings, content.as_ref());
        let resolver = Remembering::new(&*self.secrets);
        let request = LoadRequest::new(key, settings, content, &resolver, written_at);
        let properties = Value::Object(settings.properties.clone());
        let secrets = Secrets::of([&properties], content);
        let outcome = slot.plugin.load(request).await;
        let secrets = resolver.with(secrets);
        match outcome {
            Ok(mut loaded) => {
                hide_copies(&mut loaded, &secrets);
                LoadResult {
                    error: describe(&loaded.failures),
                    loaded,
                    ..LoadResult::default()
                }
            }
            Err(error) => LoadResult::failed(secrets.hide_words(&error.to_string())),
        }
    }
}

/// Newer data than this server knows of must not make a catalog unloadable: fields that would be
/// refused at the door are tolerated when they are there already.
fn is_tolerated(finding: &Finding) -> bool {
    finding.layer == Layer::Provider
        && finding.place == Place::Content
        && finding.code == "unknown-field"
}

/// What is tolerated is told as a warning.
fn told(finding: &Finding) -> Finding {
    Finding {
        severity: match is_tolerated(finding) {
            true => Severity::Warning,
            false => finding.severity,
        },
        ..finding.clone()
    }
}

/// Plugins redact what an entity itself shows to be secret. Copies of what is secret elsewhere in
/// the document, and credentials in names, are hidden here, once for all plugins.
fn hide_copies(loaded: &mut Loaded, secrets: &Secrets) {
    let hide = |json: &mut Arc<str>| {
        if let Ok(value) = serde_json::from_str::<Value>(json) {
            *json = secrets.hide(&value).to_string().into();
        }
    };
    for entity in &mut loaded.entities {
        let name = secrets.hide_text(&entity.name);
        if *name != *entity.name {
            entity.name = name.into();
        }
        if !secrets.is_empty() {
            hide(&mut entity.json);
            entity.parts.values_mut().for_each(hide);
            // A filter must not find out what is not shown.
            entity.fields.replace_texts(|text| {
                let hidden = secrets.hide_text(text);
                (*hidden != *text).then(|| hidden.into())
            });
        }
    }
    for warning in &mut loaded.warnings {
        warning.message = secrets.hide_words(&warning.message);
    }
    for failure in &mut loaded.failures {
        failure.message = secrets.hide_words(&redaction::redact_text(&failure.message));
        failure.entity = failure.entity.as_ref().map(|name| secrets.hide_text(name));
    }
}

/// One sentence for several failures.
fn describe(failures: &[EntityFailure]) -> Option<String> {
    let first = failures.first()?;
    let line = first
        .line
        .map(|l| format!("line {l}: "))
        .unwrap_or_default();
    let entity = first
        .entity
        .as_ref()
        .map(|e| format!("{e}: "))
        .unwrap_or_default();
    let more = match failures.len() - 1 {
        0 => String::new(),
        n => format!(" (and {n} more)"),
    };
    Some(redaction::redact_text(&format!(
        "{line}{entity}{}{more}",
        first.message
    )))
}
