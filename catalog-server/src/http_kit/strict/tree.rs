//! JSON text to a tree of values, with a note of every member that is there twice.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// What a text says, and where it says something twice.
pub(super) struct Tree {
    /// The values; of a member that is there twice, the first.
    pub(super) value: Value,
    /// Pointers to the members that are there more than once.
    pub(super) duplicates: Vec<String>,
}

/// Where a text stops being JSON, both from 1.
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Reads one JSON text and nothing after it.
pub(super) fn parse(bytes: &[u8]) -> Result<Tree, Place> {
    let mut duplicates = Vec::new();
    let mut text = serde_json::Deserializer::from_slice(bytes);
    let node = Node {
        at: &mut String::new(),
        duplicates: &mut duplicates,
    };
    let parsed = node.deserialize(&mut text);
    match parsed.and_then(|value| text.end().map(|()| value)) {
        Ok(value) => Ok(Tree { value, duplicates }),
        Err(error) => Err(Place {
            line: error.line(),
            column: error.column(),
        }),
    }
}

/// Appends one step to an RFC 6901 pointer.
pub(super) fn push(pointer: &mut String, step: &str) {
    pointer.push('/');
    for char in step.chars() {
        match char {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            char => pointer.push(char),
        }
    }
}

/// One value to be read, with the way to it.
struct Node<'a> {
    at: &'a mut String,
    duplicates: &'a mut Vec<String>,
}

impl Node<'_> {
    /// The same place, for as long as one step further down is read.
    fn reborrow(&mut self) -> Node<'_> {
        Node {
            at: self.at,
            duplicates: self.duplicates,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let here = self.at.len();
        let mut list = Vec::new();
        loop {
            push(self.at, &list.len().to_string());
            let item = items.next_element_seed(self.reborrow())?;
            self.at.truncate(here);
            match item {
                Some(item) => list.push(item),
                None => break,
            }
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        let here = self.at.len();
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            push(self.at, &name);
            let value = members.next_value_seed(self.reborrow())?;
            if map.contains_key(&name) {
                self.duplicates.push(self.at.clone());
            } else {
                map.insert(name, value);
            }
            self.at.truncate(here);
        }
        Ok(Value::Object(map))
    }
}
