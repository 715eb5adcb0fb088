//! What is secret in a tree.

use serde_json::{Value, json};

use crate::redaction::{MARKER, redact_value, restore_value, scan_value};

fn shows(value: Value, expected: Value) {
    let shown = redact_value(&value);
    assert_eq!(shown, expected);
    assert_eq!(redact_value(&shown), shown, "once is enough");
    assert_eq!(restore_value(&shown, &value), Ok(value));
    assert_eq!(scan_value(&shown), []);
}

fn paths(value: &Value) -> Vec<String> {
    scan_value(value)
        .iter()
        .map(|h| h.path.to_string())
        .collect()
}

#[test]
fn texts_and_numbers_of_sensitive_keys_are_hidden_at_any_depth() {
    shows(
        json!({"password": "a", "a": {"apiKey": 12, "list": [{"token": 1.5}]}}),
        json!({"password": MARKER, "a": {"apiKey": MARKER, "list": [{"token": MARKER}]}}),
    );
}

#[test]
fn booleans_nulls_and_empty_texts_stay() {
    let value = json!({"password": true, "token": null, "secret": "", "apiKey": "  "});
    shows(value.clone(), value);
}

#[test]
fn everything_below_a_sensitive_key_is_hidden() {
    shows(
        json!({"credentials": {"user": "svc", "deep": [1, {"x": "y", "on": false}]}, "tokens": ["a", "b"]}),
        json!({"credentials": {"user": MARKER, "deep": [MARKER, {"x": MARKER, "on": false}]}, "tokens": [MARKER, MARKER]}),
    );
}

#[test]
fn references_to_secrets_stay() {
    let value = json!({
        "token": {"name": "my-secret", "key": "token"},
        "passwords": [{"name": "s", "key": "k", "namespace": "n"}],
        "apiKeyEnvVar": "API_KEY",
        "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": true}},
    });
    shows(value.clone(), value);
}

#[test]
fn what_is_more_than_a_reference_is_none() {
    shows(
        json!({"token": {"name": "s", "key": "k", "value": "v"}, "secret": {"name": "", "key": "k"}}),
        json!({"token": {"name": MARKER, "key": MARKER, "value": MARKER}, "secret": {"name": "", "key": MARKER}}),
    );
}

#[test]
fn hints_which_secrets_are_needed_stay() {
    shows(
        json!({"secrets": [
            {"name": "s", "description": "d", "mountAsFile": false, "mountPath": "/m", "value": "v",
             "keys": [{"key": "api-key", "envVarName": "API_KEY", "required": true, "default": "v"}]},
            "v",
        ]}),
        json!({"secrets": [
            {"name": "s", "description": "d", "mountAsFile": false, "mountPath": "/m", "value": MARKER,
             "keys": [{"key": "api-key", "envVarName": "API_KEY", "required": true, "default": MARKER}]},
            MARKER,
        ]}),
    );
    // Only a list holds hints.
    shows(
        json!({"secrets": {"name": "v"}}),
        json!({"secrets": {"name": MARKER}}),
    );
}

#[test]
fn a_value_beside_a_sensitive_name_is_hidden_unless_it_is_a_placeholder() {
    shows(
        json!({"env": [
            {"name": "DB_PASSWORD", "value": "hunter2"},
            {"key": "api-key", "default": 12345, "description": "d"},
            {"name": "TOKEN", "defaultValue": "a", "example": "b", "string_value": "c"},
            {"name": "DB_PASSWORD", "value": "${DB_PASSWORD}", "example": "<password>", "default": "changeme"},
            {"name": "DB_USER", "value": "svc"},
        ]}),
        json!({"env": [
            {"name": "DB_PASSWORD", "value": MARKER},
            {"key": "api-key", "default": MARKER, "description": "d"},
            {"name": "TOKEN", "defaultValue": MARKER, "example": MARKER, "string_value": MARKER},
            {"name": "DB_PASSWORD", "value": "${DB_PASSWORD}", "example": "<password>", "default": "changeme"},
            {"name": "DB_USER", "value": "svc"},
        ]}),
    );
}

#[test]
fn a_value_after_its_flag_is_hidden_unless_it_is_a_placeholder() {
    shows(
        json!({"args": ["--port", "8080", "--api-key", "hunter2", "--token", "$TOKEN", "--password=hunter2"]}),
        json!({"args": ["--port", "8080", "--api-key", MARKER, "--token", "$TOKEN", format!("--password={MARKER}")]}),
    );
}

#[test]
fn typed_values_are_hidden_and_keep_their_type() {
    shows(
        json!({"customProperties": {
            "api_token": {"metadataType": "MetadataStringValue", "string_value": "hunter2"},
            "license": {"metadataType": "MetadataStringValue", "string_value": "mit"},
        }}),
        json!({"customProperties": {
            "api_token": {"metadataType": "MetadataStringValue", "string_value": MARKER},
            "license": {"metadataType": "MetadataStringValue", "string_value": "mit"},
        }}),
    );
}

#[test]
fn copies_of_a_secret_are_hidden() {
    shows(
        json!({
            "password": "hunter2", "token": "a-long-enough-secret", "secret": "abc", "apiKey": 12345678,
            "copy": "hunter2", "text": "with a-long-enough-secret inside", "number": 12345678,
            "not": ["hunter22", "with hunter2 inside", "abc"],
        }),
        json!({
            "password": MARKER, "token": MARKER, "secret": MARKER, "apiKey": MARKER,
            "copy": MARKER, "text": format!("with {MARKER} inside"), "number": MARKER,
            "not": ["hunter22", "with hunter2 inside", "abc"],
        }),
    );
}

#[test]
fn common_words_are_no_copies() {
    shows(
        json!({"token": {"a": "string"}, "type": "string", "password": "${PASSWORD}", "x": "${PASSWORD}"}),
        json!({"token": {"a": MARKER}, "type": "string", "password": MARKER, "x": "${PASSWORD}"}),
    );
}

#[test]
fn what_looks_like_a_reference_and_is_random_is_a_secret_with_copies() {
    shows(
        json!({"password": "$kD8vavX6jS1Zq", "x": "$kD8vavX6jS1Zq", "y": "${input:apiKey2}"}),
        json!({"password": MARKER, "x": MARKER, "y": "${input:apiKey2}"}),
    );
}

#[test]
fn what_says_what_a_secret_is_like_stays() {
    shows(
        json!({"properties": {
            "password": {"type": "string", "format": "password", "minLength": 8,
                "description": "The password of the user", "default": "hunter2"},
            "token": {"type": "Hunter2", "description": "hunter2", "title": ["a b"]},
        }}),
        json!({"properties": {
            "password": {"type": "string", "format": "password", "minLength": 8,
                "description": "The password of the user", "default": MARKER},
            "token": {"type": MARKER, "description": MARKER, "title": [MARKER]},
        }}),
    );
}

#[test]
fn a_thing_with_a_sensitive_name_is_no_secret_but_its_value_is() {
    shows(
        json!({"tools": {"get_token": {"name": "get_token", "description": "Gets it", "x": {"y": "z"}, "default": "hunter2"}}}),
        json!({"tools": {"get_token": {"name": "get_token", "description": "Gets it", "x": {"y": "z"}, "default": MARKER}}}),
    );
    // Below a secret everything is secret, whatever it is called.
    shows(
        json!({"credentials": {"svc": {"name": "svc", "x": "hunter2"}}}),
        json!({"credentials": {"svc": {"name": MARKER, "x": MARKER}}}),
    );
}

#[test]
fn a_credential_in_a_key_is_hidden_and_keys_stay_different() {
    let key = |n: u8| format!("https://svc:hunter{n}@example.net");
    let hidden = format!("https://svc:{MARKER}@example.net");
    shows(
        json!({key(1): 1, key(2): {"token": 2}}),
        json!({&hidden: 1, format!("{hidden} (2)"): {"token": MARKER}}),
    );
}

#[test]
fn a_scan_tells_where_credentials_are_but_not_where_placeholders_are() {
    let value = json!({
        "password": "hunter2", "token": "<token>", "url": "https://svc:hunter2@example.net",
        "a": [{"name": "API_KEY", "value": "abc123"}], "secretRef": {"name": "a", "key": "b"},
    });
    assert_eq!(paths(&value), ["password", "url", "a[0].value"]);
    assert_eq!(scan_value(&value)[1].kind, "password in a URL");
    let key = json!({"https://svc:hunter2@example.net": 1});
    assert_eq!(paths(&key), [format!("https://svc:{MARKER}@example.net")]);
}

#[test]
fn a_marker_with_nothing_to_stand_for_is_stray() {
    let stray = |incoming: Value, stored: Value| -> Vec<String> {
        let error = restore_value(&incoming, &stored).unwrap_err();
        error.iter().map(|s| s.path.to_string()).collect()
    };
    assert_eq!(stray(json!({"password": MARKER}), json!({})), ["password"]);
    assert_eq!(stray(json!({"a": MARKER}), json!({"a": "b"})), ["a"]);
    assert_eq!(
        stray(
            json!({"a": format!("x{MARKER}")}),
            json!({"a": {"password": "b"}})
        ),
        ["a"]
    );
    assert_eq!(
        stray(json!({"b": {"password": MARKER}}), json!({"password": "x"})),
        ["b.password"]
    );
    assert_eq!(stray(json!({MARKER: 1}), json!({"x": 1})), [MARKER]);
    assert_eq!(
        stray(
            json!({"password": format!("{MARKER} ")}),
            json!({"password": "x"})
        ),
        ["password"]
    );
}

#[test]
fn a_literal_marker_that_is_stored_at_the_place_stays() {
    let value = json!({"password": MARKER, "a": format!("about {MARKER}")});
    assert_eq!(restore_value(&value, &value), Ok(value.clone()));
}

#[test]
fn what_comes_back_gets_its_secret_wherever_its_item_went() {
    let stored = json!({"env": [
        {"name": "A_TOKEN", "value": "aaa"}, {"name": "B_TOKEN", "value": "bbb"}, {"name": "C", "value": "c"},
    ]});
    let incoming = json!({"env": [
        {"name": "NEW", "value": "n"}, {"name": "C", "value": "c2"},
        {"name": "B_TOKEN", "value": MARKER, "more": 1}, {"name": "A_TOKEN", "value": MARKER},
    ]});
    let expected = json!({"env": [
        {"name": "NEW", "value": "n"}, {"name": "C", "value": "c2"},
        {"name": "B_TOKEN", "value": "bbb", "more": 1}, {"name": "A_TOKEN", "value": "aaa"},
    ]});
    assert_eq!(restore_value(&incoming, &stored), Ok(expected));
}

#[test]
fn items_that_cannot_be_told_apart_never_swap_their_secrets() {
    let stored = json!({"tokens": ["aaa", "bbb"], "list": [{"password": "x"}, {"password": "y"}]});
    let shorter = json!({"tokens": [MARKER], "list": [{"password": MARKER}]});
    let stray = restore_value(&shorter, &stored).unwrap_err();
    assert_eq!(stray.len(), 2);
    let longer = json!({"tokens": [MARKER, MARKER, "c"], "list": [{"password": MARKER}, {"password": MARKER}]});
    let expected =
        json!({"tokens": ["aaa", "bbb", "c"], "list": [{"password": "x"}, {"password": "y"}]});
    assert_eq!(restore_value(&longer, &stored), Ok(expected));
    let same_name =
        json!({"a": [{"name": "n", "password": MARKER}, {"name": "n", "password": MARKER}]});
    let stored = json!({"a": [{"name": "n", "password": "x"}, {"name": "n", "password": "y"}]});
    assert_eq!(restore_value(&same_name, &stored), Ok(stored));
}

#[test]
fn an_item_with_a_new_name_keeps_its_secret_when_it_is_the_only_one() {
    let item = |name: &str, password: &str| json!({"name": name, "password": password});
    let stored = json!([item("a", "x"), item("b", "y")]);
    let incoming = json!([item("a", MARKER), item("new", MARKER)]);
    let expected = json!([item("a", "x"), item("new", "y")]);
    assert_eq!(restore_value(&incoming, &stored), Ok(expected));
    for unclear in [
        json!([item("new", MARKER), item("newer", MARKER)]),
        json!([item("new", MARKER), item("a", MARKER)]),
        json!([item("a", MARKER), item("b", MARKER), item("new", MARKER)]),
        json!([item("new", MARKER)]),
    ] {
        assert!(restore_value(&unclear, &stored).is_err(), "{unclear}");
    }
}
