//! Redaction line by line: for texts that cannot be parsed, and for comments.
//!
//! It knows just enough of YAML and JSON to find where the value of a sensitive key ends, and hides
//! too much rather than too little. Lines stay lines, so that what is hidden can be put back.

mod lines;
mod pairs;
mod values;

use std::borrow::Cow;
use std::ops::Range;

use super::keys::{LONGEST_NAME, is_sensitive_key};
use super::patch::quote;
use super::placeholder::is_placeholder;
use super::taint::Taint;
use super::tree::{self, is_name_key, is_value_key};
use super::{MARKER, formats, shown};
pub(super) use lines::{restore, split};
use pairs::{Pair, Then, indent_of};

/// The text with every secret that can be told replaced, and every copy of an outside one.
pub(super) fn redact(text: &str, outside: &Taint) -> String {
    let lines = lines::split(text);
    let keys = formats::find_private_keys(text);
    let bodies: Vec<&str> = lines
        .iter()
        .map(|l| l.trim_end_matches(['\n', '\r']))
        .collect();
    let mut engine = Engine::new(&bodies, Mode::Text);
    let mut out = Vec::with_capacity(lines.len());
    let mut start = 0;
    for (at, (line, body)) in lines.iter().zip(&bodies).enumerate() {
        let span = start..start + body.len();
        out.push(match overlap(&keys, &span) {
            Some(key) => engine.around_key(at, body, key),
            None => engine.line(at, body),
        });
        start += line.len();
    }
    let taint = outside.with(engine.secrets.into_iter().map(Cow::Owned));
    let mut shown = String::with_capacity(text.len());
    for (line, (body, redacted)) in lines.iter().zip(bodies.iter().zip(out)) {
        shown.push_str(&finish(redacted, &taint));
        shown.push_str(line.get(body.len()..).unwrap_or(""));
    }
    shown
}

/// Comments on consecutive lines as they are shown.
pub(super) fn comments(group: &[&str], taint: &Taint) -> Vec<String> {
    let heads: Vec<usize> = group
        .iter()
        .map(|c| c.len() - c.trim_start_matches('#').len())
        .collect();
    let bodies: Vec<&str> = group
        .iter()
        .zip(&heads)
        .map(|(c, head)| c.get(*head..).unwrap_or(""))
        .collect();
    // A private key that is commented out has a `#` in each of its lines.
    let text = group.join("\n");
    let keys = formats::find_private_keys(&text);
    let mut engine = Engine::new(&bodies, Mode::Comment);
    let mut start = 0;
    let mut out = Vec::with_capacity(group.len());
    for (at, (body, head)) in bodies.iter().zip(&heads).enumerate() {
        let span = start + head..start + head + body.len();
        let shown = match overlap(&keys, &span) {
            Some(key) => engine.around_key(at, body, key),
            None => engine.line(at, body),
        };
        out.push(format!("{}{}", "#".repeat(*head), finish(shown, taint)));
        start += head + body.len() + 1;
    }
    out
}

/// Whether a comment is a sentence rather than a setting that was commented out.
pub(super) fn is_prose(comment: &str) -> bool {
    let words = || comment.split_whitespace().filter(|w| !w.starts_with('#'));
    words().count() >= 4 && !comment.bytes().any(|b| b.is_ascii_digit() || b == b'=')
}

/// Formats and copies, in a line whose values are dealt with.
fn finish(line: String, taint: &Taint) -> String {
    let line = shown::passage(&line, taint).unwrap_or(line);
    if taint.is_empty() {
        line
    } else {
        taint.redact_words(&line)
    }
}

/// The part of a line that one of these ranges covers, relative to the line.
fn overlap(ranges: &[Range<usize>], line: &Range<usize>) -> Option<Range<usize>> {
    let at = ranges.partition_point(|r| r.end <= line.start);
    let range = ranges.get(at).filter(|r| r.start < line.end)?;
    Some(range.start.max(line.start) - line.start..range.end.min(line.end) - line.start)
}

/// Longer values are no placeholders.
const LONGEST_EXAMPLE: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Text,
    Comment,
}

/// Lines that belong to a secret because they are indented more than its key.
struct Cover {
    indent: usize,
    /// Everything in them is hidden, keys included: a text of several lines.
    whole: bool,
}

struct Engine {
    mode: Mode,
    /// The lines whose `value` belongs to a sensitive `name` nearby.
    named: Vec<bool>,
    covers: Vec<Cover>,
    /// An open quote of a secret.
    quote: Option<char>,
    /// Open brackets of a secret.
    depth: usize,
    /// The line before is a list item such as `--token`, whose value is the next item.
    flag: bool,
    secrets: Vec<String>,
}

impl Engine {
    fn new(lines: &[&str], mode: Mode) -> Self {
        Self {
            mode,
            named: pairs::named(lines),
            covers: Vec::new(),
            quote: None,
            depth: 0,
            flag: false,
            secrets: Vec::new(),
        }
    }

    /// A line as it is shown.
    fn line(&mut self, at: usize, line: &str) -> String {
        let content = line.trim();
        if content.is_empty() {
            return line.to_owned();
        }
        if let Some(quote) = self.quote {
            if line.contains(quote) {
                self.quote = None;
            }
            return self.hide(line);
        }
        if self.depth > 0 {
            self.depth = pairs::depth(line, self.depth);
            let closes = content.chars().all(|c| matches!(c, '}' | ']' | ','));
            return if closes {
                line.to_owned()
            } else {
                self.hide(line)
            };
        }
        let indent = indent_of(line);
        let item = content.starts_with('-');
        while self
            .covers
            .last()
            .is_some_and(|c| indent < c.indent || (indent == c.indent && (c.whole || !item)))
        {
            self.covers.pop();
        }
        match self.covers.last() {
            Some(Cover { whole: true, .. }) => self.hide(line),
            Some(_) => self.below(line),
            None => self.plain(at, line),
        }
    }

    /// A line with a part of a private key in it.
    fn around_key(&mut self, at: usize, line: &str, key: Range<usize>) -> String {
        let head = line.get(..key.start).unwrap_or("");
        let tail = line.get(key.end..).unwrap_or("");
        let hidden = line.get(key).unwrap_or("");
        if hidden.trim().is_empty() {
            return line.to_owned();
        }
        let head = if head.trim().is_empty() {
            format!(
                "{head}{}",
                &hidden[..hidden.len() - hidden.trim_start().len()]
            )
        } else {
            self.plain(at, head)
        };
        format!("{head}{MARKER}{tail}")
    }

    /// Nothing but the indentation.
    fn hide(&mut self, line: &str) -> String {
        let indent = line.len() - line.trim_start().len();
        self.secrets.push(line.trim().to_owned());
        format!("{}{MARKER}", line.get(..indent).unwrap_or(""))
    }

    /// A line below a sensitive key: its keys stay, its values do not.
    fn below(&mut self, line: &str) -> String {
        let start = pairs::content_start(line);
        let pairs = pairs::all(line);
        let opens = line.get(start..).unwrap_or("").starts_with(['{', '[']);
        match pairs.first() {
            Some(first) if opens || first.start == start => {
                let whole: Vec<&Pair<'_>> = pairs.iter().collect();
                self.replace(line, &whole, true)
            }
            _ if opens => {
                self.depth = pairs::depth(line, 0);
                self.hide(line)
            }
            _ => {
                let content = line.get(start..).unwrap_or("");
                if is_left(content.trim()) {
                    return line.to_owned();
                }
                self.secrets.push(unquoted(content).to_owned());
                format!("{}{}", line.get(..start).unwrap_or(""), quote(MARKER))
            }
        }
    }

    fn plain(&mut self, at: usize, line: &str) -> String {
        let start = pairs::content_start(line);
        let item = unquoted(line.get(start..).unwrap_or(""));
        let is_item = start > indent_of(line);
        let flagged = std::mem::replace(&mut self.flag, is_item && tree::is_flag(item));
        if flagged && is_item && !is_left(item) && !is_placeholder(item) {
            self.secrets.push(item.to_owned());
            return format!("{}{}", line.get(..start).unwrap_or(""), quote(MARKER));
        }
        let pairs = pairs::all(line);
        if pairs.is_empty() {
            return line.to_owned();
        }
        let named = self.named.get(at).copied().unwrap_or(false)
            || pairs.iter().any(|p| names_secret(p, line));
        let secret: Vec<&Pair<'_>> = pairs
            .iter()
            .filter(|p| {
                let value = line.get(p.value.clone()).unwrap_or("");
                let example = || value.len() <= LONGEST_EXAMPLE && is_placeholder(value);
                if is_sensitive_key(p.key) {
                    // In a comment an example is just that; below a bare key the value follows.
                    self.mode == Mode::Text || value.is_empty() || !example()
                } else {
                    named && is_value_key(p.key) && !example()
                }
            })
            .collect();
        match self.mode {
            Mode::Text => self.replace(line, &secret, true),
            Mode::Comment => {
                let leads = secret.first().is_some_and(|p| p.start == start);
                if leads || !is_sentence(line, &secret) {
                    self.replace(line, &secret, leads)
                } else {
                    line.to_owned()
                }
            }
        }
    }

    /// The line with the values of these pairs replaced. `leads` tells that the first one is a
    /// setting, whose value is the rest, and not part of a sentence.
    fn replace(&mut self, line: &str, pairs: &[&Pair<'_>], leads: bool) -> String {
        let mut out = String::with_capacity(line.len());
        let mut done = 0;
        for pair in pairs {
            if pair.value.start < done {
                continue;
            }
            let mut end = pair.value.end;
            let value = line.get(pair.value.clone()).unwrap_or("");
            let sentence = self.mode == Mode::Comment && !leads;
            let word = (sentence || pair.tight) && !value.starts_with(['"', '\'']);
            if word {
                // What follows `Bearer` is what is meant.
                let scheme = formats::scheme(value);
                let rest = value.get(scheme..).unwrap_or("");
                let word = rest.find(char::is_whitespace).unwrap_or(rest.len());
                end = pair.value.start + scheme + word;
            }
            let value = line.get(pair.value.start..end).unwrap_or("");
            let open = matches!(pair.then, Then::Brackets);
            let left = is_left(value);
            if !left || open || pair.value.is_empty() {
                self.follow(pair, line);
            }
            if left {
                continue;
            }
            self.secrets.push(unquoted(value).to_owned());
            out.push_str(line.get(done..pair.value.start).unwrap_or(""));
            out.push_str(&if word {
                MARKER.to_owned()
            } else {
                quote(MARKER)
            });
            done = end;
        }
        out.push_str(line.get(done..).unwrap_or(""));
        out
    }

    /// Notes what the following lines are.
    fn follow(&mut self, pair: &Pair<'_>, line: &str) {
        let cover = |whole| Cover {
            indent: pair.column,
            whole,
        };
        match (pair.then, self.mode) {
            (Then::Nested, _) => self.covers.push(cover(false)),
            (Then::Block, _) => self.covers.push(cover(true)),
            (Then::More, Mode::Text) => self.covers.push(cover(true)),
            (Then::Quote(quote), Mode::Text) => self.quote = Some(quote),
            (Then::Brackets, Mode::Text) => {
                let opened = line.get(pair.value.start..).unwrap_or("");
                self.depth = pairs::depth(opened, 1).max(1);
            }
            _ => {}
        }
    }
}

/// Whether the pair is the name of a secret, with its value beside it.
fn names_secret(pair: &Pair<'_>, line: &str) -> bool {
    let value = line.get(pair.value.clone()).unwrap_or("");
    // A value may go on to the end of the line, and be looked at for each name in it.
    let may_be = value.len() <= 2 * LONGEST_NAME;
    may_be && is_name_key(pair.key) && pairs::is_secret_name(unquoted(value))
}

/// Whether the value is an ordinary word of a sentence that goes on.
fn is_sentence(line: &str, pairs: &[&Pair<'_>]) -> bool {
    pairs.iter().all(|p| {
        let value = line.get(p.value.clone()).unwrap_or("");
        let mut words = value.split_whitespace();
        let first = words.next().unwrap_or("");
        words.next().is_some() && first.bytes().all(|b| b.is_ascii_lowercase())
    })
}

fn unquoted(value: &str) -> &str {
    value.trim().trim_matches(['"', '\''])
}

/// Whether a value says nothing: empty, a boolean, null, or hidden already.
fn is_left(value: &str) -> bool {
    let value = unquoted(value.trim().trim_end_matches(','));
    matches!(
        value,
        "" | "~" | "null" | "true" | "false" | "Null" | "True" | "False" | "{" | "[" | "}" | "]"
    ) || value == MARKER
}
