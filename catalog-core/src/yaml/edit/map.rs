//! Entries of mappings come and go.

use std::ops::Range;

use serde_json::Value as Json;

use super::super::emit;
use super::super::node::Node;
use super::layout::{Layout, is_flow};
use super::splice::Splice;

/// Adds entries at the end of a mapping that has some.
pub(super) fn insert_entries(
    layout: &Layout<'_>,
    map: &Node,
    entries: &[(&str, &Json)],
) -> Option<Vec<Splice>> {
    let style = layout.style(map, None);
    let last = map.entries().last()?;
    let end = layout.entry_end(last);
    let mut text = String::new();
    if is_flow(map) {
        let separator = flow_separator(layout, last.key_span.start)?;
        for (key, value) in entries {
            text.push_str(&separator);
            emit::flow_entry(&mut text, key, value, style);
        }
        return Some(vec![Splice::insert(end, text)]);
    }
    let indent = layout.column(map.entries().first()?.key_span.start);
    for (key, value) in entries {
        new_line(&mut text, indent);
        emit::block_entry(&mut text, key, value, indent, style);
    }
    Some(vec![Splice::insert(layout.line_end(end), text)])
}

/// Removes one of several entries.
pub(super) fn remove_entry(layout: &Layout<'_>, map: &Node, index: usize) -> Option<Vec<Splice>> {
    let entries = map.entries();
    let entry = entries.get(index)?;
    let (start, end) = (entry.key_span.start, layout.entry_end(entry));
    let before = index.checked_sub(1).and_then(|i| entries.get(i));
    let after = entries.get(index + 1);
    let range = if is_flow(map) {
        let before = before.map(|entry| layout.entry_end(entry));
        let after = after.map(|entry| entry.key_span.start);
        return remove_flow_member(layout, before, start..end, after);
    } else if layout.starts_line(start) {
        // A comment at the column of the keys is about the next key.
        let last = layout.lines_end(end, layout.column(start) + 1);
        layout.line_start(start)..layout.next_line(last)
    } else {
        let after = after?.key_span.start;
        let line_end = layout.line_end(end);
        match layout.has_comment(line_end..after) {
            // They are about the next key, and the dash stays by itself.
            true => layout.gap_start(start)..line_end,
            false => start..after,
        }
    };
    Some(vec![Splice::delete(range)])
}

/// Removes one of several members of a flow collection, of which the one before ends and the one
/// after starts there. A member that has lines of its own goes with them.
pub(super) fn remove_flow_member(
    layout: &Layout<'_>,
    before: Option<usize>,
    member: Range<usize>,
    after: Option<usize>,
) -> Option<Vec<Splice>> {
    let comma = layout.comma(member.end, after);
    let tail = comma.map_or(member.end, |at| at + 1);
    if layout.starts_line(member.start) && layout.ends_line(tail) {
        let lines = layout.line_start(member.start)..layout.next_line(tail);
        let mut splices = vec![Splice::delete(lines)];
        // Where nothing follows, what is now the last has no comma either.
        if let (Some(before), None, None) = (before, after, comma) {
            let comma = layout.comma(before, Some(member.start))?;
            splices.push(Splice::delete(comma..comma + 1));
        }
        return Some(splices);
    }
    let range = match (before, after) {
        (Some(before), _) => before..member.end,
        (None, after) => member.start..after?,
    };
    Some(vec![Splice::delete(range)])
}

/// What stands between the members of a flow collection before the one at `last`: a comma, and a
/// line end when each member has its own line.
pub(super) fn flow_separator(layout: &Layout<'_>, last: usize) -> Option<String> {
    let line = layout.line_start(last);
    let before = layout.text.get(line..last)?;
    let own_line = line > 0 && before.bytes().all(|b| matches!(b, b' ' | b'\t'));
    Some(if own_line {
        format!(",\n{before}")
    } else {
        ", ".to_owned()
    })
}

/// Starts a line.
pub(super) fn new_line(out: &mut String, indent: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
}
