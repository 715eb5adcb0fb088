use super::builder::MAX_ISSUES;
use super::*;
use crate::yaml::Node;

fn root(text: &str) -> Node {
    parse(text, &Limits::default()).unwrap().root
}

fn issue(text: &str) -> YamlIssue {
    let error = parse(text, &Limits::default()).unwrap_err();
    error.issues[0].clone()
}

fn at(line: u32, column: u32) -> Position {
    Position { line, column }
}

#[test]
fn every_node_knows_its_bytes() {
    let text = "# c\na: 1 # x\nb:\n  - 'q'\n  - [1, {z: 2}]\nc: e\n";
    let root = root(text);
    let slice = |n: &Node| text[n.span.range()].to_owned();
    assert_eq!(slice(root.get("a").unwrap()), "1");
    let b = root.get("b").unwrap();
    assert_eq!(slice(b), "- 'q'\n  - [1, {z: 2}]");
    assert_eq!(slice(&b.items()[1]), "[1, {z: 2}]");
    assert_eq!(b.items()[1].place(), at(5, 5));
}

#[test]
fn a_block_scalar_includes_its_header() {
    for (text, expected, column) in [
        ("k: |\n  a\n  b\n\nz: 1\n", "|\n  a\n  b", 4),
        ("k: |2- # why\n    a\nz: 1\n", "|2- # why\n    a", 4),
        ("k: &a>b >-\n\n  a\nz: 1\n", ">-\n\n  a", 9),
        ("k: |\r\n  a\r\nz: 1\r\n", "|\r\n  a", 4),
        ("k: # a |\n >\n  a\nz: 1\n", ">\n  a", 2),
        ("k: !!str |\r  a\rz: 1\r", "|\r  a", 10),
    ] {
        let root = root(text);
        let node = root.get("k").unwrap();
        assert_eq!(&text[node.span.range()], expected);
        assert_eq!(node.place().column, column, "{text}");
    }
    for text in [
        "|\n  a\n",
        "\u{feff}|\n  a\n",
        "# c >\n|\n  a\n",
        "--- |\n  a\n",
    ] {
        let root = root(text);
        assert_eq!(&text[root.span.range()], "|\n  a", "{text}");
    }
}

#[test]
fn a_value_that_is_not_there_stands_where_its_key_ends() {
    for (text, place) in [
        ("a: # c\n\nb: 1\n", at(1, 2)),
        ("? a\n? b\n", at(1, 4)),
        ("? 'a\n  b'\n", at(2, 5)),
    ] {
        let root = root(text);
        let value = &root.entries()[0].value;
        assert_eq!((value.place(), value.is_null()), (place, true), "{text}");
    }
}

#[test]
fn lines_end_with_a_line_feed_a_carriage_return_or_both() {
    for text in [
        "a: 1\rb: \u{0}\r",
        "a: 1\r\nb: \u{0}",
        "a: 1\nb: \u{0}",
        "a: 1\rb: \u{0}\n",
    ] {
        assert_eq!(
            (issue(text).code, issue(text).position),
            ("control-character", at(2, 4)),
            "{text:?}"
        );
    }
    let root = root("a: 1\rb: 2\r");
    assert_eq!(root.get("b").unwrap().place(), at(2, 4));
}

#[test]
fn an_alias_is_expanded_and_knows_where_it_was_written() {
    let text = "a: &x {k: v}\nb: *x\n";
    let root = root(text);
    let b = root.get("b").unwrap();
    assert_eq!(b.to_json(), serde_json::json!({"k": "v"}));
    assert_eq!(b.place(), at(2, 4));
    assert_eq!(&text[b.written().range()], "*x");
}

#[test]
fn a_byte_order_mark_and_crlf_are_accepted() {
    let text = "\u{feff}a: 1\r\nb: \"x\"\r\n";
    let root = root(text);
    assert_eq!(&text[root.get("b").unwrap().span.range()], "\"x\"");
    assert_eq!(root.get("a").unwrap().place(), at(1, 4));
}

#[test]
fn what_is_refused_is_refused_with_its_place() {
    for (text, code, position) in [
        ("a: 1\na: 2\n", "duplicate-key", at(2, 1)),
        ("a: {b: 1, b: 2}\n", "duplicate-key", at(1, 11)),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "merge-key", at(3, 3)),
        ("? [x]\n: 1\n", "key-not-scalar", at(1, 3)),
        ("~: 1\n", "key-not-scalar", at(1, 1)),
        ("a: !foo 1\n", "tag", at(1, 9)),
        ("a: !!int x\n", "tag", at(1, 10)),
        ("a: !!binary aGk=\n", "tag", at(1, 13)),
        ("a: 1\n---\nb: 2\n", "multiple-documents", at(2, 1)),
        ("a: \u{0}\n", "control-character", at(1, 4)),
        ("a: \u{1b}[0m\n", "control-character", at(1, 4)),
        ("a: .nan\n", "number-out-of-range", at(1, 4)),
        ("a: 1e999\n", "number-out-of-range", at(1, 4)),
        ("a: b: c\n", "syntax", at(1, 5)),
        ("a: *nothing\n", "syntax", at(1, 4)),
        ("a: &x [*x]\n", "syntax", at(1, 8)),
    ] {
        let found = issue(text);
        assert_eq!(
            (found.code, found.position),
            (code, position),
            "{text:?}: {}",
            found.message
        );
    }
}

#[test]
fn all_issues_are_reported_that_leave_the_structure_clear() {
    let error = parse("a: 1\na: 2\nb: .inf\nb: 3\n", &Limits::default()).unwrap_err();
    let codes: Vec<_> = error
        .issues
        .iter()
        .map(|i| (i.code, i.position.line))
        .collect();
    assert_eq!(
        codes,
        [
            ("duplicate-key", 2),
            ("number-out-of-range", 3),
            ("duplicate-key", 4)
        ]
    );
}

#[test]
fn bytes_that_are_not_utf8_are_refused_with_their_place() {
    let error = parse_bytes(b"a: 1\nb: \xff\n", &Limits::default()).unwrap_err();
    assert_eq!(
        (error.issues[0].code, error.issues[0].position),
        ("not-utf8", at(2, 4))
    );
    let error = parse_bytes(b"\xff\xfea\0", &Limits::default()).unwrap_err();
    assert!(error.issues[0].message.contains("UTF-16"));
}

#[test]
fn limits_hold() {
    let limits = Limits::default();
    let deep = "[".repeat(20_000);
    assert_eq!(
        parse(&deep, &limits).unwrap_err().issues[0].code,
        "too-deep"
    );
    let deep: String = (0..40).map(|i| format!("{}k:\n", " ".repeat(i))).collect();
    assert_eq!(
        parse(&deep, &limits).unwrap_err().issues[0].code,
        "too-deep"
    );
    let many = format!("[{}]", "1,".repeat(300_000));
    assert_eq!(
        parse(&many, &limits).unwrap_err().issues[0].code,
        "too-many-nodes"
    );
    let large = "#".repeat(limits.max_bytes + 1);
    assert_eq!(
        parse(&large, &limits).unwrap_err().issues[0].code,
        "too-large"
    );
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for i in 1..9 {
        let refs = vec![format!("*a{}", i - 1); 10].join(",");
        bomb += &format!("a{i}: &a{i} [{refs}]\n");
    }
    assert_eq!(
        parse(&bomb, &limits).unwrap_err().issues[0].code,
        "too-many-nodes"
    );
}

#[test]
fn anchors_cost_what_an_alias_to_them_would() {
    let open: String = (1..=31).map(|i| format!("&a{i} [")).collect();
    let text = format!("{open}{}{}", "1,".repeat(20_000), "]".repeat(31));
    assert_eq!(issue(&text).code, "too-many-nodes");
}

#[test]
fn aliases_to_a_long_text_are_counted_by_its_bytes() {
    let long = "x".repeat(10_000);
    let text = |aliases: usize| format!("a: &a {long}\nb: [{}]\n", "*a,".repeat(aliases));
    assert!(parse(&text(100), &Limits::default()).is_ok());
    let found = issue(&text(200));
    assert_eq!((found.code, found.position), ("too-large", at(2, 317)));
}

#[test]
fn issues_are_listed_up_to_a_limit() {
    let text = "a: 1\n".repeat(10_000);
    let error = parse(&text, &Limits::default()).unwrap_err();
    assert!(error.issues.len() <= MAX_ISSUES, "{}", error.issues.len());
}

#[test]
fn aliases_cannot_nest_deeper_than_the_limit() {
    let mut text = "a0: &a0 [x]\n".to_owned();
    for i in 1..40 {
        text += &format!("a{i}: &a{i} [*a{}]\n", i - 1);
    }
    assert_eq!(
        parse(&text, &Limits::default()).unwrap_err().issues[0].code,
        "too-deep"
    );
}

#[test]
fn numbers_keep_the_text_they_were_written_as() {
    let root = root("version: 1.10\nport: 0x50\nquoted: \"12\"\n1: one\n");
    assert_eq!(root.get("version").unwrap().as_text(), Some("1.10"));
    assert_eq!(root.get("port").unwrap().as_int(), Some(80));
    assert_eq!(root.get("quoted").unwrap().value, Value::Text("12".into()));
    assert_eq!(root.get("1").unwrap().as_text(), Some("one"));
}

#[test]
fn an_empty_text_is_null() {
    for text in ["", "\n", "# only a comment\n", "---\n", "\u{feff}"] {
        assert!(root(text).is_null(), "{text:?}");
    }
}

#[test]
fn messages_hold_no_values_of_the_text() {
    for text in [
        "a: \"canary\n",
        "password: canary: x\n",
        "k: [canary\n",
        "a: !canary x\n",
    ] {
        let error = parse(text, &Limits::default()).unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}
