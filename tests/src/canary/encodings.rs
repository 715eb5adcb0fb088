//! The ways in which a text may be written.

use std::fmt::Write as _;

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Encoding {
    Plain,
    /// As part of a JSON or double-quoted YAML text.
    Json,
    /// As part of a single-quoted YAML text.
    SingleQuoted,
    /// Every character as `\uNNNN`.
    Unicode,
    /// What is special in a URL as `%NN`.
    Url,
    /// Every byte as `%NN`.
    Percent,
    /// Every byte as two digits.
    Hex,
    /// Every byte as a decimal number, as Rust prints a list of bytes.
    Decimal,
    Base64,
    /// With `-` and `_`.
    Base64Url,
    /// With line breaks, quotes, comment marks and blanks in between.
    Split,
    /// From the last character to the first.
    Reversed,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Plain,
        Self::Json,
        Self::SingleQuoted,
        Self::Unicode,
        Self::Url,
        Self::Percent,
        Self::Hex,
        Self::Decimal,
        Self::Base64,
        Self::Base64Url,
        Self::Split,
        Self::Reversed,
    ];

    /// How many bytes of what is written tell eight characters of what is meant.
    pub(super) fn window(self) -> usize {
        match self {
            Self::Unicode => 48,
            Self::Percent => 24,
            Self::Hex => 16,
            // Numbers differ in length: `of` gives each part of eight by itself.
            Self::Decimal => usize::MAX,
            // Eight bytes fill ten digits wherever they start, and a ninth and tenth in part.
            Self::Base64 | Self::Base64Url => 10,
            _ => 8,
        }
    }

    /// A text as it is written, in every way it may come out.
    pub(super) fn of(self, text: &str) -> Vec<Vec<u8>> {
        let bytes = text.as_bytes();
        let each = |f: &dyn Fn(&mut String, u8)| {
            let mut out = String::new();
            bytes.iter().for_each(|b| f(&mut out, *b));
            vec![out.into_bytes()]
        };
        let written = |f: &dyn Fn(&u8) -> String| bytes.iter().map(f).collect::<String>();
        match self {
            Self::Plain => vec![bytes.to_vec()],
            Self::Json => {
                let quoted = serde_json::Value::from(text).to_string();
                vec![quoted.as_bytes()[1..quoted.len() - 1].to_vec()]
            }
            Self::SingleQuoted => vec![text.replace('\'', "''").into_bytes()],
            Self::Unicode => {
                let mut out = String::new();
                for unit in text.encode_utf16() {
                    let _ = write!(out, "\\u{unit:04x}");
                }
                both_cases(out)
            }
            Self::Url => {
                let mut both = Vec::new();
                for upper in [false, true] {
                    both.extend(each(&|out, b| match b {
                        b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => {
                            out.push(char::from(b));
                        }
                        b if upper => drop(write!(out, "%{b:02X}")),
                        b => drop(write!(out, "%{b:02x}")),
                    }));
                }
                both
            }
            Self::Percent => both_cases(written(&|b| format!("%{b:02x}"))),
            Self::Hex => both_cases(written(&|b| format!("{b:02x}"))),
            // What stands between the numbers is not looked at, see `squeezed`.
            Self::Decimal => {
                let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
                let parts = numbers.windows(8.min(numbers.len().max(1)));
                parts.map(|part| part.concat().into_bytes()).collect()
            }
            Self::Base64 => aligned(bytes, b"+/"),
            Self::Base64Url => aligned(bytes, b"-_"),
            Self::Split => vec![squeezed(bytes)],
            Self::Reversed => vec![text.chars().rev().collect::<String>().into_bytes()],
        }
    }
}

/// With the digits beyond nine small and capital. The `u` of `\\u` is always small.
fn both_cases(small: String) -> Vec<Vec<u8>> {
    let capital = small.to_ascii_uppercase().replace("\\U", "\\u");
    vec![small.into_bytes(), capital.into_bytes()]
}

/// A text without what may break it up.
pub(super) fn squeezed(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match (byte, text.get(at + 1)) {
            (b'\\', Some(b'n' | b'r' | b't')) => at += 1,
            (b' ' | b'\n' | b'\r' | b'\t' | b'#' | b'"' | b'\'' | b'\\' | b'+' | b',', _) => {}
            _ => out.push(*byte),
        }
        at += 1;
    }
    out
}

/// Base64, without padding.
pub fn base64(bytes: &[u8], last: [u8; 2]) -> Vec<u8> {
    let digit = |n: u32| match u8::try_from(n & 63).expect("six bits") {
        n @ 0..=25 => b'A' + n,
        n @ 26..=51 => b'a' + n - 26,
        n @ 52..=61 => b'0' + n - 52,
        n => last[usize::from(n == 63)],
    };
    let mut out = Vec::new();
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0, |w, b| w << 8 | u32::from(*b)) << (8 * (3 - group.len()));
        for n in 0..=group.len() {
            out.push(digit(word >> (18 - 6 * n)));
        }
    }
    out
}

/// The digits that depend on nothing but these bytes, for each place they may start at.
fn aligned(bytes: &[u8], last: &[u8; 2]) -> Vec<Vec<u8>> {
    (0..3)
        .map(|shift| {
            let mut padded = vec![0; shift];
            padded.extend(bytes);
            let whole = base64(&padded, *last);
            let bits = padded.len() * 8;
            let first = [0, 2, 3][shift];
            whole[first..bits / 6].to_vec()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_everybody() {
        let of = |text: &str| String::from_utf8(base64(text.as_bytes(), *b"+/")).unwrap();
        assert_eq!(
            [of("svc:hunter2"), of("Ma"), of("\u{fb}\u{ff}")],
            ["c3ZjOmh1bnRlcjI", "TWE", "w7vDvw"]
        );
    }

    #[test]
    fn a_text_is_found_in_base64_wherever_it_starts() {
        for before in ["", "u", "u:", "us:"] {
            for after in ["", "x", "xy"] {
                let all = base64(format!("{before}s3cret-b0dy{after}").as_bytes(), *b"+/");
                let known = aligned(b"s3cret-b0dy", b"+/");
                let found = |k: &Vec<u8>| all.windows(k.len()).any(|w| w == k);
                assert!(known.iter().any(found), "{before} {after}");
            }
        }
    }
}
