//! What the front end makes of a case, held against what the suite says.

use catalog_core::yaml::{Limits, parse};
use serde_json::Value as Json;

use super::cases::Case;
use super::table::{KNOWN, is_rule};

/// How a case came out.
pub enum Outcome {
    /// As the suite says.
    Agrees(Agreement),
    /// Refused by this rule of ours, which applies to it.
    Rule(&'static str),
    /// Different for a reason of its own.
    Known,
    /// Different, and nobody knows why.
    Unexplained(String),
}

/// In what a case agrees with the suite.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// It means what the suite says.
    Meaning,
    /// It is taken; the suite does not say in JSON what it means.
    Taken,
    /// It is no YAML.
    NoYaml,
    /// It is no YAML, and refused; but all that is said is that a rule of ours forbids it.
    Forbidden,
}

/// Runs a case.
pub fn outcome(case: &Case) -> Outcome {
    let read = parse(&case.yaml, &Limits::default());
    let (found, explained) = match (&read, case.fails) {
        (Err(error), true) => {
            let mut codes = error.issues.iter().map(|issue| issue.code);
            return Outcome::Agrees(match codes.any(|code| !is_rule(code)) {
                true => Agreement::NoYaml,
                false => Agreement::Forbidden,
            });
        }
        (Ok(_), true) => ("accepted, although it is no YAML".to_owned(), None),
        (Ok(document), false) => match wrong_value(case, &document.root.to_json()) {
            None if case.json.is_none() => return Outcome::Agrees(Agreement::Taken),
            None => return Outcome::Agrees(Agreement::Meaning),
            Some(wrong) => (wrong, None),
        },
        (Err(error), false) => {
            let code = error.issues[0].code;
            (format!("refused: {code}: {error}"), Some(code))
        }
    };
    if let Some(code) = explained
        && applies(code, case)
    {
        return Outcome::Rule(code);
    }
    match KNOWN.iter().find(|(id, _)| *id == case.id) {
        Some(_) => Outcome::Known,
        None => Outcome::Unexplained(found),
    }
}

fn wrong_value(case: &Case, value: &Json) -> Option<String> {
    match case.json.as_deref() {
        None => None,
        // No document at all is null here.
        Some([]) if value.is_null() => None,
        Some([one]) if same(one, value) => None,
        Some(wanted) => Some(format!("means {value}, should mean {wanted:?}")),
    }
}

/// JSON does not tell 1 from 1.0.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

/// Whether the suite's own events show that the rule applies to the case.
fn applies(code: &str, case: &Case) -> bool {
    let Some(tree) = &case.tree else { return false };
    let events: Vec<&str> = tree.lines().map(str::trim).collect();
    match code {
        "multiple-documents" => events.iter().filter(|e| e.starts_with("+DOC")).count() > 1,
        "tag" => events.iter().any(|event| {
            let tag = event
                .split_once('<')
                .and_then(|(_, rest)| rest.split_once('>'));
            tag.is_some_and(|(tag, _)| !is_core(tag) || event.starts_with("=VAL"))
        }),
        "key-not-scalar" => keys(&events).iter().any(|key| {
            let empty = key.ends_with(" :") && key.starts_with("=VAL");
            empty || key.starts_with('+') || key.starts_with("=ALI")
        }),
        _ => false,
    }
}

fn is_core(tag: &str) -> bool {
    let Some(name) = tag.strip_prefix("tag:yaml.org,2002:") else {
        return tag == "!";
    };
    matches!(
        name,
        "str" | "int" | "float" | "bool" | "null" | "seq" | "map"
    )
}

/// The events that stand where a mapping's keys do.
fn keys<'a>(events: &[&'a str]) -> Vec<&'a str> {
    let mut keys = Vec::new();
    // For each open collection: whether it is a mapping, and how many nodes it has so far.
    let mut open: Vec<(bool, usize)> = Vec::new();
    for event in events {
        let node = ["+MAP", "+SEQ", "=VAL", "=ALI"]
            .iter()
            .any(|kind| event.starts_with(kind));
        if node && let Some((mapping, count)) = open.last_mut() {
            if *mapping && *count % 2 == 0 {
                keys.push(*event);
            }
            *count += 1;
        }
        if event.starts_with("+MAP") || event.starts_with("+SEQ") {
            open.push((event.starts_with("+MAP"), 0));
        } else if event.starts_with("-MAP") || event.starts_with("-SEQ") {
            open.pop();
        }
    }
    keys
}
