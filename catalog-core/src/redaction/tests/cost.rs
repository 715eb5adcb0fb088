//! What a text costs is in proportion to its size, whatever it says.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::redaction::{MARKER, redact_value, redact_yaml, restore_value, restore_yaml, scan_yaml};
use crate::yaml::{Limits, parse};

/// The larger size is so many times the smaller one: what is quadratic takes 64 times as long.
const TIMES: usize = 8;
/// Generous: the machine has other things to do, too.
const MOST: u32 = 3 * TIMES as u32;
/// Shorter times say nothing.
const FLOOR: Duration = Duration::from_millis(4);

/// The same work on a small and on a large text. Whatever else the machine does, one of several tries
/// tells; what is quadratic takes too long in all of them.
pub(in crate::redaction) fn in_proportion(what: &str, work: impl Fn(usize)) {
    let time = |size| {
        let started = Instant::now();
        work(size);
        started.elapsed().max(FLOOR)
    };
    // As large as documents get, when there is time for it.
    let size = match std::env::var_os("CATALOG_FULL") {
        Some(_) => 1 << 20,
        None => 96 << 10,
    };
    let fits = |_| time(size) <= time(size / TIMES) * MOST;
    assert!((0..4).any(fits), "{what}");
}

fn filled(piece: &str, size: usize) -> String {
    piece.repeat(size / piece.len())
}

/// Many pieces and as many blanks.
fn then_blanks(piece: &str, size: usize) -> String {
    filled(piece, size / 2) + &" ".repeat(size / 2)
}

#[test]
fn a_name_or_key_of_any_length_is_read_once() {
    for piece in ["tokenizer", "tokens_per_", "x-pwdx-", "api_key_ref "] {
        in_proportion(piece, |size| {
            let name = filled(piece, size);
            let tree =
                json!({"env": [{"name": &name, "value": "x"}], "args": [format!("--{name}"), "x"]});
            let _ = redact_value(&tree);
            let _ = redact_value(&json!({ name.as_str(): "x" }));
            let _ = redact_yaml(&format!("- name: {name}\n  value: x\n"));
        });
    }
}

#[test]
fn a_line_is_read_once_however_many_values_it_has() {
    for piece in ["a=b ", "token=b ", "a=!", "name=", "a='b' c ", "{a=b} c=d "] {
        for end in ["", " # x"] {
            in_proportion(&format!("{piece}{end}"), |size| {
                let line = then_blanks(piece, size) + end;
                let _ = redact_yaml(&format!("# {line}\n"));
                let _ = redact_yaml(&format!("{line}\n: : \u{1}\n"));
            });
        }
    }
    in_proportion("quotes", |size| {
        let line = filled("name=", size / 2) + &"\"".repeat(size / 2);
        let _ = redact_yaml(&format!("# {line}\n"));
    });
}

#[test]
fn private_keys_that_never_end_are_read_once() {
    in_proportion("private keys", |size| {
        let begin = "-----BEGIN PRIVATE KEY----- ...\n";
        let _ = redact_yaml(&then_blanks(begin, size));
        let _ = redact_yaml(&format!("a: \"{}\"\n", then_blanks(begin.trim(), size)));
    });
}

#[test]
fn keys_that_hold_credentials_are_found_in_one_pass() {
    in_proportion("keys", |size| {
        let keys = (0..size / 44).map(|n| format!("https://bob:hunter2@{n}.example.net: 1\n"));
        let text: String = keys.collect();
        let limits = Limits::for_documents(size);
        let document = parse(&text, &limits).unwrap();
        assert!(scan_yaml(&document).len() > 200);
    });
}

#[test]
fn markers_that_stand_for_nothing_are_named_in_one_pass_and_not_all() {
    let most = |strays: usize| assert!((500..=501).contains(&strays), "{strays}");
    for (head, piece, tail) in [
        ("[", MARKER, ""),
        ("", "- \"***REDACTED***\"\n", ""),
        ("", "# ***REDACTED***\n", ""),
        ("", "- |\n  x ***REDACTED***\n# ***REDACTED***\n", ""),
        ("", "- &***REDACTED*** x\n", ""),
    ] {
        in_proportion(piece, |size| {
            let text = format!("{head}{}{tail}", filled(piece, size));
            most(restore_yaml(&text, None).unwrap_err().len());
            let stored = "password: hunter2\n";
            most(restore_yaml(&text, Some(stored)).unwrap_err().len());
        });
    }
    let tree: Value = vec![MARKER; 10_000].into();
    most(restore_value(&tree, &Value::Null).unwrap_err().len());
}

#[test]
fn an_edited_text_is_restored_in_proportion() {
    for piece in [
        "- {name: a_token, value: hunter2-x} # token: abc\n",
        "- {password: '- [x'}\n",
    ] {
        in_proportion(piece, |size| {
            let stored = filled(piece, size);
            let edited = redact_yaml(&stored) + "# new\n";
            assert!(restore_yaml(&edited, Some(&stored)).is_ok());
            // Nothing of it is YAML.
            let stored = format!("{stored}: : \u{1}\n");
            let _ = restore_yaml(&format!("- new\n{}", redact_yaml(&stored)), Some(&stored));
        });
    }
}
