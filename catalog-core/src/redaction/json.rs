//! Redaction of JSON trees.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::{Map, Value};

use super::taint::Taint;
use super::tree::{self, Class, Step};
use super::{MARKER, MAX_STRAYS, StrayCause, StrayMarker, align, exposed, formats, shown};

/// The tree with every secret in it replaced. Most trees have none and stay what they are.
pub(super) fn redact(value: Value) -> Value {
    let mut leaves = Vec::new();
    tree::walk(&value, &mut |_, leaf| leaves.push(leaf));
    let secrets = leaves.iter().filter(|leaf| leaf.class == Class::Secret);
    let taint = Taint::new(secrets.map(|leaf| leaf.text.clone()));
    let replaced: Vec<(usize, String)> = leaves
        .iter()
        .enumerate()
        .filter_map(|(at, leaf)| {
            let is_text = leaf.node.is_string();
            Some((at, shown::scalar(leaf.class, &leaf.text, is_text, &taint)?))
        })
        .collect();
    drop(leaves);
    if replaced.is_empty() && !names_credential(&value) {
        return value;
    }
    rebuild(
        value,
        &mut Replaced {
            leaf: 0,
            replaced: replaced.into_iter().peekable(),
        },
    )
}

/// Whether a key holds a credential.
fn names_credential(value: &Value) -> bool {
    match value {
        Value::Object(map) => {
            let holds = |key: &String| matches!(formats::redact(key), Cow::Owned(_));
            map.iter()
                .any(|(key, member)| holds(key) || names_credential(member))
        }
        Value::Array(items) => items.iter().any(names_credential),
        _ => false,
    }
}

/// What stands in the place of some texts and numbers.
struct Replaced {
    /// How many there were so far.
    leaf: usize,
    replaced: std::iter::Peekable<std::vec::IntoIter<(usize, String)>>,
}

/// The same tree with the texts and numbers, in order, replaced where there is something to show.
fn rebuild(value: Value, shown: &mut Replaced) -> Value {
    match value {
        Value::Object(map) => {
            let keys = shown::keys(map.keys().map(String::as_str));
            let keys: Vec<String> = keys.into_iter().map(Cow::into_owned).collect();
            keys.into_iter()
                .zip(map)
                .map(|(key, (_, member))| (key, rebuild(member, shown)))
                .collect::<Map<_, _>>()
                .into()
        }
        Value::Array(items) => items.into_iter().map(|item| rebuild(item, shown)).collect(),
        Value::String(_) | Value::Number(_) => {
            let at = shown.leaf;
            shown.leaf += 1;
            match shown.replaced.next_if(|(leaf, _)| *leaf == at) {
                Some((_, text)) => Value::String(text),
                None => value,
            }
        }
        Value::Null | Value::Bool(_) => value,
    }
}

/// The incoming tree with the stored secrets in the places of their markers.
pub(super) fn restore(incoming: &Value, stored: &Value) -> Result<Value, Vec<StrayMarker>> {
    let shown = redact(stored.clone());
    let mut restorer = Restorer::default();
    let restored = restorer.value(incoming, Some((&shown, stored)));
    if restorer.stray.is_empty() && restored != *incoming {
        let now = redact(restored.clone());
        restorer.stray = exposed::in_tree(incoming, &now);
    }
    match restorer.stray {
        stray if stray.is_empty() => Ok(restored),
        stray => Err(stray),
    }
}

/// A stored value: as it is shown, and as it is.
type Stored<'a> = Option<(&'a Value, &'a Value)>;

#[derive(Default)]
struct Restorer<'a> {
    trail: Vec<Step<'a>>,
    stray: Vec<StrayMarker>,
}

impl<'a> Restorer<'a> {
    fn stray(&mut self) {
        if self.stray.len() < MAX_STRAYS {
            self.stray.push(StrayMarker {
                path: tree::path(&self.trail),
                position: None,
                cause: StrayCause::Unknown,
            });
        }
    }

    fn value(&mut self, incoming: &'a Value, stored: Stored<'_>) -> Value {
        match incoming {
            Value::Object(map) => self.object(map, stored),
            Value::Array(items) => {
                let known = match stored {
                    Some((Value::Array(shown), Value::Array(stored))) => Some((shown, stored)),
                    _ => None,
                };
                let places = match known {
                    Some((shown, _)) => align::counterparts(items, shown),
                    None => vec![None; items.len()],
                };
                let restored = items
                    .iter()
                    .zip(places)
                    .enumerate()
                    .map(|(at, (item, place))| {
                        let counterpart = known.zip(place).and_then(|((shown, stored), place)| {
                            Some((shown.get(place)?, stored.get(place)?))
                        });
                        self.trail.push(Step::Index(at));
                        let restored = self.value(item, counterpart);
                        self.trail.pop();
                        restored
                    });
                restored.collect()
            }
            Value::String(text) if text.contains(MARKER) => match stored {
                Some((shown, stored)) if shown == incoming => stored.clone(),
                _ => {
                    self.stray();
                    incoming.clone()
                }
            },
            _ => incoming.clone(),
        }
    }

    fn object(&mut self, map: &'a Map<String, Value>, stored: Stored<'_>) -> Value {
        let mut known = HashMap::new();
        if let Some((Value::Object(shown), Value::Object(stored))) = stored {
            for ((shown_key, shown), (key, value)) in shown.iter().zip(stored) {
                known.insert(shown_key, (key, (shown, value)));
            }
        }
        let mut out = Map::new();
        for (key, value) in map {
            self.trail.push(Step::Key(key));
            let counterpart = known.get(key);
            let restored_key = match counterpart {
                Some((stored_key, _)) => (*stored_key).clone(),
                None => {
                    if key.contains(MARKER) {
                        self.stray();
                    }
                    key.clone()
                }
            };
            let restored = self.value(value, counterpart.map(|(_, v)| *v));
            out.insert(restored_key, restored);
            self.trail.pop();
        }
        Value::Object(out)
    }
}
