//! Compares a tree of values with an OpenAPI schema and names everything that differs.

use catalog_api::MemberError;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use serde_json::{Map, Value};

use super::tree::push;

/// How many letters may differ between a name and what might have been meant.
const MAX_TYPOS: usize = 2;

/// Everything in `value` that `schema` does not allow, in the order of the schema and the text.
///
/// Knows what request types use: objects, maps, lists, enums, scalars, references.
pub(super) fn check(
    registry: &Registry,
    schema: &MetaSchemaRef,
    value: &Value,
) -> Vec<MemberError> {
    let mut check = Check {
        registry,
        at: String::new(),
        errors: Vec::new(),
    };
    check.value(schema, value);
    check.errors
}

struct Check<'a> {
    registry: &'a Registry,
    at: String,
    errors: Vec<MemberError>,
}

impl<'a> Check<'a> {
    fn value(&mut self, schema: &'a MetaSchemaRef, value: &Value) {
        let Some(schema) = self.resolve(schema) else {
            return;
        };
        // A reference with a description or a default of its own.
        for part in &schema.all_of {
            self.value(part, value);
        }
        if !has_type(schema.ty, value) {
            return self.wrong(format!("must be {}", in_words(schema.ty)));
        }
        if !schema.enum_items.is_empty() && !schema.enum_items.contains(value) {
            let allowed: Vec<_> = schema.enum_items.iter().map(Value::to_string).collect();
            return self.wrong(format!("must be one of {}", allowed.join(", ")));
        }
        match value {
            Value::Object(members) if schema.ty == "object" => self.object(schema, members),
            Value::Array(items) => {
                if let Some(of) = &schema.items {
                    for (index, item) in items.iter().enumerate() {
                        self.below(&index.to_string(), |check| check.value(of, item));
                    }
                }
            }
            _ => {}
        }
    }

    fn object(&mut self, schema: &'a MetaSchema, members: &Map<String, Value>) {
        if let Some(of) = &schema.additional_properties {
            for (name, value) in members {
                self.below(name, |check| check.value(of, value));
            }
            return;
        }
        for name in &schema.required {
            if !members.contains_key(*name) {
                self.below(name, |check| check.wrong("is required".to_owned()));
            }
        }
        for (name, value) in members {
            self.below(name, |check| {
                match schema.properties.iter().find(|(known, _)| known == name) {
                    Some((_, of)) if value.is_null() && check.may_be_null(schema, name, of) => {}
                    Some((_, of)) => check.value(of, value),
                    None => check.unknown(schema, name),
                }
            });
        }
    }

    fn resolve(&self, schema: &'a MetaSchemaRef) -> Option<&'a MetaSchema> {
        match schema {
            MetaSchemaRef::Inline(schema) => Some(schema),
            MetaSchemaRef::Reference(name) => self.registry.schemas.get(name),
        }
    }

    /// Whether null says as much as leaving the member out. It does not where leaving it out means a default.
    fn may_be_null(&self, owner: &MetaSchema, name: &str, of: &'a MetaSchemaRef) -> bool {
        let (nullable, has_default) = self
            .resolve(of)
            .map_or((false, false), |of| (of.nullable, of.default.is_some()));
        nullable || !(owner.required.contains(&name) || has_default)
    }

    fn below(&mut self, step: &str, visit: impl FnOnce(&mut Self)) {
        let here = self.at.len();
        push(&mut self.at, step);
        visit(self);
        self.at.truncate(here);
    }

    fn wrong(&mut self, message: String) {
        self.errors.push(MemberError {
            pointer: self.at.clone(),
            message,
            suggestion: None,
        });
    }

    fn unknown(&mut self, owner: &MetaSchema, name: &str) {
        let known = owner.properties.iter().map(|(known, _)| *known);
        self.errors.push(MemberError {
            pointer: self.at.clone(),
            message: "is not a known member".to_owned(),
            suggestion: closest(name, known).map(str::to_owned),
        });
    }
}

fn has_type(ty: &str, value: &Value) -> bool {
    match ty {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => true,
    }
}

fn in_words(ty: &str) -> &str {
    match ty {
        "object" => "an object",
        "array" => "a list",
        "string" => "a string",
        "boolean" => "true or false",
        "integer" => "a whole number",
        other => other,
    }
}

/// The known name that was probably meant.
fn closest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    // Upper and lower case, `_` and `-` are how names differ between formats: they are no typos.
    let plain = |name: &str| -> Vec<u8> {
        let letters = name.bytes().filter(u8::is_ascii_alphanumeric);
        letters.map(|byte| byte.to_ascii_lowercase()).collect()
    };
    let meant = plain(name);
    known
        .map(|known| (typos(&meant, &plain(known)), known))
        .filter(|(typos, known)| *typos <= MAX_TYPOS && *typos * 2 < known.len())
        .min_by_key(|(typos, _)| *typos)
        .map(|(_, known)| known)
}

/// How many letters have to be added, removed or replaced to get from `a` to `b`; more than [`MAX_TYPOS`] if the lengths say so.
fn typos(a: &[u8], b: &[u8]) -> usize {
    // Names of the schema are short; a name that is not cannot be a typo of one, and must not cost its length squared.
    let difference = a.len().abs_diff(b.len());
    if difference > MAX_TYPOS {
        return difference;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
