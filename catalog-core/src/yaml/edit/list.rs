//! Items of lists come and go.

use serde_json::Value as Json;

use super::super::emit::{self, Style};
use super::super::node::Node;
use super::diff::{Holder, Slot};
use super::layout::{Layout, is_flow};
use super::map::{flow_separator, new_line, remove_flow_member};
use super::replace::replace;
use super::splice::Splice;

/// Adds items before the item at `index` of a list that has some, or at its end.
pub(super) fn insert_items(
    layout: &Layout<'_>,
    list: &Node,
    index: usize,
    values: &[Json],
) -> Option<Vec<Splice>> {
    if is_flow(list) {
        insert_flow_items(layout, list, index, values)
    } else {
        insert_block_items(layout, list, index, values)
    }
}

fn insert_flow_items(
    layout: &Layout<'_>,
    list: &Node,
    index: usize,
    values: &[Json],
) -> Option<Vec<Splice>> {
    let items = list.items();
    let style = layout.style(list, None);
    let mut text = String::new();
    let at = match index.checked_sub(1).map(|i| items.get(i)) {
        Some(before) => {
            let before = before?.written();
            let separator = flow_separator(layout, before.start)?;
            for value in values {
                text.push_str(&separator);
                emit::flow(&mut text, value, style);
            }
            before.end
        }
        None => {
            for value in values {
                emit::flow(&mut text, value, style);
                text.push_str(", ");
            }
            items.first()?.written().start
        }
    };
    Some(vec![Splice::insert(at, text)])
}

fn insert_block_items(
    layout: &Layout<'_>,
    list: &Node,
    index: usize,
    values: &[Json],
) -> Option<Vec<Splice>> {
    let items = list.items();
    let dash = layout.dash(items.first()?)?;
    let indent = layout.column(dash);
    let style = Style {
        dash: dash_width(layout, list)?,
        ..layout.style(list, None)
    };
    let mut text = String::new();
    let Some(before) = index.checked_sub(1) else {
        for value in values {
            emit::block_item(&mut text, value, indent, style);
            new_line(&mut text, indent);
        }
        return Some(vec![Splice::insert(dash, text)]);
    };
    let end = layout.lines_end(items.get(before)?.written().end, indent + 1);
    let apart = index == items.len() && last_items_are_apart(layout, list, indent);
    for value in values {
        if apart {
            text.push('\n');
        }
        new_line(&mut text, indent);
        emit::block_item(&mut text, value, indent, style);
    }
    Some(vec![Splice::insert(end, text)])
}

/// From a dash to its item, as the items of the list have it.
pub(super) fn dash_width(layout: &Layout<'_>, list: &Node) -> Option<usize> {
    let item = list.items().last()?;
    let (dash, start) = (layout.dash(item)?, item.written().start);
    let same_line = layout.line_start(dash) == layout.line_start(start);
    let plain = same_line && !item.decorated && item.alias.is_none();
    Some(if plain {
        start.checked_sub(dash)?.clamp(2, 8)
    } else {
        2
    })
}

/// Whether an empty line stands between the last two items.
fn last_items_are_apart(layout: &Layout<'_>, list: &Node, indent: usize) -> bool {
    let [.., before, last] = list.items() else {
        return false;
    };
    let end = layout.lines_end(before.written().end, indent + 1);
    let next = layout.next_line(end);
    layout.dash(last).is_some_and(|dash| next < dash) && layout.line_end(next) == next
}

/// Removes one of several items.
pub(super) fn remove_item(layout: &Layout<'_>, list: &Node, index: usize) -> Option<Vec<Splice>> {
    let items = list.items();
    let item = items.get(index)?;
    let after = items.get(index + 1);
    let range = if is_flow(list) {
        let before = index.checked_sub(1).and_then(|i| items.get(i));
        let before = before.map(|item| item.written().end);
        let after = after.map(|item| item.written().start);
        return remove_flow_member(layout, before, item.written().range(), after);
    } else {
        let dash = layout.dash(item)?;
        if layout.starts_line(dash) {
            let lines = lines_of(layout, item)?;
            match after {
                Some(_) => lines,
                None => with_gap(layout, lines),
            }
        } else {
            dash..layout.dash(after?)?
        }
    };
    Some(vec![Splice::delete(range)])
}

/// Removes the only item of the list in this slot: the list becomes `[]`, comments around the item
/// stay.
pub(super) fn remove_only_item(layout: &Layout<'_>, slot: Slot<'_>) -> Option<Vec<Splice>> {
    let list = slot.node;
    let item = list.items().first()?;
    match slot.holder {
        Holder::Map(map, entry) if !is_flow(list) && !is_flow(map) => {
            if !layout.starts_line(layout.dash(item)?) {
                return None;
            }
            Some(vec![
                Splice::insert(layout.colon(entry)?, " []"),
                Splice::delete(lines_of(layout, item)?),
            ])
        }
        _ => replace(layout, slot, &Json::Array(Vec::new())),
    }
}

/// The lines of a list's last item, with the empty line before them when one follows them too: the
/// gap that came with the item goes with it.
fn with_gap(layout: &Layout<'_>, lines: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let empty = |at: usize| layout.line_end(at) == at;
    let before = lines.start.checked_sub(1).map(|at| layout.line_start(at));
    match before {
        Some(before) if before > 0 && empty(before) && empty(lines.end) => before..lines.end,
        _ => lines,
    }
}

/// The lines of a block list's item, with their line ends.
fn lines_of(layout: &Layout<'_>, item: &Node) -> Option<std::ops::Range<usize>> {
    let dash = layout.dash(item)?;
    let last = layout.lines_end(item.written().end, layout.column(dash) + 1);
    Some(layout.line_start(dash)..layout.next_line(last))
}
