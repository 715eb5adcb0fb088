//! Lines and columns.

use crate::yaml::Position;

/// The positions of places in a text, in one pass when they are asked for from front to back.
pub(super) struct Positions<'t> {
    text: &'t str,
    /// The place that was asked for last.
    at: usize,
    position: Position,
}

impl<'t> Positions<'t> {
    pub fn new(text: &'t str) -> Self {
        let position = Position { line: 1, column: 1 };
        Self {
            text,
            at: 0,
            position,
        }
    }

    /// Where the byte is. Lines end as in YAML: with LF, CR or both.
    pub fn of(&mut self, at: usize) -> Position {
        if at < self.at {
            *self = Self::new(self.text);
        }
        let Position { line, column } = &mut self.position;
        let mut rest = self.text.get(self.at..).unwrap_or("").chars().peekable();
        while self.at < at
            && let Some(c) = rest.next()
        {
            self.at += c.len_utf8();
            match c {
                '\r' if rest.peek() == Some(&'\n') => {}
                '\n' | '\r' => (*line, *column) = (*line + 1, 1),
                '\u{feff}' => {}
                _ => *column += 1,
            }
        }
        self.position
    }
}
