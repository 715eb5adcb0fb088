//! Redaction of YAML texts that can be read.

use std::collections::HashMap;
use std::ops::Range;

use super::patch::{self, Edit, Target, quote};
use super::taint::Taint;
use super::tree::{self, Class, Tree as _};
use super::{MARKER, lexical, limits, shown as texts};
use crate::yaml::{Document, Node, ScalarStyle, Span, Value, line_breaks, parse};

/// A text as it is shown.
pub(super) struct Shown {
    /// The text.
    pub text: String,
    /// What it says: the stored tree with other scalars and keys. `None` when the text had to be
    /// replaced as a whole.
    pub document: Option<Document>,
    /// The stored comments, each as it is shown.
    pub comments: Vec<String>,
}

/// A stored text as it is shown.
pub(super) fn shown(stored: &str, outside: &Taint) -> String {
    match parse(stored, &limits(stored)) {
        Ok(known) => redact(&known, outside).text,
        Err(_) => lexical::redact(stored, outside),
    }
}

/// The text of a document with every secret in it replaced, and every copy of an outside one.
pub(super) fn redact(document: &Document, outside: &Taint) -> Shown {
    let taint = outside.with(texts::secrets(&document.root));
    let comments = comments(document, &taint);
    let mut edits = Vec::new();
    for (span, shown) in document.comments.iter().zip(&comments) {
        if document.text.get(span.range()) != Some(shown) {
            edits.push(Edit {
                range: span.range(),
                options: vec![shown.clone()],
                target: Target::Comment,
            });
        }
    }
    scalars(document, &taint, &mut edits);
    keys(document, &document.root, &mut edits);
    if edits.is_empty() {
        return Shown {
            text: document.text.to_string(),
            document: Some(document.clone()),
            comments,
        };
    }
    match patch::apply(document, edits) {
        Some((text, document)) => Shown {
            text,
            document: Some(document),
            comments,
        },
        // Two keys that are aliases of two secrets, and the like: nothing of it can be shown.
        None => Shown {
            text: format!("{}\n", quote(MARKER)),
            document: None,
            comments: Vec::new(),
        },
    }
}

/// The comments as they are shown. Those that follow each other are looked at together, because
/// whole entries get commented out.
fn comments(document: &Document, taint: &Taint) -> Vec<String> {
    let mut shown = Vec::with_capacity(document.comments.len());
    for group in groups(document) {
        shown.extend(lexical::comments(&group, taint));
    }
    shown
}

/// The comments, those on consecutive lines of their own together.
pub(super) fn groups(document: &Document) -> Vec<Vec<&str>> {
    let mut groups: Vec<Vec<&str>> = Vec::new();
    let mut last: Option<&Span> = None;
    for span in &document.comments {
        let text = document.text.get(span.range()).unwrap_or("");
        let adjacent = last
            .and_then(|l| document.text.get(l.end..span.start))
            .is_some_and(|gap| gap.trim().is_empty() && line_breaks(gap) == 1);
        match groups.last_mut() {
            Some(group) if adjacent => group.push(text),
            _ => groups.push(vec![text]),
        }
        last = Some(span);
    }
    groups
}

fn scalars(document: &Document, taint: &Taint, edits: &mut Vec<Edit>) {
    // An alias and its anchor are the same bytes: what is secret in one place is so in all.
    let mut planned: HashMap<usize, (&Node, String)> = HashMap::new();
    tree::walk(&document.root, &mut |_, leaf| {
        if let Some(shown) =
            texts::scalar(leaf.class, &leaf.text, leaf.node.text().is_some(), taint)
        {
            let plan = planned
                .entry(leaf.node.span.start)
                .or_insert_with(|| (leaf.node, shown.clone()));
            if leaf.class == Class::Secret {
                plan.1 = shown;
            }
        }
    });
    for (at, (node, shown)) in planned {
        let mut options = Vec::new();
        if shown != MARKER {
            options.extend(in_place(document, node, taint));
        }
        let (range, anchor) = extent(&document.text, node);
        let before = anchor.map_or_else(String::new, |a| format!("{a} "));
        options.push(format!("{before}{}", quote(&shown)));
        edits.push(Edit {
            range,
            options,
            target: Target::Scalar(at, Value::Text(shown.into())),
        });
    }
}

/// The scalar as written with just the credentials in it replaced. Whether it says what it should is
/// found out by parsing: escapes and folded lines may get in the way.
fn in_place(document: &Document, node: &Node, taint: &Taint) -> Option<String> {
    let source = document.text.get(node.span.range())?;
    let (head, body, tail) = match node.style? {
        ScalarStyle::Plain => ("", source, ""),
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
            let inner = source.get(1..source.len().checked_sub(1)?)?;
            (source.get(..1)?, inner, source.get(source.len() - 1..)?)
        }
        ScalarStyle::Block => {
            let (head, body) = source.split_at_checked(source.find('\n')?)?;
            (head, body, "")
        }
    };
    let body = texts::passage(body, taint)?;
    // The head of a block scalar may have a comment.
    let head = match head.find('#') {
        Some(at) => {
            let (head, comment) = head.split_at_checked(at)?;
            let comment = lexical::comments(&[comment], taint);
            format!("{head}{}", comment.concat())
        }
        None => head.to_owned(),
    };
    let alias = head.is_empty() && body.starts_with('*');
    (!alias).then(|| format!("{head}{body}{tail}"))
}

/// The bytes to replace when a scalar gets another kind of value, and the anchor among them. A number
/// may carry a tag that says so; the span covers neither tag nor anchor.
pub(super) fn extent<'t>(text: &'t str, node: &Node) -> (Range<usize>, Option<&'t str>) {
    let range = node.span.range();
    if !node.decorated || node.text().is_some() {
        return (range, None);
    }
    let mut start = range.start;
    let (mut tagged, mut anchor) = (None, None);
    while let Some(before) = text.get(..start).map(str::trim_end) {
        let word_start = before
            .rfind(|c: char| c.is_whitespace() || matches!(c, '[' | '{' | ','))
            .map_or(0, |at| at + 1);
        let word = before.get(word_start..).unwrap_or("");
        if word.starts_with('!') {
            tagged = Some(word_start);
        } else if word.starts_with('&') && anchor.is_none() {
            anchor = Some((word_start, word));
        } else {
            break;
        }
        start = word_start;
    }
    match (tagged, anchor) {
        (None, _) => (range, None),
        (Some(tag), Some((at, word))) if at > tag => (tag..range.end, Some(word)),
        (Some(tag), _) => (tag..range.end, None),
    }
}

/// The keys that hold a credential.
fn keys(document: &Document, node: &Node, edits: &mut Vec<Edit>) {
    for item in node.items() {
        keys(document, item, edits);
    }
    let entries = node.entries();
    // The entries of an alias are those of its anchor, which has been here before.
    if node.alias.is_some() {
        return;
    }
    let shown = texts::keys(entries.iter().map(|e| &*e.key));
    for (entry, shown) in entries.iter().zip(shown) {
        if *entry.key != *shown && !patch::is_alias(&document.text, entry.key_span.start) {
            edits.push(Edit {
                range: entry.key_span.range(),
                options: vec![quote(&shown)],
                target: Target::Key(entry.key_span.start, shown.into_owned().into()),
            });
        }
        keys(document, &entry.value, edits);
    }
}
