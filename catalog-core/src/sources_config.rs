//! `sources.yaml`: reading it in both dialects, merging several files, and editing one entry in place.
//!
//! # Dialects
//!
//! *Sectioned* files have `catalogs: {mcp: {sources: [...]}}`. *Flat* files have lists at the top:
//! `model_catalogs`, `mcp_catalogs`, and `catalogs`, an older name of `model_catalogs` (an entry of
//! `model_catalogs` beats one of the same id in `catalogs`). A file may mix the two, which earns it
//! a warning. A file of `catalogs: []` is flat; one that says nothing at all is sectioned.
//!
//! # Reading
//!
//! Reading is strict and never gives up: each entry carries what is wrong with it, and an entry that
//! is wrong spoils no other. Only the sections that the caller knows are read strictly
//! ([`SourcesFile::parse_for`]); the rest belongs to somebody else and is kept as it is.
//!
//! # Editing
//!
//! [`set_source`], [`remove_source`] and [`restore_entry`] change the text of one source's entry and
//! nothing else, and check that by reading the result again: every other source means what it meant
//! before, and the one in question means exactly what was asked. What cannot be done that way is an
//! [`EditError`], never a wrong text.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::model::{SettingsPatch, SourceId, SourceSettings};
use crate::validation::{Finding, Path};
use crate::yaml::{self, Limits, Position, YamlError};

mod draft;
mod entry;
mod field;
mod merge;
mod read;
mod verify;
mod write;

pub use write::{entry_text, remove_source, restore_entry, set_source};

/// How a file is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `catalogs: {mcp: {sources: [...]}}`.
    Sectioned,
    /// `catalogs: [...]`, `model_catalogs: [...]`, `mcp_catalogs: [...]`.
    Flat,
}

/// One entry of one file, as far as it could be read.
#[derive(Clone)]
pub struct FileEntry {
    /// The section's key: `mcp`, `models`.
    pub config_key: String,
    /// The id, when it is one.
    pub id: Option<SourceId>,
    /// The fields that this file sets.
    pub fields: SettingsPatch,
    /// The bytes of the entry in the file's text, without the dash.
    pub range: Range<usize>,
    /// Where the entry is in the file's tree: `catalogs.mcp.sources[0]`.
    pub path: Path,
    /// The place of its first character.
    pub position: Position,
    /// Whether another entry of the same file counts instead of this one.
    pub superseded: bool,
    /// What is wrong with it; paths and positions are those of the file.
    pub findings: Vec<Finding>,
}

/// Prints the place, never what is there.
impl fmt::Debug for FileEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileEntry")
            .field("config_key", &self.config_key)
            .field("id", &self.id)
            .field("range", &self.range)
            .field("findings", &self.findings.len())
            .finish_non_exhaustive()
    }
}

/// One sources file.
#[derive(Clone)]
pub struct SourcesFile {
    /// Where it comes from, such as its path.
    pub origin: String,
    /// Its text.
    pub text: Arc<str>,
    /// How it is laid out.
    pub dialect: Dialect,
    /// Its entries, in the order of the text.
    pub entries: Vec<FileEntry>,
    /// What is wrong with the file beyond its entries.
    pub findings: Vec<Finding>,
    /// Whether there is nothing in it, or nothing but comments.
    pub says_nothing: bool,
    /// The sections that were read strictly.
    pub config_keys: Arc<[String]>,
    /// The tree that was read, so that an edit need not read the text again.
    document: Arc<yaml::Document>,
}

/// Prints the origin and sizes, never the text.
impl fmt::Debug for SourcesFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourcesFile")
            .field("origin", &self.origin)
            .field("bytes", &self.text.len())
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

impl SourcesFile {
    /// The sections that [`parse`](Self::parse) reads strictly.
    pub const CONFIG_KEYS: [&'static str; 2] = ["mcp", "models"];

    /// Reads a file; the sections `mcp` and `models` strictly.
    ///
    /// ```
    /// use catalog_core::{sources_config::SourcesFile, yaml::Limits};
    /// let text = b"catalogs:\n  mcp:\n    sources:\n      - {id: a, name: A, type: yaml, lables: []}\n";
    /// let file = SourcesFile::parse("sources.yaml", text, &Limits::default()).unwrap();
    /// let finding = &file.entries[0].findings[0];
    /// assert_eq!(finding.code, "unknown-field");
    /// assert_eq!(finding.suggestion.as_deref(), Some("did you mean \"labels\"?"));
    /// ```
    ///
    /// # Errors
    /// [`YamlError`] when it is not YAML.
    pub fn parse(
        origin: impl Into<String>,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Self, YamlError> {
        Self::parse_for(origin, bytes, limits, &Self::CONFIG_KEYS)
    }

    /// Reads a file; the sections `config_keys` strictly.
    ///
    /// # Errors
    /// [`YamlError`] when it is not YAML.
    pub fn parse_for(
        origin: impl Into<String>,
        bytes: &[u8],
        limits: &Limits,
        config_keys: &[&str],
    ) -> Result<Self, YamlError> {
        let document = yaml::parse_bytes(bytes, limits)?;
        let config_keys = config_keys.iter().map(|key| (*key).to_owned()).collect();
        Ok(read::read(origin.into(), document, config_keys))
    }

    /// The entry that counts for a source.
    pub fn entry(&self, config_key: &str, id: &SourceId) -> Option<&FileEntry> {
        let mut entries = self.entries.iter();
        entries.find(|entry| {
            !entry.superseded && entry.config_key == config_key && entry.id.as_ref() == Some(id)
        })
    }

    /// The same file with another text.
    fn with_text(&self, text: &str, limits: &Limits) -> Result<Self, YamlError> {
        let document = yaml::parse(text, limits)?;
        Ok(read::read(
            self.origin.clone(),
            document,
            self.config_keys.clone(),
        ))
    }
}

/// A source as all files together declare it.
#[derive(Debug, Clone)]
pub struct MergedSource {
    /// The settings after merging.
    pub settings: SourceSettings,
    /// The index of the file that relative paths in the properties start from: the last one that
    /// sets properties, or the first one that declares the source.
    pub properties_from: usize,
    /// The indices of the files that declare it, in order.
    pub declared_in: Vec<usize>,
    /// What is wrong with its entries.
    pub findings: Vec<Finding>,
}

/// All sources of all files, by section key and id.
#[derive(Debug, Clone, Default)]
pub struct CatalogSourcesConfig {
    /// `(config key, source id)` to source.
    pub sources: BTreeMap<(String, SourceId), MergedSource>,
    /// What is wrong beyond single sources: with the files, and with entries that have no id.
    pub findings: Vec<Finding>,
}

impl CatalogSourcesConfig {
    /// Merges files; later ones override earlier ones, field by field.
    ///
    /// A name or type counts when it is not empty; any other field when it is there, an empty list
    /// included. `properties` are replaced as a whole. A source is enabled and has no labels unless
    /// some file says otherwise, so `{id: a, enabled: true}` in a later file turns `a` on.
    pub fn merge(files: &[SourcesFile]) -> Self {
        merge::merge(files)
    }
}

/// An edit that cannot be made in place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EditError(pub String);

/// The new text of a file.
#[derive(Clone, PartialEq, Eq)]
pub struct FileEdit {
    /// The index of the file.
    pub file: usize,
    /// Its whole new text.
    pub text: String,
}

/// Prints the size, never the text.
impl fmt::Debug for FileEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileEdit({}: {} bytes)", self.file, self.text.len())
    }
}

#[cfg(test)]
mod tests;
