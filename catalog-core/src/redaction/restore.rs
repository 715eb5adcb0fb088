//! Putting stored secrets back into an edited YAML text.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::document::{self, Shown, extent};
use super::patch::{self, Edit, Target, is_alias, quote};
use super::positions::Positions;
use super::taint::Taint;
use super::tree::{self, Step, Tree as _};
use super::{MARKER, MAX_STRAYS, StrayCause, StrayMarker, align, exposed, lexical, limits};
use crate::validation::Path;
use crate::yaml::{Document, Entry, Node, Position, Span, Value, parse};

/// The incoming text with the stored secrets in the places of their markers. The stored text was shown
/// without these outside secrets; the new one is going to be shown without those of `after`.
pub(super) fn restore(
    incoming: &str,
    stored: Option<&str>,
    outside: &Taint,
    after: &Taint,
) -> Result<String, Vec<StrayMarker>> {
    let saved = put_back(incoming, stored, outside)?;
    // What was typed may be seen.
    if saved == incoming {
        return Ok(saved);
    }
    match exposed::in_text(incoming, &saved, after) {
        visible if visible.is_empty() => Ok(saved),
        visible => Err(visible),
    }
}

fn put_back(
    incoming: &str,
    stored: Option<&str>,
    outside: &Taint,
) -> Result<String, Vec<StrayMarker>> {
    // Only a backslash can hide a marker from a plain search.
    if stored == Some(incoming) || !(incoming.contains(MARKER) || incoming.contains('\\')) {
        return Ok(incoming.to_owned());
    }
    let Ok(edited) = parse(incoming, &limits(incoming)) else {
        return match stored {
            Some(stored) if document::shown(stored, outside) == incoming => Ok(stored.to_owned()),
            _ => unreadable(incoming),
        };
    };
    let Some(stored) = stored else {
        return into_document(incoming, &edited, None);
    };
    match parse(stored, &limits(stored)) {
        Ok(known) => {
            let shown = document::redact(&known, outside);
            if shown.text == incoming {
                return Ok(stored.to_owned());
            }
            into_document(incoming, &edited, Some((&shown, &known)))
        }
        Err(_) => {
            let shown = lexical::redact(stored, outside);
            if shown == incoming {
                return Ok(stored.to_owned());
            }
            match lexical::restore(incoming, &shown, stored) {
                Some(text) if fits(&edited, &text) => Ok(text),
                _ => into_document(incoming, &edited, None),
            }
        }
    }
}

/// A text that is no YAML is taken only without markers: nobody can say what they stand for.
fn unreadable(incoming: &str) -> Result<String, Vec<StrayMarker>> {
    let stray = strays_at(incoming, incoming.match_indices(MARKER).map(|(at, _)| at));
    if stray.is_empty() {
        Ok(incoming.to_owned())
    } else {
        Err(stray)
    }
}

fn stray(path: Path, position: Position) -> StrayMarker {
    StrayMarker {
        path,
        position: Some(position),
        cause: StrayCause::Unknown,
    }
}

/// Strays at these places, from front to back.
fn strays_at(text: &str, places: impl Iterator<Item = usize>) -> Vec<StrayMarker> {
    let mut positions = Positions::new(text);
    let at = |place| stray(Path::root(), positions.of(place));
    places.take(MAX_STRAYS).map(at).collect()
}

/// Whether the text says what the edited one says where that has no marker, and has no marker left:
/// an escape may hide one from a search line by line.
fn fits(edited: &Document, text: &str) -> bool {
    fn same(a: &Node, b: &Node) -> bool {
        match (&a.value, &b.value) {
            (Value::Map(_, ours), Value::Map(_, theirs)) => {
                ours.len() == theirs.len()
                    && ours.iter().zip(theirs).all(|(a, b)| {
                        let key = if a.key.contains(MARKER) {
                            !b.key.contains(MARKER)
                        } else {
                            a.key == b.key
                        };
                        key && same(&a.value, &b.value)
                    })
            }
            (Value::List(_, ours), Value::List(_, theirs)) => {
                ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| same(a, b))
            }
            (Value::Text(text), b) if text.contains(MARKER) => match b {
                Value::Map(..) | Value::List(..) => false,
                Value::Text(text) => !text.contains(MARKER),
                _ => true,
            },
            (a, b) => a == b,
        }
    }
    parse(text, &limits(text)).is_ok_and(|d| same(&edited.root, &d.root))
}

fn into_document(
    incoming: &str,
    edited: &Document,
    stored: Option<(&Shown, &Document)>,
) -> Result<String, Vec<StrayMarker>> {
    let mut restorer = Restorer {
        incoming: edited,
        stored: stored.map(|(_, d)| &*d.text),
        trail: Vec::new(),
        scalars: BTreeMap::new(),
        keys: BTreeMap::new(),
        covered: Vec::new(),
        strays: 0,
    };
    let roots =
        stored.and_then(|(shown, known)| Some((&shown.document.as_ref()?.root, &known.root)));
    restorer.node(&edited.root, roots);
    let Restorer {
        scalars,
        keys,
        mut covered,
        ..
    } = restorer;
    let mut edits = Vec::new();
    let mut strays = Vec::new();
    for fate in scalars.into_values().chain(keys.into_values()) {
        match fate {
            Fate::Restored(Some(edit)) => edits.push(edit),
            Fate::Restored(None) => {}
            Fate::Stray(marker) => strays.extend(marker),
        }
    }
    comments(edited, stored, &mut edits, &mut strays, &mut covered);
    strays.extend(elsewhere(incoming, covered));
    if !strays.is_empty() {
        strays.sort_by_key(|s| s.position);
        strays.truncate(MAX_STRAYS);
        return Err(strays);
    }
    let mut places: Vec<usize> = edits.iter().map(|e| e.range.start).collect();
    places.sort_unstable();
    patch::apply(edited, edits)
        .map(|(text, _)| text)
        .ok_or_else(|| strays_at(incoming, places.into_iter()))
}

/// The n-th comment of a text stands for the n-th stored one that is shown with that text.
fn comments(
    edited: &Document,
    stored: Option<(&Shown, &Document)>,
    edits: &mut Vec<Edit>,
    strays: &mut Vec<StrayMarker>,
    covered: &mut Vec<Range<usize>>,
) {
    let mut known: HashMap<&str, Vec<&str>> = HashMap::new();
    if let Some((shown, document)) = stored {
        for (shown, span) in shown.comments.iter().zip(&document.comments).rev() {
            if let Some(comment) = document.text.get(span.range()) {
                known.entry(shown).or_default().push(comment);
            }
        }
    }
    covered.sort_by_key(|r| r.start);
    // Of values and keys, none of which is inside another.
    let values = covered.len();
    for span in &edited.comments {
        let text = edited.text.get(span.range()).unwrap_or("");
        let counterpart = known.get_mut(text).and_then(Vec::pop);
        // The head of a block scalar that is restored takes its comment along.
        if !text.contains(MARKER) || covers(&covered[..values], span.start) {
            continue;
        }
        match counterpart {
            Some(comment) => edits.push(Edit {
                range: span.range(),
                options: vec![comment.to_owned()],
                target: Target::Comment,
            }),
            None if strays.len() < MAX_STRAYS => {
                strays.push(stray(Path::root(), span.position));
            }
            None => {}
        }
        covered.push(span.range());
    }
}

/// Markers that are no part of any value, key or comment, such as in the name of an anchor.
fn elsewhere(text: &str, mut covered: Vec<Range<usize>>) -> Vec<StrayMarker> {
    covered.sort_by_key(|r| r.start);
    let places = text.match_indices(MARKER).map(|(at, _)| at);
    strays_at(text, places.filter(|at| !covers(&covered, *at)))
}

/// Whether one of these ranges, which are in order and apart, has this place.
fn covers(ranges: &[Range<usize>], at: usize) -> bool {
    let after = ranges.partition_point(|r| r.start <= at);
    ranges[..after].last().is_some_and(|r| r.contains(&at))
}

enum Fate {
    /// Something is stored for it; no edit when that is the marker itself.
    Restored(Option<Edit>),
    /// Nothing is; `None` when enough have been named.
    Stray(Option<StrayMarker>),
}

/// A stored node: as it is shown, and as it is.
type Stored<'a> = Option<(&'a Node, &'a Node)>;

struct Restorer<'a> {
    incoming: &'a Document,
    stored: Option<&'a str>,
    trail: Vec<Step<'a>>,
    /// By first byte: an alias and its anchor are one.
    scalars: BTreeMap<usize, Fate>,
    keys: BTreeMap<usize, Fate>,
    /// Where the markers were looked at.
    covered: Vec<Range<usize>>,
    /// How many markers stand for nothing.
    strays: usize,
}

impl<'a> Restorer<'a> {
    fn stray(&mut self, position: Position) -> Fate {
        self.strays += 1;
        let named = self.strays <= MAX_STRAYS;
        Fate::Stray(named.then(|| stray(tree::path(&self.trail), position)))
    }

    fn node(&mut self, node: &'a Node, stored: Stored<'_>) {
        match &node.value {
            Value::Map(_, entries) => self.map(entries, stored),
            Value::List(_, items) => {
                let places = match stored {
                    Some((shown, _)) => align::counterparts(items, shown.items()),
                    None => vec![None; items.len()],
                };
                for (index, (item, place)) in items.iter().zip(places).enumerate() {
                    let counterpart = stored.zip(place).and_then(|((shown, known), place)| {
                        Some((shown.items().get(place)?, known.items().get(place)?))
                    });
                    self.trail.push(Step::Index(index));
                    self.node(item, counterpart);
                    self.trail.pop();
                }
            }
            Value::Text(text) if text.contains(MARKER) => self.scalar(node, text, stored),
            _ => {}
        }
    }

    fn scalar(&mut self, node: &Node, text: &str, stored: Stored<'_>) {
        self.covered.push(node.span.range());
        let at = node.span.start;
        // What stands where the anchor stands is decided there.
        if matches!(self.scalars.get(&at), Some(Fate::Restored(_))) {
            return;
        }
        let counterpart = stored.filter(|(shown, _)| shown.text() == Some(text));
        let fate = match counterpart {
            Some((_, known)) if known.text() == Some(text) => Fate::Restored(None),
            Some((_, known)) => Fate::Restored(Some(Edit {
                range: node.span.range(),
                options: self.source(known),
                target: Target::Scalar(at, known.value.clone()),
            })),
            None => self.stray(node.place()),
        };
        self.scalars.insert(at, fate);
    }

    /// How a stored scalar can be written: as it was, else in a way that fits everywhere.
    fn source(&self, known: &Node) -> Vec<String> {
        let slice = |range| self.stored.and_then(|s| s.get(range)).map(str::to_owned);
        let mut options = Vec::new();
        if let Some(stored) = self.stored {
            options.extend(slice(extent(stored, known).0));
        }
        match &known.value {
            Value::Text(text) => options.push(quote(text)),
            _ => options.extend(known.raw.as_deref().map(str::to_owned)),
        }
        options
    }

    fn map(&mut self, entries: &'a [Entry], stored: Stored<'_>) {
        let mut known: HashMap<&str, (&Entry, &Entry)> = HashMap::new();
        if let Some((shown, stored)) = stored {
            for (shown, stored) in shown.entries().iter().zip(stored.entries()) {
                known.insert(&shown.key, (shown, stored));
            }
        }
        for entry in entries {
            self.trail.push(Step::Key(&entry.key));
            let counterpart = known.get(&*entry.key).copied();
            if entry.key.contains(MARKER) && !is_alias(&self.incoming.text, entry.key_span.start) {
                self.key(
                    entry.key_span,
                    counterpart.map(|(_, stored)| stored),
                    &entry.key,
                );
            }
            self.node(
                &entry.value,
                counterpart.map(|(shown, stored)| (&shown.value, &stored.value)),
            );
            self.trail.pop();
        }
    }

    fn key(&mut self, span: Span, stored: Option<&Entry>, text: &str) {
        self.covered.push(span.range());
        let at = span.start;
        let fate = match stored {
            Some(entry) if *entry.key == *text => Fate::Restored(None),
            Some(entry) => {
                let written = self.stored.and_then(|s| s.get(entry.key_span.range()));
                Fate::Restored(Some(Edit {
                    range: span.range(),
                    options: written
                        .filter(|w| !w.starts_with('*'))
                        .map(str::to_owned)
                        .into_iter()
                        .chain([quote(&entry.key)])
                        .collect(),
                    target: Target::Key(at, entry.key.clone()),
                }))
            }
            None => self.stray(span.position),
        };
        self.keys.entry(at).or_insert(fate);
    }
}
