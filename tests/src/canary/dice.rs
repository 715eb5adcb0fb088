//! Randomness that is the same in every run.

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
/// What passwords are made of that every notation has trouble with.
const AWKWARD: &str = "$%&{}!?*+~=/@:;,|^()[]";

/// A generator of random texts, from a seed.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number (splitmix64).
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below this one, which is not 0.
    ///
    /// # Panics
    /// When it is.
    pub fn below(&mut self, of: usize) -> usize {
        usize::try_from(self.number() % of as u64).expect("an index")
    }

    /// One of these.
    ///
    /// # Panics
    /// When there is none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// So many random characters of a kind: `lo` and `up` letters and digits, `an` both, `hex`, `num`,
    /// `b64` and `url` as base64 writes them, `pw` with all that a password may have.
    ///
    /// # Panics
    /// When there is no such kind.
    pub fn text(&mut self, kind: &str, length: usize) -> String {
        let alphabet = match kind {
            "lo" => format!("{LOWER}{DIGITS}"),
            "up" => format!("{UPPER}{DIGITS}"),
            "an" => format!("{LOWER}{UPPER}{DIGITS}"),
            "b32" => format!("{UPPER}234567"),
            "hex" => "0123456789abcdef".to_owned(),
            "num" => DIGITS.to_owned(),
            "b64" => format!("{LOWER}{UPPER}{DIGITS}+/"),
            "url" => format!("{LOWER}{UPPER}{DIGITS}-_"),
            "pw" => format!("{LOWER}{UPPER}{DIGITS}{DIGITS}{AWKWARD}"),
            other => panic!("no kind of random text is called {other:?}"),
        };
        let alphabet = alphabet.as_bytes();
        let one = |dice: &mut Self, of: &[u8]| char::from(*dice.pick(of));
        let mut text: Vec<char> = (0..length).map(|_| one(self, alphabet)).collect();
        // At the ends nothing that a notation would cut off, and a digit and a letter somewhere: as
        // good as sure in a long text, wanted in a short one.
        let letters: Vec<u8> = alphabet
            .iter()
            .copied()
            .filter(u8::is_ascii_alphabetic)
            .collect();
        if let [first, second, .., last] = &mut text[..] {
            if !letters.is_empty() {
                *first = one(self, &letters);
                *last = one(self, &letters);
            }
            *second = one(self, DIGITS.as_bytes());
        }
        text.into_iter().collect()
    }

    /// A pattern with its random parts thrown, and these parts.
    ///
    /// # Panics
    /// When the pattern is none.
    pub fn fill(&mut self, pattern: &str) -> (String, Vec<String>) {
        let (mut text, mut bodies) = (String::new(), Vec::new());
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once('⟦') {
            let (what, tail) = after.split_once('⟧').expect("a closed bracket");
            let digits = what
                .rfind(|c: char| !c.is_ascii_digit())
                .map_or(0, |at| at + 1);
            let (kind, length) = what.split_at(digits);
            let body = self.text(
                kind.trim_end_matches('_'),
                length.parse().expect("a length"),
            );
            text.push_str(before);
            text.push_str(&body);
            bodies.push(body);
            rest = tail;
        }
        text.push_str(rest);
        (text, bodies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_filled_and_the_same_seed_fills_it_alike() {
        let (text, bodies) = Dice::new(1).fill("ghp_⟦an36⟧/⟦b64_8⟧!");
        assert_eq!(
            text.len(),
            "ghp_".len() + 36 + 1 + 8 + 1,
            "{text} {bodies:?}"
        );
        assert!(text.starts_with("ghp_") && text.contains(&bodies[0]));
        assert_eq!(Dice::new(1).fill("ghp_⟦an36⟧/⟦b64_8⟧!"), (text, bodies));
        assert_ne!(Dice::new(1).text("an", 20), Dice::new(2).text("an", 20));
    }
}
