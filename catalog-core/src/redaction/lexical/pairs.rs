//! Keys and values in a line that need not be YAML.

use std::ops::Range;

use super::values::Values;
use crate::redaction::keys::{LONGEST_NAME, is_sensitive_key};
use crate::redaction::tree::{is_name_key, is_value_key};

/// A `key: value` or `key=value`.
pub(super) struct Pair<'a> {
    /// The key, without quotes.
    pub key: &'a str,
    /// Where it starts, with its quote.
    pub start: usize,
    /// How far it is indented; dashes of list items count.
    pub column: usize,
    /// The value's bytes, quotes included; anchors and tags are not.
    pub value: Range<usize>,
    /// Whether it is `key=value` without blanks, and so ends at the next one.
    pub tight: bool,
    /// What follows it.
    pub then: Then,
}

/// How a value goes on in the next lines.
#[derive(Clone, Copy)]
pub(super) enum Then {
    /// It does not.
    Nothing,
    /// There was none yet: a list or map follows.
    Nested,
    /// A block scalar follows.
    Block,
    /// A plain text may go on.
    More,
    /// Up to this quote.
    Quote(char),
    /// Up to the bracket that closes the one before it.
    Brackets,
}

/// The bytes of blanks that a line starts with.
pub(super) fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// Where a line's content starts, after the dashes of list items.
pub(super) fn content_start(line: &str) -> usize {
    let mut at = indent_of(line);
    while let Some(rest) = line.get(at..).and_then(|r| r.strip_prefix("- ")) {
        at += 2 + indent_of(rest);
    }
    at
}

/// The pairs of a line, from left to right; those in the value of another one included.
pub(super) fn all(line: &str) -> Vec<Pair<'_>> {
    let bytes = line.as_bytes();
    let start = content_start(line);
    let mut values = Values::new(line);
    let mut pairs = Vec::new();
    let mut depth = 0usize;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b':' | b'=' => {
                let Some((range, quoted)) = key_before(line, at) else {
                    continue;
                };
                let next = bytes.get(at + 1);
                let separates = match byte {
                    b':' => quoted || next.is_none_or(u8::is_ascii_whitespace),
                    _ => !matches!(next, Some(b'=' | b'>')),
                };
                let Some(key) = line.get(range.clone()).filter(|_| separates) else {
                    continue;
                };
                let (value, then) = values.from(at + 1, depth > 0);
                let key_start = range.start - usize::from(quoted);
                pairs.push(Pair {
                    key,
                    start: key_start,
                    column: start.min(key_start),
                    value,
                    tight: *byte == b'=' && next.is_some_and(|b| !b.is_ascii_whitespace()),
                    // A text of several lines is a YAML matter.
                    then: if *byte == b':' { then } else { Then::Nothing },
                });
            }
            _ => {}
        }
    }
    pairs
}

/// The key that ends before a separator, and whether it is quoted.
fn key_before(line: &str, separator: usize) -> Option<(Range<usize>, bool)> {
    let before = line.get(..separator)?.trim_end_matches([' ', '\t']);
    if let Some(quote @ ('"' | '\'')) = before.chars().next_back() {
        let end = before.len() - 1;
        let from = before.floor_char_boundary(end.saturating_sub(LONGEST_NAME));
        let start = from + before.get(from..end)?.rfind(quote)? + 1;
        return (start < end).then_some((start..end, true));
    }
    let run = |text: &str| {
        text.chars()
            .rev()
            .take(LONGEST_NAME)
            .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
            .map(char::len_utf8)
            .sum::<usize>()
    };
    let end = before.len();
    let mut start = end - run(before);
    // `API key` is one name.
    if before
        .get(start..)
        .is_some_and(|k| k.eq_ignore_ascii_case("key"))
        && let Some(first) = before.get(..start).and_then(|b| b.strip_suffix(' '))
        && first.ends_with(char::is_alphanumeric)
    {
        start = first.len() - run(first);
    }
    (start < end).then_some((start..end, false))
}

/// How many brackets are open after a line.
pub(super) fn depth(line: &str, before: usize) -> usize {
    line.chars().fold(before, |open, c| match c {
        '{' | '[' => open + 1,
        '}' | ']' => open.saturating_sub(1),
        _ => open,
    })
}

/// Whether a value is the name of a secret.
pub(super) fn is_secret_name(value: &str) -> bool {
    value.len() <= LONGEST_NAME && is_sensitive_key(value)
}

/// How many lines an entry is looked through for the name of a value.
const NEAR: usize = 32;

/// For each line whether it holds the value of a sensitive name in the same entry:
/// `- name: DB_PASSWORD` and, at the same indentation, `value: …`.
pub(super) fn named(lines: &[&str]) -> Vec<bool> {
    struct Lead {
        item: bool,
        column: usize,
        names: bool,
        value: bool,
    }
    let leads: Vec<Option<Lead>> = lines
        .iter()
        .map(|line| {
            let start = content_start(line);
            let separator = line.get(start..)?.find(':')? + start;
            let (range, quoted) = key_before(line, separator)?;
            let key = line.get(range)?;
            let value = line.get(Values::new(line).from(separator + 1, false).0)?;
            let bare = value.trim_matches(|c: char| matches!(c, '"' | '\'' | ',') || c == ' ');
            (quoted || line.get(separator + 1..)?.starts_with([' ', '\t'])).then(|| Lead {
                item: line.trim_start().starts_with("- "),
                column: start,
                names: is_name_key(key) && is_secret_name(bare),
                value: is_value_key(key),
            })
        })
        .collect();
    let mut named = vec![false; lines.len()];
    for (at, lead) in leads.iter().enumerate() {
        let Some(lead) = lead.as_ref().filter(|l| l.names) else {
            continue;
        };
        let mut mark = |other: usize| -> bool {
            match leads.get(other).and_then(Option::as_ref) {
                Some(near) if near.column < lead.column => false,
                Some(near) => {
                    let same = near.column == lead.column;
                    named[other] |= same && near.value;
                    true
                }
                None => true,
            }
        };
        let starts_item = |other: usize| {
            let near = leads.get(other).and_then(Option::as_ref);
            near.is_some_and(|l| l.item && l.column == lead.column)
        };
        for other in at + 1..lines.len().min(at + NEAR) {
            if starts_item(other) || !mark(other) {
                break;
            }
        }
        if !lead.item {
            for other in (at.saturating_sub(NEAR)..at).rev() {
                if !mark(other) || starts_item(other) {
                    break;
                }
            }
        }
    }
    named
}
