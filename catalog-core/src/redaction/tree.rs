//! What is secret in a tree, the same for JSON and YAML.

use std::borrow::Cow;

use serde_json::Value;

use super::formats;
use super::keys::{LONGEST_NAME, is_sensitive_key};
use super::placeholder::is_usage;
use crate::validation::Path;
use crate::yaml::{Node, Position};

/// A tree of maps, lists and scalars.
pub(super) trait Tree: Sized {
    /// The entries, when it is a map.
    fn members(&self) -> Option<impl Iterator<Item = (&str, &Self)> + Clone>;
    /// The items, when it is a list.
    fn elements(&self) -> Option<&[Self]>;
    /// A text, or a number as written.
    fn scalar(&self) -> Option<Cow<'_, str>>;
    /// A text.
    fn text(&self) -> Option<&str>;
    /// Where it was written, when it was.
    fn place(&self) -> Option<Position> {
        None
    }
    /// Where the key of the n-th entry was written, when it was.
    fn key_place(&self, _: usize) -> Option<Position> {
        None
    }
}

impl Tree for Value {
    fn members(&self) -> Option<impl Iterator<Item = (&str, &Self)> + Clone> {
        Some(self.as_object()?.iter().map(|(k, v)| (k.as_str(), v)))
    }

    fn elements(&self) -> Option<&[Self]> {
        self.as_array().map(Vec::as_slice)
    }

    fn scalar(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::String(text) => Some(Cow::Borrowed(text)),
            Self::Number(number) => Some(Cow::Owned(number.to_string())),
            _ => None,
        }
    }

    fn text(&self) -> Option<&str> {
        self.as_str()
    }
}

impl Tree for Node {
    fn members(&self) -> Option<impl Iterator<Item = (&str, &Self)> + Clone> {
        use crate::yaml::Value as Yaml;
        let entries = || self.entries().iter().map(|e| (&*e.key, &e.value));
        matches!(self.value, Yaml::Map(..)).then(entries)
    }

    fn elements(&self) -> Option<&[Self]> {
        use crate::yaml::Value as Yaml;
        matches!(self.value, Yaml::List(..)).then(|| self.items())
    }

    fn scalar(&self) -> Option<Cow<'_, str>> {
        self.as_text().map(Cow::Borrowed)
    }

    fn text(&self) -> Option<&str> {
        match &self.value {
            crate::yaml::Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn place(&self) -> Option<Position> {
        Some(Node::place(self))
    }

    fn key_place(&self, n: usize) -> Option<Position> {
        self.entries().get(n).map(|e| e.key_span.position)
    }
}

/// A step from the root to a leaf.
#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// The way as a path that can be shown: a key may hold a credential, too.
pub(super) fn path(trail: &[Step<'_>]) -> Path {
    trail.iter().fold(Path::root(), |path, step| match step {
        Step::Key(key) => path.key(formats::redact(key).as_ref()),
        Step::Index(index) => path.index(*index),
    })
}

/// What the place of a scalar says about it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Nothing; it may hold a credential.
    Open,
    /// It is part of a reference to a secret.
    Reference,
    /// It is a secret.
    Secret,
}

/// A text or number in a tree.
pub(super) struct Leaf<'a, T> {
    pub node: &'a T,
    pub text: Cow<'a, str>,
    pub class: Class,
}

/// What surrounds a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context<'a> {
    Open,
    /// Below a sensitive key.
    Secret,
    /// A value beside this sensitive name of it.
    Named(&'a str),
    /// In a list of hints which secrets are needed.
    Hints,
    /// In the list of keys of such a hint.
    HintKeys,
}

/// Visits every text and number of a tree in order, with the way to it.
pub(super) fn walk<'a, T: Tree>(root: &'a T, visit: &mut impl FnMut(&[Step<'a>], Leaf<'a, T>)) {
    step(root, Context::Open, &mut Vec::new(), visit);
}

fn step<'a, T: Tree>(
    node: &'a T,
    context: Context<'a>,
    trail: &mut Vec<Step<'a>>,
    visit: &mut impl FnMut(&[Step<'a>], Leaf<'a, T>),
) {
    if let Some(items) = node.elements() {
        let mut previous = None;
        for (index, item) in items.iter().enumerate() {
            trail.push(Step::Index(index));
            let context = match previous.and_then(flag) {
                Some(flag) if context == Context::Open && item.scalar().is_some() => {
                    Context::Named(flag)
                }
                _ => context,
            };
            step(item, context, trail, visit);
            trail.pop();
            previous = Some(item);
        }
    } else if let Some(members) = node.members() {
        let reference = is_reference(members.clone());
        let named = named_secret(members.clone());
        for (key, value) in members {
            trail.push(Step::Key(key));
            match value.scalar() {
                Some(text) if reference => visit(
                    trail,
                    Leaf {
                        node: value,
                        text,
                        class: Class::Reference,
                    },
                ),
                _ => step(value, below(context, key, value, named), trail, visit),
            }
            trail.pop();
        }
    } else if let Some(text) = node.scalar() {
        let class = match context {
            Context::Open | Context::HintKeys => Class::Open,
            // What an example writes is worth reading.
            Context::Named(name) if is_usage(&text, name) => Class::Open,
            Context::Secret | Context::Named(_) | Context::Hints => Class::Secret,
        };
        visit(trail, Leaf { node, text, class });
    }
}

/// The context of a map's member.
fn below<'a, T: Tree>(
    context: Context<'a>,
    key: &str,
    value: &T,
    named: Option<&'a str>,
) -> Context<'a> {
    const HINTS: [&str; 8] = [
        "name",
        "description",
        "keys",
        "key",
        "envVarName",
        "required",
        "mountAsFile",
        "mountPath",
    ];
    let is_list = value.elements().is_some();
    match context {
        Context::Secret | Context::Named(_) if key == "metadataType" && value.text().is_some() => {
            Context::Open
        }
        Context::Secret | Context::Named(_) if describes(key, value) => Context::Open,
        Context::Secret | Context::Named(_) => Context::Secret,
        Context::Hints | Context::HintKeys if key == "keys" && is_list => Context::HintKeys,
        Context::Hints | Context::HintKeys if HINTS.contains(&key) && value.scalar().is_some() => {
            Context::Open
        }
        Context::Hints | Context::HintKeys => Context::Secret,
        // `get_token: {name: get_token, …}` is a thing of that name. Its own name decides what is
        // secret in it.
        Context::Open if is_sensitive(key) && is_named(value, key) => Context::Open,
        Context::Open if is_sensitive(key) => {
            if is_list && key.eq_ignore_ascii_case("secrets") {
                Context::Hints
            } else {
                Context::Secret
            }
        }
        Context::Open => match named {
            Some(name) if is_value_key(key) => Context::Named(name),
            _ => Context::Open,
        },
    }
}

/// Whether a map says that its name is this.
fn is_named<T: Tree>(map: &T, name: &str) -> bool {
    let mut members = map.members().into_iter().flatten();
    members.any(|(key, value)| key == "name" && value.text() == Some(name))
}

/// Whether this member says what a secret is like, as a schema does: `password: {type: string,
/// description: The password}`.
fn describes<T: Tree>(key: &str, value: &T) -> bool {
    // Types and formats are plain words; what is described takes more than one.
    const LONGEST_WORD: usize = 16;
    let is_word = |text: &str| {
        text.len() <= LONGEST_WORD && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
    };
    match (key, value.text()) {
        ("description" | "title", Some(text)) => text.trim().contains(' '),
        ("type" | "format", Some(text)) => is_word(text),
        ("minLength" | "maxLength", None) => value.scalar().is_some(),
        _ => false,
    }
}

/// A key that is shown redacted must not mean less than it did.
fn is_sensitive(key: &str) -> bool {
    is_sensitive_key(key)
        || match formats::redact(key) {
            Cow::Borrowed(_) => false,
            Cow::Owned(shown) => is_sensitive_key(&shown),
        }
}

/// A reference to a secret: `{name, key, namespace?}` and nothing else.
fn is_reference<'a, T: Tree + 'a>(members: impl Iterator<Item = (&'a str, &'a T)> + Clone) -> bool {
    let text = |wanted: &str| {
        members
            .clone()
            .any(|(k, v)| k == wanted && v.text().is_some_and(|s| !s.is_empty()))
    };
    match members.clone().take(4).count() {
        2 => text("name") && text("key"),
        3 => text("name") && text("key") && text("namespace"),
        _ => false,
    }
}

/// The name, when a map describes a secret by name: `{name: DB_PASSWORD, value: …}`.
fn named_secret<'a, T: Tree + 'a>(
    members: impl Iterator<Item = (&'a str, &'a T)>,
) -> Option<&'a str> {
    members
        .filter(|(key, _)| is_name_key(key))
        .filter_map(|(_, value)| value.text())
        .find(|name| is_secret_name(name))
}

/// Whether a value is the name of a secret.
fn is_secret_name(value: &str) -> bool {
    value.len() <= LONGEST_NAME && is_sensitive(value)
}

/// The flag, when a list item is one whose value is the next item: `[--token, …]`.
fn flag<T: Tree>(item: &T) -> Option<&str> {
    item.text().filter(|text| is_flag(text))
}

/// `--token`, whose value comes next.
pub(super) fn is_flag(text: &str) -> bool {
    text.strip_prefix('-')
        .is_some_and(|name| is_secret_name(name) && !name.contains(['=', ' ']))
}

/// The member that says what the value beside it is.
pub(super) fn is_name_key(key: &str) -> bool {
    matches!(key, "name" | "key")
}

/// The members that hold what the name beside them names.
pub(super) fn is_value_key(key: &str) -> bool {
    matches!(
        key,
        "value"
            | "values"
            | "default"
            | "defaultValue"
            | "default_value"
            | "example"
            | "examples"
            | "string_value"
            | "stringValue"
    )
}
