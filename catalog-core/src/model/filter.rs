//! Include and exclude patterns.

use super::SourceSettings;

/// A pattern that selects nothing sensible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a pattern must not be blank")]
pub struct PatternError;

/// Decides which entities of a source are taken: exclude beats include, an empty include list
/// takes all.
#[derive(Debug, Clone, Default)]
pub struct ItemFilter {
    included: Vec<String>,
    excluded: Vec<String>,
}

impl ItemFilter {
    /// The filter that these settings describe.
    ///
    /// # Errors
    /// [`PatternError`] when a pattern is blank.
    pub fn of(settings: &SourceSettings) -> Result<Self, PatternError> {
        let parse = |patterns: &[String]| {
            patterns
                .iter()
                .map(|p| match p.trim() {
                    "" => Err(PatternError),
                    text => Ok(text.to_lowercase()),
                })
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            included: parse(&settings.included_items)?,
            excluded: parse(&settings.excluded_items)?,
        })
    }

    /// Whether the entity of this name is taken.
    pub fn takes(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        let any = |patterns: &[String]| patterns.iter().any(|p| matches(p, &name));
        (self.included.is_empty() || any(&self.included)) && !any(&self.excluded)
    }
}

/// Whether `text` matches `pattern`, where `*` stands for any run of characters; case does not
/// matter, and both ends are anchored.
///
/// ```
/// use catalog_core::model::glob_matches;
/// assert!(glob_matches("Meta-*/8B*", "meta-llama/8b-instruct"));
/// assert!(!glob_matches("llama", "llama-3"));
/// ```
pub fn glob_matches(pattern: &str, text: &str) -> bool {
    matches(&pattern.to_lowercase(), &text.to_lowercase())
}

/// Linear in the text for each `*`: the first piece is a prefix, the last a suffix, and every piece
/// between is taken at its first place.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_are_anchored_and_ignore_case() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("a*", "A1", true),
            ("*b", "ab", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abcd", false),
            ("ab*ba", "aba", false),
            ("exact", "exact", true),
            ("exact", "exactly", false),
            ("a**b", "ab", true),
            ("*-4bit", "x-4bit", true),
        ] {
            assert_eq!(glob_matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn exclude_beats_include() {
        let mut settings = SourceSettings::new("n", "yaml");
        settings.included_items = vec!["kube*".into()];
        settings.excluded_items = vec!["*-beta".into()];
        let filter = ItemFilter::of(&settings).unwrap();
        assert!(filter.takes("Kubernetes"));
        assert!(!filter.takes("kube-beta"));
        assert!(!filter.takes("github"));
    }
}
