//! Credentials that show by their shape, in any text.
//!
//! One pass from left to right; each scanner looks at a byte that may start its format and gives up
//! within a few bytes on ordinary text, so that the whole is linear.

mod assignment;
mod pem;
mod tokens;
mod url;

use std::borrow::Cow;
use std::ops::Range;

use super::MARKER;
use super::starts::Starts;
pub(super) use assignment::scheme;

/// A credential in a text.
pub(super) struct Found {
    /// Its bytes.
    pub range: Range<usize>,
    /// What it is, for people.
    pub kind: &'static str,
}

/// Where a scanner has something to look at.
static STARTS: Starts = {
    let mut starts = Starts::none();
    starts.add(b":");
    starts.add(b"=");
    starts.add(b"--");
    starts.add(b"-u");
    starts.add(b"eyJ");
    starts.add_any_case(b"bas");
    starts.add_any_case(b"bea");
    tokens::add_starts(&mut starts);
    starts
};

/// The credentials in a text, in order, not overlapping. Nothing is allocated when there is none.
pub(super) fn find(text: &str) -> Vec<Found> {
    let bytes = text.as_bytes();
    let mut found: Vec<Found> = Vec::new();
    let mut from = 0;
    let mut pem = pem::Scanner::default();
    while let Some(at) = STARTS.next(bytes, from) {
        let hit = match bytes[at] {
            b'-' => pem
                .at(text, at)
                .or_else(|| assignment::flag(text, at))
                .or_else(|| assignment::user(text, at)),
            b':' => url::credential(text, at)
                .or_else(|| tokens::bot(text, at))
                .or_else(|| assignment::member(text, at)),
            b'=' => assignment::value(text, at),
            b'B' | b'b' => tokens::after_scheme(text, at),
            b'e' => tokens::web_token(text, at),
            _ => tokens::prefixed(text, at),
        };
        from = match hit {
            // A scanner that looks back may see what an earlier one has taken.
            Some(hit) if found.last().is_none_or(|l| l.range.end <= hit.range.start) => {
                let end = hit.range.end.max(at + 1);
                found.push(hit);
                end
            }
            _ => at + 1,
        };
    }
    found
}

/// The private keys in a text.
pub(super) fn find_private_keys(text: &str) -> Vec<Range<usize>> {
    let mut scanner = pem::Scanner::default();
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices("-----BEGIN") {
        let taken = found.last().map_or(0, |l| l.end);
        if at >= taken
            && let Some(hit) = scanner.at(text, at)
        {
            found.push(hit.range);
        }
    }
    found
}

/// The text with every credential in it replaced.
pub(super) fn redact(text: &str) -> Cow<'_, str> {
    replace(text, find(text).into_iter().map(|f| f.range))
}

/// The text with the marker in the place of these ranges, which are in order.
pub(super) fn replace(text: &str, ranges: impl Iterator<Item = Range<usize>>) -> Cow<'_, str> {
    let mut out = String::new();
    let mut done = 0;
    for range in ranges {
        let Some(before) = text.get(done..range.start) else {
            continue;
        };
        out.push_str(before);
        out.push_str(MARKER);
        done = range.end;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(done..).unwrap_or(""));
    Cow::Owned(out)
}

/// Whether a token may start here: not in the middle of a word. An escaped line end (`\n` written
/// out, as in JSON) is no part of a word.
fn starts_word(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(..at).unwrap_or(&[]);
    match before {
        [.., b'\\', b'n' | b'r' | b't'] => true,
        [.., last] => !(last.is_ascii_alphanumeric() || *last == b'_'),
        [] => true,
    }
}

/// The end of the run of bytes from here that fulfil a condition.
fn run(bytes: &[u8], from: usize, fits: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or(&[]);
    from + rest.iter().take_while(|b| fits(**b)).count()
}

/// Whether a text looks random: long enough, with digits among letters or without any word break.
fn looks_random(token: &str, enough: usize) -> bool {
    let longest = token
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(str::len)
        .max()
        .unwrap_or(0);
    let has = |f: fn(&u8) -> bool| token.bytes().any(|b| f(&b));
    let mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    token.len() >= enough && (longest >= 24 || (mixed && longest >= enough.min(12)))
}

#[cfg(test)]
mod tests;
