//! The fields of an entry.

use serde_json::Value;

use super::Dialect;
use crate::model::{SettingsPatch, SourceSettings};

/// A field of an entry beside its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Name,
    Type,
    Enabled,
    Labels,
    Properties,
    Included,
    Excluded,
}

impl Field {
    /// In the order in which a new entry has them.
    pub const ALL: [Self; 7] = [
        Self::Name,
        Self::Type,
        Self::Enabled,
        Self::Labels,
        Self::Properties,
        Self::Included,
        Self::Excluded,
    ];

    /// The keys that mean this field; the first is the usual one.
    pub fn spellings(self) -> &'static [&'static str] {
        match self {
            Self::Name => &["name"],
            Self::Type => &["type"],
            Self::Enabled => &["enabled"],
            Self::Labels => &["labels"],
            Self::Properties => &["properties"],
            Self::Included => &["includedItems", "includedModels", "includedServers"],
            Self::Excluded => &["excludedItems", "excludedModels", "excludedServers"],
        }
    }

    /// The field that a key means.
    pub fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.spellings().contains(&key))
    }

    /// The key that a new field gets: readers of flat files know only the spelling of their kind.
    pub fn key(self, dialect: Dialect, config_key: &str) -> &'static str {
        let spelling = match (dialect, config_key) {
            (Dialect::Flat, "models") => 1,
            (Dialect::Flat, "mcp") => 2,
            _ => 0,
        };
        let spellings = self.spellings();
        spellings.get(spelling).unwrap_or(&spellings[0])
    }

    /// The value that a file sets.
    pub fn in_patch(self, patch: &SettingsPatch) -> Option<Value> {
        let list = |items: &Option<Vec<String>>| items.clone().map(Value::from);
        match self {
            Self::Name => patch.name.clone().map(Value::from),
            Self::Type => patch.source_type.clone().map(Value::from),
            Self::Enabled => patch.enabled.map(Value::from),
            Self::Labels => list(&patch.labels),
            Self::Properties => patch.properties.clone().map(Value::from),
            Self::Included => list(&patch.included_items),
            Self::Excluded => list(&patch.excluded_items),
        }
    }

    /// The value in complete settings.
    pub fn in_settings(self, settings: &SourceSettings) -> Value {
        match self {
            Self::Name => settings.name.clone().into(),
            Self::Type => settings.source_type.clone().into(),
            Self::Enabled => settings.enabled.into(),
            Self::Labels => settings.labels.clone().into(),
            Self::Properties => settings.properties.clone().into(),
            Self::Included => settings.included_items.clone().into(),
            Self::Excluded => settings.excluded_items.clone().into(),
        }
    }

    /// Whether a new entry has the field even with its default value.
    pub fn is_always_written(self) -> bool {
        matches!(self, Self::Name | Self::Type | Self::Enabled)
    }
}
