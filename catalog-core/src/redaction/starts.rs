//! Where a word of a list may start.

/// The first three bytes of words: nearly no place of a text gets further.
///
/// Every first byte has a class. The bits of a byte are in three lanes, one bit a class: whether it
/// is first in the class, and whether it may be second or third in it.
pub(super) struct Starts {
    bits: [u64; 256],
    /// The class of a first byte; classes count from 1.
    class: [u8; 256],
    classes: u8,
}

/// Bits of a lane; three fit into 64.
const LANE: u8 = 21;
/// The lowest lane.
const THIRD: u64 = (1 << LANE) - 1;
/// Places that are looked at together.
const BLOCK: usize = 8;

impl Starts {
    /// No word.
    pub const fn none() -> Self {
        Self {
            bits: [0; 256],
            class: [0; 256],
            classes: 0,
        }
    }

    /// Adds words that start with these bytes, of which the first three count; after fewer comes
    /// anything.
    pub const fn add(&mut self, word: &[u8]) {
        let first = word[0] as usize;
        if self.class[first] == 0 {
            // With many first bytes some share a class: then more places look like a start. The
            // first class is for bytes that are words of their own.
            self.classes = self.classes % (LANE - 1) + 1;
            self.class[first] = match word {
                [_] => 1,
                _ => self.classes + 1,
            };
        }
        let class = self.class[first] - 1;
        self.bits[first] |= 1 << (2 * LANE + class);
        let mut place = 1;
        while place < 3 {
            let bit = 1 << ((2 - place) * LANE + class);
            let mut byte = 0;
            while byte < 256 {
                if place as usize >= word.len() || word[place as usize] as usize == byte {
                    self.bits[byte] |= bit;
                }
                byte += 1;
            }
            place += 1;
        }
    }

    /// Adds words that start with these three letters, in any case.
    pub const fn add_any_case(&mut self, word: &[u8]) {
        let mut capitals = 0;
        while capitals < 8 {
            let mut spelt = [word[0], word[1], word[2]];
            let mut place = 0;
            while place < 3 {
                spelt[place] = match capitals >> place & 1 {
                    0 => spelt[place].to_ascii_lowercase(),
                    _ => spelt[place].to_ascii_uppercase(),
                };
                place += 1;
            }
            self.add(&spelt);
            capitals += 1;
        }
    }

    /// The first place from `from` on where a word may start. The last byte of a text starts none.
    pub fn next(&self, text: &[u8], from: usize) -> Option<usize> {
        let rest = text.get(from..)?;
        let bits = |byte: u8| self.bits[usize::from(byte)];
        let starts = |first: u64, second: u64, third: u64| {
            first >> (2 * LANE) & second >> LANE & third & THIRD
        };
        let mut at = 0;
        while let Some(block) = rest[at..].first_chunk::<{ BLOCK + 2 }>() {
            let (mut first, mut second, mut any) = (bits(block[0]), bits(block[1]), 0);
            for byte in &block[2..] {
                let third = bits(*byte);
                any |= starts(first, second, third);
                (first, second) = (second, third);
            }
            if any != 0 {
                break;
            }
            at += BLOCK;
        }
        let may_start = |at: &usize| {
            let third = rest.get(at + 2).map_or(THIRD, |byte| bits(*byte));
            starts(bits(rest[*at]), bits(rest[at + 1]), third) != 0
        };
        (at..rest.len().saturating_sub(1))
            .find(may_start)
            .map(|at| from + at)
    }
}

#[cfg(test)]
mod tests {
    use super::Starts;

    fn places(starts: &Starts, text: &str) -> Vec<usize> {
        let mut found = Vec::new();
        while let Some(at) = starts.next(text.as_bytes(), found.last().map_or(0, |n| n + 1)) {
            found.push(at);
        }
        found
    }

    #[test]
    fn words_are_looked_for_where_their_first_three_bytes_are() {
        let mut starts = Starts::none();
        starts.add(b"hf_");
        starts.add(b"--");
        starts.add_any_case(b"api");
        starts.add(b"=");
        assert_eq!(places(&starts, "hf_aPIx=ApIhf-"), [0, 3, 7, 8]);
        assert_eq!(places(&starts, "h f_ a p i - -"), [0usize; 0]);
        for text in ["h", "=", "", "-"] {
            assert_eq!(
                places(&starts, text),
                [0usize; 0],
                "the last byte starts nothing"
            );
        }
        // Two bytes are enough at the end of a text, where no third one is.
        assert_eq!(places(&starts, "a=\u{e9}--"), [1, 4]);
        for before in 0..40 {
            let text = format!("{}hf_{}", "h".repeat(before), "f".repeat(before));
            assert_eq!(places(&starts, &text), [before]);
        }
    }

    #[test]
    fn with_many_first_bytes_no_start_is_missed() {
        let mut starts = Starts::none();
        (b'0'..b'z').for_each(|first| starts.add(&[first, first + 1, first]));
        starts.add(b"=");
        for first in b'0'..b'z' {
            let text = [b' ', b' ', first, first + 1, first, b' '];
            assert_eq!(starts.next(&text, 0), Some(2));
        }
        assert_eq!(starts.next(b"0A0 0B0 !!", 0), None);
    }
}
