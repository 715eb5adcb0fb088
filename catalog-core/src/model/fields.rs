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

/// The typed fields of an entity, by name. Entities with the same fields share the names: see
/// [`Pool`].
///
/// ```
/// use catalog_core::model::{FieldValue, Fields};
/// let fields = Fields::from([("version".into(), FieldValue::Number(2.0))]);
/// assert_eq!(fields.get("version"), Some(&FieldValue::Number(2.0)));
/// assert_eq!(fields.get("name"), None);
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Fields {
    /// In order.
    names: Arc<[Arc<str>]>,
    /// One for each name.
    values: Box<[FieldValue]>,
}

impl Fields {
    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&FieldValue> {
        let at = self.names.binary_search_by(|n| (**n).cmp(name)).ok()?;
        self.values.get(at)
    }

    /// The fields, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &FieldValue)> {
        self.names.iter().map(|n| &**n).zip(&self.values)
    }

    /// The values, to change them in place.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut FieldValue> {
        self.values.iter_mut()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl From<BTreeMap<Arc<str>, FieldValue>> for Fields {
    fn from(fields: BTreeMap<Arc<str>, FieldValue>) -> Self {
        let (names, values): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
        Self {
            names: names.into(),
            values: values.into(),
        }
    }
}

impl<const N: usize> From<[(Arc<str>, FieldValue); N]> for Fields {
    fn from(fields: [(Arc<str>, FieldValue); N]) -> Self {
        BTreeMap::from(fields).into()
    }
}

impl std::ops::Index<&str> for Fields {
    type Output = FieldValue;

    /// # Panics
    /// When there is no field of this name.
    fn index(&self, name: &str) -> &FieldValue {
        self.get(name).expect("a field of this name")
    }
}

/// Texts that many entities of a source have in common, each kept once. Made for one load and
/// dropped after it.
#[derive(Default)]
pub struct Pool {
    texts: HashSet<Arc<str>>,
    names: HashSet<Arc<[Arc<str>]>>,
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

    /// The fields, their names shared with everybody who has the same ones.
    pub fn fields(&mut self, fields: BTreeMap<Arc<str>, FieldValue>) -> Fields {
        let mut fields = Fields::from(fields);
        match self.names.get(&fields.names) {
            Some(known) => fields.names = known.clone(),
            None => {
                self.names.insert(fields.names.clone());
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
        assert!(Arc::ptr_eq(&one.names, &two.names));
        assert_ne!(one, two);
        assert_eq!(two["b"], FieldValue::Number(2.0));
        let names: Vec<_> = two.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(Arc::ptr_eq(&pool.text("x"), &pool.text("x")));
    }
}
