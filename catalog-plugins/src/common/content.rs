//! Walking a content entry by entry.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use catalog_core::shape::{self, Object, Options, Shape};
use catalog_core::validation::{Findings, Path, Severity};
use catalog_core::yaml::{Document, Entry, Node, Value};

use super::text_of;

/// One way of writing the entries of a content.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EntryFormat {
    /// The top-level key of the list.
    pub(crate) key: &'static str,
    /// What an entry looks like.
    pub(crate) object: &'static Object,
    /// Whether an entry is identified by name and version, not by name alone.
    pub(crate) versioned: bool,
    /// What is an error when somebody writes.
    pub(crate) write: Options,
    /// What is an error when it is loaded.
    pub(crate) load: Options,
    /// What the fields mean together.
    pub(crate) rules: fn(&mut Subject<'_>),
}

/// An entry under examination.
pub(crate) struct Subject<'a> {
    pub(crate) node: &'a Node,
    pub(crate) path: &'a Path,
    pub(crate) options: &'a Options,
    pub(crate) findings: &'a mut Findings,
}

impl Subject<'_> {
    /// Reports a field that the entry needs in this case, as severely as any missing field.
    pub(crate) fn missing(&mut self, field: &'static str, because: &Node, message: &str) {
        let path = self.path.key(field);
        match self.options.missing_fields {
            Severity::Error => self
                .findings
                .error(&path, because.place(), "required", message),
            Severity::Warning => self
                .findings
                .warning(&path, because.place(), "required", message),
        };
    }
}

impl EntryFormat {
    /// Reports everything that is wrong with one entry.
    pub(crate) fn check(
        &self,
        node: &Node,
        options: &Options,
        path: &Path,
        findings: &mut Findings,
    ) {
        shape::check_with(node, &Shape::Object(self.object), options, path, findings);
        if matches!(node.value, Value::Map(..)) {
            (self.rules)(&mut Subject {
                node,
                path,
                options,
                findings,
            });
        }
    }
}

/// The entries that were seen already.
#[derive(Default)]
pub(crate) struct Seen(HashMap<(String, String), u32>);

impl Seen {
    /// Reports the entry when another one has its identity.
    pub(crate) fn check(
        &mut self,
        format: &EntryFormat,
        node: &Node,
        path: &Path,
        findings: &mut Findings,
    ) {
        let (Some(name), Some(at)) = (text_of(node, "name"), node.get("name")) else {
            return;
        };
        let version = match format.versioned {
            true => text_of(node, "version").unwrap_or_default(),
            false => "",
        };
        match self.0.entry((name.to_owned(), version.to_owned())) {
            Slot::Vacant(slot) => {
                slot.insert(at.place().line);
            }
            Slot::Occupied(first) => {
                let what = match format.versioned {
                    true => "name and version are",
                    false => "name is",
                };
                let message = format!("this {what} used already, on line {}", first.get());
                findings.error(&path.key("name"), at.place(), "duplicate-name", message);
            }
        }
    }
}

/// The lists of a content with their formats; says what is wrong with the content around them.
/// Unknown top-level keys, and a content that is no mapping, are found by the layer
/// `strict_fields` already.
pub(crate) fn lists<'a>(
    formats: &'static [EntryFormat],
    content_keys: &[&str],
    content: &'a Document,
    findings: &mut Findings,
) -> Vec<(&'static EntryFormat, &'a Entry)> {
    let root = &content.root;
    let mut given: Vec<_> = formats
        .iter()
        .filter_map(|format| Some((format, root.entry(format.key)?)))
        .collect();
    given.sort_by_key(|(_, entry)| entry.key_span.start);
    let all_known = root
        .entries()
        .iter()
        .all(|e| content_keys.contains(&&*e.key));
    if given.is_empty() && all_known && matches!(root.value, Value::Map(..)) {
        let keys: Vec<_> = formats.iter().map(|f| f.key).collect();
        let path = Path::root().key(formats[0].key);
        let message = match keys.as_slice() {
            [key] => format!("the list {key} is required"),
            keys => format!("one of the lists {} is required", keys.join(", ")),
        };
        findings.error(&path, root.place(), "required", message);
    }
    for (format, entry) in given.iter().skip(1) {
        let message = format!("stands beside {:?}; a content has one list", given[0].0.key);
        let path = Path::root().key(format.key);
        findings.error(&path, entry.key_span.position, "conflicting-lists", message);
    }
    for (format, entry) in &given {
        list_type(format, &entry.value, findings);
    }
    if let Some(source) = root.get("source").filter(|s| !s.is_null()) {
        shape::check(source, &super::TEXT, &Path::root().key("source"), findings);
    }
    given
}

fn list_type(format: &EntryFormat, list: &Node, findings: &mut Findings) {
    let path = Path::root().key(format.key);
    match list.value {
        Value::List(..) => {}
        Value::Null => {
            let message = "has no entries";
            findings
                .warning(&path, list.place(), "empty-list", message)
                .suggestion = Some(format!("write `{}: []` if that is meant", format.key));
        }
        _ => {
            let message = format!("must be a list, not {}", list.kind());
            findings.error(&path, list.place(), "wrong-type", message);
        }
    }
}

/// Reports everything that is wrong with a content when it is written.
pub(crate) fn validate(
    formats: &'static [EntryFormat],
    content_keys: &[&str],
    content: &Document,
    findings: &mut Findings,
) {
    for (format, list) in lists(formats, content_keys, content, findings) {
        let mut seen = Seen::default();
        for (i, node) in list.value.items().iter().enumerate() {
            let path = Path::root().key(format.key).index(i);
            format.check(node, &format.write, &path, findings);
            seen.check(format, node, &path, findings);
            if findings.is_full() {
                break;
            }
        }
    }
}
