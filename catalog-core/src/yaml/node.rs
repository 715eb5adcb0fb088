//! A located tree.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A place in a text: 1-based line and column, the column counted in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

/// Where a node stands in the source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte. Trailing line ends and comments are not part of a node.
    pub end: usize,
    /// The place of the first byte.
    pub position: Position,
}

impl Span {
    /// The byte range.
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarStyle {
    /// No quotes.
    Plain,
    /// `'…'`.
    SingleQuoted,
    /// `"…"`.
    DoubleQuoted,
    /// `|` or `>`.
    Block,
}

/// How a sequence or mapping was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collection {
    /// By indentation.
    Block,
    /// With brackets.
    Flow,
}

/// A node's content.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// `~`, `null` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction or an exponent, or one too large for [`Value::Int`]; always finite.
    Float(f64),
    /// A text.
    Text(Arc<str>),
    /// A sequence.
    List(Collection, Vec<Node>),
    /// A mapping, in the order of the source text; keys are unique.
    Map(Collection, Vec<Entry>),
}

/// Prints the kind: a value may be a secret.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Bool(_) => f.write_str("Bool"),
            Self::Int(_) => f.write_str("Int"),
            Self::Float(_) => f.write_str("Float"),
            Self::Text(_) => f.write_str("Text"),
            Self::List(_, items) => f.debug_list().entries(items).finish(),
            Self::Map(_, entries) => f.debug_list().entries(entries).finish(),
        }
    }
}

/// A value with its place.
#[derive(Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it stands, a block scalar with its header. For the target of an alias: where the
    /// anchored node stands.
    pub span: Span,
    /// For a scalar: how it was written.
    pub style: Option<ScalarStyle>,
    /// For null, booleans and numbers: the text as written, such as `1.10` or `~`.
    pub raw: Option<Arc<str>>,
    /// For a node that was written as an alias (`*name`): where that alias stands. Its children,
    /// if any, stand where the anchor is.
    pub alias: Option<Span>,
    /// Whether the node carries an anchor or a tag; its span does not cover them.
    pub decorated: bool,
}

/// Prints kind and place, never the value.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}@{}..{}", self.value, self.span.start, self.span.end)
    }
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key as text; a plain scalar key is taken as written (`1: x` has the key `1`).
    pub key: Arc<str>,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

/// A parsed text: one YAML document.
#[derive(Clone)]
pub struct Document {
    /// The text that the spans refer to.
    pub text: Arc<str>,
    /// The tree. An empty text is null.
    pub root: Node,
    /// The comments, each from `#` to the end of its line.
    pub comments: Vec<Span>,
}

/// Prints the size, never the text.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes)", self.text.len())
    }
}

impl Node {
    /// Where the node was written: the alias if it is one, else the value.
    pub fn place(&self) -> Position {
        self.written().position
    }

    /// The span of what was written: the alias if it is one, else the value.
    pub fn written(&self) -> Span {
        self.alias.unwrap_or(self.span)
    }

    /// The value of this key, when the node is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|e| &e.value)
    }

    /// The entry of this key, when the node is a mapping that has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|e| &*e.key == key)
    }

    /// The entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(_, entries) => entries,
            _ => &[],
        }
    }

    /// The items of a sequence; none for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(_, items) => items,
            _ => &[],
        }
    }

    /// The text of a text scalar, or of a number as it was written.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Int(_) | Value::Float(_) => self.raw.as_deref(),
            _ => None,
        }
    }

    /// The boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(b) => Some(b),
            _ => None,
        }
    }

    /// The whole number.
    pub fn as_int(&self) -> Option<i64> {
        match self.value {
            Value::Int(i) => Some(i),
            _ => None,
        }
    }

    /// Whether the node is null.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// Whether the node is a sequence or mapping.
    pub fn is_collection(&self) -> bool {
        matches!(self.value, Value::List(..) | Value::Map(..))
    }

    /// What the node is, in words for messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Int(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(..) => "a list",
            Value::Map(..) => "a mapping",
        }
    }

    /// The tree as JSON. A float that is whole stays a float.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(b) => Json::Bool(*b),
            Value::Int(i) => Json::from(*i),
            Value::Float(f) => Json::from(*f),
            Value::Text(t) => Json::String(t.to_string()),
            Value::List(_, items) => items.iter().map(Node::to_json).collect(),
            Value::Map(_, entries) => entries
                .iter()
                .map(|e| (e.key.to_string(), e.value.to_json()))
                .collect(),
        }
    }
}
