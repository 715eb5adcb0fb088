//! From an edit to the document that it asks for.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::diff::secrets_of;
use super::read::shown;
use crate::error::CatalogError;
use crate::model::{Edit, SettingsPatch, SourceDocument, SourceKey, SourceSettings};
use crate::ports::StoredSource;
use crate::redaction::{self, Secrets, StrayCause, StrayMarker};
use crate::validation::{Finding, Findings, Layer, Place};

/// The document that an edit asks for, and what is wrong with the request itself.
pub(super) struct Wanted {
    pub(super) document: SourceDocument,
    pub(super) findings: Vec<Finding>,
}

/// Applies an edit to what is stored, with the redacted values put back, unless it cannot fit into
/// `limit` bytes.
///
/// # Errors
/// [`CatalogError::Malformed`] when the edit names another source.
pub(super) fn wanted(
    key: &SourceKey,
    edit: &Edit,
    stored: Option<&StoredSource>,
    limit: u64,
    content_properties: impl FnOnce() -> Map<String, Value>,
) -> Result<Wanted, CatalogError> {
    let mut findings = Vec::new();
    // Whatever its markers stand for: it is refused, and need not be looked at.
    let too_large = least_size(edit) > limit;
    let before = stored.map(|s| &s.document);
    let mut settings = match before {
        Some(before) => before.settings.clone(),
        None => SourceSettings::new("", ""),
    };
    if let Some(patch) = &edit.settings {
        if patch.id.as_ref().is_some_and(|id| *id != key.id.as_str()) {
            let message = format!("source.id must be {:?}, as in the path", key.id.as_str());
            return Err(CatalogError::Malformed(message));
        }
        // What is not sent is what was seen: it must not become visible by what is.
        settings = match too_large {
            true => patched(settings, patch),
            false => restored(patched(shown(&settings), patch), before, &mut findings),
        };
    }
    let content = match too_large {
        true => edit.content.clone(),
        false => content(edit, before, &settings, &mut findings),
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
    before: Option<&SourceDocument>,
    findings: &mut Vec<Finding>,
) -> SourceSettings {
    let before = match before {
        Some(before) => serde_json::to_value(&before.settings).unwrap_or_default(),
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
            findings.extend(named(&stray, Place::Settings));
            settings
        }
    }
}

/// The content that an edit asks for, with the stored secrets in the place of their markers. Bytes that
/// are no text hold no marker.
fn content(
    edit: &Edit,
    before: Option<&SourceDocument>,
    settings: &SourceSettings,
    findings: &mut Vec<Finding>,
) -> Option<Arc<[u8]>> {
    fn text(content: &Option<Arc<[u8]>>) -> Option<&str> {
        std::str::from_utf8(content.as_deref()?).ok()
    }
    let stored = before.and_then(|b| text(&b.content));
    let hidden = before.map_or_else(Secrets::default, |b| secrets_of(&b.settings));
    let hides = secrets_of(settings);
    match (&edit.content, stored) {
        (Some(new), _) => {
            let Some(typed) = text(&edit.content) else {
                return Some(new.clone());
            };
            match hidden.restore_yaml_beside(&hides, typed, stored) {
                Ok(text) => Some(Arc::from(text.as_bytes())),
                Err(stray) => {
                    findings.extend(named(&stray, Place::Content));
                    Some(new.clone())
                }
            }
        }
        (None, stored) => {
            // A copy of a secret of the settings must not become visible because that goes.
            if let Some(stored) = stored.filter(|_| !hides.includes(&hidden)) {
                let seen = hidden.redact_yaml(stored);
                if let Err(stray) = hidden.restore_yaml_beside(&hides, &seen, Some(stored)) {
                    findings.extend(named(&stray, Place::Content));
                }
            }
            before.and_then(|b| b.content.clone())
        }
    }
}

/// The findings that stray markers stand for, up to a number.
fn named(strays: &[StrayMarker], place: Place) -> Vec<Finding> {
    let mut findings = Findings::new(Layer::Semantic, place);
    let marker = redaction::MARKER;
    for stray in strays {
        let (message, suggestion) = match stray.cause {
            StrayCause::Visible => (
                format!(
                    "what {marker} stands for here would become visible: what hid it is not in the \
                     new document"
                ),
                "write the value itself if it may be seen, or a secret reference, or take it out",
            ),
            _ => (
                format!("{marker} stands here for a stored value, but there is none at this place"),
                "write the value, or a secret reference",
            ),
        };
        findings
            .error(
                &stray.path,
                stray.position,
                "stray-redaction-marker",
                message,
            )
            .suggestion = Some(suggestion.to_owned());
    }
    findings.into_vec()
}

/// What the document that an edit asks for takes at least, in bytes: its markers may stand for
/// nothing much, everything else is there to stay.
pub(super) fn least_size(edit: &Edit) -> u64 {
    fn least(text: &[u8]) -> usize {
        let markers = String::from_utf8_lossy(text)
            .matches(redaction::MARKER)
            .count();
        // With its quotes.
        text.len()
            .saturating_sub(markers * (redaction::MARKER.len() + 2))
    }
    let content = edit.content.as_deref().map_or(0, least);
    let patch = edit.settings.as_ref().map(|patch| {
        let lists = [&patch.labels, &patch.included_items, &patch.excluded_items];
        serde_json::to_vec(&(&patch.properties, lists)).unwrap_or_default()
    });
    content.max(patch.as_deref().map_or(0, least)) as u64
}
