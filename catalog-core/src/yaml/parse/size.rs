//! What an anchored value costs each time that an alias stands for it.

use super::super::node::{Node, Value};

/// What an alias to a node costs.
#[derive(Clone, Copy, Default)]
pub(super) struct Size {
    pub(super) nodes: usize,
    pub(super) depth: usize,
    pub(super) bytes: usize,
}

impl Size {
    pub(super) fn of(node: &Node) -> Self {
        let mut size = Self {
            nodes: 1,
            ..Self::default()
        };
        match &node.value {
            Value::List(_, items) => items.iter().for_each(|item| size.hold(item)),
            Value::Map(_, entries) => entries.iter().for_each(|entry| {
                size.nodes += 1;
                size.bytes += entry.key.len();
                size.hold(&entry.value);
            }),
            Value::Text(text) => size.bytes = text.len(),
            _ => size.bytes = node.raw.as_deref().map_or(0, str::len),
        }
        size.depth += usize::from(node.is_collection());
        size
    }

    fn hold(&mut self, child: &Node) {
        let child = Self::of(child);
        self.nodes += child.nodes;
        self.bytes += child.bytes;
        self.depth = self.depth.max(child.depth);
    }
}
