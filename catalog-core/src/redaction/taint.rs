//! Copies of known secrets elsewhere in the same document.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use secrecy::zeroize::Zeroize as _;

use super::formats;
use super::placeholder::{is_common_word, is_placeholder};
use super::starts::Starts;

/// A text that equals a secret of at least this length is a copy of it. Shorter ones are as likely
/// to be something else.
const EQUAL: usize = 6;
/// A secret of at least this length is recognised inside other texts, too.
const CONTAINED: usize = 12;

/// The secrets of a document, to recognise copies of them.
#[derive(Default)]
pub(super) struct Taint {
    all: HashSet<String>,
    /// Those that are looked for inside texts, sorted, with the index of the longest other one that
    /// is its beginning.
    long: Vec<(String, Option<usize>)>,
    /// Where one of those may start; `None` when there is none.
    starts: Option<Box<Starts>>,
}

/// Nothing of them stays in memory.
impl Drop for Taint {
    fn drop(&mut self) {
        let long = self.long.drain(..).map(|(secret, _)| secret);
        self.all.drain().chain(long).for_each(|mut s| s.zeroize());
    }
}

impl Taint {
    /// From the secrets; those too short or too common to tell are left out.
    pub fn new<'a>(secrets: impl IntoIterator<Item = Cow<'a, str>>) -> Self {
        let all: HashSet<String> = secrets
            .into_iter()
            .filter_map(|s| {
                let s = s.trim();
                let telling = s.len() >= EQUAL && !is_placeholder(s) && !is_common_word(s);
                telling.then(|| s.to_owned())
            })
            .collect();
        let mut sorted: Vec<String> = all
            .iter()
            .filter(|s| s.len() >= CONTAINED)
            .cloned()
            .collect();
        sorted.sort_unstable();
        let starts = (!sorted.is_empty()).then(|| {
            let mut starts = Box::new(Starts::none());
            sorted.iter().for_each(|s| starts.add(s.as_bytes()));
            starts
        });
        let mut long: Vec<(String, Option<usize>)> = Vec::with_capacity(sorted.len());
        for secret in sorted {
            // In sorted order everything between a beginning and this one shares that beginning.
            let mut beginning = long.len().checked_sub(1);
            while let Some(at) = beginning
                && !secret.starts_with(&long[at].0)
            {
                beginning = long[at].1;
            }
            long.push((secret, beginning));
        }
        Self { all, long, starts }
    }

    /// These and more.
    pub fn with<'a>(&'a self, more: impl IntoIterator<Item = Cow<'a, str>>) -> Self {
        let own = self.all.iter().map(|s| Cow::Borrowed(s.as_str()));
        Self::new(own.chain(more))
    }

    /// Whether every copy that the other recognises is one here, too.
    pub fn includes(&self, other: &Self) -> bool {
        other.all.is_subset(&self.all)
    }

    /// Whether nothing can be recognised.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether this is a copy.
    pub fn is_copy(&self, text: &str) -> bool {
        text.len() >= EQUAL && !self.is_empty() && self.all.contains(text.trim())
    }

    /// The text with the copies inside it replaced.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Some(starts) = &self.starts else {
            return Cow::Borrowed(text);
        };
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(at) = starts.next(text.as_bytes(), from) {
            let length = self.longest_at(text.as_bytes(), at);
            found.extend(length.map(|length| at..at + length));
            from = at + length.unwrap_or(1);
        }
        formats::replace(text, found.into_iter())
    }

    /// As [`Self::redact`], and also whole words that are copies. For comments and lines that cannot
    /// be taken apart into values.
    pub fn redact_words(&self, text: &str) -> String {
        let text = self.redact(text);
        if self.is_empty() {
            return text.into_owned();
        }
        let separates = |c: char| c.is_whitespace() || "\"'`:=,;()[]{}<>#".contains(c);
        let mut found: Vec<Range<usize>> = Vec::new();
        let mut start = 0;
        for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
            if separates(c) {
                let word = text.get(start..at).unwrap_or("");
                let bare = word.trim_end_matches(['.', '!', '?']);
                for candidate in [word, bare] {
                    if self.is_copy(candidate) {
                        found.push(start..start + candidate.len());
                        break;
                    }
                }
                start = at + c.len_utf8();
            }
        }
        formats::replace(&text, found.into_iter()).into_owned()
    }

    /// The length of the longest secret that starts here.
    fn longest_at(&self, text: &[u8], at: usize) -> Option<usize> {
        let rest = text.get(at..)?;
        let after = self.long.partition_point(|(s, _)| s.as_bytes() <= rest);
        let mut candidate = after.checked_sub(1);
        while let Some(n) = candidate {
            let (secret, beginning) = self.long.get(n)?;
            if rest.starts_with(secret.as_bytes()) {
                return Some(secret.len());
            }
            candidate = *beginning;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taint(secrets: &[&'static str]) -> Taint {
        Taint::new(secrets.iter().map(|s| Cow::Borrowed(*s)))
    }

    #[test]
    fn a_copy_equals_a_secret_that_is_long_enough_and_not_a_common_word() {
        let taint = taint(&["hunter2", "short", "string", "<token>", "OPENAI_API_KEY"]);
        assert!(taint.is_copy("hunter2") && taint.is_copy(" hunter2\n"));
        for text in ["short", "string", "<token>", "hunter", "OPENAI_API_KEY"] {
            assert!(!taint.is_copy(text), "{text}");
        }
    }

    #[test]
    fn a_long_secret_is_found_inside_a_text_and_the_longest_one_wins() {
        let taint = taint(&[
            "abcdefghijkl",
            "abcdefghijklmnop",
            "abcdefghijkz1",
            "hunter2",
        ]);
        assert_eq!(
            taint.redact("x abcdefghijklmnopq abcdefghijklm hunter2 é"),
            "x ***REDACTED***q ***REDACTED***m hunter2 é"
        );
    }

    #[test]
    fn a_short_secret_is_found_as_a_word() {
        let taint = taint(&["hunter2"]);
        assert_eq!(
            taint.redact_words("# was 'hunter2', hunter2. not hunter22"),
            "# was '***REDACTED***', ***REDACTED***. not hunter22"
        );
    }
}
