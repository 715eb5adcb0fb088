//! Scalar resolution: the YAML 1.2 core schema.

use super::node::Value;

/// Why a plain scalar has no value.
pub(super) enum Unresolvable {
    /// `.inf`, `.nan`, `1e999`.
    NotFinite,
}

/// The value of a plain scalar.
pub(super) fn resolve_plain(text: &str) -> Result<Value, Unresolvable> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    // Every number starts with one of these; most text does not.
    if !matches!(text.as_bytes()[0], b'0'..=b'9' | b'+' | b'-' | b'.') {
        return Ok(Value::Text(text.into()));
    }
    number(text).unwrap_or_else(|| Ok(Value::Text(text.into())))
}

fn number(text: &str) -> Option<Result<Value, Unresolvable>> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Err(Unresolvable::NotFinite));
    }
    let radix = |prefix: &str, radix| {
        text.strip_prefix(prefix)
            .filter(|d| !d.is_empty() && d.chars().all(|c| c.is_digit(radix)))
            .and_then(|d| i64::from_str_radix(d, radix).ok())
    };
    if let Some(i) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Some(Ok(Value::Int(i)));
    }
    if !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit()) {
        if let Ok(i) = text.parse::<i64>() {
            return Some(Ok(Value::Int(i)));
        }
        return float(text);
    }
    is_float(unsigned).then(|| float(text)).flatten()
}

/// `(\.[0-9]+ | [0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let mantissa_ok = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    mantissa_ok && exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)))
}

fn float(text: &str) -> Option<Result<Value, Unresolvable>> {
    let value: f64 = text.parse().ok()?;
    Some(if value.is_finite() {
        Ok(Value::Float(value))
    } else {
        Err(Unresolvable::NotFinite)
    })
}

/// Whether a plain scalar of this text would be read as text.
pub(super) fn plain_is_text(text: &str) -> bool {
    matches!(resolve_plain(text), Ok(Value::Text(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> Option<Value> {
        resolve_plain(text).ok()
    }

    #[test]
    fn scalars_follow_the_core_schema() {
        for text in [
            "no",
            "yes",
            "on",
            "off",
            "y",
            "1_000",
            "0b1",
            "1:30",
            "2024-01-01",
            "1.2.3",
            "-",
            "+",
            ".",
            "0x",
            "0o8",
            "e3",
            "--1",
        ] {
            assert_eq!(resolved(text), Some(Value::Text(text.into())), "{text}");
        }
        for text in ["~", "null", "Null", "NULL", ""] {
            assert_eq!(resolved(text), Some(Value::Null), "{text}");
        }
        for (text, value) in [
            ("017", 17),
            ("0o17", 15),
            ("0x1F", 31),
            ("-5", -5),
            ("+5", 5),
            ("0", 0),
        ] {
            assert_eq!(resolved(text), Some(Value::Int(value)), "{text}");
        }
        for (text, value) in [
            ("1e3", 1000.0),
            ("1.0", 1.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("-1.5E-2", -0.015),
        ] {
            assert_eq!(resolved(text), Some(Value::Float(value)), "{text}");
        }
        assert_eq!(resolved("true"), Some(Value::Bool(true)));
        assert_eq!(resolved("False"), Some(Value::Bool(false)));
    }

    #[test]
    fn numbers_that_json_cannot_hold_are_refused() {
        for text in [".inf", "-.INF", ".nan", "1e999", "-1e999"] {
            assert!(resolve_plain(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_whole_number_beyond_64_bits_is_a_float() {
        assert_eq!(
            resolved("9223372036854775808"),
            Some(Value::Float(9.223_372_036_854_776e18))
        );
    }
}
