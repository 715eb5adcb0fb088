//! Characters that nobody sees.

/// Whether a character shows nothing, or changes how its neighbours are shown: control characters,
/// those without width, those that turn the direction of writing, and fillers. Two names that differ in
/// these alone look alike, and one that has them may read as something else than it is.
///
/// ```
/// use catalog_core::validation::is_invisible;
/// assert!(is_invisible('\u{200b}') && is_invisible('\u{202e}') && is_invisible('\n'));
/// assert!(!is_invisible(' ') && !is_invisible('é') && !is_invisible('模'));
/// ```
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{feff}'
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Whether a text holds a character that nobody sees.
pub fn has_invisible(text: &str) -> bool {
    text.chars().any(is_invisible)
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
            "a\u{e0041}",
        ] {
            assert!(has_invisible(bad), "{bad:?}");
        }
        for good in [
            "ibm-granite/granite-3.1-8b",
            "Größe 1",
            "模型",
            "a b",
            "한글",
            "⚙️",
        ] {
            assert!(!has_invisible(good), "{good:?}");
        }
    }
}
