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
    let ratio = |candidate: &str| {
        let (a, b) = (word.to_lowercase(), candidate.to_lowercase());
        similar::TextDiff::from_chars(a.as_str(), b.as_str()).ratio()
    };
    candidates
        .into_iter()
        .map(|c| (ratio(c), c))
        .filter(|(r, _)| *r > THRESHOLD)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| format!("did you mean {c:?}?"))
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

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
