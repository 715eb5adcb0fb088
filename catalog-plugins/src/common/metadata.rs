//! Custom properties: typed values beside the fields of an asset type.

use catalog_core::shape::{Field, Format, Object, Shape, Tagged, Text, Untagged};
use serde_json::json;

use super::words::TEXT;

/// A whole number in a text; a plain number is taken as written.
const INT_TEXT: Shape = Shape::Text(Text::new().format(Format::Where(
    "a whole number, such as \"42\"",
    is_whole_number,
)));

const VALUE: Tagged = Tagged::new(
    "metadataType",
    &[
        (
            "MetadataStringValue",
            Object::new(&[Field::new("string_value", TEXT).required()]),
        ),
        (
            "MetadataIntValue",
            Object::new(&[Field::new("int_value", INT_TEXT).required()]),
        ),
        (
            "MetadataDoubleValue",
            Object::new(&[Field::new("double_value", Shape::Number).required()]),
        ),
        (
            "MetadataBoolValue",
            Object::new(&[Field::new("bool_value", Shape::Bool).required()]),
        ),
        (
            "MetadataStructValue",
            Object::new(&[Field::new("struct_value", TEXT).required()]),
        ),
        (
            "MetadataProtoValue",
            Object::new(&[
                Field::new("type", TEXT).required(),
                Field::new("proto_value", TEXT).required(),
            ]),
        ),
    ],
)
.untagged(Untagged::Infer);

/// A mapping of typed values.
pub(crate) const PROPERTIES: Shape = Shape::Map(&Shape::Tagged(&VALUE));

/// A mapping of typed or plain values.
pub(crate) const LOOSE_PROPERTIES: Shape = Shape::Map(&Shape::ScalarOr(&Shape::Tagged(&VALUE)));

fn is_whole_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits == "0" || !digits.starts_with('0');
    plain && digits.bytes().all(|b| b.is_ascii_digit()) && text.parse::<i64>().is_ok()
}

/// A plain value as a typed one, so that readers see one shape; a typed one stays.
pub(crate) fn typed(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Json::String(s) => json!({"metadataType": "MetadataStringValue", "string_value": s}),
        Json::Bool(b) => json!({"metadataType": "MetadataBoolValue", "bool_value": b}),
        Json::Number(n) if n.is_i64() => {
            json!({"metadataType": "MetadataIntValue", "int_value": n.to_string()})
        }
        Json::Number(n) => json!({"metadataType": "MetadataDoubleValue", "double_value": n}),
        other => other,
    }
}
