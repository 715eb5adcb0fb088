//! Looking for canaries in everything that was seen.

use std::collections::{HashMap, HashSet};

use super::encodings::squeezed;
use super::{Canary, Encoding};

/// Bits of the filter that nearly every place of a text fails at.
const FILTER_BITS: usize = 1 << 27;
/// Bytes that the filter looks at.
const FILTER_BYTES: usize = 6;

/// A part of a canary that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Where.
    pub place: String,
    /// Which canary.
    pub what: String,
    /// How it was written.
    pub encoding: Encoding,
    /// What stands there and around it.
    pub excerpt: String,
}

/// Looks for canaries in texts, and counts.
#[derive(Debug)]
pub struct Search {
    canaries: Vec<String>,
    /// By length: every part of every canary.
    parts: HashMap<usize, HashMap<Vec<u8>, (usize, Encoding)>>,
    filter: Vec<u64>,
    places: u64,
    bytes: u64,
    hits: Vec<Hit>,
}

impl Search {
    /// For these canaries.
    pub fn new(canaries: &[Canary]) -> Self {
        let mut search = Self {
            canaries: canaries.iter().map(|c| c.what.clone()).collect(),
            parts: HashMap::new(),
            filter: vec![0; FILTER_BITS / 64],
            places: 0,
            bytes: 0,
            hits: Vec::new(),
        };
        for (index, canary) in canaries.iter().enumerate() {
            for body in &canary.bodies {
                for encoding in Encoding::ALL {
                    for written in encoding.of(body) {
                        search.learn(index, encoding, &written);
                    }
                }
            }
        }
        search
    }

    fn learn(&mut self, index: usize, encoding: Encoding, written: &[u8]) {
        // A short secret is looked for as a whole.
        let length = encoding.window().min(written.len());
        if length < FILTER_BYTES {
            return;
        }
        let known = self.parts.entry(length).or_default();
        for part in written.windows(length) {
            let (word, bit) = place_in_filter(part);
            self.filter[word] |= bit;
            known.entry(part.to_vec()).or_insert((index, encoding));
        }
    }

    /// Looks at what was seen in a place.
    pub fn look(&mut self, place: &str, seen: impl AsRef<[u8]>) {
        let seen = seen.as_ref();
        self.places += 1;
        self.bytes += seen.len() as u64;
        let mut told = HashSet::new();
        self.scan(place, seen, &mut told);
        self.scan(place, &squeezed(seen), &mut told);
    }

    fn scan(&mut self, place: &str, seen: &[u8], told: &mut HashSet<usize>) {
        for at in 0..seen.len().saturating_sub(FILTER_BYTES - 1) {
            let rest = &seen[at..];
            let (word, bit) = place_in_filter(rest);
            if self.filter[word] & bit == 0 {
                continue;
            }
            for (length, known) in &self.parts {
                let part = rest.get(..*length).and_then(|part| known.get(part));
                let Some((index, encoding)) = part else {
                    continue;
                };
                if told.insert(*index) {
                    let from = at.saturating_sub(160);
                    let to = seen.len().min(at + length + 24);
                    self.hits.push(Hit {
                        place: place.to_owned(),
                        what: self.canaries[*index].clone(),
                        encoding: *encoding,
                        excerpt: String::from_utf8_lossy(&seen[from..to]).into_owned(),
                    });
                }
            }
        }
    }

    /// What was seen.
    pub fn hits(&self) -> &[Hit] {
        &self.hits
    }

    /// Places looked at × canaries × encodings.
    pub fn checks(&self) -> u64 {
        self.places * self.canaries.len() as u64 * Encoding::ALL.len() as u64
    }

    /// How much was looked at, for people.
    pub fn told(&self) -> String {
        format!(
            "{} places ({} bytes) × {} canaries × {} encodings",
            self.places,
            self.bytes,
            self.canaries.len(),
            Encoding::ALL.len()
        )
    }

    /// The hits as violations of a row.
    pub fn violations(&self) -> Vec<String> {
        let line = |hit: &Hit| {
            format!(
                "{} got out at {}, {:?}: …{}",
                hit.what, hit.place, hit.encoding, hit.excerpt
            )
        };
        self.hits.iter().map(line).collect()
    }
}

fn place_in_filter(text: &[u8]) -> (usize, u64) {
    // All at once: this is done for every byte of a log of megabytes, also in a debug build.
    let mut word = [0; 8];
    word[..FILTER_BYTES].copy_from_slice(&text[..FILTER_BYTES]);
    let hash = u64::from_le_bytes(word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let bit = usize::try_from((hash ^ (hash >> 29)) % FILTER_BITS as u64).expect("an index");
    (bit / 64, 1 << (bit % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::{Dice, base64};

    fn seen(text: impl AsRef<[u8]>) -> Option<Encoding> {
        seen_of("q7Zr$\"x'9Lw%2kd", text)
    }

    fn seen_of(body: &str, text: impl AsRef<[u8]>) -> Option<Encoding> {
        let canary = Canary {
            what: "it".into(),
            text: String::new(),
            bodies: vec![body.into()],
        };
        let mut search = Search::new(&[canary]);
        search.look("here", text);
        assert_eq!(search.checks(), 12);
        search.hits().first().map(|h| h.encoding)
    }

    #[test]
    fn a_canary_is_found_whole_and_in_part_however_it_is_written() {
        assert_eq!(seen("nothing of it, q7Zr$"), None);
        for text in [
            "…q7Zr$\"x'9Lw%2kd…",
            "Zr$\"x'9L",
            r#"{"a":"q7Zr$\"x'9Lw%2kd"}"#,
            "'q7Zr$\"x''9Lw%2kd'",
            "q7Zr%24%22x%279Lw%252kd",
            "%71%37%5A%72%24%22%78%27%39%4C%77",
            "71375a722422782739",
            "71375A722422782739",
            "%71%37%5a%72%24%22%78%27%39%4c%77",
            "secret: [113, 55, 90, 114, 36, 34, 120, 39, 57]",
            "[\n    113,\n    55,\n    90,\n    114,\n    36,\n    34,\n    120,\n    39,\n]",
            r"\u0071\u0037\u005A\u0072\u0024\u0022\u0078\u0027",
            r"\u0071\u0037\u005a\u0072\u0024\u0022\u0078\u0027",
            "\"q7Zr\\\n  $\\\"x'9Lw\"",
            "dk2%wL9'x\"$rZ7q",
        ] {
            assert!(seen(text).is_some(), "{text}");
        }
        for text in ["q7Zr%2Fx%2B9Lw", "q7Zr%2fx%2b9Lw"] {
            assert!(seen_of("q7Zr/x+9Lw=2kd", text).is_some(), "{text}");
        }
        for before in ["", "a", "ab"] {
            for digits in [b"+/", b"-_"] {
                let text = base64(format!("{before}7Zr$\"x'9Lw%2").as_bytes(), *digits);
                assert!(seen(text).is_some(), "{before}");
            }
        }
    }

    #[test]
    fn eight_characters_of_a_canary_are_enough_anywhere() {
        let canary = Canary::new("it", "⟦an40⟧", &mut Dice::new(3));
        for at in 0..=32 {
            let mut search = Search::new(std::slice::from_ref(&canary));
            search.look("here", &canary.text[at..at + 8]);
            assert_eq!(search.hits().len(), 1, "{at}");
            let mut search = Search::new(std::slice::from_ref(&canary));
            search.look("here", &canary.text[at..at + 7]);
            assert_eq!(search.hits().len(), 0, "{at}");
        }
    }
}
