//! From events to a located tree, within limits.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use granit_parser::{Event, Marker, Parser, StructureStyle, Tag};

use super::node::{Collection, Document, Entry, Node, Position, ScalarStyle, Span, Value};
use super::scalar::{Unresolvable, resolve_plain};
use error::single;
pub use error::{Limits, YamlError, YamlIssue};

mod error;

/// Issues after which reading stops: who has more has sent something else altogether.
const MAX_ISSUES: usize = 200;

/// Reads bytes that should be YAML in UTF-8.
///
/// # Errors
/// As [`parse`], and when the bytes are not UTF-8.
pub fn parse_bytes(bytes: &[u8], limits: &Limits) -> Result<Document, YamlError> {
    check_size(bytes, limits)?;
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(text, limits),
        Err(error) => {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let message = match bytes {
                [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the text is UTF-16; save it as UTF-8",
                _ => "the text is not valid UTF-8",
            };
            Err(single(end_of(&before), "not-utf8", message))
        }
    }
}

/// The position after a text.
fn end_of(text: &str) -> Position {
    let line = line_breaks(text) + 1;
    let start = text.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let last = text[start..].chars();
    let column = last.filter(|c| *c != '\u{feff}').count() + 1;
    Position {
        line: line as u32,
        column: column as u32,
    }
}

/// How many lines end in a text: each with LF, CR or both.
fn line_breaks(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_break = |(at, byte): (usize, &u8)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    bytes.iter().enumerate().filter(|b| is_break(*b)).count()
}

fn check_size(bytes: &[u8], limits: &Limits) -> Result<(), YamlError> {
    if bytes.len() <= limits.max_bytes {
        return Ok(());
    }
    let message = format!(
        "the text has {} bytes, the limit is {}",
        bytes.len(),
        limits.max_bytes
    );
    Err(single(
        Position { line: 1, column: 1 },
        "too-large",
        message,
    ))
}

/// Reads a text as one YAML document.
///
/// ```
/// use catalog_core::yaml::{parse, Limits};
/// let document = parse("a: 1\nb: [x, 2]\n", &Limits::default()).unwrap();
/// assert_eq!(document.root.to_json(), serde_json::json!({"a": 1, "b": ["x", 2]}));
/// let error = parse("a: 1\na: 2\n", &Limits::default()).unwrap_err();
/// assert_eq!((error.issues[0].code, error.issues[0].position.line), ("duplicate-key", 2));
/// ```
///
/// # Errors
/// [`YamlError`] with every issue found: reading goes on after one that leaves the structure clear.
pub fn parse(text: &str, limits: &Limits) -> Result<Document, YamlError> {
    check_size(text.as_bytes(), limits)?;
    check_characters(text)?;
    let options = granit_parser::options! {
        flow_nesting_limit: limits.max_depth,
        block_nesting_limit: limits.max_depth,
        max_buffered_comment_events: usize::MAX,
    };
    let mut builder = Builder {
        text,
        limits,
        nodes: 0,
        aliased_bytes: 0,
        stack: Vec::new(),
        anchors: HashMap::new(),
        comments: Vec::new(),
        root: None,
        documents: 0,
        issues: Vec::new(),
        last_end: 0,
    };
    for step in Parser::new_from_str_with_options(text, options) {
        let (event, span) = match step {
            Ok(step) => step,
            Err(error) => {
                builder.syntax(&error);
                break;
            }
        };
        if builder.event(event, &span).is_err() {
            break;
        }
    }
    let Builder {
        mut issues,
        root,
        comments,
        ..
    } = builder;
    if issues.is_empty() {
        let start = Span {
            start: 0,
            end: 0,
            position: Position { line: 1, column: 1 },
        };
        let root = root.unwrap_or_else(|| scalar_node(Value::Null, start));
        Ok(Document {
            text: text.into(),
            root,
            comments,
        })
    } else {
        issues.sort_by_key(|i| i.position);
        Err(YamlError { issues })
    }
}

/// Control characters are refused before parsing, so that none reaches a log or a terminal.
fn check_characters(text: &str) -> Result<(), YamlError> {
    let bad = |c: char| match c {
        '\t' | '\n' | '\r' | '\u{85}' => false,
        // A byte order mark is welcome at the start only.
        '\u{feff}' | '\u{fffe}' | '\u{ffff}' => true,
        c => c.is_control(),
    };
    let skip = if text.starts_with('\u{feff}') { 3 } else { 0 };
    match text[skip..].char_indices().find(|(_, c)| bad(*c)) {
        None => Ok(()),
        Some((at, c)) => Err(single(
            end_of(&text[..skip + at]),
            "control-character",
            format!("the character U+{:04X} is not allowed", c as u32),
        )),
    }
}

fn scalar_node(value: Value, span: Span) -> Node {
    Node {
        value,
        span,
        style: Some(ScalarStyle::Plain),
        raw: None,
        alias: None,
        decorated: false,
    }
}

/// A collection that is being read.
struct Open {
    node: Node,
    anchor: usize,
    /// For a mapping: the key that waits for its value.
    key: Option<(Arc<str>, Span, bool)>,
    seen: HashSet<Arc<str>>,
    /// The end of the last child, for block collections whose own end event comes late.
    last_end: usize,
}

struct Builder<'a> {
    text: &'a str,
    limits: &'a Limits,
    nodes: usize,
    /// Bytes of the text that aliases stand for.
    aliased_bytes: usize,
    stack: Vec<Open>,
    anchors: HashMap<usize, (Node, Size)>,
    comments: Vec<Span>,
    root: Option<Node>,
    documents: usize,
    issues: Vec<YamlIssue>,
    /// Where the last event but comments ended.
    last_end: usize,
}

/// Reading cannot go on; the issue is recorded.
struct Stop;

impl Builder<'_> {
    fn position(&self, marker: &Marker) -> Position {
        Position {
            line: marker.line() as u32,
            column: marker.col() as u32 + 1,
        }
    }

    fn span(&self, span: &granit_parser::Span) -> Span {
        let range = span.byte_range().unwrap_or(0..0);
        Span {
            start: range.start,
            end: range.end,
            position: self.position(&span.start),
        }
    }

    fn issue(&mut self, position: Position, code: &'static str, message: impl Into<String>) {
        self.issues.push(YamlIssue {
            code,
            message: message.into(),
            position,
            suggestion: None,
        });
    }

    fn syntax(&mut self, error: &granit_parser::ScanError) {
        use granit_parser::ErrorKind;
        let position = self.position(error.marker());
        let info = error.info();
        match error.kind() {
            ErrorKind::RecursionLimitExceeded => self.too_deep(position),
            // The parser's messages name tokens and characters, never scalars of the text.
            _ => self.issue(position, "syntax", info),
        }
    }

    fn too_deep(&mut self, position: Position) {
        let message = format!("nested deeper than {} levels", self.limits.max_depth);
        self.issue(position, "too-deep", message);
    }

    fn count(&mut self, nodes: usize, position: Position) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= self.limits.max_nodes {
            return Ok(());
        }
        let message = format!(
            "more than {} values, those that aliases stand for included",
            self.limits.max_nodes
        );
        self.issue(position, "too-many-nodes", message);
        Err(Stop)
    }

    fn event(&mut self, event: Event<'_>, raw: &granit_parser::Span) -> Result<(), Stop> {
        let span = self.span(raw);
        match event {
            Event::DocumentStart(explicit, _) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.issue(
                        span.position,
                        "multiple-documents",
                        "a second YAML document starts here; a source is one document",
                    );
                    return Err(Stop);
                }
                // Without `---` it says only where the first value is.
                if !explicit {
                    return Ok(());
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.count(1, span.position)?;
                let node = self.scalar(&text, style, tag.as_deref(), span, anchor != 0);
                self.finish(node, anchor)?;
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.tag(tag.as_deref(), &["seq"], span.position);
                let value = Value::List(collection(style), Vec::new());
                self.open(value, anchor, tag.is_some(), span)?;
            }
            Event::MappingStart(style, anchor, tag) => {
                self.tag(tag.as_deref(), &["map"], span.position);
                let value = Value::Map(collection(style), Vec::new());
                self.open(value, anchor, tag.is_some(), span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
            Event::Alias(id) => self.alias(id, span)?,
            Event::Comment(..) => {
                self.comments.push(span);
                return Ok(());
            }
            _ => {}
        }
        self.last_end = span.end;
        match self.issues.len() {
            n if n < MAX_ISSUES => Ok(()),
            _ => Err(Stop),
        }
    }

    fn tag(&mut self, tag: Option<&Tag>, allowed: &[&str], position: Position) {
        let Some(tag) = tag else { return };
        // `!` alone is the non-specific tag: it says "no special type".
        let fine = tag.core_suffix().is_some_and(|s| allowed.contains(&s))
            || (tag.handle().is_empty() && tag.suffix() == "!");
        if !fine {
            self.issue(position, "tag", "this tag is not supported here");
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: granit_parser::ScalarStyle,
        tag: Option<&Tag>,
        span: Span,
        anchored: bool,
    ) -> Node {
        use granit_parser::ScalarStyle as S;
        let style = match style {
            S::Plain => ScalarStyle::Plain,
            S::SingleQuoted => ScalarStyle::SingleQuoted,
            S::DoubleQuoted => ScalarStyle::DoubleQuoted,
            S::Literal | S::Folded => ScalarStyle::Block,
        };
        let as_text = || Value::Text(text.into());
        let value = match tag.and_then(Tag::core_suffix) {
            Some("str") => as_text(),
            None if tag.is_none() && style == ScalarStyle::Plain => self.plain(text, span.position),
            None if tag.is_none() => as_text(),
            Some(wanted @ ("int" | "float" | "bool" | "null")) => {
                let value = self.plain(text, span.position);
                let fits = matches!(
                    (wanted, &value),
                    ("int", Value::Int(_))
                        | ("float", Value::Float(_) | Value::Int(_))
                        | ("bool", Value::Bool(_))
                        | ("null", Value::Null)
                );
                if !fits {
                    self.issue(span.position, "tag", format!("this is no !!{wanted}"));
                }
                value
            }
            _ => {
                self.tag(tag, &[], span.position);
                as_text()
            }
        };
        let raw = (!matches!(value, Value::Text(_))).then(|| Arc::from(text));
        let span = match style {
            ScalarStyle::Block => self.block_scalar(span),
            _ => span,
        };
        Node {
            value,
            span,
            style: Some(style),
            raw,
            alias: None,
            decorated: anchored || tag.is_some(),
        }
    }

    /// A block scalar's event covers its lines and what follows up to the next token. The node
    /// covers the header (`|`, `>-`) and the lines, and stands where the header is.
    fn block_scalar(&self, span: Span) -> Span {
        let gap = self.text.get(self.last_end..span.start).unwrap_or("");
        let Some(at) = header(gap) else {
            return Span {
                end: trim_end(self.text, span.start, span.end),
                ..span
            };
        };
        let start = self.last_end + at;
        Span {
            start,
            end: trim_end(self.text, start, span.end),
            position: self.position_before(start, span),
        }
    }

    /// The position of a byte shortly before a span, without counting lines from the start.
    fn position_before(&self, at: usize, span: Span) -> Position {
        let between = &self.text[at..span.start];
        let line_start = self.text[..at].rfind(['\n', '\r']).map_or(0, |n| n + 1);
        Position {
            line: span.position.line - line_breaks(between) as u32,
            column: end_of(&self.text[line_start..at]).column,
        }
    }

    fn plain(&mut self, text: &str, position: Position) -> Value {
        match resolve_plain(text) {
            Ok(value) => value,
            Err(Unresolvable::NotFinite) => {
                let message = "this number is not finite; quote it if it is meant as text";
                self.issue(position, "number-out-of-range", message);
                Value::Null
            }
        }
    }

    fn open(&mut self, value: Value, anchor: usize, tagged: bool, span: Span) -> Result<(), Stop> {
        self.count(1, span.position)?;
        if self.stack.len() >= self.limits.max_depth {
            self.too_deep(span.position);
            return Err(Stop);
        }
        self.stack.push(Open {
            node: Node {
                value,
                span,
                style: None,
                raw: None,
                alias: None,
                decorated: anchor != 0 || tagged,
            },
            anchor,
            key: None,
            seen: HashSet::new(),
            last_end: span.end,
        });
        Ok(())
    }

    fn close(&mut self, span: Span) -> Result<(), Stop> {
        let Some(open) = self.stack.pop() else {
            return Ok(());
        };
        let mut node = open.node;
        let flow = matches!(
            node.value,
            Value::List(Collection::Flow, _) | Value::Map(Collection::Flow, _)
        );
        node.span.end = if flow { span.end } else { open.last_end };
        self.finish(node, open.anchor)
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<(), Stop> {
        let Some((_, size)) = self.anchors.get(&id) else {
            // The anchored node is still open: the alias would contain itself.
            self.issue(
                span.position,
                "syntax",
                "this alias refers to a value that contains it",
            );
            return Err(Stop);
        };
        let size = *size;
        if self.stack.len() + size.depth > self.limits.max_depth {
            self.too_deep(span.position);
            return Err(Stop);
        }
        self.aliased_bytes = self.aliased_bytes.saturating_add(size.bytes);
        if self.aliased_bytes > self.limits.max_bytes {
            let limit = self.limits.max_bytes;
            let message = format!("aliases stand for more than {limit} bytes of text");
            self.issue(span.position, "too-large", message);
            return Err(Stop);
        }
        self.count(size.nodes, span.position)?;
        let Some((target, _)) = self.anchors.get(&id) else {
            return Ok(());
        };
        let mut node = target.clone();
        node.alias = Some(span);
        self.finish(node, 0)
    }

    /// Puts a complete node where it belongs.
    fn finish(&mut self, mut node: Node, anchor: usize) -> Result<(), Stop> {
        if let Some(key) = self.stack.last().and_then(|open| open.key.as_ref()) {
            self.place_absent(&mut node, key.1);
        }
        if anchor != 0 {
            // A copy is kept for the aliases to come, and counts like every other node.
            let size = Size::of(&node);
            self.count(size.nodes, node.span.position)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.last_end = open.last_end.max(node.written().end);
        match &mut open.node.value {
            Value::List(_, items) => items.push(node),
            Value::Map(_, entries) => match open.key.take() {
                Some((key, key_span, keep)) => {
                    if keep {
                        entries.push(Entry {
                            key,
                            key_span,
                            value: node,
                        });
                    }
                }
                None => {
                    let key = self.key(&node);
                    if let Some(open) = self.stack.last_mut() {
                        open.key = Some(key);
                    }
                }
            },
            _ => {}
        }
        Ok(())
    }

    /// A value that is not there stands where its key ends, and not on some line below.
    fn place_absent(&self, value: &mut Node, key: Span) {
        let absent = value.span.start == value.span.end && value.is_null();
        if !absent || value.decorated || value.alias.is_some() {
            return;
        }
        let written = end_of(self.text.get(key.range()).unwrap_or(""));
        let Position { line, column } = key.position;
        value.span = Span {
            start: key.end,
            end: key.end,
            position: Position {
                line: line + written.line - 1,
                column: match written.line {
                    1 => column + written.column - 1,
                    _ => written.column,
                },
            },
        };
    }

    /// The key that a node in key position makes, and whether its entry is kept.
    fn key(&mut self, node: &Node) -> (Arc<str>, Span, bool) {
        let span = node.written();
        let text: Option<Arc<str>> = match &node.value {
            Value::Text(text) => Some(text.clone()),
            Value::Int(_) | Value::Float(_) | Value::Bool(_) => node.raw.clone(),
            _ => None,
        };
        let Some(text) = text else {
            self.issue(span.position, "key-not-scalar", "a key must be text");
            return ("".into(), span, false);
        };
        if &*text == "<<" && node.style == Some(ScalarStyle::Plain) {
            self.issue(
                span.position,
                "merge-key",
                "merge keys (<<) are not supported; write the fields out",
            );
            return (text, span, false);
        }
        let fresh = self
            .stack
            .last_mut()
            .is_some_and(|open| open.seen.insert(text.clone()));
        if !fresh {
            let message = format!(
                "the key {:?} is there twice",
                crate::redaction::redact_key(&text)
            );
            self.issue(span.position, "duplicate-key", message);
        }
        (text, span, fresh)
    }
}

fn collection(style: StructureStyle) -> Collection {
    match style {
        StructureStyle::Block => Collection::Block,
        StructureStyle::Flow => Collection::Flow,
    }
}

/// Where the header of a block scalar is (`|`, `>-`), in what stands between the node before and the
/// scalar's lines: behind indicators, anchor, tag and comments.
fn header(gap: &str) -> Option<usize> {
    const SPACE: [char; 5] = [' ', '\t', '\n', '\r', '\u{feff}'];
    let mut at = 0;
    loop {
        let rest = gap.get(at..)?;
        let word = rest.trim_start_matches(SPACE);
        at += rest.len() - word.len();
        at += match word.as_bytes().first()? {
            b'|' | b'>' => return Some(at),
            b'#' => word.find(['\n', '\r'])?,
            _ => word.find(SPACE)?,
        };
    }
}

fn trim_end(text: &str, start: usize, end: usize) -> usize {
    text.get(start..end).map_or(end, |t| {
        start + t.trim_end_matches([' ', '\t', '\n', '\r']).len()
    })
}

/// What an alias to a node costs.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    depth: usize,
    bytes: usize,
}

impl Size {
    fn of(node: &Node) -> Self {
        let mut size = Self {
            nodes: 1,
            ..Self::default()
        };
        match &node.value {
            Value::List(_, items) => items.iter().for_each(|item| size.hold(item)),
            Value::Map(_, entries) => entries.iter().for_each(|entry| {
                size.nodes += 1;
                size.bytes += entry.key.len();
                size.hold(&entry.value);
            }),
            Value::Text(text) => size.bytes = text.len(),
            _ => size.bytes = node.raw.as_deref().map_or(0, str::len),
        }
        size.depth += usize::from(node.is_collection());
        size
    }

    fn hold(&mut self, child: &Node) {
        let child = Self::of(child);
        self.nodes += child.nodes;
        self.bytes += child.bytes;
        self.depth = self.depth.max(child.depth);
    }
}

#[cfg(test)]
mod tests;
