//! The new texts of the sources files, checked before they are written.

use catalog_core::StoreError;
use catalog_core::model::{RevisionKind, SourceId, SourceKey, SourceSettings};
use catalog_core::sources_config::{EditError, FileEdit, remove_source, restore_entry, set_source};

use super::engine::Engine;
use super::live::{Parsed, file_name};
use super::write::refused;

/// An edit of the sources files, and what they say after it.
pub(super) struct Draft {
    /// The files that change; none when the entry already says what it should.
    pub(super) edits: Vec<FileEdit>,
    /// The file that relative paths of the source's properties start from.
    pub(super) properties_from: usize,
    /// The entry's text after the edit.
    pub(super) entry: Option<String>,
    /// What the files will say; `None` when they stay.
    pub(super) parsed: Option<Parsed>,
}

fn edit_refused(error: EditError) -> StoreError {
    refused(None, error.to_string())
}

impl Draft {
    /// Makes the files declare the source with these settings.
    pub(super) fn put(
        engine: &Engine,
        key: &SourceKey,
        settings: &SourceSettings,
        kind: RevisionKind,
    ) -> Result<Self, StoreError> {
        let live = engine.live.sources.get(key);
        if live.is_some_and(|live| live.entry_is_clean && live.settings == *settings) {
            return Self::read_back(engine, key, Some(settings), vec![]);
        }
        let config_key = engine.config_key(key)?;
        let parsed = engine.live.parsed.clone();
        let files = &parsed.files;
        // What gets too long is refused below, with the limit by name.
        let limits = &engine.reader.limits().with_max_bytes(usize::MAX);
        // A roll back brings the entry back as it was written. An ordinary edit does not, even to
        // settings that were there before: it would lose comments that were added since.
        if (live.is_none() || kind == RevisionKind::Rollback)
            && let Some(text) = recorded_entry(engine, key, settings)
            && let Ok(edits) = restore_entry(files, &config_key, &key.id, &text, settings, limits)
            && let Ok(draft) = Self::read_back(engine, key, Some(settings), edits)
        {
            return Ok(draft);
        }
        let edits =
            set_source(files, &config_key, &key.id, settings, limits).map_err(edit_refused)?;
        Self::read_back(engine, key, Some(settings), edits)
    }

    /// Makes the files declare the source no longer.
    pub(super) fn remove(engine: &Engine, key: &SourceKey) -> Result<Self, StoreError> {
        let config_key = engine.config_key(key)?;
        let limits = &engine.reader.limits().with_max_bytes(usize::MAX);
        let edits = remove_source(&engine.live.parsed.files, &config_key, &key.id, limits)
            .map_err(edit_refused)?;
        Self::read_back(engine, key, None, edits)
    }

    /// Reads the new texts as the next reader will. What does not say what was asked, or says
    /// something else about another source, is not written.
    fn read_back(
        engine: &Engine,
        key: &SourceKey,
        expected: Option<&SourceSettings>,
        edits: Vec<FileEdit>,
    ) -> Result<Self, StoreError> {
        let name = (engine.config_key(key)?, key.id.clone());
        let before = &engine.live.parsed;
        if edits.is_empty() {
            let found = before.config.sources.get(&name);
            return Ok(Self {
                edits,
                properties_from: found.map_or(0, |merged| merged.properties_from),
                entry: found
                    .and_then(|merged| before.entry_of(&name.0, &name.1, &merged.declared_in)),
                parsed: None,
            });
        }
        let mut files = before.files.clone();
        for edit in &edits {
            let Some(file) = files.get_mut(edit.file) else {
                continue;
            };
            let bytes = edit.text.as_bytes();
            let (limit, actual) = (engine.disk.sources_limit, bytes.len() as u64);
            if actual > limit {
                let name = file_name(std::path::Path::new(&file.origin));
                let reason = format!("{name} would have {actual} bytes; at most {limit} are read");
                return Err(refused(None, reason));
            }
            *file = engine
                .reader
                .parse(file.origin.clone(), bytes)
                .map_err(|error| {
                    let file = file_name(std::path::Path::new(&file.origin));
                    refused(None, format!("{file} would no longer be readable: {error}"))
                })?;
        }
        let after = Parsed::of(files);
        let found = after.config.sources.get(&name);
        if !same_but_for(&name, before, &after) || found.map(|merged| &merged.settings) != expected
        {
            let reason = "the sources file cannot be edited so that it says exactly this";
            return Err(refused(None, reason));
        }
        Ok(Self {
            edits,
            properties_from: found.map_or(0, |merged| merged.properties_from),
            entry: found.and_then(|merged| after.entry_of(&name.0, &name.1, &merged.declared_in)),
            parsed: Some(after),
        })
    }
}

/// Whether all other sources have the same settings.
fn same_but_for(name: &(String, SourceId), before: &Parsed, after: &Parsed) -> bool {
    let before = before.config.sources.iter().filter(|(n, _)| *n != name);
    let mut after = after.config.sources.iter().filter(|(n, _)| *n != name);
    let mut before = before.map(|(n, merged)| (n, &merged.settings));
    let same = before.all(|was| after.next().map(|(n, m)| (n, &m.settings)) == Some(was));
    same && after.next().is_none()
}

/// The text of the newest recorded entry that had these settings.
fn recorded_entry(engine: &Engine, key: &SourceKey, settings: &SourceSettings) -> Option<String> {
    let ids = engine.history.ids(key).ok()?;
    ids.iter().find_map(|id| {
        // A damaged record has no say in it.
        let record = engine.history.read(key, id).ok()??;
        (record.document?.settings == *settings).then_some(record.entry)?
    })
}
