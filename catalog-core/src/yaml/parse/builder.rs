//! The tree, one event after the other.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use granit_parser::{Event, Marker, StructureStyle};

use super::super::node::{Collection, Entry, Node, Position, ScalarStyle, Span, Value};
use super::error::YamlIssue;
use super::size::Size;
use super::{Limits, end_of};

/// Issues after which reading stops: who has more has sent something else altogether.
pub(super) const MAX_ISSUES: usize = 200;

/// Keys of a mapping that are compared with each other one by one.
const FEW_KEYS: usize = 24;
/// Bytes of a key that is worth keeping once for all mappings.
const LONGEST_SHARED: usize = 64;
/// Keys that are kept so: catalogs have some dozens, made-up texts any number.
const MAX_SHARED: usize = 4096;

/// A collection that is being read.
struct Open {
    node: Node,
    anchor: usize,
    /// For a mapping: the key that waits for its value.
    key: Option<(Arc<str>, Span, bool)>,
    /// The keys of a mapping with many; a few are as quickly compared.
    seen: HashSet<Arc<str>>,
    /// The end of the last child, for block collections whose own end event comes late.
    last_end: usize,
}

impl Open {
    /// Whether the mapping has no such key yet.
    fn is_new(&mut self, key: &Arc<str>) -> bool {
        let Value::Map(_, entries) = &self.node.value else {
            return false;
        };
        if entries.len() < FEW_KEYS {
            return entries.iter().all(|e| e.key != *key);
        }
        if self.seen.is_empty() {
            self.seen.extend(entries.iter().map(|e| e.key.clone()));
        }
        self.seen.insert(key.clone())
    }
}

pub(super) struct Builder<'a> {
    pub(super) text: &'a str,
    limits: &'a Limits,
    nodes: usize,
    /// Bytes of the text that aliases stand for.
    aliased_bytes: usize,
    stack: Vec<Open>,
    anchors: HashMap<usize, (Node, Size)>,
    /// Keys that many mappings have, each kept once.
    keys: HashSet<Arc<str>>,
    comments: Vec<Span>,
    root: Option<Node>,
    documents: usize,
    issues: Vec<YamlIssue>,
    /// Where the last event but comments ended.
    pub(super) last_end: usize,
}

/// What was read.
pub(super) struct Built {
    pub(super) root: Option<Node>,
    pub(super) comments: Vec<Span>,
    pub(super) issues: Vec<YamlIssue>,
}

/// Reading cannot go on; the issue is recorded.
pub(super) struct Stop;

impl<'a> Builder<'a> {
    pub(super) fn new(text: &'a str, limits: &'a Limits) -> Self {
        Self {
            text,
            limits,
            nodes: 0,
            aliased_bytes: 0,
            stack: Vec::new(),
            anchors: HashMap::new(),
            keys: HashSet::new(),
            comments: Vec::new(),
            root: None,
            documents: 0,
            issues: Vec::new(),
            last_end: 0,
        }
    }

    pub(super) fn end(self) -> Built {
        Built {
            root: self.root,
            comments: self.comments,
            issues: self.issues,
        }
    }

    pub(super) fn position(&self, marker: &Marker) -> Position {
        Position {
            line: marker.line() as u32,
            column: marker.col() as u32 + 1,
        }
    }

    pub(super) fn span(&self, span: &granit_parser::Span) -> Span {
        let range = span.byte_range().unwrap_or(0..0);
        Span {
            start: range.start,
            end: range.end,
            position: self.position(&span.start),
        }
    }

    pub(super) fn issue(
        &mut self,
        position: Position,
        code: &'static str,
        message: impl Into<String>,
    ) {
        self.issues.push(YamlIssue {
            code,
            message: message.into(),
            position,
            suggestion: None,
        });
    }

    pub(super) fn syntax(&mut self, error: &granit_parser::ScanError) {
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

    pub(super) fn count(&mut self, nodes: usize, position: Position) -> Result<(), Stop> {
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

    pub(super) fn event(
        &mut self,
        event: Event<'_>,
        raw: &granit_parser::Span,
    ) -> Result<(), Stop> {
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
        match &mut node.value {
            // A large document has many of these: what they grew beyond their size adds up.
            Value::List(_, items) => items.shrink_to_fit(),
            Value::Map(_, entries) => entries.shrink_to_fit(),
            _ => {}
        }
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
    pub(super) fn finish(&mut self, mut node: Node, anchor: usize) -> Result<(), Stop> {
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

    /// The same text, shared with the keys before: mappings in a list mostly have the same ones.
    fn kept_once(&mut self, key: Arc<str>) -> Arc<str> {
        if let Some(known) = self.keys.get(&key) {
            return known.clone();
        }
        if key.len() <= LONGEST_SHARED && self.keys.len() < MAX_SHARED {
            self.keys.insert(key.clone());
        }
        key
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
        let text = self.kept_once(text);
        let fresh = self.stack.last_mut().is_some_and(|open| open.is_new(&text));
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
