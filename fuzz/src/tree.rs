//! Trees from rolls, with canaries where secrets belong and nowhere else.

use serde_json::{Map, Value as Json, json};

use super::dice::Dice;

/// What every canary holds.
pub const CANARY: &str = "canary";

const TEXTS: [&str; 60] = [
    "a",
    "x y",
    "",
    "no",
    "~",
    "null",
    "true",
    "017",
    "0x1f",
    "1e3",
    "1.10",
    ".5",
    "1_000",
    "-",
    "- a",
    "a: b",
    "a:",
    "a #b",
    "#",
    "# c",
    "?",
    "? a",
    "two\nlines\n",
    "two\nlines",
    "\n",
    "\n\nx",
    "x\n\n",
    " lead",
    "trail ",
    "tab\tin",
    "\ttab",
    "\"q\"",
    "it's",
    "'",
    "\\",
    "\\n",
    "é",
    "🦀 x",
    "\u{2028}x",
    "a\u{200b}b",
    "\u{feff}",
    "*a",
    "&a",
    "!t",
    "|",
    ">-",
    "%Y",
    "@",
    "`",
    "---",
    "...",
    "a,b",
    "[x]",
    "{y}",
    "\u{7f}",
    "\u{85}",
    "a\r\nb",
    "\u{0}",
    "<<",
    "  two\n    lines\n",
];

const KEYS: [&str; 22] = [
    "a",
    "b",
    "c",
    "name",
    "id",
    "url",
    "title",
    "env",
    "maxTokens",
    "1",
    "1.0",
    "true",
    "a b",
    "a: b",
    "'k",
    "\"k",
    "k\n2",
    "é",
    "",
    "- a",
    "?",
    "#k",
];

const SENSITIVE: [&str; 8] = [
    "password",
    "apiKey",
    "API_KEY",
    "hf_token",
    "clientSecret",
    "credentials",
    "Authorization",
    "db-passwd",
];

/// How much may be made.
pub struct Maker {
    left: usize,
    secrets: bool,
    made: usize,
}

impl Maker {
    /// Trees without canaries.
    pub fn plain() -> Self {
        Self {
            left: 40,
            secrets: false,
            made: 0,
        }
    }

    /// Trees with canaries.
    pub fn with_secrets() -> Self {
        Self {
            secrets: true,
            ..Self::plain()
        }
    }

    /// Any value.
    pub fn value(&mut self, dice: &mut Dice<'_>, depth: usize) -> Json {
        let kinds = if depth == 0 || self.left == 0 { 4 } else { 9 };
        self.left = self.left.saturating_sub(1);
        match dice.below(kinds) {
            0 => self.text(dice),
            1 => number(dice),
            2 => dice
                .one(&[Json::Null, Json::Bool(true), Json::Bool(false)].each_ref())
                .clone(),
            3 => self.passage(dice),
            4 | 5 => (0..dice.below(4))
                .map(|_| self.value(dice, depth - 1))
                .collect(),
            _ => self.map(dice, depth),
        }
    }

    /// A mapping.
    pub fn map(&mut self, dice: &mut Dice<'_>, depth: usize) -> Json {
        let mut map = Map::new();
        for _ in 0..dice.below(5) {
            if self.secrets && dice.once_in(3) {
                let key = dice.one(&SENSITIVE).to_owned();
                map.insert(key, self.secret(dice, depth.min(2)));
            } else {
                let key = dice.one(&KEYS).to_owned();
                map.insert(key, self.value(dice, depth.saturating_sub(1)));
            }
        }
        if self.secrets {
            disarm(&mut map);
        }
        Json::Object(map)
    }

    /// What may stand below a sensitive key.
    fn secret(&mut self, dice: &mut Dice<'_>, depth: usize) -> Json {
        match dice.below(if depth == 0 { 3 } else { 5 }) {
            0 | 1 => Json::String(self.canary(dice)),
            2 => dice
                .one(
                    &[
                        json!({"name": "my-ref", "key": "entry"}),
                        json!(true),
                        json!(null),
                    ]
                    .each_ref(),
                )
                .clone(),
            3 => (0..dice.below(3))
                .map(|_| self.secret(dice, depth - 1))
                .collect(),
            _ => {
                let keys = ["x", "y", "z"];
                let members = (0..dice.below(3))
                    .map(|_| (dice.one(&keys).to_owned(), self.secret(dice, depth - 1)));
                Json::Object(members.collect())
            }
        }
    }

    /// Every canary is another one: what is equal to a secret is hidden as its copy.
    fn canary(&mut self, dice: &mut Dice<'_>) -> String {
        self.made += 1;
        let canary = format!("{CANARY}-{:x}{:07x}", self.made, dice.below(256) * 0x10_001);
        match dice.below(8) {
            4 => format!("{canary} # 'x': \"y\""),
            5 => format!("{canary}\nsecond-{canary}\n"),
            6 => format!("- {canary}, [x]: {{y}}"),
            7 => format!("*{canary} é\\"),
            _ => canary,
        }
    }

    fn text(&mut self, dice: &mut Dice<'_>) -> Json {
        Json::from(dice.one(&TEXTS))
    }

    fn passage(&mut self, dice: &mut Dice<'_>) -> Json {
        if !self.secrets {
            return self.text(dice);
        }
        self.made += 1;
        let canary = format!("{CANARY}-{:04x}0123456789abcdef0123", self.made);
        Json::String(match dice.below(5) {
            0 => format!("https://svc:{canary}@example.net/x"),
            1 => format!("--api-key={canary}"),
            2 => format!("GET /x?token={canary}&y=1"),
            3 => format!("Authorization: Bearer {canary}"),
            _ => format!("first\npassword={canary}\nlast\n"),
        })
    }
}

/// A mapping that looks like a reference to a secret would be shown as it is.
fn disarm(map: &mut Map<String, Json>) {
    if map.contains_key("name") {
        map.insert("name".to_owned(), json!("n"));
    }
}

fn number(dice: &mut Dice<'_>) -> Json {
    dice.one(
        &[
            json!(0),
            json!(-1),
            json!(17),
            json!(i64::MAX),
            json!(i64::MIN),
            json!(1.5),
            json!(-0.25),
            json!(1e100),
            json!(1e-7),
            json!(0.1),
            json!(3.0),
        ]
        .each_ref(),
    )
    .clone()
}
