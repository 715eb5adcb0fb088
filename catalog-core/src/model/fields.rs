//! What readers filter and sort by.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// A typed value that readers filter and sort by.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum FieldValue {
    /// A text.
    Text(Arc<str>),
    /// A whole or fractional number.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// Several texts; a filter matches when one of them does.
    TextList(Arc<[Arc<str>]>),
}

impl FieldValue {
    /// The value, as [`Fields::get`] gives it.
    pub fn as_ref(&self) -> FieldRef<'_> {
        match self {
            Self::Text(text) => FieldRef::Text(text),
            Self::Number(number) => FieldRef::Number(*number),
            Self::Bool(value) => FieldRef::Bool(*value),
            Self::TextList(items) => FieldRef::TextList(items),
        }
    }
}

/// A [`FieldValue`] where it is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum FieldRef<'a> {
    /// A text.
    Text(&'a str),
    /// A whole or fractional number.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// Several texts.
    TextList(&'a [Arc<str>]),
}

/// The typed fields of an entity, by name. There are many of these in memory: values of a kind lie
/// together, and entities with the same fields share the rest, see [`Pool`].
///
/// ```
/// use catalog_core::model::{FieldRef, FieldValue, Fields};
/// let fields = Fields::from([("version".into(), FieldValue::Number(2.0))]);
/// assert_eq!(fields.get("version"), Some(FieldRef::Number(2.0)));
/// assert_eq!(fields.get("name"), None);
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Fields {
    shape: Arc<Shape>,
    texts: Box<[Arc<str>]>,
    /// `true` is 1.
    numbers: Box<[f64]>,
    lists: Option<Box<Lists>>,
}

type Lists = Vec<Arc<[Arc<str>]>>;

/// The fields by name, with the place of the value among those of its kind.
type Shape = Vec<(Arc<str>, Slot)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Slot {
    Text(usize),
    Number(usize),
    Bool(usize),
    List(usize),
}

impl Fields {
    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<FieldRef<'_>> {
        let by_name = |(other, _): &(Arc<str>, Slot)| (**other).cmp(name);
        let at = self.shape.binary_search_by(by_name).ok()?;
        self.value(self.shape[at].1)
    }

    fn value(&self, slot: Slot) -> Option<FieldRef<'_>> {
        Some(match slot {
            Slot::Text(at) => FieldRef::Text(self.texts.get(at)?),
            Slot::Number(at) => FieldRef::Number(*self.numbers.get(at)?),
            Slot::Bool(at) => FieldRef::Bool(*self.numbers.get(at)? == 1.0),
            Slot::List(at) => FieldRef::TextList(self.lists.as_ref()?.get(at)?),
        })
    }

    /// The fields, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, FieldRef<'_>)> {
        let fields = self.shape.iter();
        fields.filter_map(|(name, slot)| Some((&**name, self.value(*slot)?)))
    }

    /// Puts other texts in place of those for which `other` has one, those in lists included.
    pub fn replace_texts(&mut self, other: impl Fn(&str) -> Option<Arc<str>>) {
        let replace = |text: &mut Arc<str>| {
            if let Some(new) = other(text) {
                *text = new;
            }
        };
        self.texts.iter_mut().for_each(replace);
        for list in self.lists.iter_mut().flat_map(|lists| lists.iter_mut()) {
            if list.iter().any(|text| other(text).is_some()) {
                Arc::make_mut(list).iter_mut().for_each(replace);
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.shape.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.shape.is_empty()
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl From<BTreeMap<Arc<str>, FieldValue>> for Fields {
    fn from(fields: BTreeMap<Arc<str>, FieldValue>) -> Self {
        // With exactly the room that they need: an allocator may leave a block as large as it is.
        let mut counts = (0, 0, 0);
        for value in fields.values() {
            *match value {
                FieldValue::Text(_) => &mut counts.0,
                FieldValue::Number(_) | FieldValue::Bool(_) => &mut counts.1,
                FieldValue::TextList(_) => &mut counts.2,
            } += 1;
        }
        let mut texts = Vec::with_capacity(counts.0);
        let mut numbers = Vec::with_capacity(counts.1);
        let mut lists = Vec::with_capacity(counts.2);
        let mut slot = |value| match value {
            FieldValue::Text(text) => {
                texts.push(text);
                Slot::Text(texts.len() - 1)
            }
            FieldValue::Number(number) => {
                numbers.push(number);
                Slot::Number(numbers.len() - 1)
            }
            FieldValue::Bool(value) => {
                numbers.push(f64::from(u8::from(value)));
                Slot::Bool(numbers.len() - 1)
            }
            FieldValue::TextList(items) => {
                lists.push(items);
                Slot::List(lists.len() - 1)
            }
        };
        let shape = fields.into_iter();
        let shape: Shape = shape.map(|(name, value)| (name, slot(value))).collect();
        Self {
            shape: Arc::new(shape),
            texts: texts.into(),
            numbers: numbers.into(),
            lists: (!lists.is_empty()).then(|| Box::new(lists)),
        }
    }
}

impl<const N: usize> From<[(Arc<str>, FieldValue); N]> for Fields {
    fn from(fields: [(Arc<str>, FieldValue); N]) -> Self {
        BTreeMap::from(fields).into()
    }
}

/// Texts that many entities of a source have in common, each kept once. Made for one load and
/// dropped after it.
#[derive(Default)]
pub struct Pool {
    texts: HashSet<Arc<str>>,
    shapes: HashSet<Arc<Shape>>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({} texts)", self.texts.len())
    }
}

impl Pool {
    /// The text, shared with everybody who asked for the same one.
    pub fn text(&mut self, text: &str) -> Arc<str> {
        match self.texts.get(text) {
            Some(known) => known.clone(),
            None => {
                let new: Arc<str> = text.into();
                self.texts.insert(new.clone());
                new
            }
        }
    }

    /// The fields, what is not their values shared with everybody who has the same ones.
    pub fn fields(&mut self, fields: BTreeMap<Arc<str>, FieldValue>) -> Fields {
        let mut fields = Fields::from(fields);
        match self.shapes.get(&fields.shape) {
            Some(known) => fields.shape = known.clone(),
            None => {
                self.shapes.insert(fields.shape.clone());
            }
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_entities_have_in_common_is_kept_once() {
        let mut pool = Pool::default();
        let mut fields = |n: f64| {
            let (a, b) = (pool.text("a"), pool.text("b"));
            pool.fields(BTreeMap::from([
                (b, FieldValue::Number(n)),
                (a, FieldValue::Bool(true)),
            ]))
        };
        let (one, two) = (fields(1.0), fields(2.0));
        assert!(Arc::ptr_eq(&one.shape, &two.shape));
        assert_ne!(one, two);
        assert_eq!(two.get("b"), Some(FieldRef::Number(2.0)));
        let names: Vec<_> = two.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(Arc::ptr_eq(&pool.text("x"), &pool.text("x")));
    }

    #[test]
    fn every_value_comes_back_as_it_was_and_only_texts_are_replaced() {
        let list = |items: &[&str]| {
            let items = items.iter().map(|item| Arc::from(*item));
            FieldValue::TextList(items.collect())
        };
        let all = BTreeMap::from([
            ("number".into(), FieldValue::Number(1.0)),
            ("text".into(), FieldValue::Text("secret".into())),
            ("yes".into(), FieldValue::Bool(true)),
            ("no".into(), FieldValue::Bool(false)),
            ("list".into(), list(&["plain", "secret"])),
            ("other".into(), list(&["plain"])),
            ("empty".into(), list(&[])),
        ]);
        let mut fields = Fields::from(all.clone());
        let found = fields.iter().map(|(name, value)| (name.to_owned(), value));
        let given = all
            .iter()
            .map(|(name, value)| (name.to_string(), value.as_ref()));
        assert!(found.eq(given));
        let (before, other) = (fields.clone(), fields.get("other").map(pointer));
        fields.replace_texts(|text| (text == "secret").then(|| "***".into()));
        assert_eq!(fields.get("text"), Some(FieldRef::Text("***")));
        assert_eq!(fields.get("list"), Some(list(&["plain", "***"]).as_ref()));
        assert_eq!(fields.get("other").map(pointer), other, "not copied");
        for name in ["number", "yes", "no", "other", "empty"] {
            assert_eq!(fields.get(name), before.get(name), "{name}");
        }
        assert_eq!(before.get("text"), Some(FieldRef::Text("secret")));
    }

    fn pointer(value: FieldRef<'_>) -> *const Arc<str> {
        match value {
            FieldRef::TextList(items) => items.as_ptr(),
            other => panic!("no list: {other:?}"),
        }
    }
}
