//! Where a word of a list may start.

/// The first two bytes of words: nearly no place of a text gets further.
///
/// Every first byte has a class. A byte has the bit of its class in the upper half, and in the lower
/// half the bits of the classes that it may be second in.
pub(super) struct Starts {
    bits: [u64; 256],
    /// The class of a first byte; classes count from 1.
    class: [u8; 256],
    classes: u8,
}

/// Pairs of bytes that are looked at together.
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

    /// Adds words that start with these two bytes.
    pub const fn add(&mut self, first: u8, second: u8) {
        if self.class[first as usize] == 0 {
            // With more than 32 first bytes some share a class: then more places look like a start.
            self.classes = self.classes % 32 + 1;
            self.class[first as usize] = self.classes;
        }
        let class = self.class[first as usize] - 1;
        self.bits[first as usize] |= 1 << (32 + class);
        self.bits[second as usize] |= 1 << class;
    }

    /// Adds words that start with these two letters, in any case.
    pub const fn add_any_case(&mut self, first: u8, second: u8) {
        let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
        let (low, up) = (second.to_ascii_lowercase(), second.to_ascii_uppercase());
        self.add(lower, low);
        self.add(lower, up);
        self.add(upper, low);
        self.add(upper, up);
    }

    /// Adds words that start with this byte and go on with any.
    pub const fn add_all(&mut self, first: u8) {
        let mut second = 0;
        while second < 256 {
            self.add(first, second as u8);
            second += 1;
        }
    }

    /// The first place from `from` on where a word may start. Every word has two bytes at least.
    pub fn next(&self, text: &[u8], from: usize) -> Option<usize> {
        let rest = text.get(from..)?;
        let bits = |byte: u8| self.bits[usize::from(byte)];
        let mut at = 0;
        while let Some(block) = rest[at..].first_chunk::<{ BLOCK + 1 }>() {
            let (mut first, mut any) = (bits(block[0]), 0);
            for byte in &block[1..] {
                let second = bits(*byte);
                any |= first >> 32 & second;
                first = second;
            }
            if any != 0 {
                break;
            }
            at += BLOCK;
        }
        let may_start = |pair: &[u8]| bits(pair[0]) >> 32 & bits(pair[1]) != 0;
        let found = rest[at..].windows(2).position(may_start)?;
        Some(from + at + found)
    }
}

#[cfg(test)]
mod tests {
    use super::Starts;

    #[test]
    fn words_are_looked_for_where_their_first_two_bytes_are() {
        let mut starts = Starts::none();
        starts.add(b'h', b'f');
        starts.add_any_case(b'a', b'p');
        let places = |text: &str| {
            let mut found = Vec::new();
            while let Some(at) = starts.next(text.as_bytes(), found.last().map_or(0, |n| n + 1)) {
                found.push(at);
            }
            found
        };
        assert_eq!(places("hfaPxAph"), [0, 2, 5]);
        for before in 0..40 {
            let text = format!("{}hf{}", "-".repeat(before), "h".repeat(before));
            assert_eq!(places(&text), [before]);
        }
        assert_eq!(places("h f a"), Vec::<usize>::new());
        assert_eq!(places("h"), Vec::<usize>::new());
        starts.add_all(b'=');
        assert_eq!(starts.next(b"a==", 2), None);
        assert_eq!(starts.next("a=é".as_bytes(), 0), Some(1));
    }

    #[test]
    fn with_many_first_bytes_no_start_is_missed() {
        let mut starts = Starts::none();
        (b'0'..b'z').for_each(|first| starts.add(first, first + 1));
        for first in b'0'..b'z' {
            let text = [b' ', b' ', first, first + 1, b' '];
            assert_eq!(starts.next(&text, 0), Some(2));
        }
        assert_eq!(starts.next(b"0A 0B !!", 0), None);
    }
}
