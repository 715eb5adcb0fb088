//! Where a word of a list may start.

/// The first two bytes of words, one bit each: nearly no place of a text gets further.
pub(super) struct Starts([u64; 1024]);

impl Starts {
    /// No word.
    pub const fn none() -> Self {
        Self([0; 1024])
    }

    /// Adds words that start with these two bytes.
    pub const fn add(&mut self, first: u8, second: u8) {
        let bit = (first as usize) << 8 | second as usize;
        self.0[bit / 64] |= 1 << (bit % 64);
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
        let pairs = text.get(from..)?.windows(2);
        let may_start = |pair: &[u8]| {
            let bit = usize::from(pair[0]) << 8 | usize::from(pair[1]);
            self.0[bit / 64] & 1 << (bit % 64) != 0
        };
        pairs.into_iter().position(may_start).map(|n| from + n)
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
        assert_eq!(places("h f a"), Vec::<usize>::new());
        assert_eq!(places("h"), Vec::<usize>::new());
        starts.add_all(b'=');
        assert_eq!(starts.next(b"a==", 2), None);
        assert_eq!(starts.next("a=é".as_bytes(), 0), Some(1));
    }
}
