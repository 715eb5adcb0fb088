//! Replacing parts of a YAML text so that it still says what it should.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::limits;
use crate::yaml::{Document, Node, Value, parse};

/// One replacement.
pub(super) struct Edit {
    /// The bytes to replace.
    pub range: Range<usize>,
    /// What to write, the nicest first; the last one is one that reads right wherever a scalar may
    /// stand.
    pub options: Vec<String>,
    /// What the text must say then.
    pub target: Target,
}

/// What an edit changes.
pub(super) enum Target {
    /// The scalar whose span starts here gets this value.
    Scalar(usize, Value),
    /// The key whose span starts here gets this text.
    Key(usize, Arc<str>),
    /// A comment, which no value depends on.
    Comment,
}

/// How often a text is parsed to find out which replacement does not fit, and how many bytes in all:
/// with fewer tries more is written in the plain way than has to be.
const ATTEMPTS: usize = 64;
const PARSED_BYTES: usize = 16 << 20;
/// To find out that it has to be the plain way for all.
const MIN_ATTEMPTS: usize = 3;

/// The text with all edits done: it parses, the edited places say what they should and all others
/// say what they said. `None` when there is no such text.
pub(super) fn apply(document: &Document, mut edits: Vec<Edit>) -> Option<(String, Document)> {
    edits.sort_by_key(|e| (e.range.start, std::cmp::Reverse(e.range.end)));
    let mut end = 0;
    edits.retain(|e| {
        // A comment in the head of a block scalar goes with the scalar.
        let apart = e.range.start >= end;
        if apart {
            end = e.range.end;
        }
        apart
    });
    let mut expected = Expected::default();
    for edit in &edits {
        match &edit.target {
            Target::Scalar(at, value) => {
                expected.scalars.insert(*at, value.clone());
            }
            Target::Key(at, key) => {
                expected.keys.insert(*at, key.clone());
            }
            Target::Comment => {}
        }
    }
    let mut patch = Patch {
        choices: vec![0; edits.len()],
        document,
        edits,
        expected,
        attempts: (PARSED_BYTES / document.text.len().max(1)).clamp(MIN_ATTEMPTS, ATTEMPTS),
    };
    patch.attempt().or_else(|| patch.settle())
}

#[derive(Default)]
struct Expected {
    scalars: HashMap<usize, Value>,
    keys: HashMap<usize, Arc<str>>,
}

struct Patch<'a> {
    document: &'a Document,
    edits: Vec<Edit>,
    expected: Expected,
    /// Which option of each edit is taken.
    choices: Vec<usize>,
    attempts: usize,
}

type Outcome = Option<(String, Document)>;

impl Patch<'_> {
    /// The text by the current choices, if it says what it should.
    fn attempt(&mut self) -> Outcome {
        self.attempts = self.attempts.saturating_sub(1);
        let text = &self.document.text;
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (edit, choice) in self.edits.iter().zip(&self.choices) {
            out.push_str(text.get(done..edit.range.start)?);
            out.push_str(edit.options.get(*choice)?);
            done = edit.range.end;
        }
        out.push_str(text.get(done..)?);
        let parsed = parse(&out, &limits(&out)).ok()?;
        let same = self.says(&self.document.root, &parsed.root);
        same.then_some((out, parsed))
    }

    /// Takes the safe option for those edits whose nicer ones do not fit.
    fn settle(&mut self) -> Outcome {
        for at in 0..self.edits.len() {
            self.choices[at] = self.edits[at].options.len().saturating_sub(1);
        }
        let safe = self.attempt()?;
        let improved = self.improve(0..self.edits.len());
        Some(improved.unwrap_or(safe))
    }

    /// Tries the nicest option for all of these edits, else for each half; the last text that was
    /// right.
    fn improve(&mut self, range: Range<usize>) -> Outcome {
        let safe: Vec<usize> = self.choices[range.clone()].to_vec();
        if range.is_empty() || self.attempts == 0 || safe.iter().all(|c| *c == 0) {
            return None;
        }
        self.choices[range.clone()].fill(0);
        if let Some(outcome) = self.attempt() {
            return Some(outcome);
        }
        self.choices[range.clone()].copy_from_slice(&safe);
        if range.len() == 1 {
            return None;
        }
        let middle = range.start + range.len() / 2;
        let first = self.improve(range.start..middle);
        let second = self.improve(middle..range.end);
        second.or(first)
    }

    /// Whether the new tree says what the old one said, but for the edited places.
    fn says(&self, old: &Node, new: &Node) -> bool {
        if old.alias.is_some() != new.alias.is_some() {
            return false;
        }
        match (&old.value, &new.value) {
            (Value::Map(_, ours), Value::Map(_, theirs)) => {
                ours.len() == theirs.len()
                    && ours.iter().zip(theirs).all(|(a, b)| {
                        let key = self.expected.keys.get(&a.key_span.start).unwrap_or(&a.key);
                        (*key == b.key || self.is_alias(a.key_span.start))
                            && self.says(&a.value, &b.value)
                    })
            }
            (Value::List(_, ours), Value::List(_, theirs)) => {
                ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| self.says(a, b))
            }
            (Value::Text(_) | Value::Int(_) | Value::Float(_), _) => {
                let expected = self.expected.scalars.get(&old.span.start);
                expected.unwrap_or(&old.value) == &new.value
            }
            (a, b) => a == b,
        }
    }

    /// Whether the key that starts here is an alias: it follows its anchor.
    fn is_alias(&self, at: usize) -> bool {
        is_alias(&self.document.text, at)
    }
}

/// Whether what starts here is an alias. No plain scalar starts with `*`.
pub(super) fn is_alias(text: &str, at: usize) -> bool {
    text.as_bytes().get(at) == Some(&b'*')
}

/// A text in double quotes, on one line.
pub(super) fn quote(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Line ends and marks that a reader may take for structure.
            c if c.is_control()
                || matches!(
                    c,
                    '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
                ) =>
            {
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
