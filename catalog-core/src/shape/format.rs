//! Formats of text.

use chrono::{DateTime, NaiveDate};

/// How a text must be written.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Format {
    /// Any way.
    Free,
    /// `scheme://host/…` with one of these schemes, in any case.
    Url(&'static [&'static str]),
    /// `scheme:…` with any scheme, `data:` included.
    Uri,
    /// RFC 3339, or just the date.
    DateTime,
    /// Milliseconds since 1970 as decimal digits.
    Millis,
    /// Anything that the function accepts. The words complete "must be …".
    Where(&'static str, fn(&str) -> bool),
}

impl Format {
    /// What is wanted, when the text is not that: it completes "must be …".
    pub(super) fn violation(self, text: &str) -> Option<String> {
        let (fits, wanted) = match self {
            Self::Free => return None,
            Self::Url(schemes) => return url_violation(text, schemes),
            Self::Uri => (is_uri(text), "a URI such as https://example.com/logo.svg"),
            Self::DateTime => (
                is_date_time(text),
                "a time such as 2025-01-31T12:00:00Z, or a date such as 2025-01-31",
            ),
            Self::Millis => (
                is_millis(text),
                "milliseconds since 1970 as digits, such as \"1735689600000\"",
            ),
            Self::Where(wanted, fits) => (fits(text), wanted),
        };
        (!fits).then(|| wanted.to_owned())
    }
}

fn is_millis(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<i64>().is_ok()
}

fn is_date_time(text: &str) -> bool {
    DateTime::parse_from_rfc3339(text).is_ok()
        || NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

/// The scheme, when the text starts with one.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let mut bytes = scheme.bytes();
    let first = bytes.next()?;
    let word = first.is_ascii_alphabetic()
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    word.then_some((scheme, rest))
}

fn has_blank(text: &str) -> bool {
    text.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn is_uri(text: &str) -> bool {
    scheme(text).is_some_and(|(_, rest)| !rest.is_empty()) && !has_blank(text)
}

fn url_violation(text: &str, schemes: &[&str]) -> Option<String> {
    let wanted = || {
        let example = schemes.first().copied().unwrap_or("https");
        match schemes {
            [] | [_] => format!("a URL such as {example}://example.com/path"),
            [..] => format!("a URL with one of the schemes {}", schemes.join(", ")),
        }
    };
    let Some((scheme, rest)) = scheme(text) else {
        return Some(wanted());
    };
    let known = schemes.is_empty() || schemes.iter().any(|s| s.eq_ignore_ascii_case(scheme));
    let fits = known
        && !has_blank(text)
        && rest
            .strip_prefix("//")
            .is_some_and(|rest| has_target(&scheme.to_ascii_lowercase(), rest));
    (!fits).then(wanted)
}

/// Whether what follows `scheme://` names something.
fn has_target(scheme: &str, rest: &str) -> bool {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, h)| h);
    match scheme {
        // A local file or command has no host.
        "file" | "stdio" => !host_and_port.is_empty() || path.len() > 1,
        "http" | "https" | "ws" | "wss" => {
            let (host, port) = match host_and_port.rsplit_once(':') {
                // The colons of an IPv6 address are no port.
                Some((host, port)) if !port.contains(']') => (host, Some(port)),
                _ => (host_and_port, None),
            };
            !host.is_empty() && port.is_none_or(|p| p.is_empty() || p.parse::<u16>().is_ok())
        }
        _ => !host_and_port.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[track_caller]
    fn sweep(format: Format, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(format.violation(text), None, "{text}");
        }
        for text in bad {
            assert!(format.violation(text).is_some(), "{text}");
        }
    }

    #[test]
    fn a_url_has_a_known_scheme_and_a_host() {
        sweep(
            Format::Url(&["http", "https"]),
            &[
                "https://example.com",
                "HTTPS://example.com:8443/mcp?x=1#y",
                "http://[::1]:8080/mcp",
                "http://[::1]",
                "https://localhost/a:b",
            ],
            &[
                "",
                "example.com/mcp",
                "ftp://example.com",
                "https://",
                "https:///mcp",
                "https:example.com",
                "https://exa mple.com",
                "https://example.com:99999",
                "https://example.com:http",
                "https://user@",
                "javascript:alert(1)",
            ],
        );
        sweep(
            Format::Url(&["stdio", "file", "oci"]),
            &[
                "stdio://kubernetes-mcp-server",
                "file:///opt/model",
                "oci://registry.example.com/team/model:1.0",
            ],
            &["stdio://", "file:///", "oci:///model", "oci://"],
        );
    }

    #[test]
    fn a_uri_may_be_data() {
        sweep(
            Format::Uri,
            &[
                "data:image/svg+xml;base64,PHN2Zz4=",
                "https://example.com/x",
            ],
            &["logo.svg", "data:", ":x", "1a:b", "a:b c"],
        );
    }

    #[test]
    fn times_are_rfc_3339_or_dates_or_milliseconds() {
        sweep(
            Format::DateTime,
            &[
                "2025-01-31T12:00:00Z",
                "2025-01-31T12:00:00.5+02:00",
                "2025-01-31",
            ],
            &["31.01.2025", "2025-13-01", "now", ""],
        );
        sweep(
            Format::Millis,
            &["1735689600000", "0"],
            &[
                "",
                "-1",
                "1.5",
                "1e12",
                "2025-01-31",
                "99999999999999999999",
            ],
        );
    }
}
