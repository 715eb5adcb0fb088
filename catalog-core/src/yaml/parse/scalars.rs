//! Scalars: what they are, and where exactly they stand.

use std::sync::Arc;

use granit_parser::Tag;

use super::super::node::{Node, Position, ScalarStyle, Span, Value};
use super::super::scalar::{Unresolvable, resolve_plain};
use super::builder::Builder;
use super::{end_of, line_breaks};

pub(super) fn scalar_node(value: Value, span: Span) -> Node {
    Node {
        value,
        span,
        style: Some(ScalarStyle::Plain),
        raw: None,
        alias: None,
        decorated: false,
    }
}

impl Builder<'_> {
    pub(super) fn tag(&mut self, tag: Option<&Tag>, allowed: &[&str], position: Position) {
        let Some(tag) = tag else { return };
        // `!` alone is the non-specific tag: it says "no special type".
        let fine = tag.core_suffix().is_some_and(|s| allowed.contains(&s))
            || (tag.handle().is_empty() && tag.suffix() == "!");
        if !fine {
            self.issue(position, "tag", "this tag is not supported here");
        }
    }

    pub(super) fn scalar(
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
