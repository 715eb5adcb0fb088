//! Which item of an edited list was which item of the stored one.

use std::borrow::Cow;
use std::collections::HashMap;

use super::tree::Tree;

/// What tells an item from its neighbours, best first.
const LABELS: [&str; 3] = ["name", "id", "key"];

type Labels<'a> = [Option<Cow<'a, str>>; LABELS.len() + 1];

/// For each incoming item the index of its counterpart among the stored ones, both as they are
/// shown.
///
/// An item is found by its `name`, else `id`, else `key` (a scalar: by its text), when no other item
/// on either side has the same. What cannot be told apart this way stays at its index, but only while
/// nothing was taken out: otherwise a secret could silently move to a neighbour. An item with a new
/// name is found when it is the only change of its list: of two new names, who knows which is which?
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
            if found[at].is_none() && !taken[at] && interchangeable(item, &stored[at]) {
                found[at] = Some(at);
                taken[at] = true;
            }
        }
    }
    // All others are accounted for and none has moved away: this one got another name.
    if incoming.len() == stored.len()
        && let Some(at) = only(found.iter().map(Option::is_some))
        && only(taken.into_iter()) == Some(at)
    {
        found[at] = Some(at);
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

/// The one item that has no counterpart yet, when there is just one.
fn only(known: impl Iterator<Item = bool>) -> Option<usize> {
    let mut unknown = known.enumerate().filter(|(_, known)| !known);
    let (at, _) = unknown.next()?;
    unknown.next().is_none().then_some(at)
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
