//! Editing in place.

use std::ops::Range;

use catalog_core::validation::{Path, PathSegment};
use catalog_core::yaml::{
    Document, Limits, Node, Value,
    edit::{self, NotInPlace},
    parse,
};
use serde_json::{Map, Value as Json, json};

use super::dice::Dice;
use super::tree::Maker;
use super::{input, write};

/// Makes one edit: what comes back means exactly what was asked, and every byte around it is what
/// it was; or nothing comes back.
pub fn edit(data: &[u8]) {
    let mut input = input(data);
    let text = match input.text {
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => return,
        },
        None => {
            let tree = Maker::plain().map(&mut input.dice, 4);
            write::write(&mut input.dice, &tree, &["# c", "#", "# - x: |"])
        }
    };
    // Several edits of one text: reading it is what costs.
    for _ in 0..4 {
        one(&text, &mut input.dice);
        if input.dice.is_empty() {
            break;
        }
    }
}

fn one(text: &str, dice: &mut Dice<'_>) {
    let limits = Limits::default();
    let Ok(document) = parse(text, &limits) else {
        let asked = edit::set(text, &Path::root().key("a"), &json!(1), &limits);
        assert!(asked.is_err(), "what is no YAML was edited: {text:?}");
        return;
    };
    let before = document.root.to_json();
    let path = pick(dice, &before);
    let asked = Asked {
        text,
        document: &document,
        path: &path,
    };
    match dice.below(7) {
        0..=2 => {
            let value = value_for(dice, at(&before, &path));
            let edited = edit::set(text, &path, &value, &limits);
            asked.check(edited, put(&before, &path, &value), Kind::Set);
        }
        3 => {
            let value = value_for(dice, at(&before, &path));
            let edited = edit::rewrite(text, &path, &value, &limits);
            asked.check(edited, put(&before, &path, &value), Kind::Set);
        }
        4 => asked.check(
            edit::remove(text, &path, &limits),
            take(&before, &path),
            Kind::Remove,
        ),
        5 => {
            let item = Maker::plain().value(dice, 2);
            let edited = edit::append(text, &path, &item, &limits);
            asked.check(edited, appended(&before, &path, &item), Kind::Append);
        }
        _ => texts(&asked, &before, dice, &limits),
    }
}

/// An item as it is written goes away and comes back, or comes a second time.
fn texts(asked: &Asked<'_>, before: &Json, dice: &mut Dice<'_>, limits: &Limits) {
    let Some(raw) = edit::item_text(asked.document, asked.path) else {
        return;
    };
    let Some(value) = at(before, asked.path) else {
        panic!(
            "an item at {} that is not there: {:?}",
            asked.path, asked.text
        );
    };
    // An alias stands for what is elsewhere; by itself it means nothing.
    let alone = parse(&raw, limits)
        .ok()
        .map(|document| document.root.to_json());
    let meant = alone.unwrap_or(Json::Null);
    let back = edit::put_item_text(asked.text, asked.path, &raw, limits);
    asked.check(back, put(before, asked.path, &meant), Kind::Set);
    let other = edit::set(
        asked.text,
        asked.path,
        &json!({"id": "x", "k": [1]}),
        limits,
    );
    if let Ok(other) = other
        && let Ok(back) = edit::put_item_text(&other, asked.path, &raw, limits)
    {
        assert_eq!(super::yaml::meaning(&back), put(before, asked.path, &meant));
        assert!(&meant == value || parse(&raw, limits).is_ok());
    }
    let segments = asked.path.segments();
    let list = path(segments.split_last().map_or(&[][..], |(_, above)| above));
    let asked = Asked {
        path: &list,
        ..*asked
    };
    let twice = edit::append_item_text(asked.text, &list, &raw, limits);
    asked.check(twice, appended(before, &list, &meant), Kind::Append);
    let _ = dice;
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Set,
    Remove,
    Append,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Set => "edit: a value is set",
            Self::Remove => "edit: something is removed",
            Self::Append => "edit: an item is appended",
        }
    }
}

#[derive(Clone, Copy)]
struct Asked<'a> {
    text: &'a str,
    document: &'a Document,
    path: &'a Path,
}

impl Asked<'_> {
    fn check(&self, edited: Result<String, NotInPlace>, expected: Option<Json>, kind: Kind) {
        if expected.is_some() {
            super::tally(kind.name(), edited.is_ok());
        }
        let Ok(edited) = edited else { return };
        let (text, path) = (self.text, self.path);
        let story = || format!("at {path}\n{text:?}\n{edited:?}");
        let expected = expected.unwrap_or_else(|| panic!("nobody can do that: {}", story()));
        let mut limits = Limits::default();
        limits.max_bytes = usize::MAX;
        let after = parse(&edited, &limits).unwrap_or_else(|e| panic!("{e}: {}", story()));
        assert_eq!(after.root.to_json(), expected, "{}", story());

        let mut was = Vec::new();
        written(
            self.document,
            &self.document.root,
            &mut Vec::new(),
            &mut was,
        );
        let mut is = Vec::new();
        written(&after, &after.root, &mut Vec::new(), &mut is);
        let segments = path.segments();
        if kind == Kind::Remove {
            is = shifted(is, segments);
        }
        let count = node_at(&self.document.root, segments).map_or(0, |list| list.items().len());
        was.retain(|(at, _)| !may_change(at, segments, kind, count));
        is.retain(|(at, _)| !may_change(at, segments, kind, count));
        assert_eq!(was, is, "{}", story());

        let around = self.around(kind);
        let (mut head, tail) = (&text[..around.start], &text[around.end..]);
        if kind == Kind::Remove {
            // A dash may be left alone in its line, without the space behind it.
            head = head.trim_end_matches([' ', '\t']);
        }
        assert!(edited.starts_with(head), "before {around:?} {}", story());
        assert!(edited.ends_with(tail), "after {around:?} {}", story());
        assert!(edited.len() >= head.len() + tail.len(), "{}", story());
        self.comments(&after, around.start);
    }

    /// Comments that stand before what changes stay.
    fn comments(&self, after: &Document, until: usize) {
        let mut left = after
            .comments
            .iter()
            .map(|c| after.text[c.range()].trim_end());
        for comment in self.document.comments.iter().filter(|c| c.end <= until) {
            let comment = self.document.text[comment.range()].trim_end();
            assert!(
                left.any(|other| other == comment),
                "{comment:?} is gone: {:?}",
                after.text
            );
        }
    }

    /// The bytes that may change.
    fn around(&self, kind: Kind) -> Range<usize> {
        let mut node = &self.document.root;
        let mut range = 0..self.text.len();
        for segment in self.path.segments() {
            match (segment, &node.value) {
                (PathSegment::Key(key), Value::Map(_, entries)) => {
                    let Some(at) = entries.iter().position(|e| e.key == *key) else {
                        // It goes to the end.
                        return match entries.last() {
                            Some(last) => last.value.written().end.min(range.end)..range.end,
                            None => range,
                        };
                    };
                    let only = entries.len() == 1;
                    range.start = match at.checked_sub(1) {
                        _ if kind != Kind::Remove => entries[at].key_span.end,
                        Some(before) => entries[before]
                            .value
                            .written()
                            .end
                            .max(entries[before].key_span.end),
                        None if only => range.start,
                        None => node.written().start.max(range.start),
                    };
                    if let Some(next) = entries.get(at + 1) {
                        range.end = next.key_span.start;
                    }
                    node = &entries[at].value;
                }
                (PathSegment::Index(index), Value::List(_, items)) => {
                    if let Some(before) = index.checked_sub(1) {
                        range.start = items[before].written().end.max(range.start);
                    }
                    if let Some(next) = items.get(index + 1) {
                        range.end = next.written().start;
                    }
                    node = &items[*index];
                }
                _ => return range,
            }
        }
        if kind == Kind::Append
            && let Some(last) = node.items().last()
        {
            range.start = last.written().end.max(range.start);
        }
        range
    }
}

type Written<'a> = Vec<(Vec<PathSegment>, &'a str)>;

/// Every key and scalar as it is written, with its path.
fn written<'a>(
    document: &'a Document,
    node: &'a Node,
    trail: &mut Vec<PathSegment>,
    out: &mut Written<'a>,
) {
    let text = &document.text;
    if node.alias.is_some() || !node.is_collection() {
        out.push((trail.clone(), &text[node.written().range()]));
        return;
    }
    for (i, item) in node.items().iter().enumerate() {
        trail.push(PathSegment::Index(i));
        written(document, item, trail, out);
        trail.pop();
    }
    for entry in node.entries() {
        trail.push(PathSegment::Key(entry.key.clone()));
        out.push((trail.clone(), &text[entry.key_span.range()]));
        written(document, &entry.value, trail, out);
        trail.pop();
    }
}

/// Whether an edit at `path`, of a list of `count` items, may change what is at `at`: a null on the way
/// becomes a mapping.
fn may_change(at: &[PathSegment], path: &[PathSegment], kind: Kind, count: usize) -> bool {
    let below = match at.get(path.len()) {
        Some(PathSegment::Index(index)) if kind == Kind::Append => *index >= count,
        _ => true,
    };
    path.starts_with(at) || (at.starts_with(path) && below)
}

/// Paths as they were before an item was removed.
fn shifted<'a>(mut all: Written<'a>, path: &[PathSegment]) -> Written<'a> {
    if let Some((PathSegment::Index(index), above)) = path.split_last() {
        for (at, _) in &mut all {
            if at.starts_with(above)
                && let Some(PathSegment::Index(i)) = at.get_mut(above.len())
                && *i >= *index
            {
                *i += 1;
            }
        }
    }
    all
}

fn node_at<'a>(root: &'a Node, path: &[PathSegment]) -> Option<&'a Node> {
    path.iter().try_fold(root, |node, segment| match segment {
        PathSegment::Key(key) => node.get(key),
        PathSegment::Index(index) => node.items().get(*index),
    })
}

fn path(segments: &[PathSegment]) -> Path {
    segments
        .iter()
        .fold(Path::root(), |path, segment| match segment {
            PathSegment::Key(key) => path.key(key.clone()),
            PathSegment::Index(index) => path.index(*index),
        })
}

/// A way into the tree, now and then one that leads out of it.
fn pick(dice: &mut Dice<'_>, root: &Json) -> Path {
    let mut path = Path::root();
    let mut at = root;
    for _ in 0..6 {
        match at {
            Json::Object(map) if !map.is_empty() && !dice.once_in(8) => {
                let Some((key, value)) = map.iter().nth(dice.below(map.len())) else {
                    break;
                };
                path = path.key(key.as_str());
                at = value;
            }
            Json::Array(items) if !items.is_empty() && !dice.once_in(4) => {
                let index = dice.below(items.len());
                path = path.index(index);
                at = &items[index];
            }
            Json::Object(_) | Json::Null if dice.once_in(2) => {
                path = path.key(dice.one(&["new", "a: b", "", "n\nl", "1"]));
                if dice.once_in(3) {
                    path = path.key("deep");
                }
                break;
            }
            _ => break,
        }
        if dice.once_in(6) {
            break;
        }
    }
    path
}

/// Something new, or what is there with a difference.
fn value_for(dice: &mut Dice<'_>, current: Option<&Json>) -> Json {
    match current {
        Some(current) if !dice.once_in(3) => {
            let mut value = current.clone();
            for _ in 0..=dice.below(3) {
                vary(dice, &mut value);
            }
            value
        }
        _ => Maker::plain().value(dice, 3),
    }
}

fn vary(dice: &mut Dice<'_>, value: &mut Json) {
    match value {
        Json::Array(items) if !items.is_empty() => {
            let at = dice.below(items.len());
            match dice.below(5) {
                0 => vary(dice, &mut items[at]),
                1 => drop(items.remove(at)),
                2 => items.insert(at, Maker::plain().value(dice, 2)),
                3 => items.push(Maker::plain().value(dice, 2)),
                _ => items.swap(0, at),
            }
        }
        Json::Object(map) if !map.is_empty() => {
            let key = map
                .keys()
                .nth(dice.below(map.len()))
                .cloned()
                .unwrap_or_default();
            match dice.below(4) {
                0 | 1 => map
                    .values_mut()
                    .next()
                    .map_or((), |first| vary(dice, first)),
                2 => drop(map.shift_remove(&key)),
                _ => drop(map.insert("more".to_owned(), Maker::plain().value(dice, 2))),
            }
        }
        other => *other = Maker::plain().value(dice, 2),
    }
}

fn at<'a>(root: &'a Json, path: &Path) -> Option<&'a Json> {
    path.segments()
        .iter()
        .try_fold(root, |at, segment| match segment {
            PathSegment::Key(key) => at.get(&**key),
            PathSegment::Index(index) => at.get(index),
        })
}

/// The tree with a value at a path; missing mappings are made.
fn put(root: &Json, path: &Path, value: &Json) -> Option<Json> {
    fn rec(at: &Json, path: &[PathSegment], value: &Json) -> Option<Json> {
        let Some((segment, rest)) = path.split_first() else {
            return Some(value.clone());
        };
        match (segment, at) {
            (PathSegment::Key(key), Json::Object(map)) => {
                let mut map = map.clone();
                let inner = rec(map.get(&**key).unwrap_or(&Json::Null), rest, value)?;
                map.insert(key.to_string(), inner);
                Some(Json::Object(map))
            }
            (PathSegment::Key(key), Json::Null) => {
                let inner = rec(&Json::Null, rest, value)?;
                Some(Json::Object(Map::from_iter([(key.to_string(), inner)])))
            }
            (PathSegment::Index(index), Json::Array(items)) => {
                let mut items = items.clone();
                items[*index] = rec(items.get(*index)?, rest, value)?;
                Some(Json::Array(items))
            }
            _ => None,
        }
    }
    rec(root, path.segments(), value)
}

fn take(root: &Json, path: &Path) -> Option<Json> {
    let (last, above) = path.segments().split_last()?;
    let above = self::path(above);
    let mut holder = at(root, &above)?.clone();
    match (last, &mut holder) {
        (PathSegment::Key(key), Json::Object(map)) => drop(map.shift_remove(&**key)?),
        (PathSegment::Index(index), Json::Array(items)) if *index < items.len() => {
            drop(items.remove(*index))
        }
        _ => return None,
    }
    put(root, &above, &holder)
}

fn appended(root: &Json, path: &Path, item: &Json) -> Option<Json> {
    let mut list = at(root, path).cloned().unwrap_or(Json::Null);
    match &mut list {
        Json::Array(items) => items.push(item.clone()),
        Json::Null => list = json!([item]),
        _ => return None,
    }
    put(root, path, &list)
}
