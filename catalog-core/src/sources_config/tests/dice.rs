//! Files in the styles that people write.

use super::*;
use crate::yaml::{emit_block, emit_flow};

/// A stream of choices; it ends in zeros, so that shorter streams are simpler files.
pub(super) struct Dice {
    pub rolls: std::vec::IntoIter<u8>,
}

impl Dice {
    pub fn below(&mut self, n: usize) -> usize {
        usize::from(self.rolls.next().unwrap_or(0)) % n
    }

    pub fn one<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn text(&mut self) -> String {
        const TEXTS: [&str; 14] = [
            "plain",
            "two words",
            "yes",
            "1.10",
            "it's",
            "say \"hi\"",
            "a: b",
            "# no",
            "*",
            "line\nline\n",
            "line\n\n  line",
            "trailing \n",
            "\u{1}\u{2028}é",
            "x\n\n",
        ];
        self.one(&TEXTS).to_owned()
    }

    fn texts(&mut self) -> Vec<String> {
        (0..self.below(4)).map(|_| self.text()).collect()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 5 } else { 7 }) {
            0 | 1 => self.text().into(),
            2 => (self.below(200) as i64 - 100).into(),
            3 => json!(self.below(2) == 1),
            4 => [Value::Null, json!(0.5), json!(1e300)][self.below(3)].clone(),
            5 => (0..self.below(3)).map(|_| self.value(depth - 1)).collect(),
            _ => self.map(depth - 1),
        }
    }

    fn map(&mut self, depth: usize) -> Value {
        const KEYS: [&str; 7] = ["path", "key", "two words", "no", "7", "a: b", "p"];
        (0..self.below(4))
            .map(|_| (self.one(&KEYS).to_owned(), self.value(depth)))
            .collect()
    }

    pub fn settings(&mut self) -> SourceSettings {
        settings(json!({
            "name": self.text(),
            "type": self.one(&["yaml", "hf"]),
            "enabled": self.below(2) == 0,
            "labels": self.texts(),
            "properties": self.map(2),
            "includedItems": self.texts(),
            "excludedItems": self.texts(),
        }))
    }
}

/// How a file looks.
struct Look {
    step: usize,
    list_step: usize,
    dash: &'static str,
    comments: bool,
}

fn render_entry(dice: &mut Dice, look: &Look, id: &str, indent: usize) -> String {
    let settings = serde_json::to_value(dice.settings()).unwrap();
    let mut fields = vec![("id".to_owned(), json!(id))];
    for (key, value) in settings.as_object().unwrap() {
        if dice.below(3) > 0 {
            fields.insert(dice.below(fields.len() + 1), (key.clone(), value.clone()));
        }
    }
    match dice.below(4) {
        0 => return emit_flow(&Value::Object(fields.into_iter().collect())),
        1 => {
            return Value::Object(fields.into_iter().collect())
                .to_string()
                .replace('\u{2028}', "\\u2028");
        }
        _ => {}
    }
    let mut out = String::new();
    for (i, (key, value)) in fields.iter().enumerate() {
        if i > 0 {
            if look.comments && dice.below(4) == 0 {
                out += &format!("{:indent$}# about {key}\n", "");
            }
            out += &" ".repeat(indent);
        }
        let comment = if look.comments {
            dice.one(&["", " # c", "\t# c", ""])
        } else {
            ""
        };
        let filled = match value {
            Value::Array(items) => !items.is_empty(),
            Value::Object(map) => !map.is_empty(),
            _ => false,
        };
        if filled && dice.below(3) > 0 {
            let step = if value.is_array() {
                look.list_step
            } else {
                look.step
            };
            out += &format!("{key}:{comment}\n{}", emit_block(value, indent + step));
        } else {
            let text = match value {
                Value::String(text) if dice.below(3) == 0 && !text.contains(['\n', '\u{1}']) => {
                    format!("'{}'", text.replace('\'', "''"))
                }
                Value::String(text) if text.starts_with("line") && dice.below(2) == 0 => {
                    emit_block(value, indent).trim().to_owned()
                }
                value => emit_flow(value),
            };
            let comment = if text.contains('\n') { "" } else { comment };
            out += &format!("{key}: {text}{comment}\n");
        }
    }
    if look.comments && dice.below(4) == 0 {
        out += &format!("{:indent$}# end\n", "");
    }
    out.trim_end().to_owned()
}

fn render_list(dice: &mut Dice, look: &Look, ids: &[&str], indent: usize) -> String {
    if ids.is_empty() {
        return dice
            .one(&[" []\n", "\n", " ~\n", " [ ] # none\n"])
            .to_owned();
    }
    let mut out = dice.one(&["\n", " # all\n"]).to_owned();
    for id in ids {
        if look.comments {
            out += dice.one(&["", "\n", "# left\n"]);
            out += &format!("{:indent$}# about {id}\n", "");
        }
        out += &format!("{:indent$}-{}", "", look.dash);
        out += &render_entry(dice, look, id, indent + 1 + look.dash.len());
        out += dice.one(&["\n", "\n", "\n\n"]);
    }
    out
}

/// A file: some sources, some comments, some line ends.
pub(super) fn render(dice: &mut Dice) -> String {
    let look = Look {
        step: 1 + dice.below(4),
        list_step: dice.below(4),
        dash: dice.one(&[" ", "   "]),
        comments: dice.below(3) > 0,
    };
    let ids = ["a", "b", "c"];
    let mut pick = || {
        ids.into_iter()
            .filter(|_| dice.below(3) > 0)
            .collect::<Vec<_>>()
    };
    let (mcp, models) = (pick(), pick());
    let mut out = dice.one(&["", "# top\n", "---\n"]).to_owned();
    let (step, list_step) = (look.step, look.list_step);
    match dice.below(4) {
        0 => {}
        1 => {
            out += "apiVersion: v1\nmcp_catalogs:";
            out += &render_list(dice, &look, &mcp, list_step);
            out += dice.one(&["catalogs:", "model_catalogs:"]);
            out += &render_list(dice, &look, &models, list_step);
            out += dice.one(&["", "labels: [{name: x}] # l\n", "\n# bottom\n"]);
        }
        _ => {
            out += "kind: X # k\ncatalogs:\n";
            for (key, ids) in [("mcp", mcp), ("models", models)] {
                out += &format!("{:step$}{key}:\n{:2$}sources:", "", "", 2 * step);
                out += &render_list(dice, &look, &ids, 2 * step + list_step);
            }
            out += dice.one(&["", "# bottom\n", "\n\n"]);
        }
    }
    if dice.below(4) == 0 {
        out = out.trim_end().to_owned();
    }
    if dice.below(4) == 0 {
        out = out.replace('\n', "\r\n");
    }
    if dice.below(4) == 0 {
        out.insert(0, '\u{feff}');
    }
    out
}
