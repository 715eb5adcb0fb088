//! The labelled set, in every place where a credential may stand.

use catalog_core::redaction::{redact_value, redact_yaml, scan_yaml};
use catalog_core::yaml::{Limits, parse};
use catalog_tests::canary::{Canary, Dice, Sample, sections};
use serde_json::Value;

/// Random bodies that are tried for each pattern in each place.
const BODIES: u64 = 2;

/// A document, and what is secret in it.
pub struct Case {
    pub kind: String,
    pub text: String,
    pub canary: Canary,
}

/// What became of it.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub found: bool,
    pub hidden: bool,
    pub hidden_json: bool,
    pub hidden_broken: bool,
}

impl Case {
    /// # Panics
    /// When the document is no YAML.
    pub fn seen(&self) -> Seen {
        let document = parse(&self.text, &Limits::default())
            .unwrap_or_else(|e| panic!("no YAML: {e}\n{}", self.text));
        let broken = format!("{}\n]\n", self.text);
        assert!(parse(&broken, &Limits::default()).is_err(), "{broken}");
        let json = redact_value(&document.root.to_json()).to_string();
        Seen {
            found: !scan_yaml(&document).is_empty(),
            hidden: !self.canary.remains_in(&redact_yaml(&self.text)),
            hidden_json: !self.canary.remains_in(&json),
            hidden_broken: !self.canary.remains_in(&redact_yaml(&broken)),
        }
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Where a credential may stand that shows by its shape.
fn places(token: &str) -> Vec<String> {
    let single = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let in_json = serde_json::json!({"k": token, "n": 1}).to_string();
    vec![
        format!("value: {}", single(token)),
        format!("value: {}", quoted(token)),
        format!(
            "description: {}",
            single(&format!("set it to {token}, then start"))
        ),
        format!("description: {}", single(&format!("It is {token}."))),
        format!(
            "description: {}",
            single(&format!("It is `{token}` (for now)."))
        ),
        format!("readme: |\n  Do this:\n\n      {token}\n\n  and wait."),
        format!("readme: >-\n  Do this:\n  {token}\n  and wait."),
        format!("args: ['-v', {}]", single(token)),
        format!("a: {{b: [{{c: {}}}]}}", quoted(token)),
        format!("config: {}", single(&in_json)),
        format!("a: 1 # {token}"),
        format!("{}: a key", quoted(token)),
    ]
}

/// Where the value of a key may stand.
fn pairs(key: &str, value: &str) -> Vec<String> {
    let (k, v) = (quoted(key), quoted(value));
    let mut all = vec![
        format!("{k}: {v}"),
        format!("a: {{{k}: {v}, b: 1}}"),
        format!("{k}:\n  a: {v}\n  b: [{v}]"),
        format!("env:\n  - name: {k}\n    value: {v}"),
        format!("env:\n  {k}: {v}\n  OTHER: 1"),
        format!("{k}: |\n  {value}\n"),
        format!("config: '{}'", format!("{{{k}: {v}}}").replace('\'', "''")),
    ];
    let bare = key
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    if bare {
        all.extend([
            format!("{key}: {v}"),
            format!("# {key}: {v}\na: 1"),
            format!("args: [\"-e\", {}]", quoted(&format!("{key}={value}"))),
            format!("args: [\"--{key}\", {v}]"),
            format!(
                "readme: {}",
                quoted(&format!("run with {key}={value} and wait"))
            ),
        ]);
    }
    all
}

/// What people take for a password.
const VALUES: [&str; 6] = [
    "⟦an12⟧",
    "⟦lo9⟧",
    "⟦num9⟧",
    "⟦an10⟧!⟦an10⟧",
    "⟦b64_40⟧",
    "⟦hex32⟧",
];

fn set(name: &str) -> Vec<Sample> {
    let path = format!("{}/data/secrets/{name}", env!("CARGO_MANIFEST_DIR"));
    sections(&std::fs::read_to_string(path).expect("the labelled set"))
}

/// Everything that has a credential in it.
pub fn positives() -> Vec<Case> {
    let mut dice = Dice::new(10);
    let mut cases = Vec::new();
    let mut add = |kind: &str, text: String, canary: &Canary| {
        cases.push(Case {
            kind: kind.to_owned(),
            text,
            canary: canary.clone(),
        });
    };
    for sample in set("tokens.txt") {
        for _ in 0..BODIES {
            let canary = Canary::new(&sample.kind, &sample.pattern, &mut dice);
            for text in places(&canary.text) {
                add(&sample.kind, text, &canary);
            }
        }
    }
    for sample in set("blocks.txt") {
        for _ in 0..BODIES {
            let canary = Canary::new(&sample.kind, &sample.pattern, &mut dice);
            add(&sample.kind, canary.text.clone(), &canary);
        }
    }
    for sample in set("keys.txt") {
        for pattern in VALUES {
            let kind = format!("value of a key: {}", sample.kind);
            let canary = Canary::new(&kind, pattern, &mut dice);
            for text in pairs(&sample.pattern, &canary.text) {
                add(&kind, text, &canary);
            }
        }
    }
    cases
}

/// Everything that has none.
pub fn negatives() -> Vec<Case> {
    let mut dice = Dice::new(11);
    let mut cases = Vec::new();
    for sample in set("negatives.txt") {
        let random = sample.pattern.contains('⟦');
        for _ in 0..if random { 4 } else { 1 } {
            let canary = Canary::new(&sample.kind, &sample.pattern, &mut dice);
            cases.push(Case {
                kind: sample.kind.clone(),
                text: canary.text.clone(),
                canary,
            });
        }
    }
    cases
}
