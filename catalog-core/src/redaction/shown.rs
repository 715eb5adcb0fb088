//! How texts, numbers and keys are shown.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::taint::Taint;
use super::tree::{Class, Tree, walk};
use super::{MARKER, formats};

/// The values of a tree that are secrets by their place.
pub(super) fn secrets<T: Tree>(root: &T) -> Vec<Cow<'_, str>> {
    let mut secrets = Vec::new();
    walk(root, &mut |_, leaf| {
        if leaf.class == Class::Secret {
            secrets.push(leaf.text);
        }
    });
    secrets
}

/// What is shown instead of a text or number; `None` when it can be shown as it is.
pub(super) fn scalar(class: Class, text: &str, is_text: bool, taint: &Taint) -> Option<String> {
    let whole = match class {
        Class::Secret => !text.trim().is_empty(),
        Class::Open => taint.is_copy(text),
        Class::Reference => false,
    };
    if whole {
        return (text != MARKER).then(|| MARKER.to_owned());
    }
    if !is_text {
        return None;
    }
    let none = Taint::default();
    let redacted = passage(text, if class == Class::Open { taint } else { &none })?;
    // `|` and a lone private key leave a line end behind.
    Some(if redacted.trim() == MARKER {
        MARKER.to_owned()
    } else {
        redacted
    })
}

/// The text with the credentials and the copies of secrets in it replaced; `None` when it has none.
pub(super) fn passage(text: &str, taint: &Taint) -> Option<String> {
    let mut current = Cow::Borrowed(text);
    // A replacement may set free what was part of a longer word; that takes one more look.
    for _ in 0..8 {
        let next = match formats::redact(&current) {
            Cow::Borrowed(_) => match taint.redact(&current) {
                Cow::Borrowed(_) => break,
                Cow::Owned(next) => next,
            },
            Cow::Owned(next) => next,
        };
        current = Cow::Owned(next);
    }
    match current {
        Cow::Borrowed(_) => None,
        Cow::Owned(text) => Some(text),
    }
}

/// The keys of a map as they are shown, in order; each stays different from the others.
pub(super) fn keys<'a>(keys: impl Iterator<Item = &'a str>) -> Vec<Cow<'a, str>> {
    let none = Taint::default();
    let mut shown: Vec<Cow<'a, str>> = Vec::new();
    let mut changed = false;
    for key in keys {
        let redacted = passage(key, &none);
        changed |= redacted.is_some();
        shown.push(redacted.map_or(Cow::Borrowed(key), Cow::Owned));
    }
    if changed {
        // The keys that need no change keep their names.
        let mut seen: HashSet<String> = shown
            .iter()
            .filter(|k| matches!(k, Cow::Borrowed(_)))
            .map(|k| k.to_string())
            .collect();
        let mut next: HashMap<String, usize> = HashMap::new();
        for key in &mut shown {
            if let Cow::Owned(text) = key {
                let n = next.entry(text.clone()).or_insert(2);
                let plain = text.clone();
                while !seen.insert(text.clone()) {
                    *text = format!("{plain} ({n})");
                    *n += 1;
                }
            }
        }
    }
    shown
}
