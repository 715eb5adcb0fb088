//! `scheme://user:password@host`, and URLs that are secret themselves.

use super::{Found, looks_random};
use crate::redaction::placeholder::{is_example_word, is_placeholder};

/// Whoever knows what follows one of these may post there.
const WEBHOOKS: [&str; 4] = [
    "hooks.slack.com/services/",
    "hooks.slack.com/workflows/",
    "discord.com/api/webhooks/",
    "discordapp.com/api/webhooks/",
];

/// What is secret in the URL whose `://` is here.
pub(super) fn credential(text: &str, at: usize) -> Option<Found> {
    let rest = text.get(at..)?.strip_prefix("://")?;
    webhook(rest, at + 3).or_else(|| password(rest, at + 3))
}

fn webhook(rest: &str, start: usize) -> Option<Found> {
    let prefix = WEBHOOKS.iter().find(|prefix| rest.starts_with(**prefix))?;
    let path = rest.get(prefix.len()..)?;
    let end = path
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_')))
        .unwrap_or(path.len());
    let from = start + prefix.len();
    looks_random(path.get(..end)?, 16).then_some(Found {
        range: from..from + end,
        kind: "webhook",
    })
}

fn password(rest: &str, start: usize) -> Option<Found> {
    let end = rest
        .find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '`' | '\\'))
        .unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    // The last `@`: people forget to escape the ones in passwords.
    let (userinfo, host) = authority.rsplit_once('@')?;
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    // The token is given as the user, with nothing or a word as the password.
    if matches!(password, "" | "x-oauth-basic") && looks_random(user, 16) {
        return Some(Found {
            range: start..start + user.len(),
            kind: "token in a URL",
        });
    }
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
