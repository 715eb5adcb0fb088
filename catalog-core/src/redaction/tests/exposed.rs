//! What was hidden stays hidden, unless somebody types it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::props::{emit::emit, trees::tree};
use crate::redaction::{
    MARKER, Secrets, StrayCause, StrayMarker, limits, redact_value, redact_yaml, restore_value,
    restore_yaml,
};
use crate::yaml::parse;

/// The markers of the edited text that would stand for something visible.
fn visible(stored: &str, edit: impl Fn(String) -> String) -> Vec<(String, u32, u32)> {
    let shown = redact_yaml(stored);
    let edited = edit(shown.clone());
    assert_ne!(shown, edited, "{shown}");
    let strays = restore_yaml(&edited, Some(stored)).unwrap_err();
    let told = |stray: &StrayMarker| {
        assert_eq!(stray.cause, StrayCause::Visible);
        let place = stray.position.map_or((0, 0), |p| (p.line, p.column));
        (stray.path.to_string(), place.0, place.1)
    };
    strays.iter().map(told).collect()
}

#[test]
fn a_value_whose_name_is_no_secret_any_more_is_not_put_back() {
    let stored = "env:\n  - {name: DB_PASSWORD, description: d, defaultValue: hunter2-x}\n";
    let path = "env[0].defaultValue".to_owned();
    let found = visible(stored, |t| t.replace("DB_PASSWORD", "DB_LOGIN"));
    assert_eq!(found, [(path, 2, 52)]);
    let tree = json!({"env": [{"name": "DB_PASSWORD", "defaultValue": "hunter2-x"}]});
    let renamed = json!({"env": [{"name": "DB_LOGIN", "defaultValue": MARKER}]});
    let strays = restore_value(&renamed, &tree).unwrap_err();
    assert_eq!(strays[0].path.to_string(), "env[0].defaultValue");
    // Another secret's name hides it as well.
    let renamed = json!({"env": [{"name": "DB_TOKEN", "defaultValue": MARKER}]});
    assert!(restore_value(&renamed, &tree).is_ok());
}

#[test]
fn a_value_whose_flag_is_no_secret_any_more_is_not_put_back() {
    let found = visible("args: [--token, hunter2-x]\n", |t| {
        t.replace("--token", "--host")
    });
    assert_eq!(found, [("args[1]".to_owned(), 1, 16)]);
    let broken = "args:\n- --token\n- hunter2-x\nx: : y\n";
    let found = visible(broken, |t| {
        t.replace("--token", "--host").replace(": : ", ": ")
    });
    assert_eq!(found[0].0, "args[1]");
}

#[test]
fn a_copy_is_not_put_back_when_what_it_copies_goes() {
    let stored = "password: Xa9-Xa9-Xa9-Xa9\nabout: use Xa9-Xa9-Xa9-Xa9 here\nn: 1\n";
    let line = format!("password: \"{MARKER}\"\n");
    let found = visible(stored, |t| t.replace(&line, ""));
    assert_eq!(found, [("about".to_owned(), 1, 8)]);
    // Somebody who types it may show it; and a copy goes with what it copies.
    let typed = "about: use Xa9-Xa9-Xa9-Xa9 here\nn: 2\n";
    assert_eq!(restore_yaml(typed, Some(stored)).unwrap(), typed);
    let gone = format!("password: \"{MARKER}\"\nabout: nothing\nn: 1\n");
    assert!(restore_yaml(&gone, Some(stored)).is_ok());
}

#[test]
fn a_copy_is_not_put_back_when_the_secret_of_the_settings_goes() {
    let (before, after) = (
        json!({"token": "k3y-k3y-k3y-k3y"}),
        json!({"token": "other"}),
    );
    let (before, after) = (Secrets::of([&before], []), Secrets::of([&after], []));
    let stored = "note: k3y-k3y-k3y-k3y # or k3y-k3y-k3y-k3y\na: 1\n";
    let shown = before.redact_yaml(stored);
    for edited in [shown.clone(), shown.replace("a: 1", "a: 2")] {
        assert!(before.restore_yaml(&edited, Some(stored)).is_ok());
        let strays = before.restore_yaml_beside(&after, &edited, Some(stored));
        assert_eq!(strays.unwrap_err().len(), 2);
    }
}

#[test]
fn what_hides_in_comments_keys_aliases_and_blocks_stays_hidden() {
    // The comment above says what the one below is.
    let stored = "# - name: DB_PASSWORD\n#   value: hunter2-x\na: 1\n";
    let found = visible(stored, |t| t.replace("DB_PASSWORD", "DB_LOGIN"));
    assert_eq!(found, [(String::new(), 2, 1)]);
    let found = visible("a: &p hunter2-x\npassword: *p\n", |t| {
        t.replace("password", "login")
    });
    assert_eq!(found, [("a".to_owned(), 1, 7), ("login".to_owned(), 2, 8)]);
    let stored = "- name: a_token\n  value: | # why\n    x\n    y\n# z\n";
    let found = visible(stored, |t| t.replace("a_token", "login"));
    assert_eq!(found, [("[0].value".to_owned(), 2, 10)]);
    let edited = redact_yaml(stored).replace("# z", "# zz");
    assert!(
        restore_yaml(&edited, Some(stored)).is_ok(),
        "the head's comment comes along"
    );
    let stored = "{\"https://bob:hunter2@example.net\": 1, b: 2}\n";
    let edited = redact_yaml(stored).replace("b: 2", "\"https://bob:s3cret9@example.net\": 2");
    assert!(
        restore_yaml(&edited, Some(stored)).is_ok(),
        "keys are numbered anew"
    );
}

/// Edits of every kind that types no secret.
fn disturb(tree: &mut Value, dice: &mut impl FnMut(usize) -> usize) {
    match tree {
        Value::Object(map) => {
            let old = std::mem::take(map);
            for (n, (key, mut value)) in old.into_iter().enumerate() {
                disturb(&mut value, dice);
                match dice(12) {
                    0 => {}
                    1 => drop(map.insert(format!("renamed{n}"), value)),
                    2 => drop(map.insert(["name", "value", "key"][dice(3)].to_owned(), value)),
                    _ => drop(map.insert(key, value)),
                }
            }
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|item| disturb(item, dice));
            if !items.is_empty() {
                let (a, b) = (dice(items.len()), dice(items.len()));
                match dice(5) {
                    0 => drop(items.remove(a)),
                    1 => items.swap(a, b),
                    2 => items.insert(a, json!("--host")),
                    _ => {}
                }
            }
        }
        Value::String(text) if !text.contains(MARKER) && dice(4) == 0 => "other".clone_into(text),
        _ => {}
    }
}

fn dice(choices: &[u8]) -> impl FnMut(usize) -> usize {
    let mut rolls = choices.iter().cycle().scan(7_usize, |sum, roll| {
        *sum = sum.wrapping_mul(31).wrapping_add(usize::from(*roll));
        Some(*sum >> 3)
    });
    move |sides| rolls.next().unwrap_or(0) % sides
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_was_hidden_in_a_tree_is_hidden_afterwards_unless_it_is_typed(
        tree in tree(), copies in any::<bool>(), choices in prop::collection::vec(any::<u8>(), 48),
    ) {
        let tree = match copies {
            true => json!({"tree": &tree, "copy": secret_of(&tree), "end": 1}),
            false => tree,
        };
        let mut edited = redact_value(&tree);
        disturb(&mut edited, &mut dice(&choices));
        prop_assert!(!edited.to_string().contains("canary"));
        if let Ok(saved) = restore_value(&edited, &tree) {
            let shown = redact_value(&saved);
            prop_assert!(!shown.to_string().contains("canary"), "{}\n{}\n{}", tree, edited, shown);
        }
    }

    #[test]
    fn what_was_hidden_in_a_text_is_hidden_afterwards_unless_it_is_typed(
        tree in tree(), choices in prop::collection::vec(any::<u8>(), 64),
    ) {
        let stored = emit(&json!({"copy": secret_of(&tree), "sub": tree}), &choices, true);
        let shown = redact_yaml(&stored);
        let mut edited = parse(&shown, &limits(&shown)).unwrap().root.to_json();
        disturb(&mut edited, &mut dice(&choices));
        let edited = emit(&edited, &choices[1..], false);
        if let Ok(saved) = restore_yaml(&edited, Some(&stored)) {
            let shown = redact_yaml(&saved);
            prop_assert!(!shown.contains("canary"), "{}\n{}\n{}", stored, edited, shown);
        }
        // Lines are taken out of the text as it is.
        let mut roll = dice(&choices);
        let lines: Vec<&str> = shown.split_inclusive('\n').filter(|_| roll(6) > 0).collect();
        if let Ok(saved) = restore_yaml(&lines.concat(), Some(&stored)) {
            let shown = redact_yaml(&saved);
            prop_assert!(!shown.contains("canary"), "{}\n{}\n{}", stored, lines.concat(), shown);
        }
    }
}

/// A copy of something that is hidden in a tree.
fn secret_of(tree: &Value) -> Value {
    match tree {
        Value::String(text) if text.contains("canary") => json!(format!("as {text} says")),
        Value::Array(items) => items.iter().map(secret_of).find(|v| !v.is_null()).into(),
        Value::Object(map) => map.values().map(secret_of).find(|v| !v.is_null()).into(),
        _ => Value::Null,
    }
}
