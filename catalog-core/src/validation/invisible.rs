//! Characters that nobody sees.

/// Whether a text holds control characters or others that nobody sees, or that turn the direction of
/// what follows: two names that look alike would differ, or one would read as another.
///
/// ```
/// use catalog_core::validation::has_invisible;
/// assert!(has_invisible("payments\u{200b}") && has_invisible("gpj\u{202e}exe"));
/// assert!(!has_invisible("Größe 1, 模型"));
/// ```
pub fn has_invisible(text: &str) -> bool {
    text.chars().any(is_invisible)
}

/// Whether nobody sees this character, or it changes how others are seen. Blanks that can be told
/// from nothing are not meant, nor are the selectors of emoji.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{feff}'
            // Letters without a shape.
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
            | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::has_invisible;

    #[test]
    fn invisible_characters_are_seen() {
        for bad in [
            "a\u{200b}b",
            "a\tb",
            "\u{202e}ba",
            "\u{feff}a",
            "a\u{ad}b",
            "a\u{61c}b",
            "a\u{2066}",
            "\u{3164}",
            "a\u{e0001}b",
        ] {
            assert!(has_invisible(bad), "{bad:?}");
        }
        for good in [
            "ibm-granite/granite-3.1-8b",
            "Größe 1",
            "模型",
            "a b",
            "❤\u{fe0f}",
        ] {
            assert!(!has_invisible(good), "{good:?}");
        }
    }
}
