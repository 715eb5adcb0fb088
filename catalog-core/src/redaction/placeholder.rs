//! What stands in examples where a secret would stand.

use super::MARKER;

/// How a token begins is a word or two.
const MAX_PREFIX: usize = 16;
/// What is to be filled in is said in a few words.
const MAX_HOLE: usize = 64;

/// Whether a value obviously only stands for a secret: `<token>`, `${TOKEN}`, `your-token`,
/// `changeme`, `xxxxx`.
pub(super) fn is_placeholder(value: &str) -> bool {
    let value = without_scheme(value.trim().trim_matches(['"', '\'', '`'])).trim();
    if value.is_empty() || value.contains(MARKER) {
        return true;
    }
    is_reference(value) || is_template(value) || is_stand_in(value)
}

/// Whether the value beside a secret's name only shows how it is given: the name again, or a command
/// line argument with a placeholder, such as `-e TOKEN`, `--token <token>`, `-e TOKEN=your_token`.
pub(super) fn is_usage(value: &str, name: &str) -> bool {
    let value = value.trim();
    if is_placeholder(value) || value == name.trim() {
        return true;
    }
    let name = value.trim_start_matches('-');
    if !value.starts_with('-') || !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return false;
    }
    let (flag, argument) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
    let argument = argument.trim();
    let given = match (flag.split_once('='), argument.split_once('=')) {
        (Some((_, given)), _) if argument.is_empty() => given,
        (None, Some((variable, given))) if is_name(variable) => given,
        // A variable's name, which says that the value comes from outside.
        _ if argument.is_empty() => return false,
        _ if is_constant(argument) => "",
        _ => argument
            .split_once(": ")
            .filter(|(header, _)| is_name(header))
            .map_or(argument, |(_, given)| given),
    };
    is_placeholder(given)
}

/// `API_TOKEN`.
fn is_constant(text: &str) -> bool {
    text.contains('_') && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
}

/// `Bearer ${TOKEN}` is as good as `${TOKEN}`.
fn without_scheme(value: &str) -> &str {
    match value.split_once(' ') {
        Some((scheme, rest))
            if ["bearer", "basic", "token"]
                .iter()
                .any(|s| scheme.eq_ignore_ascii_case(s)) =>
        {
            rest
        }
        _ => value,
    }
}

/// `<…>`, `${…}`, `$(…)`, `$NAME`, `{{…}}`, `{…}`, `%NAME%`. What is named is named with words: a
/// password may begin like this, too.
fn is_reference(value: &str) -> bool {
    if value
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(is_random)
    {
        return false;
    }
    let enclosed = |open: &str, close: &str| {
        value
            .strip_prefix(open)
            .and_then(|v| v.strip_suffix(close))
            .map(str::trim)
    };
    if let Some(inner) = enclosed("${", "}") {
        // `${NAME:-hunter2}` has a default, and that may be the real thing.
        return match inner.split_once(":-") {
            Some((_, default)) => is_placeholder(default),
            None => is_name(inner.split(':').next().unwrap_or("")) || !inner.contains('$'),
        };
    }
    let fits = |inner: Option<&str>| inner.is_some_and(|i| !i.contains(['<', '{', '"']));
    fits(enclosed("<", ">"))
        || fits(enclosed("{{", "}}"))
        // With these in it, it is data.
        || fits(enclosed("{", "}").filter(|inner| !inner.contains([':', '['])))
        || fits(enclosed("$(", ")"))
        || enclosed("%", "%").is_some_and(is_name)
        || value.strip_prefix('$').is_some_and(is_name)
}

/// `HF_{optional token}`, `sk-<your key>`: how a token begins, and what is to be filled in.
fn is_template(value: &str) -> bool {
    let Some(open) = value.find(['{', '<']) else {
        return false;
    };
    let (prefix, rest) = value.split_at(open);
    prefix.len() <= MAX_PREFIX
        && prefix.ends_with(['_', '-'])
        && prefix
            .bytes()
            .all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'-'))
        && hole(rest) == Some(rest.len())
}

/// The length of the hole to be filled in that starts here: words in brackets.
pub(super) fn hole(text: &str) -> Option<usize> {
    let close = match text.bytes().next()? {
        b'{' => '}',
        b'<' => '>',
        _ => return None,
    };
    let head = text.get(1..text.floor_char_boundary(MAX_HOLE))?;
    let inner = head.get(..head.find(close)?)?;
    let wordy = |c: char| c.is_ascii_alphabetic() || matches!(c, ' ' | '_' | '-');
    (inner.contains(|c: char| c.is_ascii_alphabetic()) && inner.chars().all(wordy))
        .then(|| inner.len() + 2)
}

/// Small and capital letters and digits, all mixed: no name that people give.
fn is_random(word: &str) -> bool {
    let has = |f: fn(&u8) -> bool| word.bytes().any(|b| f(&b));
    let changes = word
        .as_bytes()
        .windows(2)
        .filter(|w| w[0].is_ascii_digit() != w[1].is_ascii_digit())
        .count();
    word.len() >= 8
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        // `Oauth2Token` has one, with letters around it.
        && changes >= 3
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

fn is_stand_in(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let word = |w: &str| lower == w;
    const WORDS: [&str; 22] = [
        "changeme",
        "change-me",
        "change_me",
        "replaceme",
        "replace-me",
        "replace_me",
        "example",
        "placeholder",
        "none",
        "null",
        "nil",
        "undefined",
        "empty",
        "dummy",
        "fake",
        "redacted",
        "todo",
        "tbd",
        "n/a",
        "-",
        "string",
        "optional",
    ];
    if WORDS.iter().any(|w| word(w))
        || ["your-", "your_", "your "]
            .iter()
            .any(|p| lower.starts_with(p))
    {
        return true;
    }
    // `YOURTOKEN`, `my-example-key`: but a digit makes it somebody's password.
    let wordy = lower
        .chars()
        .all(|c| c.is_ascii_lowercase() || matches!(c, '-' | '_' | ' ' | '.'));
    let says_so = ["your", "example", "placeholder", "changeme", "redacted"]
        .iter()
        .any(|w| lower.contains(w))
        // `secret-token-acl-optional`: no secret says that it need not be given.
        || lower
            .split(|c: char| !c.is_ascii_alphabetic())
            .any(|w| w == "optional");
    let asks = ["insert", "enter", "replace", "paste"]
        .iter()
        .any(|w| lower.starts_with(w))
        || ["_here", "-here", " here"]
            .iter()
            .any(|w| lower.ends_with(w));
    // What the manuals of a vendor write.
    let manual = value.ends_with("EXAMPLE") || value.ends_with("EXAMPLEKEY");
    (wordy && (says_so || asks)) || manual || is_filler(value)
}

/// `xxxxx`, `*****`, `.....`, and what was cut short: `sk-…`.
pub(super) fn is_filler(value: &str) -> bool {
    value.ends_with("...")
        || value.starts_with("...")
        || value.ends_with('…')
        || value.starts_with("***")
        || value.to_ascii_lowercase().contains("xxxx")
        || value.len() >= 3
            && value
                .chars()
                .all(|c| matches!(c, 'x' | 'X' | '*' | '.' | '-' | '_' | '#'))
}

/// Words that documentation writes in the place of a secret inside longer texts. A whole value of a
/// sensitive key that is one of these is still somebody's (bad) password.
pub(super) fn is_example_word(value: &str) -> bool {
    const WORDS: [&str; 26] = [
        "pass",
        "password",
        "passwd",
        "passw0rd",
        "pwd",
        "pw",
        "secret",
        "token",
        "key",
        "apikey",
        "api_key",
        "api-key",
        "user",
        "username",
        "mypassword",
        "mysecret",
        "mytoken",
        "true",
        "false",
        "yes",
        "no",
        "required",
        "value",
        "auto",
        "bearer",
        "self",
    ];
    WORDS.iter().any(|w| value.eq_ignore_ascii_case(w))
}

/// Words too common to be taken for a copy of a secret when they stand elsewhere.
pub(super) fn is_common_word(value: &str) -> bool {
    const WORDS: [&str; 38] = [
        "catalog",
        "database",
        "admin",
        "server",
        "testing",
        "string",
        "number",
        "integer",
        "boolean",
        "object",
        "required",
        "optional",
        "default",
        "enabled",
        "disabled",
        "secrets",
        "tokens",
        "credential",
        "credentials",
        "access_token",
        "api_token",
        "oauth2",
        "unknown",
        "public",
        "private",
        "custom",
        "manual",
        "static",
        "header",
        "cookie",
        "localhost",
        "production",
        "kubernetes",
        "environment",
        "authorization",
        "postgres",
        "service",
        "metadatastringvalue",
    ];
    // `api_key: OPENAI_API_KEY` names a variable; its other mentions are harmless.
    (is_constant(value) && super::is_sensitive_key(value))
        || is_example_word(value)
        || WORDS.iter().any(|w| value.eq_ignore_ascii_case(w))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_examples_write_is_a_placeholder() {
        for text in [
            "",
            "  ",
            "<token>",
            "<your token here>",
            "${TOKEN}",
            "${input:apiKey}",
            "$TOKEN",
            "$(TOKEN)",
            "%TOKEN%",
            "{{ token }}",
            "{token}",
            "your-token",
            "YOUR_API_KEY",
            "your-oauth2-bearer-token",
            "changeme",
            "xxx",
            "xxxxxxxx",
            "sk-xxxxxxxx",
            "sk-...",
            "example",
            "placeholder",
            "none",
            "null",
            MARKER,
            "Bearer ${TOKEN}",
            "Bearer <token>",
            "\"<token>\"",
            "my-example-key",
            "${TOKEN:-changeme}",
            "HF_{optional token}",
            "sk-<your key>",
            "secret-token-acl-optional",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
    }

    #[test]
    fn a_command_line_with_a_placeholder_only_shows_how() {
        for text in [
            "-e DART_TOKEN",
            "--token <YOUR_TOKEN>",
            "--password <rabbitmq password>",
            "-e API_KEY=<your key>",
            "--api-key=YOUR_API_KEY",
            "-e TOKEN=your_token",
            "--api-key {your-secret-api-key}",
            "--header Authorization: Bearer ${TOKEN}",
            "the name",
        ] {
            assert!(is_usage(text, "the name"), "{text}");
        }
        for text in [
            "hunter2",
            "--token hunter2",
            "-e TOKEN=hunter2",
            "-e hunter2",
            "-hunter2",
        ] {
            assert!(!is_usage(text, "the name"), "{text}");
        }
    }

    #[test]
    fn what_may_be_somebodys_password_is_none() {
        for text in [
            "hunter2",
            "password",
            "example1",
            "${TOKEN:-hunter2}",
            "$ecret!",
            "<a",
            "x1x2",
            "Bearer abcdef",
            "my-example-pw-9",
            "hunter{two}",
            "HF_{0ptional}",
            "abc_{a}{b}",
            "long-prefix-of-letters-_{a}",
            "optional9",
            "pw",
        ] {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
