//! What differs between two documents, without secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use similar::TextDiff;

use super::guard::{Room, task_failed};
use super::view::PluginSlot;
use super::{CatalogService, Shared};
use crate::error::{CatalogError, StoreError};
use crate::model::{Entity, RevisionId, SourceDocument, SourceKey, SourceSettings};
use crate::redaction::{self, Secrets};
use crate::yaml::{self, Limits};

/// A diff of two texts that have little in common is cut short: then it is coarser, not wrong.
const DIFF_TIME: Duration = Duration::from_secs(1);
/// Lines of context in a unified diff.
const CONTEXT_LINES: usize = 3;

/// A setting that differs. Values are redacted.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    /// The field, such as `enabled` or `properties.yamlCatalogPath`.
    pub field: String,
    /// Before; `None`: it was not there.
    pub from: Option<Value>,
    /// After; `None`: it is gone.
    pub to: Option<Value>,
}

/// Entities that differ, by name, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntityChanges {
    /// Only after.
    pub added: Vec<String>,
    /// On both sides, different.
    pub changed: Vec<String>,
    /// Only before.
    pub removed: Vec<String>,
}

/// What differs between two documents of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Diff {
    /// The older revision; `None`: nothing.
    pub from: Option<RevisionId>,
    /// The newer revision; `None` in a dry run.
    pub to: Option<RevisionId>,
    /// The content's difference as a unified diff of the redacted texts.
    pub unified: String,
    /// The settings' differences.
    pub settings: Vec<FieldChange>,
    /// The entities' differences.
    pub entities: EntityChanges,
}

impl Diff {
    /// Nothing differs from this revision.
    pub(super) fn none(revision: Option<RevisionId>) -> Self {
        Self {
            from: revision.clone(),
            to: revision,
            unified: String::new(),
            settings: Vec::new(),
            entities: EntityChanges::default(),
        }
    }
}

impl CatalogService {
    /// What differs between two revisions. `to` defaults to the current one, `from` to the one
    /// before `to`. A revision that does not load any more has the entities that do.
    ///
    /// # Errors
    /// [`CatalogError::PluginNotFound`] and those of the store.
    pub async fn diff(
        &self,
        key: &SourceKey,
        from: Option<&RevisionId>,
        to: Option<&RevisionId>,
    ) -> Result<Diff, CatalogError> {
        let shared = &self.shared;
        let slot = shared.slot(&key.plugin)?;
        let revisions = shared.store.revisions(key).await?;
        let newest = revisions.first().map(|r| r.id.clone());
        let Some(to) = to.cloned().or(newest) else {
            return Err(StoreError::SourceNotFound { key: key.clone() }.into());
        };
        let before_to = revisions.iter().find(|r| r.id < to).map(|r| r.id.clone());
        let from = from.cloned().or(before_to);
        let _turn = shared.comparing.next().await;
        let after = shared.store.get_revision(key, &to).await?.document;
        let before = match &from {
            Some(id) => shared.store.get_revision(key, id).await?.document,
            None => None,
        };
        let both = [&before, &after].into_iter().flatten();
        let mut room = shared.room(both.map(SourceDocument::size).sum()).await;
        let (shared, slot, key) = (shared.clone(), slot.clone(), key.clone());
        let work = async move {
            // Dated alike, so that dates make no difference.
            let at = DateTime::UNIX_EPOCH;
            let (mut old, mut new) = (Vec::new(), Vec::new());
            for (document, entities) in [(&before, &mut old), (&after, &mut new)] {
                if let Some(document) = document {
                    *entities = shared
                        .entities_of(&slot, &key, document, at, &mut room)
                        .await;
                }
            }
            shared
                .compare(before.as_ref(), after.as_ref(), &old, &new)
                .await
        };
        let mut diff = self.detached(work).await?;
        (diff.from, diff.to) = (from, Some(to));
        Ok(diff)
    }
}

impl Shared {
    /// Compares two documents, where that may take its time; `None` is nothing.
    pub(super) async fn compare(
        &self,
        before: Option<&SourceDocument>,
        after: Option<&SourceDocument>,
        old: &[Entity],
        new: &[Entity],
    ) -> Result<Diff, CatalogError> {
        let entities = entity_changes(old, new);
        let (before, after) = (before.cloned(), after.cloned());
        let work = move || Diff {
            unified: unified(before.as_ref(), after.as_ref()),
            settings: settings_changes(before.as_ref(), after.as_ref()),
            entities,
            ..Diff::none(None)
        };
        let diff = tokio::task::spawn_blocking(work).await;
        diff.map_err(|error| CatalogError::Internal(task_failed(&error)))
    }

    /// The entities of a document, as far as they load.
    pub(super) async fn entities_of(
        self: &Arc<Self>,
        slot: &Arc<PluginSlot>,
        key: &SourceKey,
        document: &SourceDocument,
        written_at: DateTime<Utc>,
        room: &mut Room,
    ) -> Vec<Entity> {
        if !document.settings.enabled {
            return Vec::new();
        }
        self.load(slot, key, document, None, written_at, room)
            .await
            .loaded
            .entities
    }
}

pub(super) fn entity_changes(before: &[Entity], after: &[Entity]) -> EntityChanges {
    fn by_name(entities: &[Entity]) -> BTreeMap<&str, &Entity> {
        entities.iter().map(|e| (&*e.name, e)).collect()
    }
    let (old, new) = (by_name(before), by_name(after));
    let same = |a: &Entity, b: &Entity| (&a.json, &a.parts) == (&b.json, &b.parts);
    let mut changes = EntityChanges::default();
    for (name, entity) in &new {
        match old.get(name) {
            None => changes.added.push((*name).to_owned()),
            Some(before) if !same(before, entity) => changes.changed.push((*name).to_owned()),
            Some(_) => {}
        }
    }
    let removed = old.keys().filter(|name| !new.contains_key(*name));
    changes.removed = removed.map(ToString::to_string).collect();
    changes
}

fn properties_of(settings: &SourceSettings) -> Value {
    Value::Object(settings.properties.clone())
}

/// The secrets of the settings, which somebody may have copied into the content.
pub(super) fn secrets_of(settings: &SourceSettings) -> Secrets {
    Secrets::of([&properties_of(settings)], [])
}

/// The content as people may see it.
pub(super) fn shown_content(document: Option<&SourceDocument>) -> Option<String> {
    let document = document?;
    let text = String::from_utf8_lossy(document.content.as_deref()?);
    Some(secrets_of(&document.settings).redact_yaml(&text))
}

/// What is secret on either side is hidden on both.
fn unified(before: Option<&SourceDocument>, after: Option<&SourceDocument>) -> String {
    let (old, new) = (shown_content(before), shown_content(after));
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    if old == new {
        return String::new();
    }
    let parsed: Vec<yaml::Document> = [before, after]
        .into_iter()
        .flatten()
        .filter_map(|document| {
            let bytes = document.content.as_deref()?;
            // What is stored was within whatever limits there were: a value takes a byte at least.
            let limits = Limits::default()
                .with_max_bytes(bytes.len())
                .with_max_nodes(bytes.len().max(Limits::DEFAULT_MAX_NODES));
            yaml::parse_bytes(bytes, &limits).ok()
        })
        .collect();
    let settings = [before, after].into_iter().flatten();
    let properties: Vec<Value> = settings.map(|d| properties_of(&d.settings)).collect();
    let secrets = Secrets::of(&properties, &parsed);
    let diff = TextDiff::configure()
        .timeout(DIFF_TIME)
        .diff_lines(&old, &new)
        .unified_diff()
        .context_radius(CONTEXT_LINES)
        .header("before", "after")
        .to_string();
    secrets.hide_words(&diff)
}

/// Whether two secrets differ is told, by two markers; what they are is not.
fn settings_changes(
    before: Option<&SourceDocument>,
    after: Option<&SourceDocument>,
) -> Vec<FieldChange> {
    let (raw_old, old) = fields(before);
    let (raw_new, new) = fields(after);
    let mut names: Vec<_> = raw_old.keys().chain(raw_new.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| raw_old.get(*name) != raw_new.get(*name))
        .map(|name| {
            let shown = redaction::redact_text(name);
            FieldChange {
                from: old.get(&shown).cloned(),
                to: new.get(&shown).cloned(),
                field: redaction::redact_key(name),
            }
        })
        .collect()
}

type Fields = BTreeMap<String, Value>;

/// The fields of the settings, one level into the properties: as they are, and as people may see
/// them. What is empty is as good as not there.
fn fields(document: Option<&SourceDocument>) -> (Fields, Fields) {
    let Some(document) = document else {
        return Default::default();
    };
    let raw = serde_json::to_value(&document.settings).unwrap_or_default();
    let shown = redaction::redact_value(&raw);
    (flat(&raw), flat(&shown))
}

fn flat(settings: &Value) -> Fields {
    let mut out = Fields::new();
    for (name, value) in settings.as_object().into_iter().flatten() {
        match value {
            Value::Object(properties) if name == "properties" => {
                for (property, value) in properties {
                    out.insert(format!("properties.{property}"), value.clone());
                }
            }
            Value::Array(items) if items.is_empty() => {}
            _ => {
                out.insert(name.clone(), value.clone());
            }
        }
    }
    out
}
