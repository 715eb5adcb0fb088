//! `scheme://user:password@host`.

use super::Found;
use crate::redaction::placeholder::{is_example_word, is_placeholder};

/// The password of the URL whose `://` is here.
pub(super) fn password(text: &str, at: usize) -> Option<Found> {
    let rest = text.get(at..)?.strip_prefix("://")?;
    let start = at + 3;
    let end = rest
        .find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '`' | '\\'))
        .unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    // The last `@`: people forget to escape the ones in passwords.
    let (userinfo, host) = authority.rsplit_once('@')?;
    let (user, password) = userinfo.split_once(':')?;
    if password.is_empty() || is_documentation(user, password, host) {
        return None;
    }
    let from = start + user.len() + 1;
    Some(Found {
        range: from..from + password.len(),
        kind: "password in a URL",
    })
}

/// Whether the URL only shows how such URLs look.
fn is_documentation(user: &str, password: &str, host: &str) -> bool {
    let host = host.split(':').next().unwrap_or("");
    let local = matches!(
        host,
        "localhost" | "127.0.0.1" | "host" | "hostname" | "0.0.0.0"
    ) || host.ends_with("example.com")
        || host.ends_with("example.org");
    is_placeholder(password)
        || is_example_word(password)
        || password.starts_with(['<', '$', '{', '[', '%'].as_slice())
            && password.ends_with(['>', '}', ']', '%'].as_slice())
        || password.eq_ignore_ascii_case("pass")
        || (local && (password == user || password.to_ascii_lowercase().contains("password")))
}
