//! Edited texts that come back.

use crate::redaction::{MARKER, redact_yaml, restore_yaml};

/// Redacts, edits, restores.
fn edited(stored: &str, edit: impl Fn(String) -> String) -> String {
    let incoming = edit(redact_yaml(stored));
    restore_yaml(&incoming, Some(stored)).unwrap()
}

fn stray(incoming: &str, stored: Option<&str>) -> Vec<(String, u32, u32)> {
    let error = restore_yaml(incoming, stored).unwrap_err();
    let place = |p: Option<crate::yaml::Position>| p.map_or((0, 0), |p| (p.line, p.column));
    error
        .iter()
        .map(|s| (s.path.to_string(), place(s.position).0, place(s.position).1))
        .collect()
}

const STORED: &str = "\
# token: abc # keep
servers:
  - name: a
    env:
      - {name: A_TOKEN, value: 'aaa'}   # first
    key: |
      secret: no
    password: >-
      long
      secret
  - name: b
    password: 0123
    url: https://svc:hunter2@example.net
";

#[test]
fn an_edit_elsewhere_leaves_every_other_byte() {
    let insert = "  - name: new\n    password: fresh\n  - name: a\n";
    let edit = |t: &str| {
        t.replacen("  - name: a\n", insert, 1)
            .replace("# first", "# 1st")
    };
    assert_eq!(edited(STORED, |t| edit(&t)), edit(STORED));
    let remove = |t: &str| {
        t.replacen("url: ", "link: x # ", 0)
            .replace("  - name: b\n    password: 0123\n", "  - name: b\n")
    };
    let expected = STORED.replace("    password: 0123\n", "");
    let actual = edited(STORED, |t| {
        t.replace(
            &format!("  - name: b\n    password: \"{MARKER}\"\n"),
            "  - name: b\n",
        )
    });
    assert_eq!((actual, remove(STORED)), (expected.clone(), expected));
}

#[test]
fn a_block_scalar_that_moves_to_where_it_does_not_fit_is_quoted() {
    let stored = "a:\n  password: |\n    x\n    y\n";
    let incoming = format!("a: {{password: \"{MARKER}\"}}\n");
    assert_eq!(
        restore_yaml(&incoming, Some(stored)).unwrap(),
        "a: {password: \"x\\ny\\n\"}\n"
    );
    let incoming = format!("a:\n        password: \"{MARKER}\" # why\n        b: 1\n");
    assert_eq!(
        restore_yaml(&incoming, Some(stored)).unwrap(),
        "a:\n        password: \"x\\ny\\n\" # why\n        b: 1\n"
    );
}

#[test]
fn only_the_secret_that_does_not_fit_is_quoted() {
    let stored = "password: |\n  x\n  y\ntoken:   'a'\nsecret: a, b\n";
    let incoming =
        format!("{{password: \"{MARKER}\", token: \"{MARKER}\", secret: \"{MARKER}\"}}\n");
    assert_eq!(
        restore_yaml(&incoming, Some(stored)).unwrap(),
        "{password: \"x\\ny\\n\", token: 'a', secret: \"a, b\"}\n"
    );
}

#[test]
fn quotes_around_a_marker_do_not_matter() {
    let incoming = format!("password: '{MARKER}'\na: 2\n");
    let restored = restore_yaml(&incoming, Some("password: hunter2\na: 1\n"));
    assert_eq!(restored.unwrap(), "password: hunter2\na: 2\n");
}

#[test]
fn comments_get_their_secrets_in_order() {
    let stored = "# token: aaa\na: 1\n# token: bbb\nb: 2\n";
    assert_eq!(
        edited(stored, |t| t.replace("a: 1", "# new\na: 3")),
        "# token: aaa\n# new\na: 3\n# token: bbb\nb: 2\n"
    );
    let shown = format!("# token: \"{MARKER}\"\n");
    assert_eq!(stray(&shown, None), [(String::new(), 1, 1)]);
    assert_eq!(stray(&shown.repeat(3), Some(stored)).len(), 1);
}

#[test]
fn aliases_keep_their_anchors() {
    let stored = "a: &p hunter2\npassword: *p\nb: 1\n";
    assert_eq!(
        edited(stored, |t| t.replace("b: 1", "b: 2")),
        stored.replace("b: 1", "b: 2")
    );
    let stored = "x: &m {password: abc}\ny: *m\n";
    assert_eq!(
        edited(stored, |t| format!("{t}z: *m\n")),
        format!("{stored}z: *m\n")
    );
}

#[test]
fn a_credential_in_a_key_comes_back() {
    let stored = "https://svc:hunter2@example.net: 1\nb: 2\n";
    assert_eq!(
        edited(stored, |t| t.replace("b: 2", "b: 3")),
        stored.replace("b: 2", "b: 3")
    );
}

#[test]
fn a_marker_with_nothing_to_stand_for_is_named_with_its_place() {
    let text = format!("a: x\nb:\n  - password: \"{MARKER}\"\n  - \"{MARKER}\"\n");
    let expected = [("b[0].password".into(), 3, 15), ("b[1]".into(), 4, 5)];
    assert_eq!(stray(&text, None), expected);
    assert_eq!(stray(&text, Some("password: hunter2\n")), expected);
    assert_eq!(stray(&text, Some(": : :\n\t- broken")), expected);
    assert_eq!(
        stray(&format!("a: &x{MARKER} 1\n"), Some("a: 1\n")),
        [(String::new(), 1, 6)]
    );
    assert_eq!(
        stray("a: \"\\x2a**REDACTED***\"\n", Some("a: 1\n")),
        [("a".into(), 1, 4)]
    );
    assert_eq!(
        stray(&format!("\"{MARKER}\": 1\n"), Some("a: 1\n")),
        [(MARKER.into(), 1, 1)]
    );
}

#[test]
fn a_literal_marker_that_is_stored_at_the_place_stays() {
    let stored = format!("a: about {MARKER}\n# {MARKER}\npassword: hunter2\nb: 1\n");
    let expected = stored.replace("b: 1", "b: 2");
    assert_eq!(edited(&stored, |t| t.replace("b: 1", "b: 2")), expected);
    assert_eq!(restore_yaml(&stored, Some(&stored)).unwrap(), stored);
    assert_eq!(
        stray(&format!("c: about {MARKER}\n"), Some(&stored)).len(),
        1
    );
}

#[test]
fn a_text_without_markers_is_taken_as_it_is() {
    for text in ["", "a: 1\n", ": broken [\n", "a: \"\\n\"\n"] {
        assert_eq!(restore_yaml(text, None).unwrap(), text);
        assert_eq!(restore_yaml(text, Some("password: x\n")).unwrap(), text);
    }
}

#[test]
fn a_broken_text_with_markers_names_each() {
    let text = format!("a: [\n  \"{MARKER}\", {MARKER}\n");
    let expected = [(String::new(), 2, 4), (String::new(), 2, 21)];
    assert_eq!(stray(&text, Some("a: 1\n")), expected);
}
