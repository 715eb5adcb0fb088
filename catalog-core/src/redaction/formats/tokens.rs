//! Tokens that can be told by their prefix.

use super::{Found, looks_random, run, starts_word};
use crate::redaction::placeholder::is_filler;
use crate::redaction::starts::Starts;

/// What may follow a prefix.
#[derive(Clone, Copy)]
enum Alphabet {
    /// Letters and digits.
    Alphanumeric,
    /// Letters, digits and `_`.
    Word,
    /// Letters, digits, `_` and `-`.
    UrlSafe,
}

struct Format {
    prefix: &'static str,
    least: usize,
    alphabet: Alphabet,
    kind: &'static str,
}

const fn format(
    prefix: &'static str,
    least: usize,
    alphabet: Alphabet,
    kind: &'static str,
) -> Format {
    Format {
        prefix,
        least,
        alphabet,
        kind,
    }
}

/// How much of a token is looked at to tell whether it is one.
const WINDOW: usize = 128;

/// Longer runs are no header of a web token.
const LONGEST_HEADER: usize = 512;

const FORMATS: [Format; 19] = [
    format("ghp_", 20, Alphabet::Alphanumeric, "GitHub token"),
    format("gho_", 20, Alphabet::Alphanumeric, "GitHub token"),
    format("ghs_", 20, Alphabet::Alphanumeric, "GitHub token"),
    format("ghr_", 20, Alphabet::Alphanumeric, "GitHub token"),
    format("ghu_", 20, Alphabet::Alphanumeric, "GitHub token"),
    format("github_pat_", 20, Alphabet::Word, "GitHub token"),
    format("glpat-", 20, Alphabet::UrlSafe, "GitLab token"),
    format("hf_", 30, Alphabet::Alphanumeric, "Hugging Face token"),
    format("npm_", 36, Alphabet::Alphanumeric, "npm token"),
    format("dckr_pat_", 20, Alphabet::UrlSafe, "Docker token"),
    format("xoxa-", 10, Alphabet::UrlSafe, "Slack token"),
    format("xoxb-", 10, Alphabet::UrlSafe, "Slack token"),
    format("xoxp-", 10, Alphabet::UrlSafe, "Slack token"),
    format("xoxr-", 10, Alphabet::UrlSafe, "Slack token"),
    format("xoxs-", 10, Alphabet::UrlSafe, "Slack token"),
    format("AIza", 35, Alphabet::UrlSafe, "Google API key"),
    format("sk_live_", 16, Alphabet::Alphanumeric, "Stripe key"),
    format("rk_live_", 16, Alphabet::Alphanumeric, "Stripe key"),
    format("sk-", 20, Alphabet::UrlSafe, "API key"),
];

/// The prefixes of AWS key ids.
const AWS: [&str; 2] = ["AKIA", "ASIA"];

/// Adds the places where [`prefixed`] has something to look at.
pub(super) const fn add_starts(starts: &mut Starts) {
    let mut n = 0;
    while n < FORMATS.len() {
        let prefix = FORMATS[n].prefix.as_bytes();
        starts.add(prefix[0], prefix[1]);
        n += 1;
    }
    n = 0;
    while n < AWS.len() {
        let prefix = AWS[n].as_bytes();
        starts.add(prefix[0], prefix[1]);
        n += 1;
    }
}

/// A token with a known prefix that starts here.
pub(super) fn prefixed(text: &str, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let rest = bytes.get(at..)?;
    if !starts_word(bytes, at) {
        return None;
    }
    if AWS.iter().any(|prefix| rest.starts_with(prefix.as_bytes())) {
        return aws_key_id(text, at);
    }
    let format = FORMATS
        .iter()
        .find(|f| rest.starts_with(f.prefix.as_bytes()))?;
    let start = at + format.prefix.len();
    let fits = |b: u8| {
        b.is_ascii_alphanumeric()
            || match format.alphabet {
                Alphabet::Alphanumeric => false,
                Alphabet::Word => b == b'_',
                Alphabet::UrlSafe => matches!(b, b'_' | b'-'),
            }
    };
    // A look at the start is enough, and keeps the whole linear when prefixes follow each other.
    let window = bytes.get(..bytes.len().min(start + WINDOW))?;
    let body = text.get(start..run(window, start, fits))?;
    let plausible = match format.prefix {
        // `sk-` also starts ordinary hyphenated names.
        "sk-" => looks_random(body, format.least),
        _ => body.len() >= format.least,
    };
    (plausible && !is_filler(body)).then(|| Found {
        range: at..run(bytes, start, fits),
        kind: format.kind,
    })
}

/// `AKIA` or `ASIA` and 16 capitals or digits; not the example that the vendor's manuals use.
fn aws_key_id(text: &str, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let end = run(bytes, at, |b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let id = text.get(at..end)?;
    let whole = !bytes
        .get(end)
        .is_some_and(|b| b.is_ascii_lowercase() || *b == b'_');
    (id.len() == 20 && whole && !id.ends_with("EXAMPLE") && !is_filler(id)).then_some(Found {
        range: at..end,
        kind: "AWS access key",
    })
}

/// A JSON web token: three base64url parts, five when encrypted. Without its last part (somebody cut
/// it short) it still tells who its holder is.
pub(super) fn web_token(text: &str, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    if !bytes.get(at..)?.starts_with(b"eyJ") || !starts_word(bytes, at) {
        return None;
    }
    let is_base64url = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let part = |from| run(bytes, from, is_base64url);
    let window = bytes.get(..bytes.len().min(at + LONGEST_HEADER))?;
    let header = run(window, at, is_base64url);
    let (mut end, mut parts) = (header, 1);
    while parts < 5 && bytes.get(end) == Some(&b'.') {
        let next = part(end + 1);
        // A signature may be missing, a sentence's full stop is none.
        if next == end + 1 {
            break;
        }
        end = next;
        parts += 1;
    }
    let payload = bytes.get(header + 1..).unwrap_or(&[]);
    let plausible = parts >= 3 || (parts == 2 && payload.starts_with(b"eyJ"));
    (header - at >= 8 && plausible).then_some(Found {
        range: at..end,
        kind: "JSON web token",
    })
}

/// `Bearer <token>`, and `Authorization: Basic <credentials>`; just the token.
pub(super) fn after_scheme(text: &str, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let is = |word: &str| {
        let end = at + word.len();
        bytes
            .get(at..end)
            .is_some_and(|b| b.eq_ignore_ascii_case(word.as_bytes()))
            .then_some(end)
    };
    let (after, basic) = match is("bearer") {
        Some(end) => (end, false),
        None => (is("basic")?, true),
    };
    let start = run(bytes, after, |b| matches!(b, b' ' | b'\t'));
    if start == after || !starts_word(bytes, at) {
        return None;
    }
    let end = run(bytes, start, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
    });
    let token = text.get(start..end)?.trim_end_matches('.');
    let plausible = if basic {
        // "Basic" is an ordinary word; the header's name tells.
        token.len() >= 8 && follows_authorization(bytes, at)
    } else {
        looks_random(token, 16)
    };
    (plausible && !is_filler(token)).then(|| Found {
        range: start..start + token.len(),
        kind: "authorization header",
    })
}

fn follows_authorization(bytes: &[u8], at: usize) -> bool {
    let mut before = bytes.get(..at).unwrap_or(&[]);
    while let [rest @ .., b' ' | b'\t' | b':' | b'=' | b'"' | b'\'' | b'\\'] = before {
        before = rest;
    }
    let name = b"authorization";
    before.len() >= name.len() && before[before.len() - name.len()..].eq_ignore_ascii_case(name)
}
