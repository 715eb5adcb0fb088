//! Identifiers. Each is parsed once, at the edge, and valid from then on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest id of a plugin or source, in bytes.
const MAX_ID_LEN: usize = 63;

/// A text that is not a valid identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must match {pattern}")]
pub struct InvalidId {
    what: &'static str,
    pattern: &'static str,
}

/// The rule that [`SourceId`] and [`PluginName`] follow, for messages.
const ID_PATTERN: &str = "^[a-z0-9][a-z0-9_-]{0,62}$";

fn is_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    let word = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=MAX_ID_LEN).contains(&bytes.len())
        && word(&bytes[0])
        && bytes[1..]
            .iter()
            .all(|b| word(b) || matches!(b, b'_' | b'-'))
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Parses the text.
            ///
            /// # Errors
            /// [`InvalidId`] when it does not match `^[a-z0-9][a-z0-9_-]{0,62}$`.
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidId> {
                let text = text.as_ref();
                if is_id(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidId { what: $what, pattern: ID_PATTERN })
                }
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                Self::new(text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id!(
    /// The name of an asset type, such as `mcp` or `model`.
    PluginName,
    "a plugin name"
);
text_id!(
    /// The id of a source, unique within its plugin.
    SourceId,
    "a source id"
);

/// A source of a plugin: what every operation is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceKey {
    /// The asset type.
    pub plugin: PluginName,
    /// The source within it.
    pub id: SourceId,
}

impl SourceKey {
    /// Puts the two together.
    pub fn new(plugin: PluginName, id: SourceId) -> Self {
        Self { plugin, id }
    }

    /// Parses both parts.
    ///
    /// # Errors
    /// [`InvalidId`] for the first part that is not an id.
    pub fn parse(plugin: &str, id: &str) -> Result<Self, InvalidId> {
        Ok(Self::new(PluginName::new(plugin)?, SourceId::new(id)?))
    }
}

impl fmt::Display for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.plugin, self.id)
    }
}

/// The number of hexadecimal digits of the digest that a [`RevisionId`] carries.
pub(crate) const REVISION_HEX: usize = 12;

/// `<sequence>-<first 12 hex digits of the document's sha256>`, unique per source. It is the `ETag`.
///
/// Ids order by sequence, never by clock.
///
/// ```
/// use catalog_core::RevisionId;
/// let id: RevisionId = "3-9f86d081884c".parse().unwrap();
/// assert_eq!(id.sequence(), 3);
/// assert!("3-9f86".parse::<RevisionId>().is_err(), "a prefix is never guessed");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevisionId {
    sequence: u64,
    hex: String,
}

impl RevisionId {
    /// The id of the `sequence`-th revision of a source, of a document with this digest.
    pub fn new(sequence: u64, digest: &crate::digest::Digest) -> Self {
        Self {
            sequence,
            hex: digest.hex()[..REVISION_HEX].to_owned(),
        }
    }

    /// The position in the source's history, from 1.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The part that comes from the digest.
    pub fn hex(&self) -> &str {
        &self.hex
    }
}

impl fmt::Display for RevisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.sequence, self.hex)
    }
}

impl fmt::Debug for RevisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RevisionId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = InvalidId {
            what: "a revision id",
            pattern: "^[1-9][0-9]*-[0-9a-f]{12}$",
        };
        let (sequence, hex) = text.split_once('-').ok_or(invalid.clone())?;
        let plain = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if sequence.starts_with('0')
            || !sequence.bytes().all(|b| b.is_ascii_digit())
            || hex.len() != REVISION_HEX
            || !hex.bytes().all(plain)
        {
            return Err(invalid);
        }
        Ok(Self {
            sequence: sequence.parse().map_err(|_| invalid)?,
            hex: hex.to_owned(),
        })
    }
}

impl Serialize for RevisionId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RevisionId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_ids_follow_the_pattern() {
        for good in ["a", "0", "mcp-default", "a_b", &"x".repeat(63)] {
            assert!(SourceId::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            "_all",
            "A",
            "a b",
            "a/b",
            "ä",
            "a\n",
            &"x".repeat(64),
        ] {
            assert!(SourceId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn revision_ids_order_by_sequence() {
        let old: RevisionId = "9-ffffffffffff".parse().unwrap();
        let new: RevisionId = "10-000000000000".parse().unwrap();
        assert!(old < new);
    }

    #[test]
    fn revision_ids_are_never_guessed() {
        for bad in [
            "",
            "1",
            "1-",
            "01-000000000000",
            "0-000000000000",
            "1-00000000000g",
            "1-0000",
            "+1-000000000000",
            "1-0000000000000",
        ] {
            assert!(bad.parse::<RevisionId>().is_err(), "{bad}");
        }
    }
}
