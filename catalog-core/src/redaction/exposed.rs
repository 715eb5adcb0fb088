//! What an edit would show that was hidden.
//!
//! A marker stands for a stored secret at the place where it was shown. Whether that is still hidden
//! there is for the edited document to say: the name beside it may have become another one, the
//! value that it is a copy of may be gone. So what was put back is redacted again, and compared with
//! what the editor saw: where that had a marker, nothing more may be visible.

use std::collections::HashSet;

use super::document;
use super::lexical;
use super::positions::Positions;
use super::taint::Taint;
use super::tree::{self, Step, Tree};
use super::{MARKER, MAX_STRAYS, StrayCause, StrayMarker, limits};
use crate::validation::Path;
use crate::yaml::{Document, Position, ScalarStyle, Span, parse};

/// The markers of a text that stand for something that would be visible, once the text is saved with
/// that put back and shown beside these outside secrets.
pub(super) fn in_text(seen: &str, saved: &str, outside: &Taint) -> Vec<StrayMarker> {
    let mut found = match (parse(seen, &limits(seen)), parse(saved, &limits(saved))) {
        (Ok(seen), Ok(saved)) => {
            let now = document::redact(&saved, outside);
            let Some(shown) = &now.document else {
                return Vec::new();
            };
            let mut found = in_tree(&seen.root, &shown.root);
            found.extend(in_comments(&seen, &saved, &now.comments));
            if found.is_empty() && in_heads(&seen, &saved, &now.comments, shown) {
                found.push(visible(Path::root(), None));
            }
            found
        }
        _ => in_lines(seen, &document::shown(saved, outside)),
    };
    // An alias is where its anchor is.
    found.sort_by_key(|marker| marker.position);
    found.dedup_by_key(|marker| marker.position);
    found
}

/// The markers of a tree that would stand for something visible, now that it is shown like this.
pub(super) fn in_tree<T: Tree>(seen: &T, now: &T) -> Vec<StrayMarker> {
    let mut found = Vec::new();
    step(seen, now, &mut Vec::new(), &mut found);
    found
}

fn step<'a, T: Tree>(
    seen: &'a T,
    now: &T,
    trail: &mut Vec<Step<'a>>,
    found: &mut Vec<StrayMarker>,
) {
    if found.len() >= MAX_STRAYS {
        return;
    }
    if let (Some(before), Some(after)) = (seen.members(), now.members()) {
        if before.clone().count() != after.clone().count() {
            // Two keys became one: what is whose cannot be told.
            found.push(visible(tree::path(trail), seen.place()));
            return;
        }
        for (n, ((key, value), (key_now, value_now))) in before.zip(after).enumerate() {
            trail.push(Step::Key(key));
            if !hides(without_number(key_now), key) {
                found.push(visible(tree::path(trail), seen.key_place(n)));
            }
            step(value, value_now, trail, found);
            trail.pop();
        }
    } else if let (Some(before), Some(after)) = (seen.elements(), now.elements()) {
        for (index, (item, item_now)) in before.iter().zip(after).enumerate() {
            trail.push(Step::Index(index));
            step(item, item_now, trail, found);
            trail.pop();
        }
    } else if let (Some(before), Some(after)) = (seen.text(), now.scalar())
        && !hides(&after, before)
    {
        found.push(visible(tree::path(trail), seen.place()));
    }
}

fn visible(path: Path, position: Option<Position>) -> StrayMarker {
    StrayMarker {
        path,
        position,
        cause: StrayCause::Visible,
    }
}

/// A redacted key gets a number when there are several.
fn without_number(key: &str) -> &str {
    let numbered = || {
        let (plain, number) = key.strip_suffix(')')?.rsplit_once(" (")?;
        let digits = number.bytes().all(|b| b.is_ascii_digit());
        (digits && plain.contains(MARKER)).then_some(plain)
    };
    numbered().unwrap_or(key)
}

/// Whether a text as it is shown now has nothing beyond what was seen before, when that had a marker:
/// its pieces are those from before, in order.
fn hides(now: &str, before: &str) -> bool {
    if now == before || !before.contains(MARKER) {
        return true;
    }
    let mut pieces = before.split(MARKER);
    let mut rest = pieces.next().unwrap_or("");
    now.split(MARKER).all(|piece| {
        loop {
            if let Some(at) = rest.find(piece) {
                rest = rest.get(at + piece.len()..).unwrap_or("");
                return true;
            }
            match pieces.next() {
                Some(next) => rest = next,
                None => return false,
            }
        }
    })
}

/// The same for comments, but for those in the heads of block scalars.
fn in_comments(seen: &Document, saved: &Document, now: &[String]) -> Vec<StrayMarker> {
    let (ours, theirs) = (blocks(seen), blocks(saved));
    let before: Vec<&Span> = seen.comments.iter().filter(|c| !within(&ours, c)).collect();
    let after = saved.comments.iter().zip(now);
    let after: Vec<&String> = after
        .filter(|(comment, _)| !within(&theirs, comment))
        .map(|(_, now)| now)
        .collect();
    if before.len() != after.len() {
        // Which is which cannot be told.
        return vec![visible(Path::root(), None)];
    }
    let strays = before
        .into_iter()
        .zip(after)
        .filter(|(before, now)| !hides(now, text(seen, before)));
    strays
        .map(|(before, _)| visible(Path::root(), Some(before.position)))
        .take(MAX_STRAYS)
        .collect()
}

/// Whether the head of a block scalar shows a comment that nobody saw. It comes and goes with the
/// scalar.
fn in_heads(seen: &Document, saved: &Document, now: &[String], shown: &Document) -> bool {
    let blocks = blocks(saved);
    let texts = |document| comments(document).collect::<HashSet<&str>>();
    let (known, visible) = (texts(seen), texts(shown));
    saved.comments.iter().zip(now).any(|(comment, now)| {
        let fresh = visible.contains(&**now) && !known.contains(&**now);
        fresh && within(&blocks, comment) && !now.contains(MARKER)
    })
}

fn comments(document: &Document) -> impl Iterator<Item = &str> {
    document.comments.iter().map(|span| text(document, span))
}

fn text<'d>(document: &'d Document, span: &Span) -> &'d str {
    document.text.get(span.range()).unwrap_or("")
}

/// Whether one of these spans, which are in order, has this one.
fn within(spans: &[Span], inner: &Span) -> bool {
    let after = spans.partition_point(|span| span.start <= inner.start);
    let last = spans[..after].last();
    last.is_some_and(|span| inner.start < span.end)
}

/// The block scalars of a document, in order.
fn blocks(document: &Document) -> Vec<Span> {
    let mut spans = Vec::new();
    tree::walk(&document.root, &mut |_, leaf| {
        if leaf.node.style == Some(ScalarStyle::Block) {
            spans.push(leaf.node.span);
        }
    });
    spans.sort_by_key(|span| span.start);
    spans
}

/// The same for a text that is no YAML: what is put back there is put back line by line.
fn in_lines(seen: &str, now: &str) -> Vec<StrayMarker> {
    let (before, after) = (lexical::split(seen), lexical::split(now));
    if before.len() != after.len() {
        return vec![visible(Path::root(), None)];
    }
    let mut positions = Positions::new(seen);
    let mut start = 0;
    let mut found = Vec::new();
    for (line, line_now) in before.into_iter().zip(after) {
        if !hides(line_now, line) {
            let at = start + line.find(MARKER).unwrap_or(0);
            found.push(visible(Path::root(), Some(positions.of(at))));
            if found.len() >= MAX_STRAYS {
                break;
            }
        }
        start += line.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_now_may_be_less_and_not_more() {
        let (m, seen) = (MARKER, format!("user {MARKER} of {MARKER}."));
        for now in [
            seen.clone(),
            m.to_owned(),
            format!("{m} of {m}."),
            format!("us{m}{m} {m}"),
        ] {
            assert!(hides(&now, &seen), "{now}");
        }
        for now in ["user bob of x.", "user", "bob"] {
            assert_eq!(hides(now, &seen), now == "user", "{now}");
        }
        assert!(!hides(&format!("of {m} user"), &seen), "in order");
        assert!(hides("anything", "what has no marker"));
    }
}
