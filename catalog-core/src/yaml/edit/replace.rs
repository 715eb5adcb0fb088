//! Writing a value anew where it stands.

use serde_json::Value as Json;

use super::super::emit::{self, Quotes, Style};
use super::super::node::{Entry, Node, ScalarStyle, Value};
use super::diff::{Holder, Slot};
use super::layout::{Layout, is_flow};
use super::map::new_line;
use super::splice::Splice;

/// Writes `value` in this slot.
pub(super) fn replace(layout: &Layout<'_>, slot: Slot<'_>, value: &Json) -> Option<Vec<Splice>> {
    match slot.holder {
        Holder::Document => root(layout, slot.node, value),
        Holder::List(list, _) => {
            let style = layout.style(list, Some(slot.node));
            item(layout, list, slot.node, value, style)
        }
        Holder::Map(map, entry) => {
            let style = layout.style(map, Some(slot.node));
            if is_flow(map) {
                in_flow_map(layout, entry, value, style)
            } else {
                in_block_map(layout, entry, value, style)
            }
        }
    }
}

fn root(layout: &Layout<'_>, node: &Node, value: &Json) -> Option<Vec<Splice>> {
    if !node.is_null() {
        return item(layout, node, node, value, layout.style(node, Some(node)));
    }
    // Nothing but comments, or a null that stands for nothing.
    let mut text = String::new();
    let at = if node.written().start == node.written().end {
        let body = layout.text.trim_start_matches('\u{feff}');
        if !body.is_empty() && !body.ends_with('\n') {
            text.push('\n');
        }
        layout.text.len()
    } else {
        node.written().start
    };
    emit::block(&mut text, value, 0, Style::default());
    if at == layout.text.len() {
        text.push('\n');
    }
    Some(vec![Splice::new(at..node.written().end.max(at), text)])
}

fn item(
    layout: &Layout<'_>,
    holder: &Node,
    node: &Node,
    value: &Json,
    style: Style,
) -> Option<Vec<Splice>> {
    let mut text = String::new();
    let start = layout.start(node);
    if is_flow(holder) || emit::is_inline(value) || stays_flow(node) {
        emit::flow(&mut text, value, style);
    } else {
        emit::block(&mut text, value, layout.column(start), style);
    }
    Some(vec![Splice::new(start..node.written().end, text)])
}

/// A value with brackets keeps them, unless there is nothing in them to take the style from.
fn stays_flow(node: &Node) -> bool {
    let filled = !node.items().is_empty() || !node.entries().is_empty();
    is_flow(node) && filled && node.alias.is_none()
}

/// Whether nothing is written after the key.
fn is_absent(entry: &Entry) -> bool {
    let written = entry.value.written();
    entry.value.is_null() && written.start == written.end
}

fn in_flow_map(
    layout: &Layout<'_>,
    entry: &Entry,
    value: &Json,
    style: Style,
) -> Option<Vec<Splice>> {
    let mut text = String::new();
    emit::flow(&mut text, value, style);
    Some(vec![if !is_absent(entry) {
        Splice::new(entry.value.written().range(), text)
    } else if let Some(colon) = layout.colon(entry) {
        Splice::insert(colon, format!(" {text}"))
    } else {
        Splice::insert(entry.key_span.end, format!(": {text}"))
    }])
}

fn in_block_map(
    layout: &Layout<'_>,
    entry: &Entry,
    value: &Json,
    style: Style,
) -> Option<Vec<Splice>> {
    let node = &entry.value;
    let indent = layout.column(entry.key_span.start);
    if stays_flow(node) {
        return in_flow_map(layout, entry, value, style);
    }
    if emit::is_inline(value) {
        return inline(layout, entry, value, style);
    }
    let colon = layout.colon(entry)?;
    let (start, end) = (layout.start(node), node.written().end.max(colon));
    let same_kind = matches!(
        (&node.value, value),
        (Value::Map(..), Json::Object(_)) | (Value::List(..), Json::Array(_))
    );
    let own_lines = start > layout.line_end(colon);
    if same_kind && own_lines && !is_flow(node) && node.alias.is_none() && !node.decorated {
        let mut text = String::new();
        emit::block(&mut text, value, layout.column(start), style);
        return Some(vec![Splice::new(start..end, text)]);
    }
    // The new lines go below the key's line, whose comment stays.
    let mut text = String::new();
    let inner = indent
        + if value.is_array() {
            style.list_step
        } else {
            style.step
        };
    new_line(&mut text, inner);
    emit::block(&mut text, value, inner, style);
    Some(vec![
        Splice::delete(colon..end),
        Splice::insert(layout.line_end(end), text),
    ])
}

/// A value of one line, or a text of several.
fn inline(layout: &Layout<'_>, entry: &Entry, value: &Json, style: Style) -> Option<Vec<Splice>> {
    let node = &entry.value;
    let mut text = String::new();
    let block_text = node.style == Some(ScalarStyle::Block) && node.alias.is_none();
    match value {
        Json::String(lines)
            if block_text && style.values == Quotes::AsNeeded && emit::is_literal(lines) =>
        {
            let indent = layout.column(entry.key_span.start);
            emit::literal(&mut text, lines, indent + style.step);
        }
        // A text of several lines stays on its line: what follows it, a comment, stays too.
        other => emit::flow(&mut text, other, style),
    }
    if is_absent(entry) {
        return Some(vec![Splice::insert(
            layout.colon(entry)?,
            format!(" {text}"),
        )]);
    }
    let (start, end) = (layout.start(node), node.written().end);
    if node.is_collection() && !is_flow(node) && node.alias.is_none() {
        let colon = layout.colon(entry)?;
        let key_line = layout.line_end(colon);
        if start > key_line {
            return Some(vec![
                Splice::insert(colon, format!(" {text}")),
                Splice::delete(key_line..end),
            ]);
        }
    }
    Some(vec![Splice::new(start..end, text)])
}
