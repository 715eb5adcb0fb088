//! Writing scalars.

use std::fmt::Write as _;

use serde_json::Value;

use super::super::scalar::plain_is_text;
use super::Quotes;
use crate::validation::is_invisible;

/// Writes a scalar on one line.
pub(super) fn scalar(out: &mut String, value: &Value, quotes: Quotes) {
    match value {
        Value::String(value) => text(out, value, quotes),
        // Null, booleans and numbers look the same in JSON and YAML.
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

/// Writes text on one line.
pub(super) fn text(out: &mut String, text: &str, quotes: Quotes) {
    match quotes {
        Quotes::AsNeeded if is_safe_plain(text) => out.push_str(text),
        Quotes::Single if text.chars().all(is_visible) => single_quoted(out, text),
        _ => double_quoted(out, text),
    }
}

fn single_quoted(out: &mut String, text: &str) {
    out.push('\'');
    out.push_str(&text.replace('\'', "''"));
    out.push('\'');
}

/// The escapes of JSON, so that the result is fine in a JSON file too.
fn double_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_visible(c) => out.push(c),
            c => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// Whether a character may stand for itself: it is allowed in YAML, no reader takes it for a line
/// end, and a person sees it (a hidden or direction-changing character in a config file misleads).
fn is_visible(c: char) -> bool {
    !is_invisible(c)
        // The two non-characters at the end of each plane.
        && (c as u32) & 0xfffe != 0xfffe
}

/// Whether plain text reads back as this text, in block and in flow style, here and in readers of
/// YAML 1.1.
fn is_safe_plain(text: &str) -> bool {
    let Some(first) = text.chars().next() else {
        return false;
    };
    let starts_well = !matches!(
        first,
        '-' | '?'
            | ':'
            | ','
            | '['
            | ']'
            | '{'
            | '}'
            | '#'
            | '&'
            | '*'
            | '!'
            | '|'
            | '>'
            | '\''
            | '"'
            | '%'
            | '@'
            | '`'
            | '='
            | '~'
            | '<'
    );
    let inside_well = text
        .chars()
        .all(|c| is_visible(c) && !matches!(c, ',' | '[' | ']' | '{' | '}'));
    starts_well
        && inside_well
        && !text.starts_with(char::is_whitespace)
        && !text.ends_with(char::is_whitespace)
        && !text.ends_with(':')
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.starts_with("...")
        && plain_is_text(text)
        && !is_word_of_yaml_1_1(text)
        && !is_number_of_yaml_1_1(text)
}

fn is_word_of_yaml_1_1(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether text could be a number, a base-60 number or a date: quoting too much does no harm.
fn is_number_of_yaml_1_1(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '.'))
        && text.chars().all(|c| {
            c.is_ascii_hexdigit()
                || matches!(
                    c,
                    '+' | '-' | '.' | ':' | '_' | ' ' | 'x' | 'o' | 'T' | 't' | 'Z' | 'z'
                )
        })
        || [".inf", ".nan", "+.inf"]
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether text is worth a literal block scalar and can be one without any doubt about
/// indentation, trailing spaces or trailing line ends.
pub(in super::super) fn is_literal(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    text.contains('\n')
        && !body.is_empty()
        && !body.starts_with(['\n', ' '])
        && !body.ends_with('\n')
        && body
            .chars()
            .all(|c| matches!(c, '\n' | '\t') || is_visible(c))
        && body
            .split('\n')
            .all(|line| !line.starts_with('\t') && !line.ends_with(char::is_whitespace))
}

/// The header of a text that [`is_literal`].
pub(in super::super) fn literal_header(text: &str) -> &'static str {
    if text.ends_with('\n') { "|" } else { "|-" }
}
