//! Texts that are no YAML.

use super::cost::in_proportion;
use crate::redaction::{MARKER, redact_yaml, restore_yaml};
use crate::yaml::{Limits, parse};

/// Redacts a text made broken by a last line, with `§` for the quoted marker and `¤` for the bare one.
fn shows(text: &str, expected: &str) {
    const BROKEN: &str = "x: : y\n";
    let text = format!("{text}{BROKEN}");
    assert!(parse(&text, &Limits::default()).is_err());
    let shown = redact_yaml(&text);
    let expected = format!("{expected}{BROKEN}");
    assert_eq!(
        shown
            .replace(&format!("\"{MARKER}\""), "§")
            .replace(MARKER, "¤"),
        expected
    );
    assert_eq!(restore_yaml(&shown, Some(&text)), Ok(text));
}

#[test]
fn the_value_of_a_sensitive_key_is_hidden() {
    shows(
        "a: 1\r\npassword: hunter2 # c\r\n",
        "a: 1\r\npassword: § # c\r\n",
    );
    shows("- token: 'it''s' \n", "- token: § \n");
    shows("password: \"a # b\", c\n", "password: §, c\n");
    shows("password: \"a\" b\n", "password: §\n");
    shows("password : &a !!str x\n", "password : &a !!str §\n");
    shows(
        "password: true\ntoken: null\nsecret:\n",
        "password: true\ntoken: null\nsecret:\n",
    );
    shows("API key: abc\n", "API key: §\n");
}

#[test]
fn pairs_on_one_line_are_hidden() {
    shows(
        "{\"password\": \"a\", \"b\": 1, \"token\":\"c\", secret: d}\n",
        "{\"password\": §, \"b\": 1, \"token\":§, secret: §}\n",
    );
    shows(
        "a: {token: {x: 1, y: [2]}, b: 3}\n",
        "a: {token: §, b: 3}\n",
    );
    shows(
        "{\"a\": 1,\n \"password\": 123,\n \"b\": 2}\n",
        "{\"a\": 1,\n \"password\": §\n \"b\": 2}\n",
    );
}

#[test]
fn the_lines_of_a_secret_are_hidden() {
    shows(
        "password: |\n  a: b\n\n  c\nd: e\n",
        "password: |\n  ¤\n\n  ¤\nd: e\n",
    );
    shows("password: a\n  b c\nd: e\n", "password: §\n  ¤\nd: e\n");
    shows("tokens:\n- a\n- b\nc: d\n", "tokens:\n- §\n- §\nc: d\n");
    shows(
        "credentials:\n  user: svc\n  deep:\n    - x\n    - y: |\n        z\nc: d\n",
        "credentials:\n  user: §\n  deep:\n    - §\n    - y: |\n        ¤\nc: d\n",
    );
    shows(
        "- password: \"a\n  b\n  c\"\n- d: e\n",
        "- password: §\n  ¤\n  ¤\n- d: e\n",
    );
    shows(
        "\"token\": {\n  \"a\": \"b\"\n},\n\"c\": 1\n",
        "\"token\": {\n  ¤\n},\n\"c\": 1\n",
    );
}

#[test]
fn the_value_of_a_name_nearby_is_hidden() {
    shows(
        "- name: DB_PASSWORD\n  description: d\n  value: hunter2\n- name: USER\n  value: svc\n",
        "- name: DB_PASSWORD\n  description: d\n  value: §\n- name: USER\n  value: svc\n",
    );
    shows(
        "- value: hunter2\n  name: TOKEN\n- value: x\n",
        "- value: §\n  name: TOKEN\n- value: x\n",
    );
    shows(
        "[{name: TOKEN, value: abc}]\n",
        "[{name: TOKEN, value: §}]\n",
    );
    shows(
        "- name: TOKEN\n  value: <token>\n",
        "- name: TOKEN\n  value: <token>\n",
    );
}

#[test]
fn formats_comments_and_copies_are_hidden() {
    shows(
        "url: https://svc:hunter2@example.net\n",
        "url: https://svc:¤@example.net\n",
    );
    shows(
        "a: 1 # password: x y\n# token=abc123\n",
        "a: 1 # password: §\n# token=¤\n",
    );
    shows(
        "password: hunter2\ncopy: hunter2\n",
        "password: §\ncopy: ¤\n",
    );
    let body = "aB3d".repeat(16);
    let (begin, end) = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----");
    shows(
        &format!("cert: |\n  {begin}\n  {body}\n  {end}\na: b\n"),
        "cert: |\n  ¤\n  ¤\n  ¤\na: b\n",
    );
}

#[test]
fn other_lines_stay() {
    let text = "name: a\ntokenizer: b\nmax_tokens: 5\nreadme: the token: here\n\ttab\n";
    shows(
        text.trim_end_matches("readme: the token: here\n\ttab\n"),
        "name: a\ntokenizer: b\nmax_tokens: 5\n",
    );
    shows("\u{1}\u{feff}binary\r\n", "\u{1}\u{feff}binary\r\n");
}

#[test]
fn a_text_that_is_too_deep_is_hidden_line_by_line() {
    let deep = format!("{}password: hunter2{}\n", "{a: ".repeat(40), "}".repeat(40));
    assert!(!redact_yaml(&deep).contains("hunter2"));
}

#[test]
fn repairing_a_broken_text_keeps_its_secrets() {
    let stored = "password: hunter2\nx: : y\nlist:\n- token: abc\n";
    let shown = redact_yaml(stored);
    let repaired = shown.replace("x: : y", "x: y");
    assert_eq!(
        restore_yaml(&repaired, Some(stored)).unwrap(),
        stored.replace("x: : y", "x: y")
    );
    // A line that is changed itself has nothing to stand for.
    let renamed = repaired.replace("password:", "passwd:");
    assert_eq!(restore_yaml(&renamed, Some(stored)).unwrap_err().len(), 2);
}

#[test]
fn hostile_texts_take_linear_time() {
    for piece in [
        "{a: ",
        "[token: ",
        "password: \"",
        "name: token\n",
        "- ",
        "a: [",
        "token:\n ",
        "x: 'y' z ",
        "\"\": ",
        "key: ",
        "# password: a\n",
        "'token': {",
        "a=b ",
    ] {
        in_proportion(piece, |size| {
            let _ = redact_yaml(&format!("{}\u{1}", piece.repeat(size / piece.len())));
        });
    }
}
