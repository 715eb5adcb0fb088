//! Where the value of a key ends, in a line that need not be YAML.

use std::collections::HashMap;
use std::ops::Range;

use super::pairs::{Then, indent_of};

/// Finds the values of a line, from left to right, in linear time.
pub(super) struct Values<'a> {
    line: &'a str,
    /// The next ` #` after what was asked last.
    comment: Option<usize>,
    /// The next `,`, `}` or `]` after what was asked last.
    stop: Option<usize>,
    /// The end of what each bracket opens; made when the first one is met.
    brackets: Option<HashMap<usize, usize>>,
}

impl<'a> Values<'a> {
    pub fn new(line: &'a str) -> Self {
        Self {
            line,
            comment: Some(0),
            stop: Some(0),
            brackets: None,
        }
    }

    /// The value that starts here, blanks, anchors and tags aside. Calls must go from left to right.
    pub fn from(&mut self, from: usize, flow: bool) -> (Range<usize>, Then) {
        let line = self.line;
        let mut start = from + indent_of(line.get(from..).unwrap_or(""));
        while let Some(rest) = line.get(start..)
            && rest.starts_with(['&', '!'])
            && let Some(blank) = rest.find([' ', '\t'])
        {
            start += blank + indent_of(rest.get(blank..).unwrap_or(""));
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
                let end = self.plain_end(start, flow);
                let value = line.get(start..end).unwrap_or("").trim_end();
                let then = if start + value.len() < line.trim_end().len() {
                    Then::Nothing
                } else {
                    Then::More
                };
                (start..start + value.len(), then)
            }
        }
    }

    /// Where a plain value ends.
    fn plain_end(&mut self, from: usize, flow: bool) -> usize {
        let line = self.line;
        let advance = |known: &mut Option<usize>, find: &dyn Fn(&str) -> Option<usize>| {
            if known.is_some_and(|at| at < from) {
                *known = line.get(from..).and_then(find).map(|n| from + n);
            }
            known.unwrap_or(line.len())
        };
        let comment = advance(&mut self.comment, &|rest| rest.find(" #"));
        if flow {
            advance(&mut self.stop, &|rest| rest.find([',', '}', ']'])).min(comment)
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
        let stop = self.plain_end(end, flow);
        self.line
            .get(..stop)
            .unwrap_or("")
            .trim_end()
            .len()
            .max(end)
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
