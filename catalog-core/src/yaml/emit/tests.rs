use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{Limits, parse};
use super::*;

fn read(text: &str) -> Value {
    match parse(text, &Limits::default()) {
        Ok(document) => document.root.to_json(),
        Err(error) => panic!("{error}: {text:?}"),
    }
}

#[test]
fn text_is_plain_only_where_no_reader_takes_it_for_anything_else() {
    for text in [
        "a",
        "two words",
        "./data/x.yaml",
        "../x",
        "a:b",
        "a#b",
        "https://host/x?y=1&z",
        "v1.2",
        "org/model-7b*",
        "3 blind mice",
        "über",
        "it's",
        "1h",
        "nope",
        "C:\\x",
    ] {
        assert_eq!(emit_scalar(&json!(text)), text);
    }
    for text in [
        "",
        " a",
        "a ",
        "yes",
        "No",
        "ON",
        "y",
        "true",
        "NULL",
        "~",
        "1",
        "1.10",
        "017",
        "0x1f",
        "1e3",
        "1_000",
        "0b1",
        "1:30",
        "2024-01-01",
        "2024-01-01T10:00:00Z",
        ".5",
        ".inf",
        "+.inf",
        "-x",
        "- a",
        "-",
        "?",
        ": x",
        "a: b",
        "a:",
        "a #b",
        "#a",
        "&a",
        "*",
        "*/x",
        "!a",
        "|",
        ">",
        "'a'",
        "\"a\"",
        "%a",
        "@a",
        "`a",
        "[a",
        "{a",
        "a, b",
        "---",
        "...",
        "<<",
        "=",
    ] {
        assert_eq!(emit_scalar(&json!(text)), format!("{:?}", text), "{text}");
    }
}

#[test]
fn what_people_cannot_see_is_escaped() {
    for (text, expected) in [
        ("a\u{1}b", "\"a\\u0001b\""),
        ("a\tb\r\n", "\"a\\tb\\r\\n\""),
        (
            "\u{85}\u{2028}\u{2029}\u{feff}",
            "\"\\u0085\\u2028\\u2029\\ufeff\"",
        ),
        ("a\u{202e}b", "\"a\\u202eb\""),
        ("\u{e0041}", "\"\\udb40\\udc41\""),
        ("\u{7f}\\\"", "\"\\u007f\\\\\\\"\""),
    ] {
        assert_eq!(emit_scalar(&json!(text)), expected);
        assert_eq!(read(expected), json!(text));
    }
}

#[test]
fn collections_are_indented_by_two() {
    let value = json!({
        "a": {"b": {"c": 1}, "d": []},
        "e": [{"f": "x", "g": [1, [2, 3]]}, {}],
        "h": "one\n\n  two\n",
        "i": "one\ntwo",
        "j": "one\n\n",
        "k": null,
    });
    let expected = "  a:
    b:
      c: 1
    d: []
  e:
    - f: x
      g:
        - 1
        - - 2
          - 3
    - {}
  h: |
    one

      two
  i: |-
    one
    two
  j: \"one\\n\\n\"
  k: null
";
    assert_eq!(emit_block(&value, 2), expected);
    assert_eq!(read(expected), value);
}

#[test]
fn a_key_too_long_for_an_implicit_key_is_written_as_an_explicit_one() {
    let value = json!({"k".repeat(3000): {"k".repeat(1022): [1]}, "z": 1});
    assert_eq!(read(&emit_block(&value, 0)), value);
    assert_eq!(read(&emit_flow(&value)), value);
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~\n\t]{0,12}",
        "[-+.0-9:_eExob ]{1,6}",
        "[\u{0}-\u{1f}\u{7f}-\u{a0}\u{2028}\u{2029}\u{feff}\u{fffe}a\n]{0,6}",
        "([ab #:|>-]{0,4}\n){0,4}",
        Just("yes".to_owned()),
    ]
}

/// Finite numbers as JSON has them; whole numbers beyond 64 bits (signed) are floats in YAML.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        proptest::num::f64::NORMAL.prop_map(Value::from),
        Just(json!(-0.0)),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any_text(), inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_value_reads_back_as_it_was(
        value in any_value(),
        indent in 0usize..5,
        step in 1usize..5,
        list_step in 0usize..5,
        dash in 2usize..5,
        values in prop_oneof![Just(Quotes::AsNeeded), Just(Quotes::Single), Just(Quotes::Double)],
        keys in prop_oneof![Just(Quotes::AsNeeded), Just(Quotes::Single), Just(Quotes::Double)],
    ) {
        prop_assert_eq!(&read(&emit_flow(&value)), &value);
        prop_assert!(!emit_flow(&value).contains('\n'));
        let text = emit_block(&value, indent);
        prop_assert_eq!(&read(&text), &value, "{}", text);
        let style = Style { step, list_step, dash, values, keys };
        let mut text = " ".repeat(indent);
        block(&mut text, &value, indent, style);
        prop_assert_eq!(&read(&text), &value, "{}", text);
        prop_assert_eq!(&read(&text.replace('\n', "\r\n")), &value, "{}", text);
        let mut text = String::new();
        flow(&mut text, &value, Style { values: Quotes::Double, keys: Quotes::Double, ..style });
        prop_assert_eq!(&read(&text), &value);
    }

    #[test]
    fn double_quoted_flow_style_is_json(value in any_value()) {
        let mut text = String::new();
        let style = Style { values: Quotes::Double, keys: Quotes::Double, ..Style::default() };
        flow(&mut text, &value, style);
        prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok(), "{}", text);
    }
}
