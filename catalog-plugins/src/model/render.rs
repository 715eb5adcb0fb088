//! The served shape.

use std::sync::Arc;

use catalog_core::model::Entity;
use catalog_core::redaction;
use serde_json::{Map, Value as Json};

use super::{ARTIFACTS, license};
use crate::common::{Asset, into_millis};

/// Turns a checked entry into an entity.
pub(super) fn render(mut asset: Asset<'_>) -> Entity {
    let mut json = std::mem::take(&mut asset.json);
    let artifacts = artifacts(json.remove(ARTIFACTS), &asset);

    json.insert("id".to_owned(), asset.id().to_string().into());
    json.insert("source_id".to_owned(), asset.key.id.as_str().into());
    into_millis(&mut json, asset.written_at);
    for name in ["language", "tasks"] {
        json.entry(name).or_insert_with(|| Json::Array(Vec::new()));
    }
    if let Some(Json::String(name)) = json.get_mut("license") {
        *name = license::readable(name).to_owned();
    }

    let (source, part) = (asset.key.id.as_str(), asset.pool.text(ARTIFACTS));
    let mut entity = asset.entity(json, |mut fields| {
        // The public filter language knows these two by other names than the JSON.
        fields.also_as("libraryName", "library_name");
        fields.also_as("licenseLink", "license_link");
        fields.put_text("source_id", source);
        fields.with_properties()
    });
    entity.parts.insert(part, artifacts);
    entity
}

/// The artifacts as a JSON list, each with an id and times.
fn artifacts(list: Option<Json>, asset: &Asset<'_>) -> Arc<str> {
    let items = match list {
        Some(Json::Array(items)) => items,
        _ => Vec::new(),
    };
    let complete = |(i, item): (usize, Json)| {
        let mut artifact = match item {
            Json::Object(artifact) => artifact,
            _ => Map::new(),
        };
        let id = asset.id_of(&["artifact", &i.to_string()]);
        artifact.insert("id".to_owned(), id.to_string().into());
        into_millis(&mut artifact, asset.written_at);
        Json::Object(artifact)
    };
    let items = Json::Array(items.into_iter().enumerate().map(complete).collect());
    redaction::into_redacted(items).to_string().into()
}
