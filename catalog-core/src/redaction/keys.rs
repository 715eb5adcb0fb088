//! Which keys name secrets.

use std::ops::Range;

use super::starts::Starts;

/// A key that holds one of these, in any case, names a secret, unless an exception below applies.
/// The parts of a two-word name may be joined by nothing, `_`, `-`, `.` or a space.
const WORDS: [(&str, &str); 16] = [
    ("password", ""),
    ("passwd", ""),
    ("passphrase", ""),
    ("passcode", ""),
    ("pwd", ""),
    ("token", ""),
    ("secret", ""),
    ("credential", ""),
    ("authorization", ""),
    ("api", "key"),
    ("private", "key"),
    ("access", "key"),
    ("account", "key"),
    ("signing", "key"),
    ("encryption", "key"),
    ("master", "key"),
];

/// A key that ends with one of these says where a secret is, or something about it, not what it is.
const ABOUT: &[&str] = &[
    "count",
    "counts",
    "days",
    "dir",
    "directory",
    "env",
    "envvar",
    "envvars",
    "expiration",
    "expiry",
    "file",
    "filename",
    "filepath",
    "hours",
    "keyref",
    "keyrefs",
    "length",
    "lifetime",
    "limit",
    "minutes",
    "name",
    "names",
    "namespace",
    "optional",
    "path",
    "paths",
    "policy",
    "ref",
    "reference",
    "refs",
    "required",
    "seconds",
    "size",
    "supported",
    "timeout",
    "ttl",
    "type",
    "types",
];

/// Where tokens are issued; for a password the same would be odd enough to hide it.
const ISSUED: &[&str] = &[
    "endpoint",
    "endpoints",
    "server",
    "servers",
    "uri",
    "url",
    "urls",
];

/// Anywhere before `tokens` these make them a quantity.
const MEASURES: &[&str] = &[
    "max", "maximum", "min", "minimum", "mean", "avg", "average", "median", "total", "num",
    "number", "per", "sum", "inter", "p50", "p90", "p95", "p99",
];

/// Directly before `tokens`, or between `per` and `token`, these make it a quantity.
const COUNTED: &[&str] = &[
    "n",
    "input",
    "output",
    "prompt",
    "completion",
    "context",
    "new",
    "generated",
    "cached",
    "reasoning",
    "thinking",
    "used",
    "remaining",
    "reserved",
    "batched",
    "training",
    "trained",
    "generation",
    "decode",
    "prefill",
    "draft",
];

/// Directly after `token` or `tokens` these are about how many or which there are, in a text.
const TALLY: &[&str] = &[
    "count",
    "counts",
    "limit",
    "limits",
    "size",
    "type",
    "length",
    "len",
    "budget",
    "usage",
    "rate",
    "throughput",
    "latency",
    "price",
    "cost",
    "per",
    "persecond",
    "persec",
    "ids",
    "samples",
    "classification",
    "window",
    "quota",
];

/// Directly before `token` these name one of a language model's vocabulary: `eos_token`.
const VOCABULARY: &[&str] = &[
    "bos", "eos", "pad", "unk", "sep", "cls", "mask", "stop", "special", "first",
];

/// Longer names are data, in which no rule about names is of use. What is said here of each occurrence
/// of a word may look at the whole name: that must not cost anything.
pub(super) const LONGEST_NAME: usize = 128; // bytes

/// Whether values under this key are secrets. In a key longer than any name (128 bytes) every word for
/// a secret counts.
///
/// ```
/// use catalog_core::redaction::is_sensitive_key;
/// assert!(is_sensitive_key("DB_PASSWORD") && is_sensitive_key("apiKey"));
/// assert!(!is_sensitive_key("tokenizer") && !is_sensitive_key("maxTokens"));
/// assert!(!is_sensitive_key("apiKeyEnvVar"), "names the variable, does not hold the key");
/// ```
pub fn is_sensitive_key(key: &str) -> bool {
    let mut found = occurrences(key.as_bytes()).peekable();
    // Most keys end here, without an allocation.
    if found.peek().is_none() {
        return false;
    }
    if key.len() > LONGEST_NAME {
        return true;
    }
    let words = split(key);
    !is_about(&words)
        && found.any(|(word, place)| !is_harmless(word, key, place.start, place.end, &words))
}

/// Where one of [`WORDS`] may start.
static STARTS: Starts = {
    let mut starts = Starts::none();
    let mut n = 0;
    while n < WORDS.len() {
        starts.add_any_case(WORDS[n].0.as_bytes());
        n += 1;
    }
    starts
};

/// Every occurrence of one of [`WORDS`], in order.
fn occurrences(key: &[u8]) -> impl Iterator<Item = (&'static str, Range<usize>)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let at = STARTS.next(key, from)?;
            from = at + 1;
            if let Some((word, end)) = word_at(key, at) {
                return Some((word, at..end));
            }
        }
    })
}

/// The word of [`WORDS`] that starts here, and where it ends.
fn word_at(key: &[u8], at: usize) -> Option<(&'static str, usize)> {
    WORDS.iter().find_map(|(first, second)| {
        let mut end = at + first.len();
        if !key.get(at..end)?.eq_ignore_ascii_case(first.as_bytes()) {
            return None;
        }
        if !second.is_empty() {
            end += usize::from(matches!(key.get(end), Some(b'_' | b'-' | b'.' | b' ')));
            let tail = key.get(end..end + second.len())?;
            if !tail.eq_ignore_ascii_case(second.as_bytes()) {
                return None;
            }
            end += second.len();
        }
        Some((*first, end))
    })
}

/// A word of a name, in lower case, and the byte where it starts.
struct Word {
    start: usize,
    text: String,
}

/// The words of a name: those of `maxTokens`, `max_tokens` and `MAX-TOKENS` are the same.
fn split(key: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut fresh = true;
    let mut previous = ' ';
    let mut rest = key.char_indices().peekable();
    while let Some((start, c)) = rest.next() {
        if !c.is_alphanumeric() {
            fresh = true;
        } else {
            let next_is_lower = rest.peek().is_some_and(|(_, n)| n.is_lowercase());
            // `apiKey`, and the `K` of `APIKey`.
            let hump = c.is_uppercase() && (!previous.is_uppercase() || next_is_lower);
            if fresh || hump {
                let text = String::new();
                words.push(Word { start, text });
            }
            fresh = false;
            if let Some(word) = words.last_mut() {
                word.text.push(c.to_ascii_lowercase());
            }
        }
        previous = c;
    }
    words
}

/// Whether the key says where a secret is, or something about it.
fn is_about(words: &[Word]) -> bool {
    match words {
        [.., env, var] if env.text == "env" && matches!(var.text.as_str(), "var" | "vars") => true,
        [_, .., last] => ABOUT.contains(&last.text.as_str()),
        _ => false,
    }
}

/// Whether this occurrence of a word means something else.
fn is_harmless(word: &str, key: &str, start: usize, end: usize, words: &[Word]) -> bool {
    let after: String = key
        .get(end..)
        .unwrap_or("")
        .chars()
        .filter(|c| c.is_alphanumeric())
        .map(|c| c.to_ascii_lowercase())
        .collect();
    // All in lower case there are no humps to split at: `passwordfile`, `secretname`.
    if ABOUT.contains(&after.as_str()) || after == "envvarname" {
        return true;
    }
    let last = words.last().map_or("", |w| w.text.as_str());
    let issued = || ISSUED.contains(&last) || ISSUED.contains(&after.as_str());
    match word {
        "secret" => {
            after.starts_with("ary")
                || after.starts_with("aria")
                || ["imagePullSecrets", "isSecret", "is_secret"]
                    .iter()
                    .any(|k| key.eq_ignore_ascii_case(k))
        }
        "password" | "credential" => after.starts_with("less"),
        // Part of other words; and where a shell is, or was.
        "pwd" => !words.iter().any(|w| w.text.ends_with("pwd")) || matches!(key, "PWD" | "OLDPWD"),
        "authorization" => issued(),
        "token" => issued() || is_no_credential(start, &after, words),
        _ => false,
    }
}

/// Whether the `token` that starts here is one of a text, not one that opens doors.
fn is_no_credential(start: usize, after: &str, words: &[Word]) -> bool {
    // Tokenizer, tokenise, detokenization, but not a token's issuer.
    if after.starts_with("iz") || ["ise", "isa", "isi"].iter().any(|s| after.starts_with(s)) {
        return true;
    }
    let next_word = words.partition_point(|w| w.start <= start);
    let Some((word, earlier)) = words.get(..next_word).and_then(<[Word]>::split_last) else {
        return false;
    };
    // `maxtokens` is one word as written, and two as meant.
    let inside = start - word.start;
    let prefix = word.text.get(..inside).filter(|p| !p.is_empty());
    let suffix = word.text.get(inside + "token".len()..).unwrap_or("");
    let mut before = prefix
        .into_iter()
        .chain(earlier.iter().rev().map(|w| w.text.as_str()));
    let following = words.get(next_word).map_or("", |w| w.text.as_str());
    let tail = suffix.strip_prefix('s').unwrap_or(suffix);
    let plural = suffix.starts_with('s') && (tail.is_empty() || TALLY.contains(&tail));
    let next = match (suffix, tail) {
        ("", _) | (_, "") => following,
        (_, tail) if plural => tail,
        (suffix, _) => suffix,
    };
    if TALLY.contains(&next) {
        return true;
    }
    let previous = before.next().unwrap_or("");
    let is = |list: &[&str], word: &str| list.contains(&word);
    is(VOCABULARY, previous)
        || previous == "per"
        || (is(COUNTED, previous) && before.clone().next() == Some("per"))
        || (plural && (is(COUNTED, previous) || is(MEASURES, previous)))
        || (plural && before.any(|w| is(MEASURES, w)))
}

#[cfg(test)]
mod tests;
