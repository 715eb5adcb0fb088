//! YAML in whatever style the dice say, that means a given tree.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::dice::Dice;

/// A spelling of the tree.
pub fn write(dice: &mut Dice<'_>, tree: &Json, comments: &[&str]) -> String {
    let mut writer = Writer {
        dice,
        out: String::new(),
        anchors: Vec::new(),
        named: 0,
        comments,
    };
    writer.document(tree);
    writer.out
}

struct Writer<'d, 'a> {
    dice: &'d mut Dice<'a>,
    out: String,
    /// Values that an alias may stand for, with the numbers in their names.
    anchors: Vec<(usize, Json)>,
    named: usize,
    comments: &'d [&'d str],
}

/// What a block node follows in its line.
#[derive(Clone, Copy, PartialEq)]
enum After {
    Nothing,
    Key,
    Dash,
}

impl Writer<'_, '_> {
    fn document(&mut self, tree: &Json) {
        let head = self
            .dice
            .one(&["", "", "---\n", "%YAML 1.2\n---\n", "--- # c\n", "# c\n\n"]);
        self.out.push_str(head);
        self.block(tree, 0, After::Nothing);
        if self.dice.once_in(8) {
            self.out.push_str("...\n");
        }
        if self.dice.once_in(6) && !self.out.contains('\r') {
            self.out = self.out.replace('\n', "\r\n");
        }
        if self.dice.once_in(6) {
            self.out.insert(0, '\u{feff}');
        }
    }

    fn spaces(&mut self, n: usize) {
        self.out.extend(std::iter::repeat_n(' ', n));
    }

    /// A comment line now and then.
    fn comment(&mut self, indent: usize) {
        if !self.comments.is_empty() && self.dice.once_in(8) {
            self.spaces(indent);
            let comment = self.dice.one(self.comments);
            self.out.push_str(comment);
            self.out.push('\n');
        }
    }

    /// The end of a line, perhaps with a comment.
    fn end(&mut self) {
        if !self.comments.is_empty() && self.dice.once_in(8) {
            let gap = self.dice.one(&[" ", "  ", "\t"]);
            self.out.push_str(gap);
            let comment = self.dice.one(self.comments);
            self.out.push_str(comment);
        }
        self.out.push('\n');
    }

    /// Anchor and tag, with a space before them: the number in the anchor's name, and whether there is
    /// a tag.
    fn decorate(&mut self, tag: &str) -> (Option<usize>, bool) {
        let anchored = self.dice.once_in(10);
        let tagged = self.dice.once_in(16);
        if tagged {
            let _ = write!(self.out, " {tag}");
        }
        if anchored {
            self.named += 1;
            let _ = write!(self.out, " &a{}", self.named);
        }
        (anchored.then_some(self.named), tagged)
    }

    /// Writes a node whose holder stands at column `indent`, and ends its line.
    fn block(&mut self, node: &Json, indent: usize, after: After) {
        if after != After::Nothing
            && let Some((name, _)) = self.anchors.iter().rfind(|(_, a)| a == node)
            && self.dice.once_in(2)
        {
            let _ = write!(self.out, " *a{name}");
            return self.end();
        }
        let tag = match node {
            Json::Object(_) => "!!map",
            Json::Array(_) => "!!seq",
            Json::String(_) => "!!str",
            Json::Bool(_) => "!!bool",
            Json::Null => "!!null",
            Json::Number(n) if n.is_f64() => "!!float",
            Json::Number(_) => "!!int",
        };
        let flow = after != After::Nothing && self.dice.once_in(4);
        let (anchored, decorated) = match after {
            After::Nothing => (None, false),
            _ => {
                let (anchored, tagged) = self.decorate(tag);
                (anchored, anchored.is_some() || tagged)
            }
        };
        match node {
            Json::Object(map) if !map.is_empty() && !flow => {
                let inner = self.inner(indent, after, decorated, 1);
                for (i, (key, value)) in map.iter().enumerate() {
                    if i > 0 || after != After::Dash || decorated || self.out.ends_with('\n') {
                        self.comment(inner);
                        self.spaces(inner);
                    }
                    self.entry(key, value, inner);
                }
            }
            Json::Array(items) if !items.is_empty() && !flow => {
                let least = usize::from(after != After::Key);
                let inner = self.inner(indent, after, decorated, least);
                for (i, item) in items.iter().enumerate() {
                    if i > 0 || after != After::Dash || decorated || self.out.ends_with('\n') {
                        self.comment(inner);
                        self.spaces(inner);
                    }
                    self.out.push('-');
                    self.block(item, inner, After::Dash);
                }
            }
            Json::String(text)
                if after != After::Nothing && self.dice.once_in(3) && is_literal(text) =>
            {
                self.literal(text, indent);
            }
            other => {
                if after != After::Nothing || decorated {
                    self.out.push(' ');
                }
                self.flow(other, indent);
                self.end();
            }
        }
        if let Some(name) = anchored {
            self.anchors.push((name, node.clone()));
        }
    }

    /// Goes to where a collection's lines start, and says at which column they are.
    fn inner(&mut self, indent: usize, after: After, decorated: bool, least: usize) -> usize {
        match after {
            After::Nothing => 0,
            After::Dash if !decorated && self.dice.below(3) < 2 => {
                let gap = 1 + self.dice.below(3);
                self.spaces(gap);
                indent + 1 + gap
            }
            _ => {
                self.end();
                indent + least.max(usize::from(after == After::Dash)) + self.dice.below(3)
            }
        }
    }

    fn entry(&mut self, key: &str, value: &Json, indent: usize) {
        if self.dice.once_in(20) {
            self.out.push_str("? ");
            self.scalar(key);
            self.end();
            self.spaces(indent);
        } else {
            self.scalar(key);
            if self.dice.once_in(16) {
                self.out.push(' ');
            }
        }
        self.out.push(':');
        self.block(value, indent, After::Key);
    }

    fn literal(&mut self, text: &str, indent: usize) {
        let body = text.strip_suffix('\n').unwrap_or(text);
        let step = 1 + self.dice.below(4);
        self.out.push_str(" |");
        if body.starts_with(' ') || self.dice.once_in(4) {
            let _ = write!(self.out, "{step}");
        }
        if !text.ends_with('\n') {
            self.out.push('-');
        }
        self.end();
        for line in body.split('\n') {
            if !line.is_empty() {
                self.spaces(indent + step);
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
    }

    fn flow(&mut self, node: &Json, indent: usize) {
        match node {
            Json::Object(map) => {
                self.out.push('{');
                for (i, (key, value)) in map.iter().enumerate() {
                    self.between(i, indent);
                    self.scalar(key);
                    self.out.push_str(": ");
                    self.flow(value, indent);
                }
                self.out.push('}');
            }
            Json::Array(items) => {
                self.out.push('[');
                for (i, item) in items.iter().enumerate() {
                    self.between(i, indent);
                    self.flow(item, indent);
                }
                self.out.push(']');
            }
            Json::String(text) => self.scalar(text),
            Json::Null => {
                let null = self.dice.one(&["null", "~", "Null"]);
                self.out.push_str(null);
            }
            other => {
                let _ = write!(self.out, "{other}");
            }
        }
    }

    fn between(&mut self, index: usize, indent: usize) {
        if index > 0 {
            self.out.push(',');
        }
        if self.dice.once_in(6) {
            self.end();
            let more = self.dice.below(3);
            self.spaces(indent + 1 + more);
        } else if index > 0 {
            self.out.push(' ');
        }
    }

    fn scalar(&mut self, text: &str) {
        match self.dice.below(4) {
            0 | 1 => {
                let written = catalog_core::yaml::emit_scalar(&text.into());
                self.out.push_str(&written);
            }
            2 if text.chars().all(|c| matches!(c, ' '..='~' | 'é' | '🦀')) => {
                let _ = write!(self.out, "'{}'", text.replace('\'', "''"));
            }
            _ => double_quoted(&mut self.out, text),
        }
    }
}

fn double_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            ' '..='~' | 'é' => out.push(c),
            c => {
                let _ = write!(out, "\\U{:08x}", c as u32);
            }
        }
    }
    out.push('"');
}

/// Whether a literal block scalar can hold the text with no more than an indentation indicator.
fn is_literal(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    !body.is_empty()
        && !body.starts_with('\n')
        && !body.ends_with('\n')
        && body
            .chars()
            .all(|c| matches!(c, '\n' | ' '..='~' | 'é' | '🦀'))
        && body
            .split('\n')
            .all(|line| line.is_empty() || !line.trim().is_empty())
}
