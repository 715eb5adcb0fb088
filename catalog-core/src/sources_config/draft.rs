//! Files that are being edited.

use serde_json::{Map, Value};

use super::entry;
use super::field::Field;
use super::read::{FLAT_LISTS, OLD_LIST};
use super::{Dialect, EditError, FileEdit, FileEntry, MergedSource, SourcesFile};
use crate::model::{SourceId, SourceSettings};
use crate::validation::{Finding, Layer, Path};
use crate::yaml::{self, Limits, Node, edit};

/// Copies of the files, and the source that is edited in them.
pub(super) struct Draft<'a> {
    original: &'a [SourcesFile],
    pub files: Vec<SourcesFile>,
    pub config_key: &'a str,
    pub id: &'a SourceId,
    limits: &'a Limits,
    /// The same limits but for the size: a text that gets too large is refused by its reader, who
    /// says so.
    pub roomy: Limits,
}

impl<'a> Draft<'a> {
    pub fn new(
        original: &'a [SourcesFile],
        config_key: &'a str,
        id: &'a SourceId,
        limits: &'a Limits,
    ) -> Self {
        Self {
            original,
            files: original.to_vec(),
            config_key,
            id,
            limits,
            roomy: limits.with_max_bytes(usize::MAX),
        }
    }

    /// The source as the files declare it now.
    pub fn merged(&self) -> Option<MergedSource> {
        super::merge::one(&self.files, self.config_key, self.id)
    }

    /// All entries of the source in a file, those that do not count included.
    pub fn entries(&self, file: usize) -> impl Iterator<Item = &FileEntry> {
        let entries = self.files.get(file).map_or(&[][..], |f| &f.entries);
        entries
            .iter()
            .filter(|e| e.config_key == self.config_key && e.id.as_ref() == Some(self.id))
    }

    /// The entry of the source in a file.
    pub fn entry(&self, file: usize) -> Option<&FileEntry> {
        self.entries(file).find(|e| !e.superseded)
    }

    fn text(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |f| &f.text)
    }

    fn document(&self, file: usize) -> Result<&yaml::Document, EditError> {
        let file = self.files.get(file).ok_or_else(no_file)?;
        Ok(&file.document)
    }

    /// Takes the new text of a file.
    pub fn put(&mut self, file: usize, text: &str) -> Result<(), EditError> {
        let slot = self.files.get_mut(file).ok_or_else(no_file)?;
        *slot = slot
            .with_text(text, self.limits)
            .map_err(|error| EditError(format!("the sources file would be refused: {error}")))?;
        Ok(())
    }

    /// Removes what is at a path.
    pub fn remove(&mut self, file: usize, path: &Path) -> Result<(), EditError> {
        let text = edit::remove(self.text(file), path, &self.roomy);
        let text = text.map_err(|_| self.stuck(file))?;
        self.put(file, &text)
    }

    /// Sets one field of the source's entry in a file; when that alone is not possible, by writing
    /// the entry anew.
    pub fn set_field(&mut self, file: usize, field: Field, value: &Value) -> Result<(), EditError> {
        let entry = self.entry(file).ok_or_else(no_file)?;
        let (path, text) = (entry.path.clone(), self.text(file));
        let document = self.document(file)?;
        let node = edit::node_at(document, &path).ok_or_else(|| self.stuck(file))?;
        let key = field
            .spellings()
            .iter()
            .copied()
            .find(|key| node.get(key).is_some())
            .unwrap_or_else(|| self.new_key(file, field));
        let edited = edit::set(text, &path.key(key), value, &self.roomy).or_else(|_| {
            let mut entry = self.written(entry, node);
            entry.insert(key.to_owned(), value.clone());
            edit::rewrite(text, &path, &entry.into(), &self.roomy)
        });
        let edited = edited.map_err(|_| self.stuck(file))?;
        self.put(file, &edited)
    }

    /// Writes the source's entry in a file anew, with the fields that could be read.
    pub fn rewrite(&mut self, file: usize) -> Result<(), EditError> {
        let entry = self.entry(file).ok_or_else(no_file)?;
        let (path, text) = (entry.path.clone(), self.text(file));
        let document = self.document(file)?;
        let node = edit::node_at(document, &path).ok_or_else(|| self.stuck(file))?;
        let entry = self.written(entry, node).into();
        let edited = edit::rewrite(text, &path, &entry, &self.roomy);
        let edited = edited.map_err(|_| self.stuck(file))?;
        self.put(file, &edited)
    }

    /// An entry with its own keys in its own order, without those that nobody knows.
    fn written(&self, entry: &FileEntry, node: &Node) -> Map<String, Value> {
        let mut out = Map::new();
        let mut done = Vec::new();
        for e in node.entries() {
            match Field::of_key(&e.key) {
                Some(field) => {
                    if !done.contains(&field)
                        && let Some(value) = field.in_patch(&entry.fields)
                    {
                        out.insert(e.key.to_string(), value);
                    }
                    done.push(field);
                }
                None if &*e.key == "id" => {
                    out.insert("id".to_owned(), self.id.as_str().into());
                }
                None if entry::is_ignored(&e.key) => {
                    out.insert(e.key.to_string(), e.value.to_json());
                }
                None => {}
            }
        }
        out
    }

    fn new_key(&self, file: usize, field: Field) -> &'static str {
        field.key(self.entry_dialect(file), self.config_key)
    }

    /// The dialect of the list that the source's entry is in: a file may mix both.
    fn entry_dialect(&self, file: usize) -> Dialect {
        match self.entry(file) {
            Some(entry) if entry.path.segments().len() > 2 => Dialect::Sectioned,
            Some(_) => Dialect::Flat,
            None => self
                .files
                .get(file)
                .map_or(Dialect::Sectioned, |f| f.dialect),
        }
    }

    /// Adds the source to the last file.
    pub fn append(&mut self, settings: &SourceSettings) -> Result<(), EditError> {
        let (file, list) = self.new_place()?;
        let mut entry = Map::new();
        entry.insert("id".to_owned(), self.id.as_str().into());
        let usual = SourceSettings::new("", "");
        for field in Field::ALL {
            let value = field.in_settings(settings);
            if field.is_always_written() || value != field.in_settings(&usual) {
                entry.insert(self.new_key(file, field).to_owned(), value);
            }
        }
        let edited = edit::append(self.text(file), &list, &entry.into(), &self.roomy);
        let edited = edited.map_err(|_| self.stuck(file))?;
        self.put(file, &edited)
    }

    /// Adds the source to the last file, as it was written once.
    pub fn append_text(&mut self, raw: &str) -> Result<(), EditError> {
        let (file, list) = self.new_place()?;
        let edited = edit::append_item_text(self.text(file), &list, raw, &self.roomy);
        let edited = edited.map_err(|_| self.stuck(file))?;
        self.put(file, &edited)
    }

    /// Puts what was written once in place of the source's entry in a file.
    pub fn put_text(&mut self, file: usize, raw: &str) -> Result<(), EditError> {
        let path = self.entry(file).ok_or_else(no_file)?.path.clone();
        let edited = edit::put_item_text(self.text(file), &path, raw, &self.roomy);
        let edited = edited.map_err(|_| self.stuck(file))?;
        self.put(file, &edited)
    }

    /// The file and the list that a new source goes to.
    fn new_place(&self) -> Result<(usize, Path), EditError> {
        let index = self.files.len().checked_sub(1).ok_or_else(no_file)?;
        let file = self.files.get(index).ok_or_else(no_file)?;
        if file.dialect == Dialect::Sectioned {
            let section = Path::root().key("catalogs").key(self.config_key);
            return Ok((index, section.key("sources")));
        }
        let document = &file.document;
        let fits = |(list, key): &&(&str, &str)| *key == self.config_key && *list != OLD_LIST;
        let (list, _) = FLAT_LISTS.iter().find(fits).ok_or_else(|| {
            EditError(format!(
                "a sources file without sections has no place for {} sources",
                self.config_key
            ))
        })?;
        // Whoever still uses the older name goes on using it.
        let has = |list| document.root.get(list).is_some();
        let list = if *list == "model_catalogs" && !has("model_catalogs") && has(OLD_LIST) {
            OLD_LIST
        } else {
            list
        };
        Ok((index, Path::root().key(list)))
    }

    /// Why an edit did not work.
    fn stuck(&self, file: usize) -> EditError {
        let document = self.document(file);
        let entangled = document.is_ok_and(|document| edit::is_entangled(&document.root));
        EditError(if entangled {
            format!(
                "the source {} cannot be changed without changing other parts of its sources file, \
                 because of an anchor (&), alias (*) or tag (!) there; edit the file by hand",
                self.id
            )
        } else {
            format!(
                "the source {} cannot be changed without changing other parts of its sources file; \
                 edit the file by hand",
                self.id
            )
        })
    }

    /// The texts that differ from the original ones.
    pub fn edits(&self) -> Vec<FileEdit> {
        let pairs = self.original.iter().zip(&self.files).enumerate();
        pairs
            .filter(|(_, (before, after))| before.text != after.text)
            .map(|(file, (_, after))| FileEdit {
                file,
                text: after.text.to_string(),
            })
            .collect()
    }
}

fn no_file() -> EditError {
    EditError("there is no sources file for this source".to_owned())
}

/// Whether an edit of the entry must put this right.
pub(super) fn is_repairable(finding: &Finding) -> bool {
    finding.is_error() && finding.layer == Layer::StrictFields
}
