//! Changing a text in place: the value at one path changes, every other byte stays.
//!
//! Each function works out a small change, applies it and reads the result again: what comes back
//! means the same tree as before with just the wanted difference, or nothing comes back. What needs
//! a larger change than is possible in place (a value that an alias elsewhere refers to, a value
//! that is written as an alias) is [`NotInPlace`].

use serde_json::Value as Json;

use super::node::{Document, Node, Value};
use super::parse::{Limits, parse};
use crate::validation::{Path, PathSegment};

mod diff;
mod layout;
mod list;
mod map;
mod raw;
mod replace;
mod splice;

use layout::Layout;
pub use splice::{Splice, apply};

/// One small change is applied at a time, and each costs reading the text again; whoever changes
/// more than this many things at once gets the whole value written anew.
const MAX_STEPS: usize = 64;

/// The change cannot be made without touching anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value cannot be changed in place")]
pub struct NotInPlace;

/// Makes the value at `path` be `value`; mappings that are missing on the way are added.
///
/// Only what differs changes: comments, quotes and order of everything else stay, inside the value
/// too. A value that cannot be changed piece by piece is written anew as a whole.
///
/// ```
/// use catalog_core::{validation::Path, yaml::{Limits, edit}};
/// let text = "a:\n  b: 'x' # why\n  c: 1\n";
/// let path = Path::root().key("a").key("b");
/// let edited = edit::set(text, &path, &"y".into(), &Limits::default()).unwrap();
/// assert_eq!(edited, "a:\n  b: 'y' # why\n  c: 1\n");
/// ```
///
/// # Errors
/// [`NotInPlace`]; also when the text is not YAML within the limits.
pub fn set(text: &str, path: &Path, value: &Json, limits: &Limits) -> Result<String, NotInPlace> {
    let document = parse(text, limits).map_err(|_| NotInPlace)?;
    let mut expected = document.root.to_json();
    put(&mut expected, path.segments(), value).ok_or(NotInPlace)?;
    let around = comments_around(&document, path);
    in_steps(document, path, value, limits)
        .filter(|edited| edited.root.to_json() == expected && has_comments(edited, &around))
        .map(|edited| edited.text.to_string())
        .or_else(|| {
            let edited = one_step(text, limits, |l| diff::rewrite(l, path, value))?;
            means(&edited, &expected, limits).then_some(edited)
        })
        .ok_or(NotInPlace)
}

/// Writes the value at `path` anew, comments in it included.
///
/// # Errors
/// As [`set`].
pub fn rewrite(
    text: &str,
    path: &Path,
    value: &Json,
    limits: &Limits,
) -> Result<String, NotInPlace> {
    let expected = expectation(text, limits, |root| put(root, path.segments(), value))?;
    finish(text, &expected, limits, |l| diff::rewrite(l, path, value))
}

/// Adds an item at the end of the list at `path`, which may be missing, empty or null. The items
/// that are there stay as they are.
///
/// # Errors
/// As [`set`].
pub fn append(text: &str, path: &Path, item: &Json, limits: &Limits) -> Result<String, NotInPlace> {
    let mut list = value_at(text, path, limits)?.unwrap_or(Json::Null);
    match &mut list {
        Json::Array(items) if !items.is_empty() => items.push(item.clone()),
        Json::Array(_) | Json::Null => {
            return set(text, path, &Json::Array(vec![item.clone()]), limits);
        }
        _ => return Err(NotInPlace),
    }
    let expected = expectation(text, limits, |root| put(root, path.segments(), &list))?;
    finish(text, &expected, limits, |l| diff::append(l, path, item))
}

/// Removes the list item or mapping entry at `path` with its lines. A list that becomes empty is
/// written as `[]`. Comments that do not belong to what goes stay.
///
/// # Errors
/// As [`set`].
pub fn remove(text: &str, path: &Path, limits: &Limits) -> Result<String, NotInPlace> {
    let expected = expectation(text, limits, |root| take(root, path.segments()))?;
    let edited = finish(text, &expected, limits, |l| diff::remove(l, path))?;
    let (before, after) = (parse(text, limits), parse(&edited, limits));
    match (before, after) {
        (Ok(before), Ok(after)) if has_comments(&after, &comments_around(&before, path)) => {
            Ok(edited)
        }
        _ => Err(NotInPlace),
    }
}

/// The comments that do not belong to what is at `path`, and so have to be there after an edit of it.
fn comments_around(document: &Document, path: &Path) -> Vec<String> {
    let own = diff::extent(&Layout::new(document), path).unwrap_or(0..0);
    let around = comments(document).filter(|(at, _)| !own.contains(at));
    around.map(|(_, text)| text.to_owned()).collect()
}

/// Whether a text has these comments, in this order.
fn has_comments(document: &Document, wanted: &[String]) -> bool {
    let mut left = comments(document).map(|(_, text)| text);
    wanted.iter().all(|text| left.any(|other| other == text))
}

/// The comments of a text with their places.
fn comments(document: &Document) -> impl Iterator<Item = (usize, &str)> {
    let comments = document.comments.iter();
    comments.filter_map(|c| Some((c.start, document.text.get(c.range())?.trim_end())))
}

/// The text of the list item at `path` as it is written, with the comments that belong to it,
/// moved to the left margin.
pub fn item_text(document: &Document, path: &Path) -> Option<String> {
    raw::item_text(&Layout::new(document), path)
}

/// Puts `raw`, a text as [`item_text`] returned it, in place of the list item at `path`.
///
/// # Errors
/// As [`set`]; also when `raw` is not YAML by itself.
pub fn put_item_text(
    text: &str,
    path: &Path,
    raw: &str,
    limits: &Limits,
) -> Result<String, NotInPlace> {
    let value = parse(raw, limits).map_err(|_| NotInPlace)?.root.to_json();
    let expected = expectation(text, limits, |root| put(root, path.segments(), &value))?;
    finish(text, &expected, limits, |l| {
        raw::put_item_text(l, path, raw)
    })
}

/// Adds `raw`, a text as [`item_text`] returned it, at the end of the list at `path`.
///
/// # Errors
/// As [`put_item_text`].
pub fn append_item_text(
    text: &str,
    path: &Path,
    raw: &str,
    limits: &Limits,
) -> Result<String, NotInPlace> {
    let value = parse(raw, limits).map_err(|_| NotInPlace)?.root.to_json();
    let edited = append(text, path, &value, limits)?;
    let items = match value_at(&edited, path, limits)? {
        Some(Json::Array(items)) => items.len(),
        _ => 0,
    };
    let last = path.index(items.checked_sub(1).ok_or(NotInPlace)?);
    put_item_text(&edited, &last, raw, limits)
}

fn in_steps(
    mut document: Document,
    path: &Path,
    value: &Json,
    limits: &Limits,
) -> Option<Document> {
    for _ in 0..MAX_STEPS {
        let splices = diff::step(&Layout::new(&document), path, value)?;
        if splices.is_empty() {
            return Some(document);
        }
        document = parse(&apply(&document.text, splices)?, limits).ok()?;
    }
    None
}

fn one_step(
    text: &str,
    limits: &Limits,
    change: impl FnOnce(&Layout<'_>) -> Option<Vec<Splice>>,
) -> Option<String> {
    let document = parse(text, limits).ok()?;
    apply(text, change(&Layout::new(&document))?)
}

fn finish(
    text: &str,
    expected: &Json,
    limits: &Limits,
    change: impl FnOnce(&Layout<'_>) -> Option<Vec<Splice>>,
) -> Result<String, NotInPlace> {
    one_step(text, limits, change)
        .filter(|edited| means(edited, expected, limits))
        .ok_or(NotInPlace)
}

fn means(text: &str, expected: &Json, limits: &Limits) -> bool {
    parse(text, limits).is_ok_and(|document| document.root.to_json() == *expected)
}

/// What the text will mean once `change` was made.
fn expectation(
    text: &str,
    limits: &Limits,
    change: impl FnOnce(&mut Json) -> Option<()>,
) -> Result<Json, NotInPlace> {
    let document = parse(text, limits).map_err(|_| NotInPlace)?;
    let mut root = document.root.to_json();
    change(&mut root).ok_or(NotInPlace)?;
    Ok(root)
}

fn value_at(text: &str, path: &Path, limits: &Limits) -> Result<Option<Json>, NotInPlace> {
    let document = parse(text, limits).map_err(|_| NotInPlace)?;
    Ok(node_at(&document, path).map(Node::to_json))
}

/// The node at a path.
pub fn node_at<'a>(document: &'a Document, path: &Path) -> Option<&'a Node> {
    path.segments()
        .iter()
        .try_fold(&document.root, |node, segment| match segment {
            PathSegment::Key(key) => node.get(key),
            PathSegment::Index(index) => node.items().get(*index),
        })
}

fn put(root: &mut Json, path: &[PathSegment], value: &Json) -> Option<()> {
    let mut at = root;
    for segment in path {
        at = match segment {
            PathSegment::Key(key) => {
                if at.is_null() {
                    *at = Json::Object(serde_json::Map::new());
                }
                at.as_object_mut()?.entry(&**key).or_insert(Json::Null)
            }
            PathSegment::Index(index) => at.as_array_mut()?.get_mut(*index)?,
        };
    }
    *at = value.clone();
    Some(())
}

fn take(root: &mut Json, path: &[PathSegment]) -> Option<()> {
    let (last, above) = path.split_last()?;
    let mut at = root;
    for segment in above {
        at = match segment {
            PathSegment::Key(key) => at.as_object_mut()?.get_mut(&**key)?,
            PathSegment::Index(index) => at.as_array_mut()?.get_mut(*index)?,
        };
    }
    match last {
        PathSegment::Key(key) => at.as_object_mut()?.remove(&**key).map(drop),
        PathSegment::Index(index) => {
            let items = at.as_array_mut()?;
            (*index < items.len()).then(|| drop(items.remove(*index)))
        }
    }
}

/// Whether any node below carries an anchor or a tag or is written as an alias.
pub fn is_entangled(node: &Node) -> bool {
    node.decorated
        || node.alias.is_some()
        || match &node.value {
            Value::List(_, items) => items.iter().any(is_entangled),
            Value::Map(_, entries) => entries.iter().any(|e| is_entangled(&e.value)),
            _ => false,
        }
}

#[cfg(test)]
mod tests;
