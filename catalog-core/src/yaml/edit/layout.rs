//! How a text is laid out around a node.

use std::ops::Range;

use super::super::emit::{Quotes, Style};
use super::super::node::{Collection, Document, Entry, Node, ScalarStyle, Value};

/// A document with questions about its lines.
pub(super) struct Layout<'a> {
    pub document: &'a Document,
    pub text: &'a str,
}

impl<'a> Layout<'a> {
    pub fn new(document: &'a Document) -> Self {
        Self {
            document,
            text: &document.text,
        }
    }

    /// The first byte of the line of `at`; a byte order mark is not part of a line.
    pub fn line_start(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or("");
        let start = before.rfind('\n').map_or(0, |n| n + 1);
        if start == 0 && before.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            start
        }
    }

    /// Where the line of `at` ends, before its line end.
    pub fn line_end(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or("");
        let line = rest.find('\n').map_or(rest, |n| &rest[..n]);
        at + line.strip_suffix('\r').unwrap_or(line).len()
    }

    /// Where the line after that of `at` starts.
    pub fn next_line(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or("");
        rest.find('\n').map_or(self.text.len(), |n| at + n + 1)
    }

    /// The column of a byte, from 0. What stands before a block node is spaces and dashes, so
    /// bytes are columns.
    pub fn column(&self, at: usize) -> usize {
        at - self.line_start(at)
    }

    /// Whether only spaces stand before `at` in its line.
    pub fn starts_line(&self, at: usize) -> bool {
        self.text
            .get(self.line_start(at)..at)
            .is_some_and(|before| before.bytes().all(|b| b == b' '))
    }

    /// Whether nothing but a comment follows in the line.
    pub fn ends_line(&self, at: usize) -> bool {
        let rest = self.text.get(at..self.line_end(at)).unwrap_or("");
        let rest = rest.trim_start_matches([' ', '\t']);
        rest.is_empty() || rest.starts_with('#')
    }

    /// The comma after `at`, before `until` or the end of the collection: comments and white space
    /// may stand in between.
    pub fn comma(&self, at: usize, until: Option<usize>) -> Option<usize> {
        let rest = self.text.get(at..until.unwrap_or(self.text.len()))?;
        let mut places = rest.char_indices().map(|(i, c)| (at + i, c));
        let first = places.find(|(i, c)| !c.is_whitespace() && !self.in_comment(*i));
        first.filter(|(_, c)| *c == ',').map(|(i, _)| i)
    }

    /// Whether a comment starts there.
    pub fn has_comment(&self, range: Range<usize>) -> bool {
        let mut comments = self.document.comments.iter();
        comments.any(|comment| range.contains(&comment.start))
    }

    /// Where the white space before `at` starts, in its line.
    pub fn gap_start(&self, at: usize) -> usize {
        let line = self.text.get(self.line_start(at)..at).unwrap_or("");
        at - (line.len() - line.trim_end().len())
    }

    fn in_comment(&self, at: usize) -> bool {
        let comments = &self.document.comments;
        let next = comments.partition_point(|c| c.start <= at);
        next.checked_sub(1)
            .and_then(|i| comments.get(i))
            .is_some_and(|c| at < c.end)
    }

    /// One past the colon of an entry that has one.
    pub fn colon(&self, entry: &Entry) -> Option<usize> {
        let end = entry.key_span.end;
        let rest = self.text.get(end..)?;
        let gap = rest.len() - rest.trim_start().len();
        rest[gap..].starts_with(':').then_some(end + gap + 1)
    }

    /// The dash of a block list's item: the nearest one before it.
    pub fn dash(&self, item: &Node) -> Option<usize> {
        let start = item.written().start;
        let before = self.text.get(..start)?;
        before.rmatch_indices('-').map(|(at, _)| at).find(|at| {
            let after = self.text.as_bytes().get(at + 1);
            after.is_none_or(u8::is_ascii_whitespace) && !self.in_comment(*at)
        })
    }

    /// Where the node starts; that of a block list is its first dash.
    pub fn start(&self, node: &Node) -> usize {
        match &node.value {
            Value::List(Collection::Block, items) if node.alias.is_none() => items
                .first()
                .and_then(|item| self.dash(item))
                .unwrap_or(node.span.start),
            _ => node.written().start,
        }
    }

    /// Where an entry ends, its colon included.
    pub fn entry_end(&self, entry: &Entry) -> usize {
        let end = entry.value.written().end;
        if end <= entry.key_span.end {
            self.colon(entry).unwrap_or(entry.key_span.end)
        } else {
            end
        }
    }

    /// The end of the last line of something that ends at `end`, the comment lines included that
    /// follow at once and stand at column `min` or further right: they belong to it.
    pub fn lines_end(&self, end: usize, min: usize) -> usize {
        let mut last = self.line_end(end);
        loop {
            let next = self.next_line(last);
            let rest = self.text.get(next..).unwrap_or("");
            let column = rest.len() - rest.trim_start_matches(' ').len();
            if next == last || column < min || !rest[column..].starts_with('#') {
                return last;
            }
            last = self.line_end(next);
        }
    }

    /// The style for something new in `holder`, or in place of `replaced`.
    pub fn style(&self, holder: &Node, replaced: Option<&Node>) -> Style {
        let mut indents = Indents::default();
        for node in replaced.into_iter().chain([holder, &self.document.root]) {
            self.indents(node, &mut indents);
        }
        let habits = |node: &Node| {
            let mut habits = Habits::default();
            self.habits(node, &mut habits);
            habits
        };
        let around = habits(holder);
        let json = is_flow(holder) && around.keys() == Quotes::Double;
        let values = match replaced {
            _ if json => Quotes::Double,
            Some(Node {
                style: Some(style),
                value: Value::Text(_),
                ..
            }) => match style {
                ScalarStyle::SingleQuoted => Quotes::Single,
                ScalarStyle::DoubleQuoted => Quotes::Double,
                ScalarStyle::Plain | ScalarStyle::Block => Quotes::AsNeeded,
            },
            Some(node) if node.is_collection() => habits(node).values().unwrap_or_default(),
            Some(_) => Quotes::AsNeeded,
            None => around.values().unwrap_or_default(),
        };
        let default = Style::default();
        Style {
            step: indents.map.unwrap_or(default.step),
            list_step: indents.list.unwrap_or(default.list_step),
            values,
            keys: around.keys(),
            ..default
        }
    }

    /// Looks for the first indented mapping and list.
    fn indents(&self, node: &Node, found: &mut Indents) {
        if node.alias.is_some() || (found.map.is_some() && found.list.is_some()) {
            return;
        }
        for item in node.items() {
            self.indents(item, found);
        }
        for entry in node.entries() {
            let child = &entry.value;
            if child.alias.is_none() && child.is_collection() && !is_flow(child) {
                let outer = self.column(entry.key_span.start);
                let by = self.column(self.start(child)).checked_sub(outer);
                match child.value {
                    Value::Map(..) if found.map.is_none() => {
                        found.map = by.filter(|by| (1..=8).contains(by));
                    }
                    Value::List(..) if found.list.is_none() => {
                        found.list = by.filter(|by| *by <= 8)
                    }
                    _ => {}
                }
            }
            self.indents(child, found);
        }
    }

    fn habits(&self, node: &Node, found: &mut Habits) {
        if node.alias.is_some() {
            return;
        }
        match (&node.value, node.style) {
            (Value::Text(_), Some(ScalarStyle::DoubleQuoted)) => found.double += 1,
            (Value::Text(_), Some(ScalarStyle::SingleQuoted)) => found.single += 1,
            (Value::Text(_), _) => found.plain += 1,
            _ => {}
        }
        for item in node.items() {
            self.habits(item, found);
        }
        for entry in node.entries() {
            match self.text.as_bytes().get(entry.key_span.start) {
                Some(b'"') => found.double_keys += 1,
                _ => found.other_keys += 1,
            }
            self.habits(&entry.value, found);
        }
    }
}

/// Whether a node is a collection with brackets.
pub(super) fn is_flow(node: &Node) -> bool {
    matches!(
        node.value,
        Value::List(Collection::Flow, _) | Value::Map(Collection::Flow, _)
    )
}

#[derive(Default)]
struct Indents {
    map: Option<usize>,
    list: Option<usize>,
}

/// How the scalars around are quoted: somebody who quotes everything wants quotes.
#[derive(Default)]
struct Habits {
    plain: usize,
    single: usize,
    double: usize,
    double_keys: usize,
    other_keys: usize,
}

impl Habits {
    fn values(&self) -> Option<Quotes> {
        match (self.plain, self.single, self.double) {
            (0, 0, 0) => None,
            (0, 0, _) => Some(Quotes::Double),
            (0, _, 0) => Some(Quotes::Single),
            _ => Some(Quotes::AsNeeded),
        }
    }

    fn keys(&self) -> Quotes {
        if self.double_keys > 0 && self.other_keys == 0 {
            Quotes::Double
        } else {
            Quotes::AsNeeded
        }
    }
}
