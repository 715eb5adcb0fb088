//! Replacing bytes.

use std::fmt;
use std::ops::Range;

/// Bytes of a text and what to put in their place. Line ends in `with` are `\n`; they become those
/// of the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Splice {
    /// What goes.
    pub range: Range<usize>,
    /// What comes.
    pub with: String,
}

/// Prints places and sizes, never the text.
impl fmt::Debug for Splice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Splice({:?}, {} bytes)", self.range, self.with.len())
    }
}

impl Splice {
    /// Replaces bytes.
    pub fn new(range: Range<usize>, with: impl Into<String>) -> Self {
        Self {
            range,
            with: with.into(),
        }
    }

    /// Inserts before the byte at `at`.
    pub fn insert(at: usize, with: impl Into<String>) -> Self {
        Self::new(at..at, with)
    }

    /// Deletes bytes.
    pub fn delete(range: Range<usize>) -> Self {
        Self::new(range, "")
    }
}

/// The text with the splices applied; `None` when they overlap or do not fit the text.
pub fn apply(text: &str, mut splices: Vec<Splice>) -> Option<String> {
    splices.sort_by_key(|s| (s.range.start, s.range.end));
    let newline = line_end_of(text);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for Splice { range, with } in splices {
        out.push_str(text.get(done..range.start)?);
        text.get(range.clone())?;
        if newline == "\n" {
            out.push_str(&with);
        } else {
            out.push_str(&with.replace('\n', newline));
        }
        done = range.end;
    }
    out.push_str(text.get(done..)?);
    Some(out)
}

/// The line end that a text uses: that of its first line.
fn line_end_of(text: &str) -> &'static str {
    match text.split_once('\n') {
        Some((first, _)) if first.ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splices_take_the_line_ends_of_the_text() {
        let splices = vec![Splice::insert(3, "x\ny"), Splice::delete(0..1)];
        assert_eq!(apply("a\r\nb", splices).as_deref(), Some("\r\nx\r\nyb"));
    }

    #[test]
    fn splices_that_overlap_or_cut_a_character_are_refused() {
        let overlapping = vec![Splice::delete(0..2), Splice::delete(1..3)];
        assert_eq!(apply("abcd", overlapping), None);
        assert_eq!(apply("ä", vec![Splice::delete(0..1)]), None);
        assert_eq!(apply("a", vec![Splice::insert(2, "")]), None);
    }
}
