//! What a text may cost, and what can be wrong with it.

use super::super::node::Position;

/// What a YAML text may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of input, and bytes of text that all aliases together stand for.
    pub max_bytes: usize,
    /// Levels of nesting.
    pub max_depth: usize,
    /// Nodes of the tree, those that aliases expand to included.
    pub max_nodes: usize,
}

impl Limits {
    /// 1 MiB: a large catalog by today's standards, small enough to be read in milliseconds.
    pub const DEFAULT_MAX_BYTES: usize = 1 << 20;
    /// Real catalogs nest about 10 deep; embedded JSON schemas somewhat deeper.
    pub const DEFAULT_MAX_DEPTH: usize = 32;
    /// Twice what the densest known catalog has in a text of that size (20 bytes for each), and as many
    /// as are read within 50 ms before they are too many.
    pub const DEFAULT_MAX_NODES: usize = 100_000;

    /// Limits for documents of up to this size: larger ones may have more nodes, in proportion.
    pub fn for_documents(max_bytes: usize) -> Self {
        let nodes = max_bytes / Self::DEFAULT_MAX_BYTES.div_ceil(Self::DEFAULT_MAX_NODES);
        Self {
            max_bytes,
            max_nodes: nodes.max(Self::DEFAULT_MAX_NODES),
            ..Self::default()
        }
    }

    /// The same limits with another number of nodes.
    pub fn with_max_nodes(mut self, max_nodes: usize) -> Self {
        self.max_nodes = max_nodes;
        self
    }

    /// The same limits with another input size.
    pub fn with_max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: Self::DEFAULT_MAX_BYTES,
            max_depth: Self::DEFAULT_MAX_DEPTH,
            max_nodes: Self::DEFAULT_MAX_NODES,
        }
    }
}

/// One thing wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlIssue {
    /// Stable: `syntax`, `duplicate-key`, `merge-key`, `key-not-scalar`, `tag`,
    /// `multiple-documents`, `not-utf8`, `control-character`, `number-out-of-range`, `too-large`,
    /// `too-deep`, `too-many-nodes`.
    pub code: &'static str,
    /// What is wrong, without values of the text.
    pub message: String,
    /// Where.
    pub position: Position,
    /// What to write instead.
    pub suggestion: Option<String>,
}

/// A text that is not acceptable YAML; `issues` is never empty and in order of place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", describe(.issues))]
pub struct YamlError {
    /// Everything that was found before reading had to stop.
    pub issues: Vec<YamlIssue>,
}

fn describe(issues: &[YamlIssue]) -> String {
    issues.first().map_or_else(String::new, |first| {
        let more = match issues.len() - 1 {
            0 => String::new(),
            n => format!(" (and {n} more)"),
        };
        let Position { line, column } = first.position;
        format!("line {line}, column {column}: {}{more}", first.message)
    })
}

/// The error of one issue.
pub(super) fn single(
    position: Position,
    code: &'static str,
    message: impl Into<String>,
) -> YamlError {
    YamlError {
        issues: vec![YamlIssue {
            code,
            message: message.into(),
            position,
            suggestion: None,
        }],
    }
}
