//! Writing YAML that [`parse`](super::parse) reads back as exactly the same value.
//!
//! Text is plain only where no reader takes it for anything else: what YAML 1.1 readers see as a
//! boolean (`yes`), a number (`1_000`) or a date is quoted too, because clients in other languages
//! read these files.

use serde_json::Value;

mod text;

pub(super) use text::{is_literal, literal_header};

/// Longer keys cannot be written as `key: value`: YAML ends an implicit key at 1024 characters.
const MAX_IMPLICIT_KEY: usize = 1000;

/// How text is quoted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Quotes {
    /// Plain when that is safe, else double quotes.
    #[default]
    AsNeeded,
    /// Single quotes when they can hold the text, else double quotes.
    Single,
    /// Always double quotes, with the escapes of JSON.
    Double,
}

/// How what is written looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    /// By how much a mapping inside a mapping is indented.
    pub step: usize,
    /// By how much a list inside a mapping is indented.
    pub list_step: usize,
    /// From a dash to what follows it.
    pub dash: usize,
    /// How values are quoted.
    pub values: Quotes,
    /// How keys are quoted.
    pub keys: Quotes,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            step: 2,
            list_step: 2,
            dash: 2,
            values: Quotes::AsNeeded,
            keys: Quotes::AsNeeded,
        }
    }
}

/// A scalar on one line that reads back as exactly this value. Collections are written in flow style.
///
/// ```
/// use catalog_core::yaml::emit_scalar;
/// assert_eq!(emit_scalar(&"plain text".into()), "plain text");
/// assert_eq!(emit_scalar(&"yes".into()), "\"yes\"");
/// ```
pub fn emit_scalar(value: &Value) -> String {
    emit_flow(value)
}

/// A value in flow style, on one line.
///
/// ```
/// use catalog_core::yaml::emit_flow;
/// assert_eq!(emit_flow(&serde_json::json!({"a": [1, "x"]})), "{a: [1, x]}");
/// ```
pub fn emit_flow(value: &Value) -> String {
    let mut out = String::new();
    flow(&mut out, value, Style::default());
    out
}

/// A value in block style, every line indented by `indent` spaces, ending with a line end.
///
/// ```
/// use catalog_core::yaml::emit_block;
/// let value = serde_json::json!({"a": ["x"], "b": "two\nlines\n"});
/// assert_eq!(emit_block(&value, 0), "a:\n  - x\nb: |\n  two\n  lines\n");
/// ```
pub fn emit_block(value: &Value, indent: usize) -> String {
    let mut out = " ".repeat(indent);
    block(&mut out, value, indent, Style::default());
    out.push('\n');
    out
}

/// Whether a value takes one line in block style.
pub(super) fn is_inline(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => true,
    }
}

/// Writes a value in flow style.
pub(super) fn flow(out: &mut String, value: &Value, style: Style) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                flow(out, item, style);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (i, (key, value)) in map.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                flow_entry(out, key, value, style);
            }
            out.push('}');
        }
        scalar => text::scalar(out, scalar, style.values),
    }
}

/// Writes `key: value` in flow style.
pub(super) fn flow_entry(out: &mut String, key: &str, value: &Value, style: Style) {
    let key = key_text(key, style);
    if key.len() > MAX_IMPLICIT_KEY {
        out.push_str("? ");
        out.push_str(&key);
        // A space: a colon right after a quote would do, but not every reader agrees.
        out.push_str(" : ");
    } else {
        out.push_str(&key);
        out.push_str(": ");
    }
    flow(out, value, style);
}

/// Writes a value in block style. The first line goes where `out` ends, which is `indent` columns
/// into its line; there is no line end after the last line.
pub(super) fn block(out: &mut String, value: &Value, indent: usize, style: Style) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    new_line(out, indent);
                }
                block_item(out, item, indent, style);
            }
        }
        Value::Object(map) if !map.is_empty() => {
            for (i, (key, value)) in map.iter().enumerate() {
                if i > 0 {
                    new_line(out, indent);
                }
                block_entry(out, key, value, indent, style);
            }
        }
        Value::String(text) if style.values == Quotes::AsNeeded && is_literal(text) => {
            literal(out, text, indent + style.step);
        }
        other => flow(out, other, style),
    }
}

/// Writes `- value`, the dash at column `indent`.
pub(super) fn block_item(out: &mut String, item: &Value, indent: usize, style: Style) {
    let width = style.dash.max(2);
    out.push('-');
    out.extend(std::iter::repeat_n(' ', width - 1));
    block(out, item, indent + width, style);
}

/// Writes `key: value`, the key at column `indent`.
pub(super) fn block_entry(out: &mut String, key: &str, value: &Value, indent: usize, style: Style) {
    let key = key_text(key, style);
    if key.len() > MAX_IMPLICIT_KEY {
        out.push_str("? ");
        out.push_str(&key);
        new_line(out, indent);
    } else {
        out.push_str(&key);
    }
    out.push(':');
    block_value(out, value, indent, style);
}

/// Writes what follows the colon of a key at column `indent`.
pub(super) fn block_value(out: &mut String, value: &Value, indent: usize, style: Style) {
    if is_inline(value) {
        out.push(' ');
        block(out, value, indent, style);
    } else {
        let inner = indent
            + if value.is_array() {
                style.list_step
            } else {
                style.step
            };
        new_line(out, inner);
        block(out, value, inner, style);
    }
}

/// Writes a literal block scalar, its lines indented by `indent`.
pub(super) fn literal(out: &mut String, text: &str, indent: usize) {
    out.push_str(literal_header(text));
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        if line.is_empty() {
            out.push('\n');
        } else {
            new_line(out, indent);
            out.push_str(line);
        }
    }
}

fn key_text(key: &str, style: Style) -> String {
    let mut out = String::new();
    text::text(&mut out, key, style.keys);
    out
}

fn new_line(out: &mut String, indent: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests;
