//! Where the value of a key ends, in a line that need not be YAML.

use std::collections::HashMap;
use std::ops::Range;

use super::pairs::{Then, indent_of};

/// Finds the values of a line, from left to right, in linear time.
pub(super) struct Values<'a> {
    line: &'a str,
    /// The next ` #` after what was asked last.
    comment: Cut,
    /// The next `,`, `}` or `]` after what was asked last.
    stop: Cut,
    /// The end of the line.
    line_end: Cut,
    /// The next blanks after what was asked last.
    blanks: Option<Range<usize>>,
    /// The end of what each bracket opens; made when the first one is met.
    brackets: Option<HashMap<usize, usize>>,
}

/// Where values end.
#[derive(Clone, Copy)]
struct Cut {
    at: usize,
    /// The same without the blanks before it. Many values may end here: they are passed over once.
    trimmed: usize,
}

impl Cut {
    fn new(line: &str, at: usize) -> Self {
        let trimmed = line.get(..at).map_or(at, |before| before.trim_end().len());
        Self { at, trimmed }
    }
}

/// An anchor and a tag.
const MAX_DECORATIONS: usize = 2;

impl<'a> Values<'a> {
    pub fn new(line: &'a str) -> Self {
        let start = Cut { at: 0, trimmed: 0 };
        Self {
            line,
            comment: start,
            stop: start,
            line_end: Cut::new(line, line.len()),
            blanks: Some(0..0),
            brackets: None,
        }
    }

    /// The value that starts here, blanks, anchors and tags aside. Calls must go from left to right.
    pub fn from(&mut self, from: usize, flow: bool) -> (Range<usize>, Then) {
        let line = self.line;
        let mut start = from + indent_of(line.get(from..).unwrap_or(""));
        for _ in 0..MAX_DECORATIONS {
            let rest = line.get(start..).unwrap_or("");
            let decorated = rest.starts_with(['&', '!']);
            let Some(next) = decorated.then(|| self.after_blanks(start)).flatten() else {
                break;
            };
            start = next;
        }
        let rest = line.get(start..).unwrap_or("");
        if rest.is_empty() || rest.starts_with('#') {
            return (start..start, Then::Nested);
        }
        if rest.starts_with(['|', '>']) {
            let header = rest.get(1..).unwrap_or("");
            let header =
                header.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
            if header.is_empty() || header.starts_with([' ', '\t', '#']) {
                return (start..start, Then::Block);
            }
        }
        match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => match close(rest, quote) {
                Some(end) => (start..self.real_end(start + end, flow), Then::Nothing),
                None => (start..line.len(), Then::Quote(quote)),
            },
            Some('{' | '[') => {
                let brackets = self.brackets.get_or_insert_with(|| matching(line));
                match brackets.get(&start) {
                    Some(end) => (start..*end, Then::Nothing),
                    None => (start + 1..line.len(), Then::Brackets),
                }
            }
            _ => {
                let end = self.plain_end(start, flow).trimmed.max(start);
                let then = if end < self.line_end.trimmed {
                    Then::Nothing
                } else {
                    Then::More
                };
                (start..end, then)
            }
        }
    }

    /// What follows the first blanks from here on.
    fn after_blanks(&mut self, from: usize) -> Option<usize> {
        if self.blanks.as_ref().is_some_and(|b| b.start < from) {
            let rest = self.line.get(from..).unwrap_or("");
            self.blanks = rest.find([' ', '\t']).map(|n| {
                let start = from + n;
                start..start + indent_of(rest.get(n..).unwrap_or(""))
            });
        }
        self.blanks.as_ref().map(|b| b.end)
    }

    /// Where a plain value ends.
    fn plain_end(&mut self, from: usize, flow: bool) -> Cut {
        let (line, line_end) = (self.line, self.line_end);
        let advance = |known: &mut Cut, find: &dyn Fn(&str) -> Option<usize>| {
            if known.at < from {
                let next = line.get(from..).and_then(find);
                *known = next.map_or(line_end, |n| Cut::new(line, from + n));
            }
            *known
        };
        let comment = advance(&mut self.comment, &|rest| rest.find(" #"));
        if flow {
            let stop = advance(&mut self.stop, &|rest| rest.find([',', '}', ']']));
            if stop.at < comment.at { stop } else { comment }
        } else {
            comment
        }
    }

    /// Where a quoted value really ends: what follows the quote without a separator belongs to it,
    /// too, somehow.
    fn real_end(&mut self, end: usize, flow: bool) -> usize {
        let after = self.line.get(end..).unwrap_or("").trim_start();
        if after.is_empty() || after.starts_with([',', '}', ']', '#']) {
            return end;
        }
        self.plain_end(end, flow).trimmed.max(end)
    }
}

/// The end of a quoted text that starts a text.
fn close(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if escaped {
            escaped = false;
        } else if c == '\\' && quote == '"' {
            escaped = true;
        } else if c == quote {
            if quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'') {
                chars.next();
            } else {
                return Some(at + 1);
            }
        }
    }
    None
}

/// For each bracket that is closed, the end of what it opens.
fn matching(line: &str) -> HashMap<usize, usize> {
    let mut ends = HashMap::new();
    let mut open = Vec::new();
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match (c, quote) {
            (c, Some(q)) if c == q => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            ('{' | '[', None) => open.push(at),
            ('}' | ']', None) => {
                if let Some(start) = open.pop() {
                    ends.insert(start, at + 1);
                }
            }
            _ => {}
        }
    }
    ends
}
