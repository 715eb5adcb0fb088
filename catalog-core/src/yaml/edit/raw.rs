//! List items as they are written.

use std::ops::Range;

use super::diff::{Holder, find};
use super::layout::{Layout, is_flow};
use super::splice::Splice;
use crate::validation::Path;

/// The bytes of an item with the comments that belong to it, and the column of its first byte.
fn region(layout: &Layout<'_>, path: &Path) -> Option<(Range<usize>, usize)> {
    let slot = find(layout, path.segments())?;
    let Holder::List(list, _) = slot.holder else {
        return None;
    };
    let (start, end) = (slot.node.written().start, slot.node.written().end);
    let end = if is_flow(list) {
        end
    } else {
        let dash = layout.dash(slot.node)?;
        layout.lines_end(end, layout.column(dash) + 1)
    };
    Some((start..end, layout.column(start)))
}

/// The text of an item, moved to the left margin.
pub(super) fn item_text(layout: &Layout<'_>, path: &Path) -> Option<String> {
    let (range, column) = region(layout, path)?;
    let text = layout.text.get(range)?;
    let mut out = String::with_capacity(text.len());
    for (i, line) in text.split_inclusive('\n').enumerate() {
        let spaces = line.bytes().take(column).take_while(|b| *b == b' ').count();
        out.push_str(line.get(if i == 0 { 0 } else { spaces }..)?);
    }
    Some(out)
}

/// Puts a text in place of an item, moved to the item's column.
pub(super) fn put_item_text(layout: &Layout<'_>, path: &Path, raw: &str) -> Option<Vec<Splice>> {
    let (range, column) = region(layout, path)?;
    let slot = find(layout, path.segments())?;
    if let Holder::List(list, _) = slot.holder
        && is_flow(list)
        && !raw.starts_with('{')
    {
        return None;
    }
    let raw = raw.replace("\r\n", "\n");
    let mut text = String::with_capacity(raw.len());
    for (i, line) in raw.trim_end().split('\n').enumerate() {
        if i > 0 {
            text.push('\n');
            if !line.is_empty() {
                text.extend(std::iter::repeat_n(' ', column));
            }
        }
        text.push_str(line);
    }
    Some(vec![Splice::new(range, text)])
}
