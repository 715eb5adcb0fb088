//! From events to a located tree, within limits.

use granit_parser::Parser;

use super::node::{Document, Position, Span, Value};
use builder::{Builder, Built};
use error::single;
pub use error::{Limits, YamlError, YamlIssue};
use scalars::scalar_node;

mod builder;
mod error;
mod scalars;
mod size;

/// Bytes that are looked at together.
const SUSPECT_BLOCK: usize = 64;

/// Reads bytes that should be YAML in UTF-8.
///
/// # Errors
/// As [`parse`], and when the bytes are not UTF-8.
pub fn parse_bytes(bytes: &[u8], limits: &Limits) -> Result<Document, YamlError> {
    check_size(bytes, limits)?;
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(text, limits),
        Err(error) => {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let message = match bytes {
                [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the text is UTF-16; save it as UTF-8",
                _ => "the text is not valid UTF-8",
            };
            Err(single(end_of(&before), "not-utf8", message))
        }
    }
}

/// The position after a text.
fn end_of(text: &str) -> Position {
    let line = line_breaks(text) + 1;
    let start = text.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let last = text[start..].chars();
    let column = last.filter(|c| *c != '\u{feff}').count() + 1;
    Position {
        line: line as u32,
        column: column as u32,
    }
}

/// How many lines end in a text: each with LF, CR or both.
pub(crate) fn line_breaks(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_break = |(at, byte): (usize, &u8)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    bytes.iter().enumerate().filter(|b| is_break(*b)).count()
}

fn check_size(bytes: &[u8], limits: &Limits) -> Result<(), YamlError> {
    if bytes.len() <= limits.max_bytes {
        return Ok(());
    }
    let message = format!(
        "the text has {} bytes, the limit is {}",
        bytes.len(),
        limits.max_bytes
    );
    Err(single(
        Position { line: 1, column: 1 },
        "too-large",
        message,
    ))
}

/// Reads a text as one YAML document.
///
/// ```
/// use catalog_core::yaml::{parse, Limits};
/// let document = parse("a: 1\nb: [x, 2]\n", &Limits::default()).unwrap();
/// assert_eq!(document.root.to_json(), serde_json::json!({"a": 1, "b": ["x", 2]}));
/// let error = parse("a: 1\na: 2\n", &Limits::default()).unwrap_err();
/// assert_eq!((error.issues[0].code, error.issues[0].position.line), ("duplicate-key", 2));
/// ```
///
/// # Errors
/// [`YamlError`] with every issue found: reading goes on after one that leaves the structure clear.
pub fn parse(text: &str, limits: &Limits) -> Result<Document, YamlError> {
    check_size(text.as_bytes(), limits)?;
    check_characters(text)?;
    let options = granit_parser::options! {
        flow_nesting_limit: limits.max_depth,
        block_nesting_limit: limits.max_depth,
        max_buffered_comment_events: usize::MAX,
    };
    let mut builder = Builder::new(text, limits);
    for step in Parser::new_from_str_with_options(text, options) {
        let (event, span) = match step {
            Ok(step) => step,
            Err(error) => {
                builder.syntax(&error);
                break;
            }
        };
        if builder.event(event, &span).is_err() {
            break;
        }
    }
    let Built {
        root,
        comments,
        mut issues,
    } = builder.end();
    if issues.is_empty() {
        let start = Span {
            start: 0,
            end: 0,
            position: Position { line: 1, column: 1 },
        };
        let root = root.unwrap_or_else(|| scalar_node(Value::Null, start));
        Ok(Document {
            text: text.into(),
            root,
            comments,
        })
    } else {
        issues.sort_by_key(|i| i.position);
        Err(YamlError { issues })
    }
}

/// Control characters are refused before parsing, so that none reaches a log or a terminal.
fn check_characters(text: &str) -> Result<(), YamlError> {
    let bad = |c: char| match c {
        '\t' | '\n' | '\r' | '\u{85}' => false,
        // A byte order mark is welcome at the start only.
        '\u{feff}' | '\u{fffe}' | '\u{ffff}' => true,
        c => c.is_control(),
    };
    // What all of these start with; a block of bytes at once tells that a text has none.
    let suspect = |b: &u8| {
        (*b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r')) || matches!(b, 0x7f | 0xc2 | 0xef)
    };
    let block = |bytes: &[u8]| bytes.iter().fold(false, |any, b| any | suspect(b));
    let skip = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut from = skip;
    for bytes in text.as_bytes()[skip..].chunks(SUSPECT_BLOCK) {
        // A character belongs to the block that it starts in.
        let to = text.ceil_char_boundary(from + bytes.len());
        let start = text.ceil_char_boundary(from);
        from += bytes.len();
        if !block(bytes) {
            continue;
        }
        if let Some((at, c)) = text[start..to].char_indices().find(|(_, c)| bad(*c)) {
            return Err(single(
                end_of(&text[..start + at]),
                "control-character",
                format!("the character U+{:04X} is not allowed", c as u32),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
