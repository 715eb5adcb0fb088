//! What the caller of a write expects to be there.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What the caller of a write expects to be stored. On the wire a member with three meanings: left out, null, or a revision.
///
/// Put `#[serde(default, skip_serializing_if = "Expected::is_unstated")]` on a member of this type: the default is what stands for
/// a member that was left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Expected {
    /// The member was left out: the body says nothing about it.
    #[default]
    Unstated,
    /// `null`: the source must not exist yet.
    Absent,
    /// A string: this revision must be the stored one.
    Revision(String),
}

impl Expected {
    /// Whether the body says nothing about it.
    #[must_use]
    pub fn is_unstated(&self) -> bool {
        matches!(self, Self::Unstated)
    }
}

impl Serialize for Expected {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Revision(id) => serializer.serialize_some(id),
            Self::Unstated | Self::Absent => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Reached only when the member is there, so `None` can mean nothing but null.
        Ok(match Option::<String>::deserialize(deserializer)? {
            Some(id) => Self::Revision(id),
            None => Self::Absent,
        })
    }
}

#[cfg(feature = "openapi")]
mod openapi {
    use std::borrow::Cow;

    use poem_openapi::{
        registry::{MetaSchema, MetaSchemaRef},
        types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type},
    };
    use serde_json::Value;

    use super::Expected;

    impl Type for Expected {
        const IS_REQUIRED: bool = false;
        type RawValueType = Self;
        type RawElementValueType = Self;

        fn name() -> Cow<'static, str> {
            "expected_revision".into()
        }

        fn schema_ref() -> MetaSchemaRef {
            MetaSchemaRef::Inline(Box::new(MetaSchema {
                nullable: true,
                ..MetaSchema::new("string")
            }))
        }

        fn as_raw_value(&self) -> Option<&Self> {
            Some(self)
        }

        fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
            Box::new(self.as_raw_value().into_iter())
        }

        fn is_none(&self) -> bool {
            self.is_unstated()
        }
    }

    impl ParseFromJSON for Expected {
        fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
            match value {
                None => Ok(Self::Unstated),
                Some(Value::Null) => Ok(Self::Absent),
                Some(Value::String(id)) => Ok(Self::Revision(id)),
                Some(other) => Err(ParseError::expected_type(other)),
            }
        }
    }

    impl ToJSON for Expected {
        fn to_json(&self) -> Option<Value> {
            match self {
                Self::Unstated => None,
                Self::Absent => Some(Value::Null),
                Self::Revision(id) => Some(Value::String(id.clone())),
            }
        }
    }
}
