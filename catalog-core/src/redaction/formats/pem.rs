//! `-----BEGIN … PRIVATE KEY-----`.

use super::Found;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// Finds private keys; remembers what it need not look for twice.
#[derive(Default)]
pub(super) struct Scanner {
    /// Where the last search for an end line started and what it found.
    searched: Option<(usize, Option<usize>)>,
}

impl Scanner {
    /// A private key that starts here: up to its end line, or to the end of the text.
    pub(super) fn at(&mut self, text: &str, at: usize) -> Option<Found> {
        let rest = text.get(at..)?.strip_prefix(BEGIN)?;
        let label = rest.get(..rest.find("-----").filter(|n| *n <= 40)?)?;
        if !label.contains("PRIVATE KEY") {
            return None;
        }
        let body_start = at + BEGIN.len() + label.len() + 5;
        let body = text.get(body_start..)?;
        let end = self.end_line(text, body_start);
        let inner = body.get(..end.map_or(body.len(), |e| e - body_start))?;
        if !holds_key(inner, end.is_some()) {
            return None;
        }
        let end = end.map_or(text.len(), |e| {
            let tail = text.get(e + END.len()..).unwrap_or("");
            // `-----END RSA PRIVATE KEY-----`, on one line.
            let close = tail.find("-----").filter(|n| *n <= 40).map(|n| n + 5);
            e + END.len() + close.unwrap_or(0)
        });
        Some(Found {
            range: at..end,
            kind: "private key",
        })
    }

    fn end_line(&mut self, text: &str, from: usize) -> Option<usize> {
        match self.searched {
            Some((start, None)) if start <= from => return None,
            Some((start, Some(end))) if start <= from && from <= end => return Some(end),
            _ => {}
        }
        let found = text.get(from..)?.find(END).map(|n| from + n);
        self.searched = Some((from, found));
        found
    }
}

/// Whether something like a key follows the first line, not prose about keys or `...`.
fn holds_key(body: &str, ended: bool) -> bool {
    let body = body
        .trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '\\' | '#' | '"' | '\''))
        .trim_start_matches(['n', 'r']);
    let first = body.split_whitespace().next().unwrap_or("");
    if first.is_empty() || first.starts_with(['.', '…', '<', '$', '{', '*', '[', '`', '"', '\''])
    {
        return false;
    }
    // Without an end line a single word is enough to go by: prose is not base64.
    ended || first.len() >= 16 || !first.bytes().all(|b| b.is_ascii_lowercase() || b == b',')
}
