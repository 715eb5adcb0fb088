//! Which item of an edited list was which item of the stored one.

use std::borrow::Cow;
use std::collections::HashMap;

use super::tree::Tree;

/// What tells an item from its neighbours, best first.
const LABELS: [&str; 3] = ["name", "id", "key"];

type Labels<'a> = [Option<Cow<'a, str>>; LABELS.len() + 1];

/// For each incoming item the index of its counterpart among the stored ones, both as they are
/// shown. An item is found by its `name`, else `id`, else `key` (a scalar: by its text), when no
/// other item on either side has the same. What cannot be told apart this way stays at its index, but only while
/// nothing was taken out: otherwise a secret could silently move to a neighbour.
pub(super) fn counterparts<T: Tree>(incoming: &[T], stored: &[T]) -> Vec<Option<usize>> {
    let incoming: Vec<Labels<'_>> = incoming.iter().map(labels).collect();
    let stored: Vec<Labels<'_>> = stored.iter().map(labels).collect();
    let mut found = vec![None; incoming.len()];
    let mut taken = vec![false; stored.len()];
    for label in 0..=LABELS.len() {
        let (ours, theirs) = (unique(&incoming, label), unique(&stored, label));
        for (at, item) in incoming.iter().enumerate() {
            let Some(text) = &item[label] else { continue };
            if found[at].is_none()
                && ours.get(text) == Some(&Some(at))
                && let Some(Some(other)) = theirs.get(text)
                && !taken[*other]
                && agree(item, &stored[*other], label)
            {
                found[at] = Some(*other);
                taken[*other] = true;
            }
        }
    }
    if incoming.len() >= stored.len() {
        for (at, item) in incoming.iter().enumerate().take(stored.len()) {
            if found[at].is_none()
                && !taken[at]
                && (interchangeable(item, &stored[at])
                    || renamed(item, &stored[at], &incoming, &stored))
            {
                found[at] = Some(at);
                taken[at] = true;
            }
        }
    }
    found
}

/// Whether two items that share a label agree in the better ones.
fn agree(a: &Labels<'_>, b: &Labels<'_>, label: usize) -> bool {
    a[..label] == b[..label]
}

/// Whether two items at the same index can be the same: nothing tells them apart but what a scalar
/// says, which may be what was edited.
fn interchangeable(a: &Labels<'_>, b: &Labels<'_>) -> bool {
    let named = a[0].is_some() && a[0] == b[0];
    named || a[..LABELS.len()] == b[..LABELS.len()]
}

/// Whether two items at the same index are one that got another name: nothing else changed its
/// place, and neither name is known on the other side.
fn renamed(
    ours: &Labels<'_>,
    theirs: &Labels<'_>,
    incoming: &[Labels<'_>],
    stored: &[Labels<'_>],
) -> bool {
    let unknown = |label: &Option<Cow<'_, str>>, side: &[Labels<'_>]| {
        label.is_some() && !side.iter().any(|item| item[0] == *label)
    };
    incoming.len() == stored.len() && unknown(&ours[0], stored) && unknown(&theirs[0], incoming)
}

fn labels<T: Tree>(item: &T) -> Labels<'_> {
    let mut labels: Labels<'_> = Default::default();
    match item.members() {
        Some(members) => {
            for (key, value) in members {
                if let Some(at) = LABELS.iter().position(|l| *l == key) {
                    labels[at] = value.scalar();
                }
            }
        }
        None => labels[LABELS.len()] = item.scalar(),
    }
    labels
}

/// Where each label stands; `None` for one that is there more than once.
fn unique<'a>(items: &'a [Labels<'a>], label: usize) -> HashMap<&'a Cow<'a, str>, Option<usize>> {
    let mut places = HashMap::new();
    for (at, item) in items.iter().enumerate() {
        if let Some(text) = &item[label] {
            places
                .entry(text)
                .and_modify(|p| *p = None)
                .or_insert(Some(at));
        }
    }
    places
}
