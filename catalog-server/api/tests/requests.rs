//! The JSON of what callers send, and what `Debug` must not show of it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use catalog_api::*;
use serde_json::{Value, json};

fn apply(body: Value) -> ApplyRequest {
    serde_json::from_value(body).unwrap()
}

#[test]
fn expected_revision_tells_left_out_from_null_from_a_string() {
    let cases = [
        (json!({}), Expected::Unstated),
        (json!({"expectedRevision": null}), Expected::Absent),
        (
            json!({"expectedRevision": "3-9f86d081884c"}),
            Expected::Revision("3-9f86d081884c".into()),
        ),
    ];
    for (wire, meaning) in cases {
        let request = apply(wire.clone());
        assert_eq!(request.expected_revision, meaning);
        assert_eq!(serde_json::to_value(&request).unwrap(), wire);
    }
}

#[test]
fn options_left_out_have_their_defaults() {
    let defaults = ApplyOptions {
        dry_run: false,
        refresh_after_apply: true,
        confirm_removals: 0,
    };
    assert_eq!(apply(json!({})).options(), defaults);
    assert_eq!(apply(json!({"options": {}})).options(), defaults);
    let some = apply(json!({"options": {"dryRun": true, "confirmRemovals": 12}})).options();
    assert_eq!(
        some,
        ApplyOptions {
            dry_run: true,
            confirm_removals: 12,
            ..defaults
        }
    );
}

#[test]
fn every_member_of_a_source_is_optional() {
    let empty: SourceInput = serde_json::from_value(json!({})).unwrap();
    assert_eq!(empty, SourceInput::default());
    assert_eq!(serde_json::to_value(&empty).unwrap(), json!({}));
    let wire = json!({"id": "a", "name": "A", "type": "yaml", "enabled": false, "labels": ["x"],
        "properties": {"n": {"deep": [1, null]}}, "includedItems": ["i"], "excludedItems": ["e"]});
    let full: SourceInput = serde_json::from_value(wire.clone()).unwrap();
    assert_eq!(serde_json::to_value(&full).unwrap(), wire);
}

#[test]
fn the_other_requests() {
    let wire = json!({"enabled": true, "expectedRevision": null});
    let enable: EnableRequest = serde_json::from_value(wire.clone()).unwrap();
    assert!(enable.enabled);
    assert_eq!(serde_json::to_value(&enable).unwrap(), wire);
    assert!(serde_json::from_value::<EnableRequest>(json!({})).is_err());

    let wire = json!({"revisionId": "1-a", "expectedRevision": "2-b", "message": "back",
        "options": {"dryRun": true, "refreshAfterApply": false, "confirmRemovals": 0}});
    let rollback: RollbackRequest = serde_json::from_value(wire.clone()).unwrap();
    assert!(rollback.options().dry_run);
    assert_eq!(serde_json::to_value(&rollback).unwrap(), wire);

    let wire = json!({"source": {"id": "a"}, "rawYaml": "a: 1\n"});
    let validate: ValidateRequest = serde_json::from_value(wire.clone()).unwrap();
    assert_eq!(serde_json::to_value(&validate).unwrap(), wire);
}

#[test]
fn debug_shows_no_value_that_may_be_a_secret() {
    let body =
        json!({"source": {"properties": {"token": "hunter2"}}, "rawYaml": "password: hunter2"});
    let request = apply(body.clone());
    let validate: ValidateRequest = serde_json::from_value(body).unwrap();
    for shown in [format!("{request:?}"), format!("{validate:#?}")] {
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("<1>"), "{shown}");
        assert!(shown.contains("<17 bytes>"), "{shown}");
    }
}
