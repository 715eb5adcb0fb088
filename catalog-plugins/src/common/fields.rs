//! What readers filter and sort by.

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog_core::model::{FieldValue, Fields, Pool};
use serde_json::{Map, Value as Json};

/// Members that are numbers in a text.
const NUMBERS_IN_TEXT: [&str; 2] = ["createTimeSinceEpoch", "lastUpdateTimeSinceEpoch"];

/// Collects typed fields from an entity's JSON. The first value of a name stays: the fields of the
/// asset type come before custom properties that happen to have the same name.
pub(crate) struct Collector<'a> {
    json: &'a Map<String, Json>,
    pool: &'a mut Pool,
    fields: BTreeMap<Arc<str>, FieldValue>,
}

impl<'a> Collector<'a> {
    /// Every scalar and every list of texts at the top, but for the id, which an entity has beside its fields.
    pub(crate) fn new(json: &'a Map<String, Json>, pool: &'a mut Pool) -> Self {
        let fields = BTreeMap::new();
        let mut new = Self { json, pool, fields };
        for (name, value) in json.iter().filter(|(name, _)| *name != "id") {
            let value = match value {
                Json::String(text) if NUMBERS_IN_TEXT.contains(&name.as_str()) => {
                    text.parse().ok().map(FieldValue::Number)
                }
                other => new.plain(other),
            };
            new.put(name, value);
        }
        new
    }

    fn put(&mut self, name: &str, value: Option<FieldValue>) {
        if let Some(value) = value {
            let name = self.pool.text(name);
            self.fields.entry(name).or_insert(value);
        }
    }

    /// Adds a text, unless there is a field of that name.
    pub(crate) fn put_text(&mut self, name: &str, text: &str) {
        let value = FieldValue::Text(self.pool.text(text));
        self.put(name, Some(value));
    }

    /// Adds the value of `name` under a second name that readers know.
    pub(crate) fn also_as(&mut self, name: &str, other: &str) {
        let value = self.fields.get(name).cloned();
        self.put(other, value);
    }

    /// Adds the members of the member `parent`, both as `member` and as `parent.member`.
    pub(crate) fn members_of(&mut self, parent: &str) {
        let members = self.json.get(parent).and_then(Json::as_object);
        for (name, value) in members.into_iter().flatten() {
            let value = self.plain(value);
            self.put(name, value.clone());
            self.put(&format!("{parent}.{name}"), value);
        }
    }

    /// Adds the custom properties, and ends the collection.
    pub(crate) fn with_properties(mut self) -> Fields {
        let properties = self.json.get("customProperties").and_then(Json::as_object);
        for (name, value) in properties.into_iter().flatten() {
            let value = self.property(value);
            self.put(name, value);
        }
        self.pool.fields(self.fields)
    }

    fn texts(&mut self, items: &[Json]) -> Option<FieldValue> {
        let items = items.iter().map(|i| Some(self.pool.text(i.as_str()?)));
        let items: Option<Vec<Arc<str>>> = items.collect();
        Some(FieldValue::TextList(items?.into()))
    }

    fn plain(&mut self, value: &Json) -> Option<FieldValue> {
        match value {
            Json::String(text) => Some(FieldValue::Text(self.pool.text(text))),
            Json::Number(value) => value.as_f64().map(FieldValue::Number),
            Json::Bool(value) => Some(FieldValue::Bool(*value)),
            Json::Array(items) => self.texts(items),
            _ => None,
        }
    }

    /// The value of a typed custom property. A text that is a JSON list of texts is a list: that is
    /// how lists are written there.
    fn property(&mut self, value: &Json) -> Option<FieldValue> {
        let member = |name: &str| value.get(name);
        if let Some(value) = member("string_value").and_then(Json::as_str) {
            let list = value
                .starts_with('[')
                .then(|| serde_json::from_str::<Vec<Json>>(value).ok())
                .flatten();
            return list
                .and_then(|list| self.texts(&list))
                .or_else(|| Some(FieldValue::Text(self.pool.text(value))));
        }
        if let Some(value) = member("int_value").and_then(Json::as_str) {
            return value.parse().ok().map(FieldValue::Number);
        }
        let value = member("double_value").or_else(|| member("bool_value"))?;
        self.plain(value)
    }
}

#[cfg(test)]
mod tests {
    use super::Collector;
    use catalog_core::model::{FieldValue, Pool};
    use serde_json::json;

    #[test]
    fn custom_properties_are_typed_and_do_not_hide_fields() {
        let json = json!({
            "name": "a",
            "createTimeSinceEpoch": "1700000000000",
            "customProperties": {
                "name": {"metadataType": "MetadataStringValue", "string_value": "other"},
                "arch": {"metadataType": "MetadataStringValue", "string_value": "[\"amd64\",\"arm64\"]"},
                "note": {"metadataType": "MetadataStringValue", "string_value": "[sic]"},
                "gpus": {"metadataType": "MetadataIntValue", "int_value": "8"},
                "score": {"metadataType": "MetadataDoubleValue", "double_value": 0.5},
                "gated": {"metadataType": "MetadataBoolValue", "bool_value": true},
            }
        });
        let mut pool = Pool::default();
        let fields = Collector::new(json.as_object().unwrap(), &mut pool).with_properties();
        assert_eq!(
            fields.get("name"),
            Some(FieldValue::Text("a".into()).as_ref())
        );
        assert_eq!(
            fields.get("createTimeSinceEpoch"),
            Some(FieldValue::Number(1.7e12).as_ref())
        );
        let list = ["amd64".into(), "arm64".into()];
        assert_eq!(
            fields.get("arch"),
            Some(FieldValue::TextList(list.into()).as_ref())
        );
        assert_eq!(
            fields.get("note"),
            Some(FieldValue::Text("[sic]".into()).as_ref())
        );
        assert_eq!(fields.get("gpus"), Some(FieldValue::Number(8.0).as_ref()));
        assert_eq!(fields.get("score"), Some(FieldValue::Number(0.5).as_ref()));
        assert_eq!(fields.get("gated"), Some(FieldValue::Bool(true).as_ref()));
    }
}
