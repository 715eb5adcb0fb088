//! Trees with canaries where secrets belong, and nowhere else.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A canary in one of several spellings, some of which need care in YAML.
fn canary() -> impl Strategy<Value = String> {
    ("canary-[0-9a-f]{12}", 0..8u8).prop_map(|(canary, spelling)| match spelling {
        0 => format!("{canary} # 'x': \"y\""),
        1 => format!("{canary}\nsecond-{canary}\n"),
        2 => format!("- {canary}, [x]: {{y}}"),
        3 => format!("*{canary} é\\"),
        _ => canary,
    })
}

fn plain() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[a-z]{1,8}( [a-z]{1,8}){0,3}".prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!("two\nlines\n")),
        Just(json!("")),
    ]
}

fn sensitive_key() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "password",
        "apiKey",
        "API_KEY",
        "hf_token",
        "clientSecret",
        "credentials",
        "Authorization",
        "privateKey",
        "db-passwd",
        "tokens",
    ])
    .prop_map(str::to_owned)
}

fn ordinary_key() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "title",
        "url",
        "args",
        "env",
        "maxTokens",
        "tokenizer",
        "options",
        "items",
        "1",
        "a b",
    ])
    .prop_map(str::to_owned)
}

/// What may stand below a sensitive key: everything in it is secret.
fn secret() -> BoxedStrategy<Value> {
    prop_oneof![
        canary().prop_map(Value::from),
        Just(json!({"name": "my-ref", "key": "entry"})),
        Just(json!({"name": "my-ref", "key": "entry", "namespace": "ns"})),
        Just(json!(true)),
        Just(json!(null)),
        canary().prop_map(|c| json!({"metadataType": "MetadataStringValue", "string_value": c})),
    ]
    .prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(Value::from),
            prop::collection::btree_map("[a-c]{1,2}", inner, 1..3)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
    .boxed()
}

/// A map in a list, told apart by its name.
fn pair() -> impl Strategy<Value = Value> {
    ("[A-Z]{1,3}X_(PASSWORD|TOKEN|API_KEY)", canary(), 0..4u8).prop_map(
        |(name, c, kind)| match kind {
            0 => json!({"name": name, "value": c}),
            1 => json!({"description": "d", "default": c, "name": name}),
            2 => json!({"name": name, "value": "${VARIABLE}", "example": c}),
            _ => json!({"name": name, "string_value": c, "metadataType": "MetadataStringValue"}),
        },
    )
}

fn unique(items: Vec<Value>) -> Value {
    let mut seen = std::collections::HashSet::new();
    items
        .into_iter()
        .filter(|i| seen.insert(i["name"].clone()))
        .collect()
}

fn hints() -> impl Strategy<Value = Value> {
    canary().prop_map(|c| {
        json!([{"name": "needed", "description": "what for", "value": c,
            "keys": [{"key": "api-key", "envVarName": "API_KEY", "required": true}]}])
    })
}

/// A passage with a credential that shows by its shape.
fn passage() -> impl Strategy<Value = Value> {
    "canary-[0-9a-f]{24}".prop_flat_map(|c| {
        prop::sample::select(vec![
            format!("https://svc:{c}@example.net/x"),
            format!("see https://svc:{c}@example.net/ now"),
            format!("--api-key={c}"),
            format!("GET /x?token={c}&y=1"),
            format!("Authorization: Bearer {c}"),
            format!("first\npassword={c}\nlast\n"),
        ])
        .prop_map(Value::from)
    })
}

pub(in crate::redaction::tests) fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        3 => plain(),
        2 => passage(),
        1 => Just(json!({"name": "my-ref", "key": "entry"})),
        2 => prop::collection::vec(pair(), 1..4).prop_map(unique),
    ];
    let member = |inner: BoxedStrategy<Value>| {
        prop_oneof![
            3 => (ordinary_key(), inner),
            3 => (sensitive_key(), secret()),
            1 => (Just("secrets".to_owned()), hints()),
        ]
    };
    let node = leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            3 => prop::collection::vec(member(inner.boxed()), 1..4)
                .prop_map(|m| Value::Object(m.into_iter().collect::<Map<_, _>>())),
        ]
    });
    prop::collection::vec(("[a-z]{3}", node), 1..4)
        .prop_map(|m| Value::Object(m.into_iter().map(|(k, v)| (k, json!({"in": v}))).collect()))
}
