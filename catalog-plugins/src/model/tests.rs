use catalog_core::model::FieldValue;
use serde_json::{Value as Json, json};

use super::{ARTIFACTS, ModelPlugin};
use crate::common::testing::{Bench, WRITTEN_AT};

fn bench() -> Bench<ModelPlugin> {
    Bench::new(ModelPlugin::new())
}

fn found(text: &str) -> Vec<String> {
    bench().found(text)
}

/// One model with this line in it.
fn model(line: &str) -> Vec<String> {
    found(&format!("models:\n- name: a\n  {line}\n"))
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_model_needs_a_name_of_its_own() {
    assert_eq!(
        found("models:\n- name: a/b\n- name: a/b\n- provider: x\n- name: ''\n"),
        [
            "duplicate-name 3:9: models[1].name: this name is used already, on line 2",
            "required 4:3: models[2].name: is required",
            "required 5:9: models[3].name: must not be blank",
        ]
    );
}

#[test]
fn an_unknown_field_is_refused_when_written_and_forgiven_when_loaded() {
    let text = "models:\n- name: a\n  licence: mit\n  servingConfigs: {a: 1}\n";
    assert_eq!(
        found(text),
        [
            "unknown-field 3:3: models[0].licence: unknown field \"licence\" \
             (did you mean \"license\"?)",
            "unknown-field 4:3: models[0].servingConfigs: unknown field \"servingConfigs\" \
             (did you mean \"servingConfig\"?)",
        ]
    );
    let loaded = bench().load(text).unwrap();
    assert_eq!((loaded.entities.len(), loaded.warnings.len()), (1, 2));
    assert!(bench().json(text).get("licence").is_none());
}

#[test]
fn lists_are_lists() {
    assert_eq!(
        model("language: en"),
        [
            "wrong-type 3:13: models[0].language: must be a list, not text (write it as a list: [ … ])"
        ]
    );
    // Norwegian is no boolean.
    assert_eq!(model("language: [no, en]"), NOTHING);
}

#[test]
fn times_are_milliseconds() {
    assert_eq!(model("createTimeSinceEpoch: 1700000000000"), NOTHING);
    assert_eq!(
        model("createTimeSinceEpoch: 2025-01-31"),
        [
            "bad-format 3:25: models[0].createTimeSinceEpoch: must be milliseconds since 1970 as \
          digits, such as \"1735689600000\""
        ]
    );
}

#[test]
fn artifacts_say_what_and_where_they_are() {
    assert_eq!(
        model("artifacts: [{uri: 'oci://example.com/a:1', name: x}]"),
        NOTHING
    );
    assert_eq!(
        model("artifacts: [{uri: 'ftp://example.com/a'}]"),
        [
            "bad-format 3:21: models[0].artifacts[0].uri: must be a URL with one of the schemes \
          oci, http, https, s3, gs, az, file, hf"
        ]
    );
    assert_eq!(
        model("artifacts: [{name: x}]"),
        ["required 3:15: models[0].artifacts[0].uri: is required"]
    );
    assert_eq!(
        model("artifacts: [{artifactType: metrics-artifact}]"),
        ["required 3:15: models[0].artifacts[0].metricsType: is required"]
    );
    assert_eq!(
        model("artifacts: [{artifactType: metrics-artifact, metricsType: accuracy}]"),
        [
            "not-one-of 3:61: models[0].artifacts[0].metricsType: must be one of performance-metrics, \
          accuracy-metrics; \"accuracy\" is not (did you mean \"accuracy-metrics\"?)"
        ]
    );
    assert_eq!(
        model("artifacts: [{artifactType: metric-artifact}]"),
        [
            "not-one-of 3:30: models[0].artifacts[0].artifactType: must be one of model-artifact, \
          metrics-artifact (did you mean \"metrics-artifact\"?)"
        ]
    );
}

#[test]
fn custom_properties_hold_what_their_type_says() {
    let property = |value: &str| model(&format!("customProperties: {{x: {value}}}"));
    for good in [
        "{metadataType: MetadataStringValue, string_value: ''}",
        "{metadataType: MetadataIntValue, int_value: '-42'}",
        "{metadataType: MetadataIntValue, int_value: 42}",
        "{metadataType: MetadataDoubleValue, double_value: 1}",
        "{metadataType: MetadataBoolValue, bool_value: true}",
    ] {
        assert_eq!(property(good), NOTHING, "{good}");
    }
    assert_eq!(
        property("{metadataType: MetadataIntValue, int_value: '1.5'}"),
        [
            "bad-format 3:69: models[0].customProperties.x.int_value: must be a whole number, such as \
          \"42\""
        ]
    );
    assert_eq!(
        property("{metadataType: MetadataIntValue, string_value: '1'}"),
        [
            "required 3:25: models[0].customProperties.x.int_value: is required",
            "unknown-field 3:58: models[0].customProperties.x.string_value: unknown field \
             \"string_value\" (did you mean metadataType \"MetadataStringValue\"?)",
        ]
    );
    assert_eq!(
        property("plain"),
        ["wrong-type 3:25: models[0].customProperties.x: must be a mapping, not text"]
    );
    assert_eq!(
        property("{int_value: 1}"),
        [
            "warning required 3:25: models[0].customProperties.x.metadataType: is missing; taken as \
          MetadataIntValue from the other fields"
        ]
    );
}

const MODEL: &str = "source: Here\nmodels:\n- name: org/model-1\n  license: Apache-2.0\n  \
    libraryName: transformers\n  labels: [validated]\n  version: 1.10\n  \
    servingConfig: {toolCalling: {toolCallParser: mistral}}\n  \
    customProperties: {gpus: {metadataType: MetadataIntValue, int_value: 8}}\n  \
    artifacts:\n  - {uri: 'oci://example.com/m:1', name: weights, description: The weights}\n  \
    - {artifactType: metrics-artifact, metricsType: accuracy-metrics, \
    createTimeSinceEpoch: '1700000000000'}\n";

#[test]
fn a_model_is_served_without_its_artifacts() {
    let json = bench().json(MODEL);
    let id = json["id"].as_str().unwrap();
    assert_eq!(
        json,
        json!({
            "name": "org/model-1", "id": id, "source_id": "bench",
            "license": "Apache 2.0", "libraryName": "transformers", "version": "1.10",
            "language": [], "tasks": [], "labels": ["validated"],
            "servingConfig": {"toolCalling": {"toolCallParser": "mistral"}},
            "customProperties": {"gpus": {"metadataType": "MetadataIntValue", "int_value": "8"}},
            "createTimeSinceEpoch": WRITTEN_AT, "lastUpdateTimeSinceEpoch": WRITTEN_AT,
        })
    );
}

#[test]
fn artifacts_are_a_part_of_their_own() {
    let loaded = bench().load(MODEL).unwrap();
    let artifacts: Json = serde_json::from_str(&loaded.entities[0].parts[ARTIFACTS]).unwrap();
    assert_eq!(artifacts[0]["artifactType"], "model-artifact");
    assert_eq!(artifacts[0]["name"], "weights");
    assert_eq!(artifacts[0]["createTimeSinceEpoch"], WRITTEN_AT);
    assert_eq!(artifacts[1]["metricsType"], "accuracy-metrics");
    assert_eq!(artifacts[1]["createTimeSinceEpoch"], "1700000000000");
    assert_ne!(artifacts[0]["id"], artifacts[1]["id"]);

    let loaded = bench().load("models: [{name: a}]\n").unwrap();
    assert_eq!(&*loaded.entities[0].parts[ARTIFACTS], "[]");
}

#[test]
fn readers_filter_by_typed_fields() {
    let loaded = bench().load(MODEL).unwrap();
    let fields = &loaded.entities[0].fields;
    let text = |s: &str| FieldValue::Text(s.into());
    for (name, expected) in [
        ("license", text("Apache 2.0")),
        ("libraryName", text("transformers")),
        ("library_name", text("transformers")),
        ("source_id", text("bench")),
        ("gpus", FieldValue::Number(8.0)),
        ("labels", FieldValue::TextList(["validated".into()].into())),
        ("tasks", FieldValue::TextList([].into())),
    ] {
        assert_eq!(fields.get(name), Some(expected.as_ref()), "{name}");
    }
}

#[test]
fn a_bad_artifact_costs_its_model_and_no_other() {
    let text = "models:\n- name: a\n  artifacts:\n  - uri: nowhere\n- name: b\n";
    let loaded = bench().load(text).unwrap();
    assert_eq!(loaded.entities.len(), 1);
    assert_eq!(loaded.failures[0].entity.as_deref(), Some("a"));
    assert_eq!(loaded.failures[0].line, Some(4));
}

#[test]
fn the_older_list_of_exclusions_works_too() {
    let mut bench = bench();
    let list = json!({"excludedModels": ["a*"]});
    bench.settings.properties = serde_json::from_value(list).unwrap();
    assert_eq!(bench.found_in_settings(), NOTHING);
    assert_eq!(bench.names("models: [{name: a1}, {name: b}]\n"), ["b"]);

    let blank = json!({"excludedModels": [" "]});
    bench.settings.properties = serde_json::from_value(blank).unwrap();
    assert_eq!(
        bench.found_in_settings(),
        ["wrong-type properties.excludedModels: must be a list of texts that are not blank"]
    );
}

#[test]
fn a_source_type_that_does_not_load_is_refused() {
    let mut bench = bench();
    bench.settings.source_type = "hf".to_owned();
    assert_eq!(
        bench.found_in_settings(),
        [
            "unsupported-source-type type: sources of type hf (Hugging Face) are not supported yet; \
          must be one of yaml"
        ]
    );
    bench.settings.source_type = "yamll".to_owned();
    assert_eq!(
        bench.found_in_settings(),
        ["unsupported-source-type type: must be one of yaml (did you mean \"yaml\"?)"]
    );
}
