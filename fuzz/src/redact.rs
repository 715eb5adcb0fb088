//! Hiding secrets and putting them back.

use catalog_core::redaction::{
    MARKER, redact_text, redact_value, redact_yaml, restore_value, restore_yaml, scan_value,
    scan_yaml,
};
use catalog_core::validation::Path;
use catalog_core::yaml::{Limits, edit, parse};
use serde_json::Value as Json;

use super::dice::Dice;
use super::tree::{CANARY, Maker};
use super::yaml::meaning;
use super::{input, write};

const COMMENTS: [&str; 6] = [
    "# just words",
    "#",
    "# password: canary-in-a-comment",
    "# see https://svc:canary1@example.net",
    "# token=canary2 and so on",
    "# - name: DB_PASSWORD",
];

/// Hides what is secret, and puts it back byte for byte; a marker that stands for nothing is never
/// stored.
pub fn redact(data: &[u8]) {
    let mut input = input(data);
    let text = match input.text {
        Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        None => {
            let tree = Maker::with_secrets().map(&mut input.dice, 4);
            let text = write::write(&mut input.dice, &tree, &COMMENTS);
            known(&tree, &text);
            text
        }
    };
    any(&text);
    edited(&text, &mut input.dice);
}

/// A tree whose secrets are known.
fn known(tree: &Json, text: &str) {
    let shown = redact_value(tree);
    assert!(!shown.to_string().contains(CANARY), "{shown}\n{tree}");
    assert_eq!(redact_value(&shown), shown);
    assert_eq!(scan_value(&shown), []);
    assert_eq!(restore_value(&shown, tree).as_ref(), Ok(tree));

    assert_eq!(meaning(text).as_ref(), Some(tree), "{text}");
    let shown = redact_yaml(text);
    assert!(!shown.contains(CANARY), "{shown}\n{text}");
    let read = parse(&shown, &Limits::default());
    let read = read.unwrap_or_else(|e| panic!("{e}\n{shown}\n{text}"));
    assert_eq!(scan_yaml(&read), []);
    for key in ["new", "password2"] {
        let marked = edit::set(
            &shown,
            &Path::root().key(key),
            &MARKER.into(),
            &Limits::default(),
        );
        if let Ok(marked) = marked {
            assert!(
                restore_yaml(&marked, Some(text)).is_err(),
                "{marked}\n{text}"
            );
        }
    }
}

/// What holds for every text.
fn any(text: &str) {
    let shown = redact_yaml(text);
    let back = restore_yaml(&shown, Some(text));
    assert_eq!(back.as_deref(), Ok(text), "shown {shown:?}");
    assert_eq!(restore_yaml(text, Some(text)).as_deref(), Ok(text));
    if let Some(tree) = meaning(text) {
        let read = meaning(&shown);
        assert!(
            read.is_some(),
            "what is shown of {text:?} is no YAML: {shown:?}"
        );
        // What is no YAML may be once its secrets are hidden, and is then looked at otherwise.
        assert_eq!(redact_yaml(&shown), shown, "not once and for all: {text:?}");
        let shown = redact_value(&tree);
        assert_eq!(redact_value(&shown), shown, "not once and for all: {tree}");
        assert_eq!(restore_value(&shown, &tree).as_ref(), Ok(&tree));
    } else {
        assert_eq!(
            shown.lines().count(),
            text.lines().count(),
            "{text:?}\n{shown:?}"
        );
    }
    let passage = redact_text(text);
    assert_eq!(
        redact_text(&passage),
        passage,
        "not once and for all: {text:?}"
    );
}

/// Somebody edits what is shown, in whatever way.
fn edited(text: &str, dice: &mut Dice<'_>) {
    const PIECES: [&str; 14] = [
        MARKER,
        "\"***REDACTED***\"",
        "\"\\x2a**REDACTED***\"",
        "'***REDACTED***'",
        "\n",
        "  ",
        ": ",
        "- ",
        "#",
        "|\n",
        "a: ",
        "password: ",
        "\"",
        ",",
    ];
    let mut incoming: Vec<char> = redact_yaml(text).chars().collect();
    for _ in 0..=dice.below(4) {
        let at = (dice.below(256) * 256 + dice.below(256)) % (incoming.len() + 1);
        if dice.once_in(3) {
            let end = incoming.len().min(at + 1 + dice.below(40));
            incoming.drain(at..end);
        } else {
            incoming.splice(at..at, dice.one(&PIECES).chars());
        }
    }
    let incoming: String = incoming.into_iter().collect();
    // A text that has the marker itself has it back.
    let stored_has = text.contains(MARKER) || meaning(text).is_some_and(|tree| has_marker(&tree));
    for stored in [Some(text).filter(|_| !stored_has), None] {
        let saved = restore_yaml(&incoming, stored);
        if stored.is_some() {
            super::tally("redact: an edit of what is shown is taken", saved.is_ok());
        }
        if let Ok(saved) = saved {
            assert!(!saved.contains(MARKER), "{incoming:?}\n{saved:?}\n{text:?}");
            let tree = meaning(&saved);
            assert!(
                !tree.is_some_and(|tree| has_marker(&tree)),
                "{incoming:?}\n{saved:?}\n{text:?}"
            );
        }
    }
}

fn has_marker(tree: &Json) -> bool {
    match tree {
        Json::String(text) => text.contains(MARKER),
        Json::Array(items) => items.iter().any(has_marker),
        Json::Object(map) => map
            .iter()
            .any(|(key, value)| key.contains(MARKER) || has_marker(value)),
        _ => false,
    }
}
