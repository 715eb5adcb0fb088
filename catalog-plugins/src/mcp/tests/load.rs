use catalog_core::model::FieldValue;
use serde_json::json;

use super::{NOTHING, bench, found};
use crate::common::testing::WRITTEN_AT;

#[test]
fn versions_of_a_server_stand_side_by_side() {
    let text = "mcp_servers:\n- {name: a, version: 2.0}\n- {name: a, version: 1.0}\n";
    assert_eq!(found(text), NOTHING);
    assert_eq!(bench().names(text), ["a", "a@1.0"]);
    assert_eq!(
        found("mcp_servers:\n- {name: a, version: 1.0}\n- {name: a, version: '1.0'}\n"),
        [
            "duplicate-name 3:10: mcp_servers[1].name: this name and version are used already, on line 2"
        ]
    );
}

#[test]
fn a_bad_server_does_not_take_the_others_along() {
    let text = "mcpservers:\n\
                - {name: good, deploymentMode: local}\n\
                - {name: bad, deploymentMode: hybrid, toolCount: -1}\n\
                - {name: good, deploymentMode: remote, endpoint: 'https://example.com'}\n\
                - {deploymentMode: local}\n";
    let loaded = bench().load(text).unwrap();
    assert_eq!(loaded.entities.len(), 1);
    let failures: Vec<_> = loaded
        .failures
        .iter()
        .map(|f| (f.entity.as_deref(), f.line, f.message.as_str()))
        .collect();
    assert_eq!(
        failures,
        [
            (
                Some("bad"),
                Some(3),
                "mcpservers[1].deploymentMode: must be one of local, remote; \"hybrid\" is not; \
                 mcpservers[1].toolCount: must be from 0 to 2147483647"
            ),
            (
                Some("good"),
                Some(4),
                "mcpservers[2].name: this name is used already, on line 2"
            ),
            (None, Some(5), "mcpservers[3].name: is required"),
        ]
    );
}

#[test]
fn a_load_that_yields_nothing_fails() {
    for (text, message) in [
        ("", "the content is empty"),
        ("- 1\n", "the content must be a mapping"),
        ("mcpserver: []\n", "the content has no list of entries"),
        (
            "mcpservers: []\nservers: []\n",
            "servers: stands beside \"mcpservers\"; a content has one list",
        ),
    ] {
        assert_eq!(bench().load(text).unwrap_err().to_string(), message);
    }
    assert_eq!(bench().names("mcpservers: []\n"), [""; 0]);
}

#[test]
fn filters_take_names_and_leave_out_names() {
    let mut bench = bench();
    bench.settings.included_items = vec!["KUBE*".to_owned()];
    bench.settings.excluded_items = vec!["*-draft".to_owned()];
    let text = "servers:\n- {name: kubernetes, deploymentMode: local}\n\
                - {name: kube-draft, deploymentMode: nonsense}\n- {name: other, bad: 1}\n";
    assert_eq!(bench.names(text), ["kubernetes"]);
    assert_eq!(bench.load(text).unwrap().failures, []);
}

#[test]
fn the_flat_format_is_served_as_an_mcp_server() {
    let json = bench().json(
        "mcpservers:\n- name: weather\n  deploymentMode: local\n  transportType: STDIO\n  \
         toolCount: 3\n  verified: true\n  logo: ''\n  provider: ~\n  \
         customProperties: {tier: gold, seats: 5, ratio: 0.5, on: true, \
         typed: {metadataType: MetadataIntValue, int_value: 7}}\n",
    );
    let id = json["id"].as_str().unwrap();
    assert!(id.parse::<i64>().unwrap() > 0);
    assert_eq!(
        json,
        json!({
            "name": "weather", "id": id, "deploymentMode": "local", "transportType": "stdio",
            "toolCount": 3, "verified": true,
            "createTimeSinceEpoch": WRITTEN_AT, "lastUpdateTimeSinceEpoch": WRITTEN_AT,
            "customProperties": {
                "tier": {"metadataType": "MetadataStringValue", "string_value": "gold"},
                "seats": {"metadataType": "MetadataIntValue", "int_value": "5"},
                "ratio": {"metadataType": "MetadataDoubleValue", "double_value": 0.5},
                "on": {"metadataType": "MetadataBoolValue", "bool_value": true},
                "typed": {"metadataType": "MetadataIntValue", "int_value": "7"},
            },
        })
    );
}

const PUBLIC: &str = "mcp_servers:\n- name: weather\n  version: 1.10\n  publishedDate: 2025-01-31\n  \
    createTimeSinceEpoch: '1700000000000'\n  transports: [http, sse]\n  tags: [a, b]\n  \
    endpoints: {sse: 'https://example.com/sse', http: 'https://example.com/mcp'}\n  \
    artifacts: [{uri: 'oci://example.com/weather:1'}]\n  \
    securityIndicators: {verifiedSource: true}\n  \
    tools: [{name: forecast, parameters: [{name: place, type: string}]}]\n";

#[test]
fn the_public_format_is_served_with_what_it_implies() {
    let json = bench().json(PUBLIC);
    for (name, expected) in [
        ("version", json!("1.10")),
        ("publishedDate", json!("2025-01-31T00:00:00Z")),
        ("source_id", json!("bench")),
        ("createTimeSinceEpoch", json!("1700000000000")),
        ("lastUpdateTimeSinceEpoch", json!(WRITTEN_AT)),
        ("toolCount", json!(1)),
        ("endpoint", json!("https://example.com/mcp")),
        ("transportType", json!("http")),
        ("supportedTransports", json!("http,sse")),
        ("image", json!("example.com/weather:1")),
        ("verified", json!(true)),
    ] {
        assert_eq!(json[name], expected, "{name}");
    }
    let tool = &json["tools"][0];
    assert_eq!(tool["accessType"], "read_only");
    assert_eq!(tool["parameters"][0]["required"], false);
    assert!(tool["id"].is_string());
}

#[test]
fn readers_filter_by_typed_fields() {
    let loaded = bench().load(PUBLIC).unwrap();
    let fields = &loaded.entities[0].fields;
    let text = |s: &str| FieldValue::Text(s.into());
    for (name, expected) in [
        ("name", text("weather")),
        ("base_name", text("weather")),
        ("source_id", text("bench")),
        ("toolCount", FieldValue::Number(1.0)),
        ("verified", FieldValue::Bool(true)),
        ("verifiedSource", FieldValue::Bool(true)),
        ("securityIndicators.verifiedSource", FieldValue::Bool(true)),
        (
            "tags",
            FieldValue::TextList(["a".into(), "b".into()].into()),
        ),
        ("createTimeSinceEpoch", FieldValue::Number(1.7e12)),
    ] {
        assert_eq!(fields.get(name), Some(expected.as_ref()), "{name}");
    }
}

#[test]
fn a_field_that_is_not_known_costs_a_public_server_nothing_at_load() {
    let text = "mcp_servers:\n- {name: a, newerField: 1}\n";
    assert_eq!(found(text).len(), 1);
    let loaded = bench().load(text).unwrap();
    assert_eq!((loaded.entities.len(), loaded.warnings.len()), (1, 1));
}

#[test]
fn ids_are_stable_and_differ_by_name() {
    let one = bench().json("servers: [{name: a}]\n");
    let again = bench().json("# moved\nservers:\n- name: a\n  description: changed\n");
    let other = bench().json("servers: [{name: b}]\n");
    assert_eq!(one["id"], again["id"]);
    assert_ne!(one["id"], other["id"]);
}

#[test]
fn an_inline_secret_is_neither_served_nor_found_by_a_filter() {
    let text = "mcpservers:\n- name: a\n  deploymentMode: local\n  \
                customProperties: {apiKey: canary-one, password: 1234567}\n  \
                description: see https://svc:canary-two@example.com\n";
    let loaded = bench().load(text).unwrap();
    let entity = &loaded.entities[0];
    let everything = format!("{} {:?}", entity.json, entity.fields);
    assert!(
        !everything.contains("canary") && !everything.contains("1234567"),
        "{everything}"
    );
}
