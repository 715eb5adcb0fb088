//! Editing one source.

use serde_json::Value;

use super::draft::{Draft, is_repairable};
use super::field::Field;
use super::verify::{Outcome, verify};
use super::{EditError, FileEdit, FileEntry, SourcesFile};
use crate::model::{SourceId, SourceSettings};
use crate::validation::{Finding, PathSegment};
use crate::yaml::{self, Limits, edit};

/// Fields that are taken out of an entry one by one; with more of them it is written anew.
const MAX_STRAYS: usize = 16;

/// Makes the files declare the source with exactly these settings; every byte outside its entry
/// stays, and inside it what does not differ. Returns the files that change, none when nothing does.
///
/// A field changes in the last file that sets it, or else in the last file that declares the source;
/// `properties` in the file that relative paths in them start from. A new source goes to the end of
/// the last file. What is wrong with the entry (unknown fields, values of the wrong type, a second
/// entry of the same id) is put right.
///
/// ```
/// use catalog_core::{SourceId, SourceSettings, sources_config::*, yaml::Limits};
/// let text = "mcp_catalogs:\n- id: a # ours\n  name: 'A'\n  type: yaml\n";
/// let limits = Limits::default();
/// let files = [SourcesFile::parse("sources.yaml", text.as_bytes(), &limits).unwrap()];
/// let id = SourceId::new("a").unwrap();
/// let edits = set_source(&files, "mcp", &id, &SourceSettings::new("B", "yaml"), &limits).unwrap();
/// assert_eq!(edits[0].text, "mcp_catalogs:\n- id: a # ours\n  name: 'B'\n  type: yaml\n");
/// ```
///
/// # Errors
/// [`EditError`] when the result would not mean what was asked.
pub fn set_source(
    files: &[SourcesFile],
    config_key: &str,
    id: &SourceId,
    settings: &SourceSettings,
    limits: &Limits,
) -> Result<Vec<FileEdit>, EditError> {
    can_be_written(settings, limits)?;
    let mut draft = Draft::new(files, config_key, id, limits);
    if draft.merged().is_some() {
        repair(&mut draft)?;
        update(&mut draft, settings)?;
    } else {
        draft.append(settings)?;
    }
    verify(files, &draft, Outcome::Means(settings))?;
    Ok(draft.edits())
}

/// Removes the source from every file that declares it. Returns the files that change.
///
/// Comments above its entry stay: they may be about what follows.
///
/// # Errors
/// [`EditError`] when anything else would change with it.
pub fn remove_source(
    files: &[SourcesFile],
    config_key: &str,
    id: &SourceId,
    limits: &Limits,
) -> Result<Vec<FileEdit>, EditError> {
    let mut draft = Draft::new(files, config_key, id, limits);
    for file in 0..files.len() {
        while let Some(path) = draft.entries(file).last().map(|e| e.path.clone()) {
            draft.remove(file, &path)?;
        }
    }
    verify(files, &draft, Outcome::Gone)?;
    Ok(draft.edits())
}

/// The text of an entry as it is written, with the comments that belong to it, moved to the left
/// margin: what [`restore_entry`] takes.
pub fn entry_text(file: &SourcesFile, entry: &FileEntry) -> String {
    edit::item_text(&file.document, &entry.path).unwrap_or_else(|| {
        let text = file.text.get(entry.range.clone());
        text.unwrap_or_default().to_owned()
    })
}

/// Puts an entry back as it was written once ([`entry_text`]): in place of the source's entry, or
/// as a new one.
///
/// # Errors
/// [`EditError`] when the text does not mean `settings` there, because other files declare the
/// source too, or relative paths would start from another file. Then [`set_source`] is the way.
pub fn restore_entry(
    files: &[SourcesFile],
    config_key: &str,
    id: &SourceId,
    entry_text: &str,
    settings: &SourceSettings,
    limits: &Limits,
) -> Result<Vec<FileEdit>, EditError> {
    let restored = |file: Option<usize>| {
        let mut draft = Draft::new(files, config_key, id, limits);
        match file {
            Some(file) => draft.put_text(file, entry_text)?,
            None => draft.append_text(entry_text)?,
        }
        verify(files, &draft, Outcome::Means(settings))?;
        Ok(draft.edits())
    };
    let Some(merged) = Draft::new(files, config_key, id, limits).merged() else {
        return restored(None);
    };
    let mut result = Err(EditError("no file declares the source".to_owned()));
    for file in merged.declared_in.into_iter().rev() {
        result = restored(Some(file));
        if result.is_ok() {
            break;
        }
    }
    result
}

/// Checks that YAML can hold the settings at all: the nesting and the numbers of JSON have no limit.
fn can_be_written(settings: &SourceSettings, limits: &Limits) -> Result<(), EditError> {
    let properties = Value::Object(settings.properties.clone());
    // An entry is nested as deep as this.
    let text = format!("[[[[{}]]]]", yaml::emit_flow(&properties));
    let read = yaml::parse(&text, &limits.with_max_bytes(usize::MAX)).map_err(|error| {
        let message = error.issues.first().map_or("", |issue| &issue.message);
        EditError(format!("the properties cannot be written: {message}"))
    })?;
    let inner = (0..4).try_fold(&read.root, |node, _| node.items().first());
    if inner.is_some_and(|node| node.to_json() == properties) {
        Ok(())
    } else {
        let message = "the properties cannot be written: a number in them is too large";
        Err(EditError(message.to_owned()))
    }
}

/// Removes what an entry must not have: fields that are unknown or there twice, entries that are
/// there twice.
fn repair(draft: &mut Draft<'_>) -> Result<(), EditError> {
    for file in 0..draft.files.len() {
        loop {
            let twice = |e: &&FileEntry| e.findings.iter().any(|f| f.code == "duplicate-source");
            let extra = draft.entries(file).find(twice).map(|e| e.path.clone());
            let Some(path) = extra else { break };
            draft.remove(file, &path)?;
        }
        let is_stray = |f: &Finding| matches!(&*f.code, "unknown-field" | "duplicate-field");
        let strays = |entry: &FileEntry| entry.findings.iter().filter(|f| is_stray(f)).count();
        // Each removal costs reading the text again.
        if draft.entry(file).is_some_and(|e| strays(e) > MAX_STRAYS) {
            draft.rewrite(file)?;
        }
        loop {
            let stray = draft.entry(file).and_then(|entry| {
                let mut findings = entry.findings.iter();
                findings.find(|f| is_stray(f))
            });
            let Some(path) = stray.map(|f| f.path.clone()) else {
                break;
            };
            if draft.remove(file, &path).is_err() {
                draft.rewrite(file)?;
                break;
            }
        }
    }
    Ok(())
}

/// Changes the fields that differ.
fn update(draft: &mut Draft<'_>, settings: &SourceSettings) -> Result<(), EditError> {
    for field in Field::ALL {
        let value = field.in_settings(settings);
        for file in wrong_in(draft, field) {
            draft.set_field(file, field, &value)?;
        }
        let Some(merged) = draft.merged() else {
            continue;
        };
        if field.in_settings(&merged.settings) == value {
            continue;
        }
        let sets = |file: &usize| {
            let entry = draft.entry(*file);
            entry.is_some_and(|e| field.in_patch(&e.fields).is_some_and(|v| v != ""))
        };
        let files = 0..draft.files.len();
        let last_setting = files.rev().find(sets);
        let file = match last_setting.or(merged.declared_in.last().copied()) {
            Some(_) if field == Field::Properties => merged.properties_from,
            Some(file) => file,
            None => continue,
        };
        draft.set_field(file, field, &value)?;
    }
    Ok(())
}

/// The files whose entry has a value of the wrong type in this field.
fn wrong_in(draft: &Draft<'_>, field: Field) -> Vec<usize> {
    let is_wrong = |entry: &FileEntry| {
        let at = entry.path.segments().len();
        entry.findings.iter().filter(|f| is_repairable(f)).any(|f| {
            matches!(f.path.segments().get(at), Some(PathSegment::Key(key)) if Field::of_key(key) == Some(field))
        })
    };
    let files = 0..draft.files.len();
    files
        .filter(|file| draft.entry(*file).is_some_and(is_wrong))
        .collect()
}
