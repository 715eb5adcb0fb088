//! What the asset types share.

// With one asset type alone, some of it is unused.
#![cfg_attr(
    not(all(feature = "mcp", feature = "model")),
    allow(dead_code, unused_imports)
)]

mod content;
mod fields;
mod load;
mod metadata;
mod settings;
#[cfg(test)]
pub(crate) mod testing;
mod words;

pub(crate) use content::{EntryFormat, Subject, validate};
pub(crate) use fields::Collector;
pub(crate) use load::{Asset, load};
pub(crate) use metadata::{LOOSE_PROPERTIES, PROPERTIES, typed};
pub(crate) use settings::{Property, SettingsRules};
pub(crate) use words::{ARTIFACT_URI, LINK, LOGO, MILLIS, TEXT, TEXTS, into_millis, text_of};
