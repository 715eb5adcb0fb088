//! The served shape.

use catalog_core::model::Entity;
use serde_json::{Map, Value as Json};

use super::public::PUBLIC;
use crate::common::{Asset, into_millis, typed};

/// Turns a checked entry into an entity.
pub(super) fn render(mut asset: Asset<'_>) -> Entity {
    let mut json = std::mem::take(&mut asset.json);
    let public = asset.format == PUBLIC.key;
    if public {
        complete_public(&mut json, &asset);
    } else {
        complete_flat(&mut json);
    }
    json.insert("id".to_owned(), asset.id().to_string().into());
    into_millis(&mut json, asset.written_at);
    let source = asset.key.id.as_str();
    asset.entity(json, |mut fields| {
        fields.put_text("source_id", source);
        fields.also_as("name", "base_name");
        fields.members_of("securityIndicators");
        fields.with_properties()
    })
}

/// Readers take a member that is absent and one that is empty for the same.
fn complete_flat(json: &mut Map<String, Json>) {
    json.retain(|_, value| value.as_str() != Some(""));
    if let Some(Json::Object(properties)) = json.get_mut("customProperties") {
        for (_, value) in properties.iter_mut() {
            *value = typed(value.take());
        }
    }
}

/// Fills in what the public shape always has, and what the other format says in its own words.
fn complete_public(json: &mut Map<String, Json>, asset: &Asset<'_>) {
    json.insert("source_id".to_owned(), asset.key.id.as_str().into());
    json.entry("version").or_insert_with(|| "".into());
    for name in ["publishedDate", "lastUpdated"] {
        if let Some(Json::String(date)) = json.get_mut(name) {
            complete_date(date);
        }
    }
    if let Some(Json::Array(tools)) = json.get_mut("tools") {
        tools.iter_mut().for_each(|tool| complete_tool(tool, asset));
    }

    let tools = json
        .get("tools")
        .and_then(Json::as_array)
        .map_or(0, Vec::len);
    json.insert("toolCount".to_owned(), tools.into());
    let derived = [
        ("endpoint", endpoint(json)),
        ("serverUrl", endpoint(json)),
        ("image", image(json)),
        (
            "transportType",
            json.get("transports").and_then(|t| t.get(0)).cloned(),
        ),
        ("supportedTransports", supported(json)),
        (
            "verified",
            json.get("securityIndicators")
                .and_then(|s| s.get("verifiedSource"))
                .cloned(),
        ),
    ];
    for (name, value) in derived {
        if let Some(value) = value {
            json.insert(name.to_owned(), value);
        }
    }
}

/// A bare date as a time, which is what clients read.
fn complete_date(date: &mut String) {
    if date.len() == "2025-01-31".len() {
        date.push_str("T00:00:00Z");
    }
}

fn complete_tool(tool: &mut Json, asset: &Asset<'_>) {
    let Some(tool) = tool.as_object_mut() else {
        return;
    };
    let name = tool.get("name").and_then(Json::as_str).unwrap_or_default();
    let id = asset.id_of(&["tool", name]).to_string();
    tool.insert("id".to_owned(), id.into());
    tool.entry("accessType")
        .or_insert_with(|| "read_only".into());
    let parameters = tool.get_mut("parameters").and_then(Json::as_array_mut);
    for parameter in parameters
        .into_iter()
        .flatten()
        .filter_map(Json::as_object_mut)
    {
        parameter.entry("required").or_insert(Json::Bool(false));
    }
}

fn endpoint(json: &Map<String, Json>) -> Option<Json> {
    let endpoints = json.get("endpoints")?;
    ["http", "sse", "websocket"]
        .iter()
        .find_map(|kind| endpoints.get(*kind))
        .cloned()
}

/// The first container image among the artifacts, as tools for containers write it.
fn image(json: &Map<String, Json>) -> Option<Json> {
    let artifacts = json.get("artifacts")?.as_array()?;
    artifacts
        .iter()
        .find_map(|a| a.get("uri")?.as_str()?.strip_prefix("oci://"))
        .map(Json::from)
}

fn supported(json: &Map<String, Json>) -> Option<Json> {
    let words: Vec<&str> = json
        .get("transports")?
        .as_array()?
        .iter()
        .filter_map(Json::as_str)
        .collect();
    (!words.is_empty()).then(|| words.join(",").into())
}
