//! From the difference between a value and what it should be to the next small change.

use std::ops::Range;

use serde_json::{Map, Value as Json};

use super::super::node::{Entry, Node, Value};
use super::layout::{Layout, is_flow};
use super::splice::Splice;
use super::{list, map, replace};
use crate::validation::{Path, PathSegment};

/// What a node is part of.
#[derive(Clone, Copy)]
pub(super) enum Holder<'a> {
    /// Nothing: it is the root.
    Document,
    /// A mapping.
    Map(&'a Node, &'a Entry),
    /// A list.
    List(&'a Node, usize),
}

/// A node with what it is part of.
#[derive(Clone, Copy)]
pub(super) struct Slot<'a> {
    pub holder: Holder<'a>,
    pub node: &'a Node,
}

/// Where a path leads.
enum Target<'a> {
    Found(Slot<'a>),
    /// The last slot on the way, and the steps that are missing from there.
    Missing(Slot<'a>, &'a [PathSegment]),
}

/// Follows a path. A path through an alias leads nowhere: what is there is written elsewhere.
fn locate<'a>(layout: &Layout<'a>, path: &'a [PathSegment]) -> Option<Target<'a>> {
    let mut slot = Slot {
        holder: Holder::Document,
        node: &layout.document.root,
    };
    for (i, segment) in path.iter().enumerate() {
        let node = slot.node;
        if node.alias.is_some() {
            return None;
        }
        slot = match (segment, &node.value) {
            (PathSegment::Key(key), Value::Map(..)) => match node.entry(key) {
                Some(entry) => Slot {
                    holder: Holder::Map(node, entry),
                    node: &entry.value,
                },
                None => return Some(Target::Missing(slot, path.get(i..)?)),
            },
            (PathSegment::Key(_), Value::Null) => {
                return Some(Target::Missing(slot, path.get(i..)?));
            }
            (PathSegment::Index(index), Value::List(_, items)) => Slot {
                holder: Holder::List(node, *index),
                node: items.get(*index)?,
            },
            _ => return None,
        };
    }
    Some(Target::Found(slot))
}

/// The node at a path that does not lead through an alias.
pub(super) fn find<'a>(layout: &Layout<'a>, path: &'a [PathSegment]) -> Option<Slot<'a>> {
    match locate(layout, path)? {
        Target::Found(slot) => Some(slot),
        Target::Missing(..) => None,
    }
}

/// The next change towards `value` at `path`; empty when there is no difference.
pub(super) fn step(layout: &Layout<'_>, path: &Path, value: &Json) -> Option<Vec<Splice>> {
    match locate(layout, path.segments())? {
        Target::Found(slot) => next(layout, slot, value),
        Target::Missing(slot, rest) => fill(layout, slot, rest, value),
    }
}

/// Writes the value at `path` anew.
pub(super) fn rewrite(layout: &Layout<'_>, path: &Path, value: &Json) -> Option<Vec<Splice>> {
    match locate(layout, path.segments())? {
        Target::Found(slot) => replace::replace(layout, slot, value),
        Target::Missing(slot, rest) => fill(layout, slot, rest, value),
    }
}

/// Adds an item to the list at `path`, which has some.
pub(super) fn append(layout: &Layout<'_>, path: &Path, item: &Json) -> Option<Vec<Splice>> {
    let list = find(layout, path.segments())?.node;
    if list.alias.is_some() {
        return None;
    }
    list::insert_items(layout, list, list.items().len(), std::slice::from_ref(item))
}

/// Removes the item or entry at `path`.
pub(super) fn remove(layout: &Layout<'_>, path: &Path) -> Option<Vec<Splice>> {
    let slot = find(layout, path.segments())?;
    let above = || find(layout, path.segments().split_last()?.1);
    match slot.holder {
        Holder::Document => None,
        Holder::Map(node, _) if node.entries().len() == 1 => {
            replace::replace(layout, above()?, &Json::Object(Map::new()))
        }
        Holder::Map(node, entry) => {
            let index = node.entries().iter().position(|e| std::ptr::eq(e, entry))?;
            map::remove_entry(layout, node, index)
        }
        Holder::List(node, _) if node.items().len() == 1 => {
            list::remove_only_item(layout, above()?)
        }
        Holder::List(node, index) => list::remove_item(layout, node, index),
    }
}

/// The bytes of what is at `path`, with the comments that belong to it and may go with it.
pub(super) fn extent(layout: &Layout<'_>, path: &Path) -> Option<Range<usize>> {
    let slot = find(layout, path.segments())?;
    let (holder, start, end) = match slot.holder {
        Holder::Document => return Some(0..layout.text.len()),
        Holder::List(list, _) if is_flow(list) => {
            (list, slot.node.written().start, slot.node.written().end)
        }
        Holder::List(list, _) => (list, layout.dash(slot.node)?, slot.node.written().end),
        Holder::Map(map, entry) => (map, entry.key_span.start, layout.entry_end(entry)),
    };
    let end = match (is_flow(holder), layout.starts_line(start)) {
        (true, false) => end,
        (true, true) => layout.line_end(end),
        (false, true) => layout.lines_end(end, layout.column(start) + 1),
        (false, false) => layout.line_end(end),
    };
    Some(start..end)
}

/// Adds the mappings that are missing on the way to `value`.
fn fill(
    layout: &Layout<'_>,
    slot: Slot<'_>,
    missing: &[PathSegment],
    value: &Json,
) -> Option<Vec<Splice>> {
    let mut nested = value.clone();
    let mut keys = missing.iter().map(|segment| match segment {
        PathSegment::Key(key) => Some(key.to_string()),
        PathSegment::Index(_) => None,
    });
    let first = keys.next()??;
    for key in keys.rev() {
        nested = Json::Object(Map::from_iter([(key?, nested)]));
    }
    if slot.node.entries().is_empty() {
        let nested = Json::Object(Map::from_iter([(first, nested)]));
        replace::replace(layout, slot, &nested)
    } else {
        map::insert_entries(layout, slot.node, &[(&first, &nested)])
    }
}

fn next(layout: &Layout<'_>, slot: Slot<'_>, value: &Json) -> Option<Vec<Splice>> {
    let node = slot.node;
    if node.to_json() == *value {
        return Some(Vec::new());
    }
    if node.alias.is_some() {
        return replace::replace(layout, slot, value);
    }
    match (&node.value, value) {
        (Value::Map(_, entries), Json::Object(wanted))
            if !entries.is_empty() && !wanted.is_empty() =>
        {
            next_in_map(layout, node, wanted)
        }
        (Value::List(_, items), Json::Array(wanted)) if !items.is_empty() && !wanted.is_empty() => {
            next_in_list(layout, node, wanted)
        }
        _ => replace::replace(layout, slot, value),
    }
}

/// Changes come first, then additions, then removals: so the mapping is never empty in between.
fn next_in_map(
    layout: &Layout<'_>,
    node: &Node,
    wanted: &Map<String, Json>,
) -> Option<Vec<Splice>> {
    for entry in node.entries() {
        if let Some(value) = wanted.get(&*entry.key)
            && entry.value.to_json() != *value
        {
            let slot = Slot {
                holder: Holder::Map(node, entry),
                node: &entry.value,
            };
            return next(layout, slot, value);
        }
    }
    let missing: Vec<_> = wanted
        .iter()
        .filter(|(key, _)| node.entry(key).is_none())
        .map(|(key, value)| (key.as_str(), value))
        .collect();
    if !missing.is_empty() {
        return map::insert_entries(layout, node, &missing);
    }
    let extra = |e: &Entry| !wanted.contains_key(&*e.key);
    map::remove_entry(layout, node, node.entries().iter().position(extra)?)
}

/// Items that stay keep their lines, so that a comment never ends up at another item.
fn next_in_list(layout: &Layout<'_>, node: &Node, wanted: &[Json]) -> Option<Vec<Splice>> {
    let items: Vec<Json> = node.items().iter().map(Node::to_json).collect();
    let same = |(a, b): &(&Json, &Json)| a == b;
    let head = items.iter().zip(wanted).take_while(same).count();
    let rest = items.len().min(wanted.len()) - head;
    let tail = items.iter().rev().zip(wanted.iter().rev());
    let tail = tail.take(rest).take_while(same).count();
    let old = items.get(head..items.len() - tail)?;
    let new = wanted.get(head..wanted.len() - tail)?;
    match (old, new) {
        ([], new) => list::insert_items(layout, node, head, new),
        (_, []) => list::remove_item(layout, node, head),
        ([_, later @ ..], [next, ..]) if later.contains(next) => {
            list::remove_item(layout, node, head)
        }
        ([first, ..], new) => {
            if let Some(more) = new.iter().position(|item| item == first) {
                return list::insert_items(layout, node, head, new.get(..more)?);
            }
            let slot = Slot {
                holder: Holder::List(node, head),
                node: node.items().get(head)?,
            };
            next(layout, slot, new.first()?)
        }
    }
}
