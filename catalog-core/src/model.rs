//! The words of the domain as types that are parsed once and then trusted.

mod document;
mod edit;
mod entity;
mod fields;
mod filter;
mod ids;
mod revision;
mod secret;
mod status;

pub use document::{SourceDocument, SourceSettings};
pub use edit::{Author, ChangeMeta, Edit, Expect, SettingsPatch};
pub use entity::{Entity, EntityFailure};
pub use fields::{FieldRef, FieldValue, Fields, Pool};
pub use filter::{ItemFilter, PatternError, glob_matches};
pub use ids::{InvalidId, PluginName, RevisionId, SourceId, SourceKey};
pub use revision::{Revision, RevisionKind, RevisionRecord};
pub use secret::SecretRef;
pub use status::{RefreshOutcome, RefreshStatus, SourceState};
