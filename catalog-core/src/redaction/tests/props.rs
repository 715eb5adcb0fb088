//! What holds for every tree and every text.

pub(super) mod emit;
pub(super) mod trees;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::model::SecretRef;
use crate::redaction::{
    MARKER, is_sensitive_key, limits, redact_text, redact_value, redact_yaml, restore_value,
    restore_yaml, scan_value, scan_yaml,
};
use crate::yaml::parse;
use emit::emit;
use trees::tree;

fn readable(text: &str) -> bool {
    parse(text, &limits(text)).is_ok()
}

fn read(text: &str) -> Value {
    parse(text, &limits(text)).unwrap().root.to_json()
}

/// Texts made of what matters to the scanners.
fn fragments() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "password",
        "token",
        "name",
        "value",
        "a",
        ": ",
        ":",
        "- ",
        "-",
        "\n",
        "\n  ",
        "\n    ",
        "  ",
        "{",
        "}",
        "[",
        "]",
        ", ",
        "&x ",
        "*x",
        "!!int ",
        "!!str ",
        "|\n",
        ">-\n",
        "|2\n",
        "\"",
        "'",
        "# ",
        " #",
        "=",
        "hunter2",
        "canary-0123456789",
        "12345678",
        "true",
        "\\",
        "\\n",
        "\r\n",
        "\t",
        "\u{feff}",
        "é",
        "🦀",
        "\u{85}",
        "\u{2028}",
        "://",
        "@",
        "svc:",
        "eyJhbGciOi",
        ".",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "AKIA",
        "ghp_",
        "sk-",
        "aB3dE6fG9hJ2kL5mN8pQ1rS4",
        "Bearer ",
        "***REDACTED***",
        "\"***REDACTED***\"",
        "<",
        ">",
        "${",
        "?",
        "? ",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "--token ",
        "&",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_canary_is_shown_and_all_come_back(tree in tree()) {
        let shown = redact_value(&tree);
        prop_assert!(!shown.to_string().contains("canary"), "{shown}");
        prop_assert_eq!(redact_value(&shown), shown.clone());
        prop_assert_eq!(SecretRef::all_in(&shown), SecretRef::all_in(&tree));
        prop_assert_eq!(scan_value(&shown), vec![]);
        prop_assert_eq!(restore_value(&shown, &tree), Ok(tree));
    }

    #[test]
    fn an_edit_of_a_tree_keeps_its_secrets(tree in tree()) {
        let edit = |tree: &Value| {
            let mut tree = tree.clone();
            insert(&mut tree);
            tree
        };
        let shown = edit(&redact_value(&tree));
        prop_assert_eq!(restore_value(&shown, &tree), Ok(edit(&tree)));
    }

    #[test]
    fn in_every_style_no_canary_is_shown_and_every_byte_comes_back(
        tree in tree(), choices in prop::collection::vec(any::<u8>(), 64),
    ) {
        let text = emit(&tree, &choices, true);
        prop_assert!(readable(&text), "{}", text);
        let shown = redact_yaml(&text);
        prop_assert!(!shown.contains("canary"), "{}\n{}", text, shown);
        prop_assert!(readable(&shown), "{}\n{}", text, shown);
        prop_assert!(restore_yaml(&shown, Some(&text)) == Ok(text.clone()));
        let document = parse(&shown, &limits(&shown)).unwrap();
        prop_assert_eq!(scan_yaml(&document), vec![]);
    }

    #[test]
    fn in_every_style_an_edit_keeps_the_secrets(
        tree in tree(), choices in prop::collection::vec(any::<u8>(), 64),
    ) {
        let text = emit(&json!({"other": 1, "list": [{"name": "first", "sub": tree}]}), &choices, true);
        let original = read(&text);
        let shown = redact_yaml(&text);
        // Anew in another style, with another item in front: everything is elsewhere.
        let mut moved = read(&shown);
        moved["other"] = json!(2);
        if let Some(list) = moved["list"].as_array_mut() {
            list.insert(0, json!({"name": "fresh", "x": 1}));
        }
        let restyled = emit(&moved, &choices[1..], false);
        prop_assert_eq!(read(&restyled), moved);
        let restored = restore_yaml(&restyled, Some(&text));
        prop_assert!(restored.is_ok(), "{:?}\n{}\n{}", restored, text, restyled);
        let restored = read(&restored.unwrap());
        prop_assert_eq!(&restored["other"], &json!(2));
        prop_assert_eq!(&restored["list"][1], &original["list"][0]);
    }

    #[test]
    fn any_text_comes_back_and_what_parsed_still_parses(text in fragments()) {
        let shown = redact_yaml(&text);
        prop_assert!(restore_yaml(&shown, Some(&text)) == Ok(text.clone()));
        if readable(&text) {
            prop_assert!(readable(&shown), "{:?}\n{:?}", text, shown);
            let document = parse(&text, &limits(&text)).unwrap();
            let _ = scan_yaml(&document);
        } else {
            prop_assert_eq!(shown.lines().count(), text.lines().count());
        }
    }

    #[test]
    fn any_text_is_redacted_once_and_for_all(text in fragments()) {
        let shown = redact_text(&text);
        prop_assert_eq!(redact_text(&shown), shown);
    }

    #[test]
    fn nothing_panics(text in any::<String>(), other in fragments(), more in fragments()) {
        for text in [&text, &format!("{text}{other}")] {
            let _ = (is_sensitive_key(text), redact_text(text), redact_yaml(text));
            let _ = (restore_yaml(text, Some(&other)), restore_yaml(text, None));
        }
        let _ = (restore_yaml(&other, Some(&more)), restore_yaml(&redact_yaml(&other), Some(&more)));
    }

    #[test]
    fn a_marker_is_never_stored_where_none_was(incoming in fragments(), stored in fragments()) {
        let stored = stored.replace(MARKER, "x");
        if let Ok(saved) = restore_yaml(&incoming, Some(&stored)) {
            prop_assert!(!saved.contains(MARKER), "{:?}\n{:?}", incoming, saved);
        }
    }
}

/// A new key in every map and a new item in front of every list whose items have names.
fn insert(tree: &mut Value) {
    match tree {
        Value::Object(map) => {
            map.values_mut().for_each(insert);
            let reference = map.len() <= 3 && map.contains_key("name") && map.contains_key("key");
            if !reference {
                map.insert("inserted".into(), json!(true));
            }
        }
        Value::Array(items) => {
            items.iter_mut().for_each(insert);
            let named = !items.is_empty() && items.iter().all(|i| i.get("name").is_some());
            if named {
                items.insert(0, json!({"name": "zzz-inserted", "on": false}));
            }
        }
        _ => {}
    }
}
