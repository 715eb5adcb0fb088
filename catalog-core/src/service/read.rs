//! Looking at sources. Everything that leaves here is redacted.

use std::num::NonZero;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::CatalogService;
use super::diff::shown_content;
use super::guard::task_failed;
use super::view::{LiveSource, SourceStatus};
use crate::error::{CatalogError, StoreError};
use crate::model::{
    PluginName, Revision, RevisionId, SourceDocument, SourceId, SourceKey, SourceSettings,
    SourceState,
};
use crate::ports::StoredSource;
use crate::redaction;

/// A plugin, for listings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginInfo {
    /// Its name.
    pub name: PluginName,
    /// The version of its API.
    pub version: String,
    /// One line for people.
    pub description: String,
    /// Its key in `sources.yaml`.
    pub config_key: String,
    /// The provider types it loads.
    pub source_types: Vec<String>,
    /// The kinds of entities it yields.
    pub entity_kinds: Vec<String>,
    /// Whether none of its sources is in error.
    pub healthy: bool,
}

/// A source as people may see it.
#[derive(Debug, Clone)]
pub struct SourceView {
    /// The source.
    pub id: SourceId,
    /// Its settings, redacted.
    pub settings: SourceSettings,
    /// The stored revision.
    pub revision: Revision,
    /// Where the entry comes from.
    pub origin: String,
    /// Whether the store can change it.
    pub editable: bool,
    /// Whether it has content.
    pub has_content: bool,
    /// How it is.
    pub status: SourceStatus,
}

/// A source with its content, as people may see it.
#[derive(Debug, Clone)]
pub struct SourceDetail {
    /// The source.
    pub view: SourceView,
    /// Its content, redacted; bytes that are no text are shown as U+FFFD.
    pub raw_yaml: Option<String>,
}

/// A revision in a source's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionEntry {
    /// What is known about it.
    pub revision: Revision,
    /// Whether it is the stored one.
    pub current: bool,
}

/// A revision with its document, as people may see it.
#[derive(Debug, Clone)]
pub struct RevisionDetail {
    /// The revision.
    pub entry: RevisionEntry,
    /// The settings, redacted; `None` for a tombstone.
    pub settings: Option<SourceSettings>,
    /// The content, redacted.
    pub raw_yaml: Option<String>,
}

/// Turns at documents: each has one in memory, several times over, and a processor for itself.
///
/// However many ask at once, no more have their turn than there are processors. The others wait with nothing
/// in their hands, and whoever asks for something small is served meanwhile.
pub(super) struct Turns(Semaphore);

impl Default for Turns {
    fn default() -> Self {
        let processors = std::thread::available_parallelism();
        Self(Semaphore::new(processors.map_or(1, NonZero::get)))
    }
}

impl Turns {
    /// A turn, until it is dropped.
    pub(super) async fn next(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.0.acquire().await.ok()
    }
}

/// Settings with every secret replaced.
pub(super) fn shown(settings: &SourceSettings) -> SourceSettings {
    let redacted = serde_json::to_value(settings).map(|v: Value| redaction::redact_value(&v));
    // Redaction replaces texts by texts, so the shape is the same.
    redacted
        .and_then(serde_json::from_value)
        .unwrap_or_else(|_| SourceSettings::new("", ""))
}

/// The content with every secret replaced, in a thread of its own: of a large document that takes
/// milliseconds, in which nobody else would be served.
async fn shown_text(document: Option<SourceDocument>) -> Result<Option<String>, CatalogError> {
    let work = move || shown_content(document.as_ref());
    let text = tokio::task::spawn_blocking(work).await;
    text.map_err(|error| CatalogError::Internal(task_failed(&error)))
}

fn view_of(live: &LiveSource) -> SourceView {
    SourceView {
        id: live.id.clone(),
        settings: live.settings.clone(),
        revision: live.revision.clone(),
        origin: live.origin.clone(),
        editable: live.editable,
        has_content: live.has_content,
        status: live.status.clone(),
    }
}

impl CatalogService {
    /// The plugins, in the order in which they were added.
    pub fn plugins(&self) -> Vec<PluginInfo> {
        let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        let slots = self
            .shared
            .order
            .iter()
            .filter_map(|n| self.shared.plugins.get(n));
        slots
            .map(|slot| {
                let view = slot.view.load();
                let in_error = |s: &Arc<LiveSource>| s.status.state == SourceState::Error;
                PluginInfo {
                    name: slot.plugin.name().clone(),
                    version: slot.plugin.version().to_owned(),
                    description: slot.plugin.description().to_owned(),
                    config_key: slot.plugin.config_key().to_owned(),
                    source_types: owned(slot.plugin.source_types()),
                    entity_kinds: owned(slot.plugin.entity_kinds()),
                    healthy: !view.sources().any(in_error),
                }
            })
            .collect()
    }

    /// The sources of a plugin, by id.
    ///
    /// # Errors
    /// [`CatalogError::PluginNotFound`]
    pub fn list(&self, plugin: &PluginName) -> Result<Vec<SourceView>, CatalogError> {
        let view = self.shared.slot(plugin)?.view.load();
        Ok(view.sources().map(|live| view_of(live)).collect())
    }

    /// One source with its content, as it is stored at this moment.
    ///
    /// # Errors
    /// [`CatalogError::PluginNotFound`], [`StoreError::SourceNotFound`], those of the store.
    pub async fn get(&self, key: &SourceKey) -> Result<SourceDetail, CatalogError> {
        let slot = self.shared.slot(&key.plugin)?;
        let _turn = self.shared.showing.next().await;
        let Some(stored) = self.shared.store.get(key).await? else {
            return Err(StoreError::SourceNotFound { key: key.clone() }.into());
        };
        let raw_yaml = shown_text(Some(stored.document.clone())).await?;
        let live = match slot.live(&key.id) {
            // The status of what is served goes with the document that is stored.
            Some(live) => LiveSource::of(&stored, live.snapshot.clone(), live.status.clone()),
            None => LiveSource::loading(&stored),
        };
        Ok(SourceDetail {
            view: view_of(&live),
            raw_yaml,
        })
    }

    /// The history of a source, newest first; a deleted source's too.
    ///
    /// # Errors
    /// [`CatalogError::PluginNotFound`], [`StoreError::SourceNotFound`] for a source that never
    /// was, those of the store.
    pub async fn revisions(&self, key: &SourceKey) -> Result<Vec<RevisionEntry>, CatalogError> {
        self.shared.slot(&key.plugin)?;
        let revisions = self.shared.store.revisions(key).await?;
        if revisions.is_empty() {
            return Err(StoreError::SourceNotFound { key: key.clone() }.into());
        }
        let current = self.current(key).await?;
        let entry = |revision: Revision| RevisionEntry {
            current: current.as_ref() == Some(&revision.id),
            revision,
        };
        Ok(revisions.into_iter().map(entry).collect())
    }

    /// One revision with its document.
    ///
    /// # Errors
    /// As [`revisions`](Self::revisions), and [`StoreError::RevisionNotFound`].
    pub async fn revision(
        &self,
        key: &SourceKey,
        id: &RevisionId,
    ) -> Result<RevisionDetail, CatalogError> {
        let entries = self.revisions(key).await?;
        let Some(entry) = entries.into_iter().find(|e| e.revision.id == *id) else {
            return Err(StoreError::RevisionNotFound {
                key: key.clone(),
                id: id.clone(),
            }
            .into());
        };
        let _turn = self.shared.showing.next().await;
        let document = self.shared.store.get_revision(key, id).await?.document;
        Ok(RevisionDetail {
            entry,
            settings: document.as_ref().map(|d| shown(&d.settings)),
            raw_yaml: shown_text(document).await?,
        })
    }

    /// The revision that is stored; `None` when the source does not exist.
    async fn current(&self, key: &SourceKey) -> Result<Option<RevisionId>, CatalogError> {
        let stored: Option<StoredSource> = self.shared.store.get(key).await?;
        Ok(stored.map(|s| s.revision.id))
    }
}
