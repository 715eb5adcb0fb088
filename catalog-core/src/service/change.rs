//! From an edit to the document that it asks for.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::diff::secrets_of;
use crate::error::CatalogError;
use crate::model::{Edit, SettingsPatch, SourceDocument, SourceKey, SourceSettings};
use crate::ports::StoredSource;
use crate::redaction::{self, Secrets, StrayMarker};
use crate::validation::{Finding, Layer};

/// The document that an edit asks for, and what is wrong with the request itself.
pub(super) struct Wanted {
    pub(super) document: SourceDocument,
    pub(super) findings: Vec<Finding>,
}

/// Applies an edit to what is stored, with the redacted values put back.
///
/// # Errors
/// [`CatalogError::Malformed`] when the edit names another source.
pub(super) fn wanted(
    key: &SourceKey,
    edit: &Edit,
    stored: Option<&StoredSource>,
    content_properties: impl FnOnce() -> Map<String, Value>,
) -> Result<Wanted, CatalogError> {
    let mut findings = Vec::new();
    let mut settings = match stored {
        Some(stored) => stored.document.settings.clone(),
        None => SourceSettings::new("", ""),
    };
    if let Some(patch) = &edit.settings {
        if patch.id.as_ref().is_some_and(|id| *id != key.id.as_str()) {
            let message = format!("source.id must be {:?}, as in the path", key.id.as_str());
            return Err(CatalogError::Malformed(message));
        }
        settings = restored(patched(settings, patch), stored, &mut findings);
    }
    let before = stored.and_then(|s| s.document.content.clone());
    let content = match &edit.content {
        Some(new) => Some(restored_content(new, stored, &mut findings)),
        None => before,
    };
    if content.is_some() && stored.is_none_or(|s| s.document.content.is_none()) {
        for (name, value) in content_properties() {
            settings.properties.entry(name).or_insert(value);
        }
    }
    Ok(Wanted {
        document: SourceDocument::new(settings, content),
        findings,
    })
}

fn patched(mut settings: SourceSettings, patch: &SettingsPatch) -> SourceSettings {
    fn set<T: Clone>(target: &mut T, value: &Option<T>) {
        if let Some(value) = value {
            target.clone_from(value);
        }
    }
    set(&mut settings.name, &patch.name);
    set(&mut settings.source_type, &patch.source_type);
    set(&mut settings.enabled, &patch.enabled);
    set(&mut settings.labels, &patch.labels);
    set(&mut settings.properties, &patch.properties);
    set(&mut settings.included_items, &patch.included_items);
    set(&mut settings.excluded_items, &patch.excluded_items);
    settings
}

/// The settings with the stored secrets in the place of their markers.
fn restored(
    settings: SourceSettings,
    stored: Option<&StoredSource>,
    findings: &mut Vec<Finding>,
) -> SourceSettings {
    let before = match stored {
        Some(stored) => serde_json::to_value(&stored.document.settings).unwrap_or_default(),
        None => Value::Null,
    };
    let incoming = serde_json::to_value(&settings).unwrap_or_default();
    match redaction::restore_value(&incoming, &before) {
        Ok(value) => match serde_json::from_value(value) {
            Ok(restored) => restored,
            Err(_) => {
                let message = "the stored secrets cannot be put back into these settings";
                findings.push(Finding::error(
                    Layer::Semantic,
                    "stray-redaction-marker",
                    message,
                ));
                settings
            }
        },
        Err(stray) => {
            findings.extend(stray.iter().map(finding));
            settings
        }
    }
}

/// The content with the stored secrets in the place of their markers. Bytes that are no text hold
/// no marker.
fn restored_content(
    incoming: &Arc<[u8]>,
    stored: Option<&StoredSource>,
    findings: &mut Vec<Finding>,
) -> Arc<[u8]> {
    let Ok(text) = std::str::from_utf8(incoming) else {
        return incoming.clone();
    };
    let secrets = stored.map_or_else(Secrets::default, |s| secrets_of(&s.document.settings));
    let before = stored.and_then(|s| std::str::from_utf8(s.document.content.as_deref()?).ok());
    match secrets.restore_yaml(text, before) {
        Ok(text) => Arc::from(text.as_bytes()),
        Err(stray) => {
            findings.extend(stray.iter().map(|s| finding(s).in_content()));
            incoming.clone()
        }
    }
}

fn finding(stray: &StrayMarker) -> Finding {
    let message = format!(
        "{} stands here for a stored value, but there is none at this place",
        redaction::MARKER
    );
    let finding = Finding::error(Layer::Semantic, "stray-redaction-marker", message)
        .at(stray.path.clone())
        .suggest("write the value, or a secret reference");
    match stray.position {
        Some(position) => finding.on(position),
        None => finding,
    }
}
