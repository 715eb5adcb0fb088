//! The one YAML front end: everything that reads YAML goes through [`parse`].
//!
//! A document becomes a tree of located [`Node`]s: each knows its bytes in the source text, so that
//! validation can name lines, redaction can replace just a value, and an edit can leave every other
//! byte alone. Input size, nesting, alias expansion and node count are bounded ([`Limits`]).
//!
//! Scalars follow the YAML 1.2 core schema: `no`, `yes`, `on` and `off` are text, `~` is null,
//! `1e3` is a number, `0x1f` and `0o17` are numbers, and `017` is the number 17. A field that wants
//! text takes a number as it was written, so `version: 1.10` stays `1.10`.
//!
//! Refused, each with its place: duplicate keys, merge keys (`<<`), keys that are not scalars,
//! application tags, a second document, control characters, text that is not UTF-8, numbers that
//! JSON cannot hold. A byte order mark and CRLF line ends are accepted.

pub mod edit;
mod emit;
mod node;
mod parse;
mod scalar;

pub use emit::{emit_block, emit_flow, emit_scalar};
pub use node::{Collection, Document, Entry, Node, Position, ScalarStyle, Span, Value};
pub(crate) use parse::line_breaks;
pub use parse::{Limits, YamlError, YamlIssue, parse, parse_bytes};
