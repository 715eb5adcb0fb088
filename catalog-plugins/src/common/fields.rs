//! What readers filter and sort by.

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog_core::model::FieldValue;
use serde_json::{Map, Value as Json};

/// Members that are numbers in a text.
const NUMBERS_IN_TEXT: [&str; 2] = ["createTimeSinceEpoch", "lastUpdateTimeSinceEpoch"];

/// Collects typed fields from an entity's JSON. The first value of a name stays: the fields of the
/// asset type come before custom properties that happen to have the same name.
pub(crate) struct Fields(BTreeMap<Arc<str>, FieldValue>);

impl Fields {
    /// Every scalar and every list of texts at the top.
    pub(crate) fn of(json: &Map<String, Json>) -> Self {
        let mut fields = Self(BTreeMap::new());
        for (name, value) in json {
            let value = match value {
                Json::String(text) if NUMBERS_IN_TEXT.contains(&name.as_str()) => {
                    text.parse().ok().map(FieldValue::Number)
                }
                other => plain(other),
            };
            fields.put(name, value);
        }
        fields
    }

    /// Adds a field, unless there is one of that name.
    pub(crate) fn put(&mut self, name: &str, value: Option<FieldValue>) {
        if let Some(value) = value {
            self.0.entry(name.into()).or_insert(value);
        }
    }

    /// Adds the value of `name` under a second name that readers know.
    pub(crate) fn also_as(&mut self, name: &str, other: &str) {
        let value = self.0.get(name).cloned();
        self.put(other, value);
    }

    /// Adds the members of `json[parent]`, both as `member` and as `parent.member`.
    pub(crate) fn members_of(&mut self, json: &Map<String, Json>, parent: &str) {
        for (name, value) in json
            .get(parent)
            .and_then(Json::as_object)
            .into_iter()
            .flatten()
        {
            self.put(name, plain(value));
            self.put(&format!("{parent}.{name}"), plain(value));
        }
    }

    /// Adds the custom properties, and ends the collection.
    pub(crate) fn with_properties(
        mut self,
        json: &Map<String, Json>,
    ) -> BTreeMap<Arc<str>, FieldValue> {
        let properties = json.get("customProperties").and_then(Json::as_object);
        for (name, value) in properties.into_iter().flatten() {
            self.put(name, property(value));
        }
        self.0
    }
}

fn text(text: &str) -> FieldValue {
    FieldValue::Text(text.into())
}

fn texts(items: &[Json]) -> Option<FieldValue> {
    let items: Option<Vec<Arc<str>>> = items.iter().map(|i| i.as_str().map(Arc::from)).collect();
    Some(FieldValue::TextList(items?.into()))
}

fn plain(value: &Json) -> Option<FieldValue> {
    match value {
        Json::String(value) => Some(text(value)),
        Json::Number(value) => value.as_f64().map(FieldValue::Number),
        Json::Bool(value) => Some(FieldValue::Bool(*value)),
        Json::Array(items) => texts(items),
        _ => None,
    }
}

/// The value of a typed custom property. A text that is a JSON list of texts is a list: that is how
/// lists are written there.
fn property(value: &Json) -> Option<FieldValue> {
    let member = |name: &str| value.get(name);
    if let Some(value) = member("string_value").and_then(Json::as_str) {
        let list = value
            .starts_with('[')
            .then(|| serde_json::from_str::<Vec<Json>>(value).ok())
            .flatten();
        return list.and_then(|l| texts(&l)).or_else(|| Some(text(value)));
    }
    if let Some(value) = member("int_value").and_then(Json::as_str) {
        return value.parse().ok().map(FieldValue::Number);
    }
    member("double_value")
        .or_else(|| member("bool_value"))
        .and_then(plain)
}

#[cfg(test)]
mod tests {
    use super::Fields;
    use catalog_core::model::FieldValue;
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
        let map = json.as_object().unwrap();
        let fields = Fields::of(map).with_properties(map);
        assert_eq!(fields["name"], FieldValue::Text("a".into()));
        assert_eq!(fields["createTimeSinceEpoch"], FieldValue::Number(1.7e12));
        let list = ["amd64".into(), "arm64".into()];
        assert_eq!(fields["arch"], FieldValue::TextList(list.into()));
        assert_eq!(fields["note"], FieldValue::Text("[sic]".into()));
        assert_eq!(fields["gpus"], FieldValue::Number(8.0));
        assert_eq!(fields["score"], FieldValue::Number(0.5));
        assert_eq!(fields["gated"], FieldValue::Bool(true));
    }
}
