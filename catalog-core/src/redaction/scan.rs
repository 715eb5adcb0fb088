//! Finding credentials in plain sight, for warnings.

use super::document::groups;
use super::placeholder::is_placeholder;
use super::taint::Taint;
use super::tree::{self, Class, Leaf, Step, Tree};
use super::{Hit, formats, lexical};
use crate::validation::Path;
use crate::yaml::{Document, Position};

const SENSITIVE: &str = "value of a sensitive key";

/// The credentials in a tree.
pub(super) fn value<T: Tree>(root: &T) -> Vec<Hit> {
    let mut hits = Vec::new();
    tree::walk(root, &mut |trail, leaf| {
        let place = leaf.node.place();
        hits.extend(kinds(&leaf).into_iter().map(|kind| hit(trail, place, kind)));
    });
    keys(root, &mut Vec::new(), &mut hits);
    hits
}

/// The credentials in a YAML document, in order of place.
pub(super) fn document(document: &Document) -> Vec<Hit> {
    let mut hits = value(&document.root);
    let mut spans = document.comments.iter();
    for group in groups(document) {
        let shown = lexical::comments(&group, &Taint::default());
        for ((text, shown), span) in group.iter().zip(shown).zip(&mut spans) {
            if *text != shown && !lexical::is_prose(text) {
                let kind = formats::find(text).first().map(|f| f.kind);
                hits.push(Hit {
                    path: Path::root(),
                    position: Some(span.position),
                    kind: kind.unwrap_or(SENSITIVE),
                });
            }
        }
    }
    hits.sort_by_key(|h| h.position);
    hits
}

fn hit(trail: &[Step<'_>], position: Option<Position>, kind: &'static str) -> Hit {
    Hit {
        path: tree::path(trail),
        position,
        kind,
    }
}

/// What kinds of credentials a scalar is or holds.
fn kinds<T: Tree>(leaf: &Leaf<'_, T>) -> Vec<&'static str> {
    // A single character keeps nobody out. It is hidden all the same.
    let one = leaf.text.chars().nth(1).is_none();
    if leaf.class == Class::Secret && !one && !is_placeholder(&leaf.text) {
        return vec![SENSITIVE];
    }
    if leaf.node.text().is_none() {
        return Vec::new();
    }
    let mut kinds: Vec<&'static str> = formats::find(&leaf.text).iter().map(|f| f.kind).collect();
    kinds.dedup();
    kinds
}

/// The credentials in keys.
fn keys<'a, T: Tree>(node: &'a T, trail: &mut Vec<Step<'a>>, hits: &mut Vec<Hit>) {
    for (index, item) in node.elements().unwrap_or_default().iter().enumerate() {
        trail.push(Step::Index(index));
        keys(item, trail, hits);
        trail.pop();
    }
    for (n, (key, value)) in node.members().into_iter().flatten().enumerate() {
        trail.push(Step::Key(key));
        if let Some(found) = formats::find(key).first() {
            hits.push(hit(trail, node.key_place(n), found.kind));
        }
        keys(value, trail, hits);
        trail.pop();
    }
}
