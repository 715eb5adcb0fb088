//! References to secrets that are kept elsewhere.

use std::fmt;

use serde_json::{Map, Value};

/// `{name, key, namespace?}`: stands in the place of a value that is kept elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretRef {
    /// The secret's name.
    pub name: String,
    /// Where the secret lives, when the resolver knows namespaces.
    pub namespace: Option<String>,
    /// The key within the secret.
    pub key: String,
}

impl SecretRef {
    /// Reads a reference: an object of non-empty texts `name` and `key`, perhaps `namespace`, and
    /// nothing else. Anything else is an ordinary value.
    pub fn of(value: &Value) -> Option<Self> {
        let map: &Map<String, Value> = value.as_object()?;
        let text = |k: &str| map.get(k).and_then(Value::as_str).filter(|s| !s.is_empty());
        let (name, key) = (text("name")?, text("key")?);
        let namespace = text("namespace");
        let expected = 2 + usize::from(namespace.is_some());
        (map.len() == expected).then(|| Self {
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
            key: key.to_owned(),
        })
    }

    /// Every reference in a tree.
    pub fn all_in(value: &Value) -> Vec<Self> {
        fn walk(value: &Value, out: &mut Vec<SecretRef>) {
            if let Some(found) = SecretRef::of(value) {
                out.push(found);
                return;
            }
            match value {
                Value::Object(map) => map.values().for_each(|v| walk(v, out)),
                Value::Array(items) => items.iter().for_each(|v| walk(v, out)),
                _ => {}
            }
        }
        let mut out = Vec::new();
        walk(value, &mut out);
        out
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        write!(f, "{}[{}]", self.name, self.key)
    }
}
