//! From a document to entities.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::Shared;
use super::view::PluginSlot;
use crate::model::{EntityFailure, SourceDocument, SourceKey};
use crate::ports::{LoadRequest, Loaded};
use crate::redaction;
use crate::validation::{Finding, yaml_findings};
use crate::yaml;

/// How loading a document ended.
#[derive(Debug, Default)]
pub(super) struct LoadResult {
    /// What could be loaded.
    pub(super) loaded: Loaded,
    /// Why the document must not replace what is served.
    pub(super) error: Option<String>,
    /// What the YAML front end found.
    pub(super) findings: Vec<Finding>,
}

impl LoadResult {
    fn failed(error: String) -> Self {
        Self {
            error: Some(redaction::redact_text(&error)),
            ..Self::default()
        }
    }
}

impl Shared {
    /// Loads a document, in a task of its own: a plugin that panics or hangs harms nobody.
    pub(super) async fn load(
        self: &Arc<Self>,
        slot: &Arc<PluginSlot>,
        key: &SourceKey,
        document: &SourceDocument,
        written_at: DateTime<Utc>,
    ) -> LoadResult {
        let work = {
            let (shared, slot) = (self.clone(), slot.clone());
            let (key, document) = (key.clone(), document.clone());
            async move { shared.load_now(&slot, &key, &document, written_at).await }
        };
        let task = tokio::spawn(work);
        let abort = task.abort_handle();
        match tokio::time::timeout(self.options.load_timeout, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => {
                tracing::error!(%key, %error, "the plugin panicked while loading");
                LoadResult::failed("the plugin failed while loading".to_owned())
            }
            Err(_) => {
                abort.abort();
                let limit = self.options.load_timeout.as_secs_f64();
                LoadResult::failed(format!("loading took longer than {limit} s"))
            }
        }
    }

    async fn load_now(
        &self,
        slot: &PluginSlot,
        key: &SourceKey,
        document: &SourceDocument,
        written_at: DateTime<Utc>,
    ) -> LoadResult {
        let parsed = document
            .content
            .as_deref()
            .map(|c| yaml::parse_bytes(c, self.pipeline.limits()));
        let content = match parsed.transpose() {
            Ok(content) => content,
            Err(error) => {
                return LoadResult {
                    findings: yaml_findings(&error),
                    ..LoadResult::failed(error.to_string())
                };
            }
        };
        let unknown = content.as_ref().and_then(|c| unknown_shape(slot, c));
        if let Some(error) = unknown {
            return LoadResult::failed(error);
        }
        let settings = &document.settings;
        let request = LoadRequest::new(key, settings, content.as_ref(), &*self.secrets, written_at);
        match slot.plugin.load(request).await {
            Ok(loaded) => {
                let error = describe(&loaded.failures);
                LoadResult {
                    loaded,
                    error,
                    findings: Vec::new(),
                }
            }
            Err(error) => LoadResult::failed(error.to_string()),
        }
    }
}

/// Content that is no mapping, or has none of the plugin's keys but others, is not an empty
/// catalog: a truncated or foreign file must not empty what is served.
fn unknown_shape(slot: &PluginSlot, content: &yaml::Document) -> Option<String> {
    let root = &content.root;
    if root.is_null() {
        return Some("the content is empty".to_owned());
    }
    if !matches!(root.value, yaml::Value::Map(..)) {
        return Some(format!(
            "line {}: the content must be a mapping",
            root.place().line
        ));
    }
    let known = slot.plugin.content_keys();
    let entries = root.entries();
    let foreign = entries.iter().find(|e| !known.contains(&&*e.key));
    let any_known = entries.iter().any(|e| known.contains(&&*e.key));
    foreign.filter(|_| !any_known).map(|entry| {
        let key: String = entry.key.chars().take(64).collect();
        format!(
            "line {}: unknown field {key:?}",
            entry.key_span.position.line
        )
    })
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
