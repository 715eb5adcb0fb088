//! What is hidden in a YAML text, byte for byte.

use crate::redaction::{MARKER, redact_yaml, restore_yaml, scan_yaml};
use crate::yaml::{Limits, parse};

/// Redacts, with `§` for the quoted marker and `¤` for the bare one.
fn shows(text: &str, expected: &str) {
    let shown = redact_yaml(text);
    assert_eq!(
        shown
            .replace(&format!("\"{MARKER}\""), "§")
            .replace(MARKER, "¤"),
        expected
    );
    assert!(parse(&shown, &Limits::default()).is_ok(), "{shown}");
    assert!(restore_yaml(&shown, Some(text)).unwrap() == text);
}

#[test]
fn just_the_value_is_replaced() {
    shows(
        "\u{feff}a: 1 \r\npassword:   hunter2   # why\r\nb: x\r\n",
        "\u{feff}a: 1 \r\npassword:   §   # why\r\nb: x\r\n",
    );
    shows("token: 'it''s'\nk: v\n", "token: §\nk: v\n");
    shows("token: \"a\\nb\"", "token: §");
    shows("token: 1.10\n", "token: §\n");
    shows("token: a\n  b\n  c\nk: v\n", "token: §\nk: v\n");
    shows(
        "{token: abc, \"password\":\"x\", k: [1]}\n",
        "{token: §, \"password\":§, k: [1]}\n",
    );
    shows(
        "tokens: [a, 'b']\npasswords:\n- x\n- y: z\n",
        "tokens: [§, §]\npasswords:\n- §\n- y: §\n",
    );
    shows("token:\n  hunter2\nk: v\n", "token:\n  §\nk: v\n");
}

#[test]
fn a_block_scalar_is_replaced_with_its_head() {
    shows(
        "password: |- # why\n  hunter2\n  more\n\nk: v\n",
        "password: §\n\nk: v\n",
    );
    shows(
        "a:\n  password: >+\n    hunter2\n\nb: 1\n",
        "a:\n  password: §\n\nb: 1\n",
    );
    shows(
        "password: |2\r\n    x\r\nb: 1\r\n",
        "password: §\r\nb: 1\r\n",
    );
}

#[test]
fn part_of_a_text_is_replaced_in_place() {
    shows(
        "readme: |\n  # Title\n  curl https://svc:hunter2@example.net/\n  end\n",
        "readme: |\n  # Title\n  curl https://svc:¤@example.net/\n  end\n",
    );
    shows(
        "url: https://svc:hunter2@example.net # x\n",
        "url: https://svc:¤@example.net # x\n",
    );
    shows(
        "url: 'https://svc:hunter2@it''s.net'\n",
        "url: 'https://svc:¤@it''s.net'\n",
    );
    shows(
        "a: [\"--password=hunter2\", b]\n",
        "a: [\"--password=¤\", b]\n",
    );
    shows(
        "t: >-\n  see\n  password=hunter2\n  there\n",
        "t: >-\n  see\n  password=¤\n  there\n",
    );
}

#[test]
fn a_text_that_would_start_with_the_marker_is_quoted() {
    let token = format!("ghp_{}", "aB3d".repeat(9));
    shows(&format!("a: {token} x\nb: {token}\n"), "a: \"¤ x\"\nb: §\n");
}

#[test]
fn a_credential_behind_escapes_or_line_folds_is_hidden() {
    shows(
        "a: \"https://svc:hunter\\x32@example.net\"\n",
        "a: \"https://svc:¤@example.net\"\n",
    );
    shows(
        "a: \"https\\x3a//svc:hunter2@example.net\"\n",
        "a: \"https://svc:¤@example.net\"\n",
    );
    shows("a: \"pass\\\n  word=hunter2\"\n", "a: \"password=¤\"\n");
}

#[test]
fn a_private_key_in_a_block_scalar_is_hidden_as_a_whole() {
    let pem = |i: &str| {
        let body = "aB3d".repeat(16);
        format!(
            "{i}-----BEGIN {k}-----\n{i}{body}\n{i}-----END {k}-----\n",
            k = "PRIVATE KEY"
        )
    };
    shows(&format!("cert: |\n{}k: v\n", pem("  ")), "cert: §\nk: v\n");
    shows(
        &format!("readme: |\n  Use\n{}  there.\n", pem("    ")),
        "readme: |\n  Use\n    ¤\n  there.\n",
    );
    shows(
        &format!("a: 1\n{}b: 2\n", pem("# ")),
        "a: 1\n# ¤\n# ¤\n# ¤\nb: 2\n",
    );
}

#[test]
fn an_anchor_and_its_aliases_are_hidden_together() {
    shows(
        "password: &p hunter2\ncopy: *p\n",
        "password: &p §\ncopy: *p\n",
    );
    shows(
        "a: &p abc\npassword: *p\nb: *p\n",
        "a: &p §\npassword: *p\nb: *p\n",
    );
    shows(
        "a: &m {user: svc}\ncredentials: *m\n",
        "a: &m {user: §}\ncredentials: *m\n",
    );
    shows(
        "pin: !!int 12345678\npassword: &x !!int 12345678\n",
        "pin: §\npassword: &x §\n",
    );
    shows("password: !!int &x 5\nb: *x\n", "password: &x §\nb: *x\n");
    shows("password: !!str 5\n", "password: !!str §\n");
    shows("password: &p hunter2\n*p : x\n", "password: &p §\n*p : x\n");
}

#[test]
fn comments_are_hidden_as_far_as_they_tell() {
    shows(
        "a: 1 # password: hunter2\n# token=abc123 x\n",
        "a: 1 # password: §\n# token=¤ x\n",
    );
    shows(
        "# password: hunter2 and more\na: 1\n",
        "# password: §\na: 1\n",
    );
    shows(
        "password: hunter2\n# was hunter2 once\n",
        "password: §\n# was ¤ once\n",
    );
    shows(
        "# see https://svc:hunter2@example.net\n",
        "# see https://svc:¤@example.net\n",
    );
    shows(
        "# - name: DB_PASSWORD\n#   value: hunter2\nx: 1\n",
        "# - name: DB_PASSWORD\n#   value: §\nx: 1\n",
    );
    shows(
        "# token: |\n#   abc\n#   def\n# x: 1\n",
        "# token: |\n#   ¤\n#   ¤\n# x: 1\n",
    );
    let plain =
        "# token: <your token>\n# apiKeyEnvVar: X\n# the token: a thing to have\n# max_tokens: 5\n";
    shows(plain, plain);
    shows(
        "a: | # password: hunter2\n  x\n",
        "a: | # password: §\n  x\n",
    );
    shows(
        "a: | # password: hunter2\n  https://svc:hunter3@example.net\n",
        "a: | # password: §\n  https://svc:¤@example.net\n",
    );
}

#[test]
fn a_credential_in_a_key_is_hidden() {
    shows(
        "https://svc:hunter2@example.net: 1\n",
        "\"https://svc:¤@example.net\": 1\n",
    );
}

#[test]
fn nothing_is_shown_of_a_text_that_cannot_be_redacted_in_place() {
    shows(
        "a: {password: &a abc, token: &b def}\nb: {*a : 1, *b : 2}\n",
        "§\n",
    );
}

#[test]
fn a_text_without_secrets_is_the_same() {
    for text in [
        "",
        "\n",
        "# c\n",
        "a: 1\n",
        "---\na: b\n...\n",
        "plain",
        "[]",
    ] {
        shows(text, text);
    }
}

#[test]
fn a_scan_tells_lines() {
    let text = "a: 1\n# password: hunter2\ntoken: abc # x\nb: https://u:hunter2@example.net\n# The password: it is asked for\n";
    let document = parse(text, &Limits::default()).unwrap();
    let hits: Vec<_> = scan_yaml(&document)
        .iter()
        .map(|h| (h.position.unwrap().line, h.path.to_string()))
        .collect();
    assert_eq!(
        hits,
        [(2, String::new()), (3, "token".into()), (4, "b".into())]
    );
}

#[test]
fn a_scan_tells_where_each_key_with_a_credential_is() {
    let text =
        "x:\n  - https://u:hunter2@a.example: 1\n    n: 1\n    https://v:hunter2@b.example: 2\n";
    let document = parse(text, &Limits::default()).unwrap();
    let hits = scan_yaml(&document);
    let places = hits.iter().map(|h| h.position.unwrap());
    let places: Vec<_> = places.map(|p| (p.line, p.column)).collect();
    assert_eq!(places, [(2, 5), (4, 5)]);
}

#[test]
fn lines_may_end_in_any_way() {
    let text = "a: 1\n# password:\n#   one: hunter2\n#   two: hunter3\n# - name: DB_TOKEN\n#   value: s3cr3t\n\n# x: y\n";
    let broken = "a:\n  password: |\n    hunter2\n    hunter3\n  x: y\n: :\n";
    for text in [text, broken] {
        let shown = redact_yaml(text);
        assert!(
            !shown.contains("hunter") && !shown.contains("s3cr3t"),
            "{shown}"
        );
        for end in ["\r", "\r\n"] {
            let with = |text: &str| text.replace('\n', end);
            assert_eq!(redact_yaml(&with(text)), with(&shown));
            assert_eq!(
                restore_yaml(&with(&shown), Some(&with(text))).unwrap(),
                with(text)
            );
        }
    }
    let strays = restore_yaml("a: [\r  \"***REDACTED***\"\r\n  ***REDACTED***", None).unwrap_err();
    let lines: Vec<_> = strays.iter().map(|s| s.position.unwrap()).collect();
    assert_eq!(
        lines.iter().map(|p| (p.line, p.column)).collect::<Vec<_>>(),
        [(2, 4), (3, 3)]
    );
}
