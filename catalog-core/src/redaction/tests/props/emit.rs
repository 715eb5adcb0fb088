//! YAML in whatever style.

use serde_json::Value;

use crate::redaction::patch::quote;

/// The tree as YAML in styles that the choices decide; comments with canaries in between, and an
/// alias for a text that was there before, if these are wanted.
pub(in crate::redaction::tests) fn emit(tree: &Value, choices: &[u8], extras: bool) -> String {
    let mut emitter = Emitter {
        choices: choices.to_vec(),
        at: 0,
        out: String::new(),
        anchors: Vec::new(),
        extras,
    };
    if emitter.choose(8) == 0 {
        emitter.out.push('\u{feff}');
    }
    emitter.block(tree, 0, false);
    let crlf = emitter.choose(4) == 0;
    if crlf {
        emitter.out.replace('\n', "\r\n")
    } else {
        emitter.out
    }
}

struct Emitter {
    choices: Vec<u8>,
    at: usize,
    out: String,
    anchors: Vec<String>,
    extras: bool,
}

impl Emitter {
    fn choose(&mut self, of: u8) -> u8 {
        self.at += 1;
        // Not periodic in the number of choices.
        let turn = (self.at / self.choices.len().max(1)) as u8;
        let choice = self.choices.get(self.at % self.choices.len().max(1));
        choice.copied().unwrap_or(0).wrapping_add(turn) % of
    }

    /// As `choose`, but the last one when no extras are wanted.
    fn extra(&mut self, of: u8) -> u8 {
        if self.extras { self.choose(of) } else { of - 1 }
    }

    fn coin<'t>(&mut self, heads: &'t str, tails: &'t str) -> &'t str {
        if self.choose(2) == 0 { heads } else { tails }
    }

    fn comment(&mut self, indent: usize) {
        let comment = match self.extra(16) {
            0 => "# password: canary-in-a-comment",
            1 => "# see https://svc:canary1@example.net",
            2 => "# token=canary2 and so on",
            3 => "# - name: DB_PASSWORD\n#   value: canary-commented-out",
            4 => "# just words",
            _ => return,
        };
        for line in comment.lines() {
            self.out.push_str(&" ".repeat(indent));
            self.out.push_str(line);
            self.out.push('\n');
        }
    }

    /// A node in block style, after `key:` or `-` unless it is the root.
    fn block(&mut self, node: &Value, indent: usize, after: bool) {
        let flow = self.choose(5) == 0 && after;
        match node {
            Value::Object(map) if !map.is_empty() && !flow => {
                if after {
                    self.out.push('\n');
                }
                for (key, value) in map {
                    self.comment(indent);
                    self.out.push_str(&" ".repeat(indent));
                    let key = if self.choose(3) == 0 {
                        quote(key)
                    } else {
                        key.clone()
                    };
                    self.out.push_str(&key);
                    self.out.push(':');
                    self.block(value, indent + 2, true);
                }
            }
            Value::Array(items) if !items.is_empty() && !flow => {
                self.out.push('\n');
                for item in items {
                    self.comment(indent);
                    self.out.push_str(&" ".repeat(indent));
                    self.out.push('-');
                    self.block(item, indent + 2, true);
                }
            }
            Value::String(text) => self.text(text, indent),
            other => {
                self.out.push(' ');
                self.flow(other);
                self.end();
            }
        }
    }

    fn end(&mut self) {
        let comment = match self.extra(12) {
            0 => " # token: canary-at-the-end",
            1 => " # fine",
            2 => "  ",
            _ => "",
        };
        self.out.push_str(comment);
        self.out.push('\n');
    }

    fn text(&mut self, text: &str, indent: usize) {
        if let Some(at) = self.anchors.iter().position(|a| a == text)
            && self.extra(2) == 0
        {
            self.out.push_str(&format!(" *a{at} \n"));
            return;
        }
        if self.extra(4) == 0 && !self.anchors.iter().any(|a| a == text) {
            self.out.push_str(&format!(" &a{}", self.anchors.len()));
            self.anchors.push(text.to_owned());
        }
        let lines = text
            .strip_suffix('\n')
            .filter(|t| !t.is_empty() && !t.starts_with(' '));
        match (self.choose(5), lines) {
            (0 | 1, Some(lines)) => {
                self.out
                    .push_str([" |", " >"][usize::from(lines.lines().count() == 1)]);
                let head = [" # password: canary-in-a-head\n", "\n"];
                let head = head[usize::from(self.extra(4) != 0)];
                self.out.push_str(head);
                for line in lines.lines() {
                    self.out
                        .push_str(&format!("{}{line}\n", " ".repeat(indent + 1)));
                }
            }
            (2, _) if is_plain(text) => {
                self.out.push_str(&format!(" {text}"));
                self.end();
            }
            (3, _) if is_plain(text) && text.contains(' ') => {
                let folded = text.replace(' ', &format!("\n{}", " ".repeat(indent + 2)));
                self.out.push_str(&format!(" {folded}"));
                self.end();
            }
            _ => {
                self.out.push(' ');
                self.scalar(text);
                self.end();
            }
        }
    }

    fn scalar(&mut self, text: &str) {
        if self.choose(2) == 0 && !text.contains('\n') {
            self.out
                .push_str(&format!("'{}'", text.replace('\'', "''")));
        } else {
            self.out.push_str(&quote(text));
        }
    }

    fn flow(&mut self, node: &Value) {
        match node {
            Value::Object(map) => {
                self.out.push('{');
                for (at, (key, value)) in map.iter().enumerate() {
                    self.out.push_str(if at == 0 { "" } else { ", " });
                    self.out.push_str(&quote(key));
                    let separator = self.coin(":", ": ");
                    self.out.push_str(separator);
                    self.flow(value);
                }
                self.out.push('}');
            }
            Value::Array(items) => {
                self.out.push('[');
                for (at, item) in items.iter().enumerate() {
                    self.out.push_str(if at == 0 { "" } else { "," });
                    self.flow(item);
                }
                self.out.push(']');
            }
            Value::String(text)
                if text.bytes().all(|b| b.is_ascii_lowercase()) && text.len() > 5 =>
            {
                // After `"key":` a plain text needs a blank.
                self.out.push(' ');
                self.out.push_str(text);
            }
            Value::String(text) => self.scalar(text),
            other => {
                self.out.push(' ');
                self.out.push_str(&other.to_string());
            }
        }
    }
}

/// Whether the text can stand without quotes in block style.
fn is_plain(text: &str) -> bool {
    let inner = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '-' | '/' | '@' | '=' | '&' | '.' | ' ' | ':' | '?')
    };
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(inner)
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        && !matches!(text, "true" | "false" | "null")
}
