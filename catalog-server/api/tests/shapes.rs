//! The JSON of every shape, pinned: what is sent, and that it reads back as it was.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use catalog_api::*;
use chrono::{DateTime, TimeZone, Utc};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 20, 12, 0, 0).unwrap()
}

/// Both ways: `value` is sent as `wire`, and `wire` is read as `value`.
#[track_caller]
fn both_ways<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: T, wire: Value) {
    assert_eq!(serde_json::to_value(&value).unwrap(), wire);
    assert_eq!(serde_json::from_value::<T>(wire).unwrap(), value);
}

fn source() -> Source {
    Source {
        id: "team-a".into(),
        name: "Team A".into(),
        kind: "yaml".into(),
        enabled: true,
        labels: vec!["gold".into()],
        properties: [("yamlCatalogPath".to_owned(), json!("a.yaml"))].into(),
        included_items: vec!["git*".into()],
        excluded_items: vec![],
    }
}

fn source_wire() -> Value {
    json!({"id": "team-a", "name": "Team A", "type": "yaml", "enabled": true, "labels": ["gold"],
        "properties": {"yamlCatalogPath": "a.yaml"}, "includedItems": ["git*"], "excludedItems": []})
}

fn view() -> SourceView {
    SourceView {
        source: source(),
        revision: "3-9f86d081884c".into(),
        origin: "sources.yaml".into(),
        editable: true,
        has_content: true,
        status: Status::new(SourceState::Loading, 0),
    }
}

fn view_wire() -> Value {
    json!({"source": source_wire(), "revision": "3-9f86d081884c", "origin": "sources.yaml", "editable": true,
        "hasContent": true, "status": {"state": "loading", "entityCount": 0}})
}

fn merged(mut base: Value, more: Value) -> Value {
    let members = more.as_object().unwrap().clone();
    base.as_object_mut().unwrap().extend(members);
    base
}

fn finding() -> Finding {
    Finding {
        layer: "strict_fields".into(),
        severity: Severity::Error,
        code: "unknown-field".into(),
        message: "unknown field".into(),
        field: Some("mcpservers[2].transportTyp".into()),
        pointer: Some("/mcpservers/2/transportTyp".into()),
        line: Some(7),
        column: Some(3),
        suggestion: Some("transportType".into()),
    }
}

fn finding_wire() -> Value {
    json!({"layer": "strict_fields", "severity": "error", "code": "unknown-field", "message": "unknown field",
        "field": "mcpservers[2].transportTyp", "pointer": "/mcpservers/2/transportTyp", "line": 7, "column": 3,
        "suggestion": "transportType"})
}

fn refresh() -> RefreshResult {
    RefreshResult {
        source_id: "team-a".into(),
        status: RefreshOutcome::Error,
        entities_loaded: 5,
        entities_removed: 1,
        started_at: noon(),
        finished_at: noon(),
        duration_ms: 12,
        error: Some("one entity failed".into()),
        failures: vec![
            RefreshFailure {
                entity: Some("x".into()),
                message: "no url".into(),
                line: Some(9),
            },
            RefreshFailure {
                entity: None,
                message: "no name".into(),
                line: None,
            },
        ],
    }
}

fn refresh_wire() -> Value {
    json!({"sourceId": "team-a", "status": "error", "entitiesLoaded": 5, "entitiesRemoved": 1,
        "startedAt": "2026-11-20T12:00:00Z", "finishedAt": "2026-11-20T12:00:00Z", "durationMs": 12, "error": "one entity failed",
        "failures": [{"entity": "x", "message": "no url", "line": 9}, {"message": "no name"}]})
}

fn revision() -> Revision {
    Revision {
        id: "1-9f86d081884c".into(),
        sequence: 1,
        created_at: noon(),
        author: "operator".into(),
        message: None,
        size: 42,
        digest: "sha256:00".into(),
        kind: RevisionKind::External,
        current: true,
    }
}

fn revision_wire() -> Value {
    json!({"id": "1-9f86d081884c", "sequence": 1, "createdAt": "2026-11-20T12:00:00Z", "author": "operator", "size": 42,
        "digest": "sha256:00", "kind": "external", "current": true})
}

#[test]
fn a_source_and_its_view() {
    both_ways(source(), source_wire());
    both_ways(view(), view_wire());
    both_ways(
        SourceList::from(vec![view()]),
        json!({"items": [view_wire()], "size": 1}),
    );
}

#[test]
fn the_detail_of_a_source_always_has_raw_yaml() {
    let metadata = SourceMetadata {
        updated_at: noon(),
        author: "operator".into(),
        message: Some("first".into()),
        size: 42,
        digest: "sha256:00".into(),
    };
    let metadata_wire = json!({"updatedAt": "2026-11-20T12:00:00Z", "author": "operator", "message": "first", "size": 42,
        "digest": "sha256:00"});
    let detail = |raw_yaml: Option<&str>| SourceDetail {
        view: view(),
        raw_yaml: raw_yaml.map(Into::into),
        metadata: metadata.clone(),
    };
    for text in [Some("a: 1\n"), None] {
        let wire = json!({"rawYaml": text, "metadata": metadata_wire});
        both_ways(detail(text), merged(view_wire(), wire));
    }
}

#[test]
fn a_full_status() {
    let status = Status {
        revision: Some("3-9f86d081884c".into()),
        last_refresh_time: Some(noon()),
        last_refresh_status: Some(RefreshOutcome::Success),
        last_refresh_summary: Some("Loaded 6 entities".into()),
        last_error: Some("was broken".into()),
        entities_loaded: Some(6),
        entities_removed: Some(0),
        duration_ms: Some(3),
        ..Status::new(SourceState::Available, 6)
    };
    both_ways(
        status,
        json!({"state": "available", "entityCount": 6, "revision": "3-9f86d081884c",
            "lastRefreshTime": "2026-11-20T12:00:00Z", "lastRefreshStatus": "success", "lastRefreshSummary": "Loaded 6 entities",
            "lastError": "was broken", "entitiesLoaded": 6, "entitiesRemoved": 0, "durationMs": 3}),
    );
}

#[test]
fn a_validation_report() {
    let report = ValidationReport {
        valid: false,
        errors: vec![finding()],
        warnings: vec![],
        layer_results: vec![LayerResult {
            layer: "yaml_parse".into(),
            valid: true,
            skipped: false,
            errors: vec![],
        }],
    };
    both_ways(
        report,
        json!({"valid": false, "errors": [finding_wire()], "warnings": [],
            "layerResults": [{"layer": "yaml_parse", "valid": true, "skipped": false, "errors": []}]}),
    );
}

#[test]
fn revisions_and_a_tombstone() {
    both_ways(
        RevisionList::from(vec![revision()]),
        json!({"items": [revision_wire()], "size": 1}),
    );
    let full = RevisionDetail {
        revision: revision(),
        source: Some(source()),
        raw_yaml: Some("a: 1\n".into()),
    };
    both_ways(
        full,
        merged(
            revision_wire(),
            json!({"source": source_wire(), "rawYaml": "a: 1\n"}),
        ),
    );
    let tombstone = RevisionDetail {
        revision: revision(),
        source: None,
        raw_yaml: None,
    };
    both_ways(
        tombstone,
        merged(revision_wire(), json!({"source": null, "rawYaml": null})),
    );
}

#[test]
fn the_result_of_an_apply() {
    let diff = Diff {
        from: Some("1-aaaaaaaaaaaa".into()),
        to: None,
        unified: "-a\n+b\n".into(),
        settings: vec![FieldChange {
            field: "enabled".into(),
            from: None,
            to: Some(json!(true)),
        }],
        entities: EntityChanges {
            added: vec!["x".into()],
            ..EntityChanges::default()
        },
    };
    let result = ApplyResult {
        revision: "2-bbbbbbbbbbbb".into(),
        previous_revision: Some("1-aaaaaaaaaaaa".into()),
        created: false,
        changed: true,
        dry_run: true,
        rolled_back_to: Some("1-aaaaaaaaaaaa".into()),
        warnings: vec![finding()],
        diff,
        refresh: Some(refresh()),
        status: Some(Status::new(SourceState::Disabled, 0)),
    };
    both_ways(
        result,
        json!({"revision": "2-bbbbbbbbbbbb", "previousRevision": "1-aaaaaaaaaaaa", "created": false, "changed": true,
            "dryRun": true, "rolledBackTo": "1-aaaaaaaaaaaa", "warnings": [finding_wire()],
            "diff": {"from": "1-aaaaaaaaaaaa", "unified": "-a\n+b\n", "settings": [{"field": "enabled", "to": true}],
                "entities": {"added": ["x"], "changed": [], "removed": []}},
            "refresh": refresh_wire(), "status": {"state": "disabled", "entityCount": 0}}),
    );
    both_ways(
        DeleteResult {
            revision: "2-b".into(),
        },
        json!({"revision": "2-b"}),
    );
}

#[test]
fn refreshes_plugins_and_diagnostics() {
    both_ways(
        RefreshList::from(vec![refresh()]),
        json!({"items": [refresh_wire()], "size": 1}),
    );
    let plugin = PluginView {
        name: "model".into(),
        version: "v1alpha1".into(),
        description: "Models".into(),
        config_key: "models".into(),
        source_types: vec!["yaml".into()],
        entity_kinds: vec!["Model".into()],
        healthy: true,
    };
    both_ways(
        PluginList::from_iter([plugin]),
        json!({"items": [{"name": "model", "version": "v1alpha1", "description": "Models", "configKey": "models",
            "sourceTypes": ["yaml"], "entityKinds": ["Model"], "healthy": true}], "size": 1}),
    );
    let diagnostics = Diagnostics {
        plugin: "mcp".into(),
        sources: vec![SourceDiagnostics {
            id: "team-a".into(),
            state: SourceState::Error,
            entity_count: 5,
            failures: refresh().failures,
            findings: vec![finding()],
            last_refresh: Some(refresh()),
            last_error: None,
        }],
        errors: vec![DiagnosticError {
            source_id: Some("team-a".into()),
            message: "one entity failed".into(),
        }],
    };
    both_ways(
        diagnostics,
        json!({"plugin": "mcp", "sources": [{"id": "team-a", "state": "error", "entityCount": 5,
            "failures": refresh_wire()["failures"], "findings": [finding_wire()], "lastRefresh": refresh_wire()}],
            "errors": [{"sourceId": "team-a", "message": "one entity failed"}]}),
    );
}

#[test]
fn a_problem_in_full() {
    let mut problem = Problem::new(409, "Conflict", "version-conflict");
    both_ways(
        problem.clone(),
        json!({"type": "about:blank", "title": "Conflict", "status": 409, "code": "version-conflict"}),
    );
    problem.detail = Some("changed meanwhile".into());
    problem.instance = Some("urn:request:1".into());
    problem.findings = Some(vec![finding()]);
    problem.errors = Some(vec![MemberError {
        pointer: "/optoins".into(),
        message: "unknown member".into(),
        suggestion: Some("options".into()),
    }]);
    problem.current = Some("2-b".into());
    problem.limit = Some(1);
    problem.actual = Some(2);
    problem.removals = Some(vec!["x".into()]);
    problem.retry_after = Some(3);
    both_ways(
        problem,
        json!({"type": "about:blank", "title": "Conflict", "status": 409, "detail": "changed meanwhile",
            "code": "version-conflict", "instance": "urn:request:1", "findings": [finding_wire()],
            "errors": [{"pointer": "/optoins", "message": "unknown member", "suggestion": "options"}],
            "current": "2-b", "limit": 1, "actual": 2, "removals": ["x"], "retryAfter": 3}),
    );
}
