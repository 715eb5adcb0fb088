//! Finding credentials in plain sight, for warnings.

use serde_json::Value;

use super::document::groups;
use super::placeholder::is_placeholder;
use super::taint::Taint;
use super::tree::{self, Class, Leaf, Step, Tree};
use super::{Hit, formats, lexical};
use crate::validation::Path;
use crate::yaml::{Document, Node, Position};

const SENSITIVE: &str = "value of a sensitive key";

/// The credentials in a JSON tree.
pub(super) fn value(value: &Value) -> Vec<Hit> {
    let mut hits = Vec::new();
    tree::walk(value, &mut |trail, leaf| {
        hits.extend(kinds(&leaf).into_iter().map(|kind| hit(trail, None, kind)));
    });
    keys(value, &mut Vec::new(), &mut hits);
    hits
}

/// The credentials in a YAML document, in order of place.
pub(super) fn document(document: &Document) -> Vec<Hit> {
    let mut hits = Vec::new();
    tree::walk(&document.root, &mut |trail, leaf: Leaf<'_, Node>| {
        let position = Some(leaf.node.place());
        hits.extend(
            kinds(&leaf)
                .into_iter()
                .map(|kind| hit(trail, position, kind)),
        );
    });
    keys(&document.root, &mut Vec::new(), &mut hits);
    for hit in &mut hits {
        if hit.position.is_none() {
            hit.position = key_position(&document.root, &hit.path);
        }
    }
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
    for (key, value) in node.members().into_iter().flatten() {
        trail.push(Step::Key(key));
        if let Some(found) = formats::find(key).first() {
            hits.push(hit(trail, None, found.kind));
        }
        keys(value, trail, hits);
        trail.pop();
    }
}

/// Where the key at the end of a path stands.
fn key_position(root: &Node, path: &Path) -> Option<Position> {
    use crate::validation::PathSegment;
    let mut node = root;
    let mut position = None;
    for segment in path.segments() {
        match segment {
            PathSegment::Key(key) => {
                let shown = |k: &str| formats::redact(k) == **key;
                let entry = node.entries().iter().find(|e| shown(&e.key))?;
                position = Some(entry.key_span.position);
                node = &entry.value;
            }
            PathSegment::Index(index) => node = node.items().get(*index)?,
        }
    }
    position
}
