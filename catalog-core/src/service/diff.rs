//! What differs between two documents, without secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use similar::TextDiff;

use super::view::PluginSlot;
use super::{CatalogService, Shared};
use crate::error::{CatalogError, StoreError};
use crate::model::{Entity, RevisionId, RevisionRecord, SourceDocument, SourceKey};
use crate::redaction;

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

impl CatalogService {
    /// What differs between two revisions. `to` defaults to the current one, `from` to the one
    /// before `to`. A revision that does not load any more has no entities.
    ///
    /// # Errors
    /// [`CatalogError::PluginNotFound`] and those of the store.
    pub async fn diff(
        &self,
        key: &SourceKey,
        from: Option<&RevisionId>,
        to: Option<&RevisionId>,
    ) -> Result<Diff, CatalogError> {
        let slot = self.shared.slot(&key.plugin)?;
        let revisions = self.shared.store.revisions(key).await?;
        let newest = revisions.first().map(|r| r.id.clone());
        let Some(to) = to.cloned().or(newest) else {
            return Err(StoreError::SourceNotFound { key: key.clone() }.into());
        };
        let before_to = revisions.iter().find(|r| r.id < to).map(|r| r.id.clone());
        let from = from.cloned().or(before_to);
        let after = self.shared.store.get_revision(key, &to).await?;
        let before = match &from {
            Some(id) => Some(self.shared.store.get_revision(key, id).await?),
            None => None,
        };
        let before = before.and_then(|r: RevisionRecord| r.document);
        let mut diff = self
            .shared
            .compare(slot, key, before.as_ref(), after.document.as_ref())
            .await;
        (diff.from, diff.to) = (from, Some(to));
        Ok(diff)
    }
}

impl Shared {
    /// Compares two documents; `None` is nothing.
    pub(super) async fn compare(
        self: &Arc<Self>,
        slot: &Arc<PluginSlot>,
        key: &SourceKey,
        before: Option<&SourceDocument>,
        after: Option<&SourceDocument>,
    ) -> Diff {
        let old = self.entities_of(slot, key, before).await;
        let new = self.entities_of(slot, key, after).await;
        Diff {
            from: None,
            to: None,
            unified: unified(before, after),
            settings: settings_changes(before, after),
            entities: entity_changes(&old, &new),
        }
    }

    /// The entities of a document, all dated alike, so that dates make no difference.
    pub(super) async fn entities_of(
        self: &Arc<Self>,
        slot: &Arc<PluginSlot>,
        key: &SourceKey,
        document: Option<&SourceDocument>,
    ) -> Vec<Entity> {
        match document {
            Some(document) if document.settings.enabled => {
                let at = chrono::DateTime::UNIX_EPOCH;
                self.load(slot, key, document, at).await.loaded.entities
            }
            _ => Vec::new(),
        }
    }
}

pub(super) fn entity_changes(before: &[Entity], after: &[Entity]) -> EntityChanges {
    let by_name = |entities: &[Entity]| -> BTreeMap<Arc<str>, Entity> {
        entities
            .iter()
            .map(|e| (e.name.clone(), e.clone()))
            .collect()
    };
    let (old, new) = (by_name(before), by_name(after));
    let names = |filter: &dyn Fn(&Arc<str>) -> bool, of: &BTreeMap<Arc<str>, Entity>| {
        of.keys()
            .filter(|n| filter(n))
            .map(ToString::to_string)
            .collect()
    };
    let same = |a: &Entity, b: &Entity| (&a.json, &a.parts) == (&b.json, &b.parts);
    EntityChanges {
        added: names(&|n| !old.contains_key(n), &new),
        changed: names(&|n| old.get(n).is_some_and(|o| !same(o, &new[n])), &new),
        removed: names(&|n| !new.contains_key(n), &old),
    }
}

/// The content as people may see it.
pub(super) fn shown_content(document: Option<&SourceDocument>) -> Option<String> {
    let bytes = document?.content.as_deref()?;
    Some(redaction::redact_yaml(&String::from_utf8_lossy(bytes)))
}

fn unified(before: Option<&SourceDocument>, after: Option<&SourceDocument>) -> String {
    let (old, new) = (shown_content(before), shown_content(after));
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    if old == new {
        return String::new();
    }
    TextDiff::from_lines(&old, &new)
        .unified_diff()
        .context_radius(CONTEXT_LINES)
        .header("before", "after")
        .to_string()
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
        .map(|name| FieldChange {
            field: name.clone(),
            from: old.get(name).cloned(),
            to: new.get(name).cloned(),
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
