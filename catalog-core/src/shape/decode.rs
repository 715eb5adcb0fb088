//! From a checked tree to JSON.

use serde_json::{Map, Value as Json};

use super::types::{Object, Shape, Tagged, Text, Untagged};
use crate::yaml::{Node, Value};

/// The value as JSON with the declared names: aliases are resolved, words are in the spelling of
/// their list, a missing tag is filled in; unknown and ignored fields and nulls are left out.
///
/// Meant for a tree that [`check`](super::check) found no error in; of any other tree, the parts
/// that do not fit are left out. `None`: nothing fits.
///
/// ```
/// use catalog_core::shape::{self, Field, Object, Shape, Text};
/// use catalog_core::yaml::{self, Limits};
/// use serde_json::json;
///
/// const WORD: Shape = Shape::Text(Text::new());
/// static VARIABLE: Object = Object::new(&[
///     Field::new("name", WORD).required(),
///     Field::new("defaultValue", WORD).aliases(&["default"]),
/// ]);
/// let document = yaml::parse("{default: 8080, name: PORT, type: ~}", &Limits::default())?;
/// assert_eq!(
///     shape::decode(&document.root, &Shape::Object(&VARIABLE)),
///     Some(json!({"name": "PORT", "defaultValue": "8080"})),
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode(node: &Node, shape: &Shape) -> Option<Json> {
    if node.is_null() {
        return matches!(shape, Shape::Any).then_some(Json::Null);
    }
    let is_map = matches!(node.value, Value::Map(..));
    match shape {
        Shape::Any => Some(node.to_json()),
        Shape::Bool => node.as_bool().map(Json::Bool),
        Shape::Number => {
            matches!(node.value, Value::Int(_) | Value::Float(_)).then(|| node.to_json())
        }
        Shape::Scalar => (!node.is_collection()).then(|| node.to_json()),
        Shape::Text(text) => node.as_text().map(|t| text.canonical(t).into()),
        Shape::Int(_) => node.as_int().map(Json::from),
        Shape::List(item) => match &node.value {
            Value::List(_, items) => Some(items.iter().filter_map(|n| decode(n, item)).collect()),
            _ => None,
        },
        Shape::Map(item) => is_map.then(|| {
            node.entries()
                .iter()
                .filter(|e| !e.value.is_null())
                .filter_map(|e| Some((e.key.to_string(), decode(&e.value, item)?)))
                .collect()
        }),
        Shape::Object(object) => is_map.then(|| Json::Object(object.decode(node))),
        Shape::Tagged(tagged) if is_map => tagged.decode(node),
        Shape::Tagged(_) => None,
        Shape::ScalarOr(_) if !node.is_collection() => Some(node.to_json()),
        Shape::ScalarOr(other) => decode(node, other),
    }
}

impl Text {
    /// The value as the list spells it, when it is on the list.
    pub(super) fn listed(&self, value: &str) -> Option<&'static str> {
        self.one_of.iter().copied().find(|word| {
            if self.ignore_case {
                word.eq_ignore_ascii_case(value)
            } else {
                *word == value
            }
        })
    }

    fn canonical<'a>(&self, value: &'a str) -> &'a str {
        self.listed(value).unwrap_or(value)
    }
}

impl Object {
    fn decode(&self, node: &Node) -> Map<String, Json> {
        let mut out = Map::new();
        for field in self.fields.iter().filter(|f| !f.ignored) {
            let given = node
                .entries()
                .iter()
                .find(|e| !e.value.is_null() && field.answers_to(&e.key));
            if let Some(value) = given.and_then(|e| decode(&e.value, &field.shape)) {
                out.insert(field.name.to_owned(), value);
            }
        }
        if self.open {
            let others = node
                .entries()
                .iter()
                .filter(|e| self.field(&e.key).is_none());
            out.extend(others.map(|e| (e.key.to_string(), e.value.to_json())));
        }
        out
    }
}

impl Tagged {
    pub(super) fn words(&self) -> Vec<&'static str> {
        self.variants.iter().map(|(word, _)| *word).collect()
    }

    pub(super) fn variant(&self, word: &str) -> Option<(&'static str, &'static Object)> {
        self.variants
            .iter()
            .find(|(name, _)| *name == word)
            .map(|(name, object)| (*name, object))
    }

    /// The variant of a mapping without the tag.
    pub(super) fn of_untagged(&self, node: &Node) -> Option<(&'static str, &'static Object)> {
        match self.untagged {
            Untagged::Error => None,
            Untagged::Assume(word) => self.variant(word),
            Untagged::Infer => self
                .variants
                .iter()
                .find(|(_, object)| {
                    let mut entries = node.entries().iter().filter(|e| &*e.key != self.tag);
                    let complete = object
                        .fields
                        .iter()
                        .all(|f| !f.required || node.get(f.name).is_some());
                    complete && entries.all(|e| object.field(&e.key).is_some())
                })
                .map(|(name, object)| (*name, object)),
        }
    }

    fn decode(&self, node: &Node) -> Option<Json> {
        let tag = node.get(self.tag).filter(|n| !n.is_null());
        let (word, object) = match tag {
            Some(tag) => self.variant(tag.as_text()?)?,
            None => self.of_untagged(node)?,
        };
        let mut out = object.decode(node);
        out.insert(self.tag.to_owned(), word.into());
        Some(Json::Object(out))
    }
}
