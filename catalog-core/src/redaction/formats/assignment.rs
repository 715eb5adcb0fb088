//! `password=…` in queries and settings, `"password": "…"` in embedded JSON, `token: …` in headers.

use super::{Found, looks_random};
use crate::redaction::keys::is_sensitive_key;
use crate::redaction::placeholder::{hole, is_example_word, is_placeholder};

const KIND: &str = "value of a sensitive name";
/// Longer runs are data, not names.
const LONGEST_NAME: usize = 64;
/// Shorter values are options such as `yes`.
const SHORTEST_VALUE: usize = 4;
/// How much of a value is looked at to tell what it is.
const WINDOW: usize = 256;

/// The value that is assigned by the `=` here.
pub(super) fn value(text: &str, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let spaced = bytes.get(..at)?.last() == Some(&b' ');
    let name_end = text.get(..at)?.trim_end_matches(' ').len();
    let name = name_before(text, name_end)?;
    let sensitive = is_sensitive_key(name) || is_signature(text, name, name_end);
    if !sensitive || matches!(bytes.get(at + 1), Some(b'=' | b'>' | b'~')) {
        return None;
    }
    let rest = text.get(at + 1..)?;
    let (start, end) = match quoted(
        text,
        at + 1 + rest.len() - rest.trim_start_matches(' ').len(),
    ) {
        Some(range) => range,
        // With blanks around it is a sentence or a program, and those quote what they mean.
        None if spaced || rest.starts_with(' ') => return None,
        None => {
            let end = end_of(
                rest,
                |c| "&\"'`;<>\\".contains(c),
                |start| is_harmless(name, start),
            )?;
            let value = rest.get(..end)?;
            // `HF_{optional token}`: the blank is in what is to be filled in.
            let open = value.find('{');
            let template = open.and_then(|open| rest.get(..open + hole(rest.get(open..)?)?));
            if template.is_some_and(|t| t.len() > end && is_placeholder(t)) {
                return None;
            }
            let value = value.trim_end_matches([')', '.', ',', ']', '}', '!']);
            (at + 1, at + 1 + value.len())
        }
    };
    let value = text.get(start..end)?;
    let follows = text.get(end..).unwrap_or("");
    let opens = rest.starts_with(['<', '{', '[', '(']);
    if opens || is_harmless(name, value) || follows.starts_with('<') {
        return None;
    }
    Some(Found {
        range: start..end,
        kind: KIND,
    })
}

/// The value after the `:` here: of a quoted name any quoted one, of a bare name one that looks
/// random, because prose has colons, too.
pub(super) fn member(text: &str, at: usize) -> Option<Found> {
    let before = text.get(..at)?.trim_end_matches(' ');
    let inner = before.strip_suffix(['"', '\'']);
    let name_end = inner.unwrap_or(before).trim_end_matches('\\').len();
    let name = name_before(text, name_end)?;
    if !is_sensitive_key(name) {
        return None;
    }
    let rest = text.get(at + 1..)?;
    let from = at + 1 + rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let from = from + scheme(text.get(from..)?);
    let quotes = quoted(text, from);
    let (start, end) = match quotes {
        Some(range) => range,
        None => {
            let rest = text.get(from..)?;
            let end = end_of(
                rest,
                |c| "\"'`,;<>\\".contains(c),
                |start| is_harmless(name, start),
            )?;
            (from, from + end)
        }
    };
    let value = text.get(start..end)?;
    let plausible = match (inner, quotes) {
        (Some(_), Some(_)) => !value.contains(' ') || looks_random(value, 16),
        _ => looks_random(value, 16) && !value.contains("://") && !value.contains('('),
    };
    (plausible && !is_harmless(name, value)).then_some(Found {
        range: start..end,
        kind: KIND,
    })
}

/// The value after the `--password` here. Prose is about such flags, too; it goes on with a word.
pub(super) fn flag(text: &str, at: usize) -> Option<Found> {
    let rest = text.get(at..)?.strip_prefix("--")?;
    let head = rest.get(..rest.floor_char_boundary(LONGEST_NAME))?;
    let name = head.get(..head.find([' ', '=', '"', '\'', ','])?)?;
    if let Some(from) = next_item(text, at + 2 + name.len())
        && let Some((start, end)) = quoted(text, from)
    {
        let value = text.get(start..end)?;
        let secret = is_sensitive_key(name) && !value.contains(' ') && !is_harmless(name, value);
        return secret.then_some(Found {
            range: start..end,
            kind: KIND,
        });
    }
    let start = at + 2 + name.len() + 1;
    let rest = text.get(start..)?;
    if text.as_bytes().get(start - 1) != Some(&b' ') || !is_sensitive_key(name) {
        return None;
    }
    let end = end_of(
        rest,
        |c| "\"'`;<>|\\".contains(c),
        |start| is_harmless(name, start),
    )?;
    let value = rest.get(..end)?.trim_end_matches([')', '.', ',']);
    let plausible = value.len() >= 6
        && value.bytes().any(|b| b.is_ascii_digit())
        && !value.starts_with(['-', '.', '/']);
    (plausible && !is_harmless(name, value)).then(|| Found {
        range: start..start + value.len(),
        kind: KIND,
    })
}

/// Where the next item of a list starts, when an item ends here: `"--token", "…"`.
fn next_item(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let rest = rest.trim_start_matches(['\\', '"', '\'', ' ']);
    let rest = rest.strip_prefix(',')?.trim_start();
    Some(text.len() - rest.len())
}

/// Who knows the signature of a URL may use it: `?sig=…`, `&X-Amz-Signature=…`.
fn is_signature(text: &str, name: &str, name_end: usize) -> bool {
    let before = text.as_bytes().get(..name_end - name.len());
    matches!(before, Some([.., b'?' | b'&' | b';']))
        && ["sig", "signature", "x-amz-signature", "x-goog-signature"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
}

/// The length of the scheme before the credentials: `Bearer `, `token `.
pub(in crate::redaction) fn scheme(text: &str) -> usize {
    let known = ["bearer ", "basic ", "token ", "apikey ", "digest "];
    let found = known.iter().find(|scheme| {
        let head = text.get(..scheme.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(scheme))
    });
    found.map_or(0, |scheme| scheme.len())
}

/// The password after the `-u user:password` or `--user user:password` here.
pub(super) fn user(text: &str, at: usize) -> Option<Found> {
    let rest = text.get(at..)?;
    let flag = ["-u ", "--user "].iter().find(|f| rest.starts_with(**f))?;
    if !matches!(
        text.as_bytes().get(..at),
        Some([.., b' ' | b'\t' | b'"' | b'\''] | [])
    ) {
        return None;
    }
    let rest = rest.get(flag.len()..)?.trim_start_matches(['"', '\'']);
    let start = text.len() - rest.len();
    let end = end_of(rest, |c| "\"'`;<>|\\".contains(c), |_| false)?;
    let (user, password) = rest.get(..end)?.split_once(':')?;
    let from = start + user.len() + 1;
    let password = password.trim_end_matches([')', '.', ',']);
    let name = !user.is_empty() && !user.contains('/');
    let plausible = name && password.len() >= 6 && password.bytes().any(|b| b.is_ascii_digit());
    (plausible && !is_harmless("password", password)).then(|| Found {
        range: from..from + password.len(),
        kind: "password of a user",
    })
}

/// The name that ends here.
fn name_before(text: &str, end: usize) -> Option<&str> {
    let bytes = text.as_bytes().get(..end)?;
    let length = bytes
        .iter()
        .rev()
        .take(LONGEST_NAME + 1)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        .count();
    (1..=LONGEST_NAME)
        .contains(&length)
        .then(|| text.get(end - length..end))
        .flatten()
}

/// The end of a value that runs up to a blank or a stop. When its first part is harmless already,
/// the rest is not looked at.
fn end_of(
    rest: &str,
    stop: impl Fn(char) -> bool,
    harmless: impl Fn(&str) -> bool,
) -> Option<usize> {
    let ends = |c: char| c.is_whitespace() || stop(c);
    let window = rest.get(..rest.floor_char_boundary(WINDOW))?;
    match window.find(ends) {
        Some(end) => Some(end),
        None if harmless(window) => None,
        None => Some(rest.find(ends).unwrap_or(rest.len())),
    }
}

/// What stands between the quote here and its counterpart, the quotes perhaps escaped (`\"`).
fn quoted(text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = text.get(at..)?;
    let escapes = rest.bytes().take_while(|b| *b == b'\\').count();
    let quote = rest.get(escapes..)?.chars().next()?;
    if !matches!(quote, '"' | '\'') {
        return None;
    }
    let start = at + escapes + 1;
    let body = text.get(start..)?;
    let mut slashes = 0;
    for (n, c) in body.char_indices() {
        match c {
            '\\' => slashes += 1,
            '\n' => return None,
            c if c == quote && escapes == 0 && slashes % 2 == 0 => return Some((start, start + n)),
            c if c == quote && escapes > 0 && slashes <= escapes => {
                return Some((start, start + n - slashes));
            }
            _ => slashes = 0,
        }
    }
    None
}

/// Whether the value only shows how one looks, or is a program's expression for one.
fn is_harmless(name: &str, value: &str) -> bool {
    // A look at the start is enough, and keeps the whole linear when values run into each other.
    let value = value
        .get(..value.floor_char_boundary(WINDOW))
        .unwrap_or(value);
    // What follows a comma may be the next setting, but what is redacted is everything.
    let head = value.split([',', '@', ')']).next().unwrap_or("");
    let call = || ["(", "${", "{{"].iter().any(|c| value.contains(c)) || value.ends_with('[');
    value.len() < SHORTEST_VALUE
        || value.starts_with(['<', '$', '{', '%', '['])
        || call()
        || is_placeholder(value)
        || is_placeholder(head)
        || is_example_word(head)
        || is_variable(name, head)
}

/// `api_key=openai_api_key`, `token=self.token`: a variable that is named like the parameter.
fn is_variable(name: &str, value: &str) -> bool {
    let letters = |s: &str| -> String {
        s.chars()
            .filter(char::is_ascii_alphabetic)
            .map(|c| c.to_ascii_lowercase())
            .collect()
    };
    let wordy = value
        .bytes()
        .all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'.' | b'-'));
    let (name, value) = (letters(name), letters(value));
    wordy && (value.ends_with(&name) || name.ends_with(&value))
}
