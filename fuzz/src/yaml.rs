//! The YAML front end.

use catalog_core::yaml::{
    Collection, Document, Limits, Node, Position, ScalarStyle, Span, Value, YamlError, emit_block,
    emit_flow, parse, parse_bytes,
};
use serde_json::Value as Json;

use super::tree::Maker;
use super::{input, write};

/// Issues after which reading stops.
const MAX_ISSUES: usize = 200;

/// Reads a text: never panics; what is accepted is located right and within the limits; what is
/// not is told with places.
pub fn yaml(data: &[u8]) {
    let mut input = input(data);
    let Some(bytes) = input.text else {
        let tree = Maker::plain().value(&mut input.dice, 5);
        let text = write::write(
            &mut input.dice,
            &tree,
            &["# c", "#", "# a: |", "# - >", "#é: 🦀"],
        );
        let read = parse(&text, &Limits::default()).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(read.root.to_json(), tree, "{text}");
        return check(text.as_bytes());
    };
    check(bytes);
}

fn check(bytes: &[u8]) {
    let mut small = Limits::default();
    (small.max_bytes, small.max_depth, small.max_nodes) = (4096, 6, 40);
    let read = with(bytes, &Limits::default());
    super::tally("yaml: a text is read", read.is_some());
    let read_small = with(bytes, &small);
    if let Some(small) = read_small {
        let read = read.expect("what small limits allow, larger ones do");
        assert!(read.root == small.root);
    }
}

fn with(bytes: &[u8], limits: &Limits) -> Option<Document> {
    let read = parse_bytes(bytes, limits);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let error_at = error.valid_up_to();
            let valid = std::str::from_utf8(&bytes[..error_at]).expect("valid so far");
            let issue = &read.expect_err("it is no UTF-8").issues[0];
            if issue.code != "too-large" {
                assert_eq!(
                    (issue.code, issue.position),
                    ("not-utf8", position(valid, error_at))
                );
            }
            return None;
        }
    };
    match read {
        Ok(document) => {
            accepted(text, &document, limits);
            Some(document)
        }
        Err(error) => {
            refused(text, &error);
            None
        }
    }
}

fn refused(text: &str, error: &YamlError) {
    assert!(!error.issues.is_empty() && error.issues.len() <= MAX_ISSUES);
    assert!(error.issues.is_sorted_by_key(|issue| issue.position));
    let lines = lines(text);
    for issue in &error.issues {
        let Position { line, column } = issue.position;
        let found = lines.get(line as usize - 1);
        let found = found.unwrap_or_else(|| panic!("{}: no line {line}\n{text:?}", issue.code));
        let length = found.chars().filter(|c| *c != '\u{feff}').count();
        assert!(
            (1..=length + 1).contains(&(column as usize)),
            "{}: {line}:{column} is outside\n{text:?}",
            issue.code
        );
        assert!(!issue.message.is_empty() && !issue.message.contains(char::is_control));
    }
}

fn accepted(text: &str, document: &Document, limits: &Limits) {
    assert_eq!(&*document.text, text);
    let mut walk = Walk {
        text,
        limits,
        nodes: 0,
    };
    walk.node(&document.root, 0, 0..text.len());
    assert!(walk.nodes <= limits.max_nodes, "{} nodes", walk.nodes);
    let mut end = 0;
    for comment in &document.comments {
        assert!(comment.start >= end, "comments overlap: {text:?}");
        end = comment.end;
        let slice = walk.slice(comment);
        assert!(
            slice.starts_with('#') && !slice.contains(['\n', '\r']),
            "{slice:?} in {text:?}"
        );
    }
    let json = document.root.to_json();
    for written in [emit_block(&json, 0), emit_flow(&json)] {
        let mut limits = Limits::default();
        limits.max_bytes = usize::MAX;
        let read = parse(&written, &limits);
        let read = read.unwrap_or_else(|e| panic!("{e}\n{written}\n{text:?}"));
        assert!(read.root.to_json() == json, "{written}\n{text:?}");
    }
}

struct Walk<'a> {
    text: &'a str,
    limits: &'a Limits,
    nodes: usize,
}

impl Walk<'_> {
    fn slice(&self, span: &Span) -> &str {
        let slice = self.text.get(span.range());
        let slice = slice.unwrap_or_else(|| panic!("{span:?} is no part of {:?}", self.text));
        let right = position(self.text, span.start);
        assert_eq!(
            span.position, right,
            "{slice:?} at {} in {:?}",
            span.start, self.text
        );
        slice
    }

    fn node(&mut self, node: &Node, depth: usize, within: std::ops::Range<usize>) {
        self.nodes += 1;
        let written = node.written();
        let slice = self.slice(&written);
        let text = self.text;
        assert!(
            within.start <= written.start && written.end <= within.end,
            "{slice:?} at {written:?} sticks out of {within:?} in {text:?}"
        );
        if node.alias.is_some() {
            assert!(slice.starts_with('*'), "{slice:?} in {text:?}");
        }
        let slice = self.slice(&node.span).to_owned();
        self.style(node, &slice);
        let inside = match node.alias {
            Some(_) => 0..text.len(),
            None => written.range(),
        };
        let mut end = inside.start;
        match &node.value {
            Value::List(_, items) => {
                assert!(depth < self.limits.max_depth);
                for item in items {
                    let outside = if node.alias.is_some() { 0 } else { end };
                    self.node(item, depth + 1, outside..inside.end);
                    end = item.written().end;
                }
            }
            Value::Map(_, entries) => {
                assert!(depth < self.limits.max_depth);
                for (i, entry) in entries.iter().enumerate() {
                    self.nodes += 1;
                    self.slice(&entry.key_span);
                    assert!(entries[..i].iter().all(|other| other.key != entry.key));
                    assert!(
                        entry.key_span.start >= end || node.alias.is_some(),
                        "{text:?}"
                    );
                    self.node(&entry.value, depth + 1, entry.key_span.end..inside.end);
                    end = entry.value.written().end;
                }
            }
            Value::Float(f) => assert!(f.is_finite()),
            _ => {}
        }
    }

    fn style(&self, node: &Node, slice: &str) {
        let enclosed = |open: char, close: char| slice.starts_with(open) && slice.ends_with(close);
        let right = match (&node.value, node.style) {
            (Value::List(Collection::Flow, _), _) => enclosed('[', ']'),
            // `[a: b]` holds a mapping without brackets.
            (Value::Map(Collection::Flow, _), _) => enclosed('{', '}') || !slice.starts_with('{'),
            (_, Some(ScalarStyle::SingleQuoted)) => enclosed('\'', '\'') && slice.len() > 1,
            (_, Some(ScalarStyle::DoubleQuoted)) => enclosed('"', '"') && slice.len() > 1,
            (_, Some(ScalarStyle::Block)) => slice.starts_with(['|', '>']),
            (Value::Null, Some(ScalarStyle::Plain)) => {
                matches!(slice, "" | "~" | "null" | "Null" | "NULL")
            }
            (Value::Text(text), Some(ScalarStyle::Plain)) => {
                slice.trim_matches([' ', '\t', '\n', '\r']) == slice
                    && (slice.contains('\n') || slice.contains('\r') || slice == &**text)
            }
            (_, Some(ScalarStyle::Plain)) => node.raw.as_deref() == Some(slice),
            // An item that is not there may have a space between it and its dash.
            _ => !slice.ends_with(['\n', '\r']),
        };
        assert!(right, "{slice:?} is no {node:?} in {:?}", self.text);
    }
}

/// The lines of a text: YAML ends them with LF, CR or both.
fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\n', '\r']) {
        lines.push(&rest[..at]);
        let end = if rest[at..].starts_with("\r\n") { 2 } else { 1 };
        rest = &rest[at + end..];
    }
    lines.push(rest);
    lines
}

/// Where a byte stands, as people count.
pub fn position(text: &str, at: usize) -> Position {
    let mut before = &text[..at];
    // Between CR and LF is the end of the line before.
    if before.ends_with('\r') && text[at..].starts_with('\n') {
        before = &before[..at - 1];
    }
    let lines = lines(before);
    let column = lines[lines.len() - 1]
        .chars()
        .filter(|c| *c != '\u{feff}')
        .count();
    Position {
        line: lines.len() as u32,
        column: column as u32 + 1,
    }
}

/// The meaning of a text, when it has one.
pub fn meaning(text: &str) -> Option<Json> {
    let mut limits = Limits::default();
    limits.max_bytes = usize::MAX;
    limits.max_nodes = limits.max_nodes.max(text.len());
    parse(text, &limits)
        .ok()
        .map(|document| document.root.to_json())
}
