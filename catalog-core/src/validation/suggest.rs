//! "Did you mean".

/// Below this similarity a suggestion would only confuse.
const THRESHOLD: f32 = 0.6;

/// The candidate that a misspelt word probably means: `did you mean "transportType"?`.
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    // Long words are no misspellings, and comparing them is expensive.
    if word.len() > 64 {
        return None;
    }
    let word = word.to_lowercase();
    let ratio = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        // Comparing is expensive, and most words have nothing to do with each other.
        if at_most(&word, &candidate) <= THRESHOLD {
            return 0.0;
        }
        similar::TextDiff::from_chars(word.as_str(), candidate.as_str()).ratio()
    };
    candidates
        .into_iter()
        .map(|c| (ratio(c), c))
        .filter(|(r, _)| *r > THRESHOLD)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| format!("did you mean {c:?}?"))
}

/// What the similarity of two words is at most: that of the same letters in the best order.
fn at_most(a: &str, b: &str) -> f32 {
    let mut left = [0_u16; 256];
    for byte in a.bytes() {
        left[usize::from(byte)] += 1;
    }
    let mut common = 0_u16;
    for byte in b.bytes() {
        let count = &mut left[usize::from(byte)];
        common += u16::from(*count > 0);
        *count = count.saturating_sub(1);
    }
    // Counted in bytes, of which a character has four at most: what few other alphabets there are
    // among field names is compared in full.
    if !a.is_ascii() || !b.is_ascii() {
        return 1.0;
    }
    let all = u16::try_from(a.len() + b.len()).unwrap_or(u16::MAX);
    2.0 * f32::from(common) / f32::from(all.max(1))
}

#[cfg(test)]
mod tests {
    use super::{at_most, did_you_mean};

    #[test]
    fn the_quick_look_never_says_less_than_the_comparison() {
        let words = [
            "name",
            "mane",
            "transporttype",
            "toolcount",
            "",
            "a",
            "nname",
            "typo",
        ];
        for a in words {
            for b in words {
                let ratio = similar::TextDiff::from_chars(a, b).ratio();
                assert!(
                    at_most(a, b) >= ratio || a.is_empty() && b.is_empty(),
                    "{a} {b}"
                );
            }
        }
    }

    #[test]
    fn a_misspelt_word_is_recognised() {
        let known = ["name", "transportType", "toolCount"];
        assert_eq!(
            did_you_mean("transportTyp", known).as_deref(),
            Some("did you mean \"transportType\"?")
        );
        assert_eq!(
            did_you_mean("transporttype", known).as_deref(),
            Some("did you mean \"transportType\"?")
        );
        assert_eq!(did_you_mean("zzz", known), None);
    }
}
