//! What the types say of themselves in an OpenAPI document agrees with what serde reads and writes.
#![cfg(feature = "openapi")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use catalog_api::*;
use poem_openapi::{
    registry::Registry,
    types::{ParseFromJSON, ToJSON, Type},
};
use serde::Serialize;
use serde_json::{Value, json};

fn registry<T: Type>() -> Registry {
    let mut registry = Registry::new();
    T::register(&mut registry);
    registry
}

/// The members that the document names for `T`, the required ones marked.
fn members<T: Type>() -> Vec<String> {
    let registry = registry::<T>();
    let schema = &registry.schemas[&*T::name()];
    let mark = |name: &&str| {
        if schema.required.contains(name) {
            "!"
        } else {
            ""
        }
    };
    schema
        .properties
        .iter()
        .map(|(name, _)| format!("{name}{}", mark(name)))
        .collect()
}

#[track_caller]
fn same_json<T: Serialize + ParseFromJSON + ToJSON>(wire: Value) {
    let value = T::parse_from_json(Some(wire.clone()))
        .map_err(|error| error.into_message())
        .unwrap();
    assert_eq!(value.to_json(), Some(wire.clone()));
    assert_eq!(serde_json::to_value(&value).unwrap(), wire);
}

#[test]
fn requests_are_described_as_serde_reads_them() {
    assert_eq!(
        members::<ApplyRequest>(),
        [
            "source",
            "rawYaml",
            "expectedRevision",
            "message",
            "options"
        ]
    );
    assert_eq!(
        members::<ApplyOptions>(),
        ["dryRun", "refreshAfterApply", "confirmRemovals"]
    );
    assert_eq!(members::<EnableRequest>(), ["enabled!", "expectedRevision"]);
    assert_eq!(
        members::<RollbackRequest>(),
        ["revisionId!", "expectedRevision", "message", "options"]
    );
    assert_eq!(members::<ValidateRequest>(), ["source", "rawYaml"]);
    assert_eq!(
        members::<SourceInput>(),
        [
            "id",
            "name",
            "type",
            "enabled",
            "labels",
            "properties",
            "includedItems",
            "excludedItems"
        ]
    );
}

#[test]
fn both_encoders_write_the_same() {
    same_json::<ApplyRequest>(json!({}));
    same_json::<ApplyRequest>(
        json!({"source": {"id": "a", "type": "yaml", "properties": {"x": [1]}}, "rawYaml": "", "expectedRevision": null,
            "message": "m", "options": {"dryRun": true, "refreshAfterApply": true, "confirmRemovals": 1}}),
    );
    same_json::<Status>(
        json!({"state": "available", "entityCount": 1, "lastRefreshStatus": "success"}),
    );
    same_json::<Problem>(
        json!({"type": "about:blank", "title": "t", "status": 400, "code": "c", "retryAfter": 2}),
    );
    same_json::<Diff>(
        json!({"unified": "", "settings": [{"field": "f", "to": {"a": 1}}], "entities": {"added": [], "changed": [], "removed": []}}),
    );
}
