//! Putting and deleting a source. Everything here blocks and wants the lock.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use catalog_core::StoreError;
use catalog_core::model::{ChangeMeta, Expect, Revision, RevisionKind, SourceDocument, SourceKey};
use catalog_core::sources_config::FileEdit;

use super::commit::{Change, CommitError};
use super::edit::Draft;
use super::engine::{Engine, Whose};
use super::live::{LiveContent, Parsed};
use super::record::Record;
use super::standing::Standing;
use super::target::Target;

pub(super) fn refused(field: Option<&str>, reason: impl Into<String>) -> StoreError {
    StoreError::Refused {
        field: field.map(str::to_owned),
        reason: reason.into(),
    }
}

/// A put that was worked out and checked, and not yet made.
pub(super) struct Planned {
    changes: Vec<Change>,
    records: Vec<Record>,
    /// What the sources files will say, when they change.
    parsed: Option<Parsed>,
    /// The revision that comes.
    pub(super) revision: Revision,
}

impl Engine {
    /// Stores a document as a new revision.
    pub(super) fn put(
        &mut self,
        key: &SourceKey,
        document: &SourceDocument,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Revision, StoreError> {
        let planned = self.plan_put(key, document, expect, meta)?;
        self.write(key, planned)
    }

    /// What [`put`](Self::put) would answer. Records edits past the store, as every look does, and
    /// writes nothing else.
    pub(super) fn preview(
        &mut self,
        key: &SourceKey,
        document: &SourceDocument,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Revision, StoreError> {
        let planned = self.plan_put(key, document, expect, meta)?;
        self.disk.probe(&planned.changes)?;
        Ok(planned.revision)
    }

    fn plan_put(
        &mut self,
        key: &SourceKey,
        document: &SourceDocument,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Planned, StoreError> {
        self.look_for(key)?;
        self.check(key, expect)?;
        self.check_size(document.size())?;
        self.check_size(document.canonical_settings().len() as u64)?;

        let draft = Draft::put(self, key, &document.settings, meta.kind)?;
        let target = Target::of(self, key, document, draft.properties_from)?;
        let mut document = document.clone();
        let mut changes = Vec::new();
        let mut records = Vec::new();
        if let Some(Target { located, before }) = target {
            match (&document.content, &before) {
                (None, _) => document.content = before,
                (Some(new), Some(old)) if new == old => {}
                (Some(new), old) => {
                    self.check_sharers(key, &located.spot, new)?;
                    if let Some(old) = old.as_ref().filter(|_| !self.is_used(&located.spot)) {
                        records.push(self.found(key, &document, old));
                    }
                    let old = old.clone();
                    changes.push(Change {
                        spot: located.spot,
                        bytes: Some(new.clone()),
                        before: old,
                        mode: self.mode_of(key),
                    });
                }
            }
        }
        let sequence = self.next(key) + records.len() as u64;
        let revision = Revision::describe(sequence, Some(&document), meta);
        records.push(Record {
            revision: revision.clone(),
            document: Some(document),
            entry: draft.entry,
            mode: self.mode_of(key),
        });
        changes.extend(self.file_changes(&draft.edits));
        self.with_records(key, changes, records, draft.parsed, revision)
    }

    /// Removes a source and leaves a tombstone in its history.
    pub(super) fn delete(
        &mut self,
        key: &SourceKey,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Revision, StoreError> {
        self.look_for(key)?;
        if !self.view.sources.contains_key(key) && !matches!(expect, Expect::Revision(_)) {
            return Err(StoreError::SourceNotFound { key: key.clone() });
        }
        self.check(key, expect)?;
        let draft = Draft::remove(self, key)?;
        let mut changes = self.file_changes(&draft.edits);
        if let Some(live) = self.live.sources.get(key)
            && let (Some(located), LiveContent::Bytes(bytes, _)) = (&live.located, &live.content)
            // Without its file a link would lead nowhere, and a roll back could not follow it.
            && !located.linked
            && self.users(&located.spot).all(|user| user == key)
        {
            if self.disk.can_remove(&located.spot) {
                changes.push(Change {
                    spot: located.spot.clone(),
                    bytes: None,
                    before: Some(bytes.clone()),
                    mode: None,
                });
            } else {
                // Mounted or read-only: the source goes, the file is somebody else's to remove.
                tracing::info!(%key, "the content file of a deleted source cannot be removed");
            }
        }
        let meta = ChangeMeta {
            kind: RevisionKind::Delete,
            ..meta.clone()
        };
        let revision = Revision::describe(self.next(key), None, &meta);
        let tombstone = Record {
            revision: revision.clone(),
            document: None,
            entry: None,
            mode: self.mode_of(key),
        };
        let records = vec![tombstone];
        let planned = self.with_records(key, changes, records, draft.parsed, revision)?;
        self.write(key, planned)
    }

    /// Looks at the files before a write: edits of this source are recorded first.
    fn look_for(&mut self, key: &SourceKey) -> Result<(), StoreError> {
        self.look(Whose::Also(key))?;
        let reason = match (&self.stuck, self.unrecorded.get(key)) {
            (Some(reason), _) => reason.clone(),
            (None, Some(reason)) => format!("its history cannot be read or written: {reason}"),
            (None, None) => return Ok(()),
        };
        let cause = std::io::Error::other(reason);
        Err(StoreError::unavailable("write anything now", cause))
    }

    /// Whether the write may go on: the expectation holds, and the files are readable.
    fn check(&self, key: &SourceKey, expect: &Expect) -> Result<(), StoreError> {
        let current = self.view.sources.get(key).map(|s| &s.revision.id);
        if !expect.holds(current) {
            return Err(StoreError::Conflict {
                key: key.clone(),
                current: current.cloned(),
            });
        }
        // A write would make what the files do not say now, and were meant to say, so.
        let missing = |key: &SourceKey| {
            self.standing(key) == Standing::Doubtful && !self.live.sources.contains_key(key)
        };
        let doubts = match self.heads.keys().any(missing) {
            true => self.live.doubts_about(None),
            false => self.live.broken.clone(),
        };
        match doubts.first() {
            None => Ok(()),
            Some(finding) => Err(refused(
                None,
                format!("{}; repair the file first", finding.message),
            )),
        }
    }

    fn check_size(&self, actual: u64) -> Result<(), StoreError> {
        let limit = self.disk.limit;
        if actual > limit {
            return Err(StoreError::TooLarge { limit, actual });
        }
        Ok(())
    }

    pub(super) fn config_key(&self, key: &SourceKey) -> Result<String, StoreError> {
        let found = self.reader.config_key(&key.plugin).map(str::to_owned);
        found.ok_or_else(|| {
            let reason = format!(
                "no section of the sources file is for the plugin {}",
                key.plugin
            );
            refused(None, reason)
        })
    }

    /// The record of bytes that no source used and that a put is about to replace, so that there is
    /// a way back to them.
    fn found(&self, key: &SourceKey, document: &SourceDocument, bytes: &Arc<[u8]>) -> Record {
        let document = SourceDocument::new(document.settings.clone(), Some(bytes.clone()));
        let meta = ChangeMeta {
            author: catalog_core::Author::external(),
            message: Some("what was in the file before the source used it".to_owned()),
            kind: RevisionKind::Import,
            at: self.clock.now(),
        };
        Record {
            revision: Revision::describe(self.next(key), Some(&document), &meta),
            document: Some(document),
            entry: None,
            mode: None,
        }
    }

    /// The sources files with their new texts.
    fn file_changes(&self, edits: &[FileEdit]) -> Vec<Change> {
        let mut changes = Vec::new();
        for edit in edits {
            let Some(file) = self.live.files.get(edit.file) else {
                continue;
            };
            changes.push(Change {
                spot: file.spot.clone(),
                bytes: Some(edit.text.as_bytes().into()),
                before: Some(file.bytes.clone()),
                mode: None,
            });
        }
        changes
    }

    /// Adds the files of the records: last, so that history says what was done when it was done.
    fn with_records(
        &self,
        key: &SourceKey,
        mut changes: Vec<Change>,
        records: Vec<Record>,
        parsed: Option<Parsed>,
        revision: Revision,
    ) -> Result<Planned, StoreError> {
        for record in &records {
            changes.push(self.record_change(key, record)?);
        }
        Ok(Planned {
            changes,
            records,
            parsed,
            revision,
        })
    }

    fn write(&mut self, key: &SourceKey, planned: Planned) -> Result<Revision, StoreError> {
        let conflict = |engine: &Self| StoreError::Conflict {
            key: key.clone(),
            current: engine.view.sources.get(key).map(|s| s.revision.id.clone()),
        };
        match self.disk.commit(&planned.changes) {
            Ok(_) => {}
            Err(CommitError::Overtaken) => {
                self.look(Whose::Also(key))?;
                return Err(conflict(self));
            }
            Err(error) => {
                // Perhaps the next one can finish it; who asked does not hear of that.
                if let Err(error) = self.look(Whose::Unmoved) {
                    tracing::warn!(%key, %error, "the store cannot be read after a failed write");
                }
                return Err(error.into());
            }
        }
        for record in planned.records {
            self.advance(key.clone(), record);
        }
        if let Some(parsed) = planned.parsed {
            self.reader.expect(&self.live.files, parsed);
        }
        // The change is made and durable. Only if somebody else's edit has won over it in the last
        // moment is it not what is live.
        self.look_after_write(key)?;
        match self.heads.get(key) {
            Some(head) if head.id == planned.revision.id => Ok(planned.revision),
            _ => Err(conflict(self)),
        }
    }

    /// Looks at the files after a write that has changed some of them.
    fn look_after_write(&mut self, key: &SourceKey) -> Result<(), StoreError> {
        let moving = self.view.changed_files();
        let live = self.reader.read(&self.disk);
        let written = |path: &PathBuf| {
            self.reader.sources().contains(path)
                || live.sources.get(key).and_then(|s| s.watched.as_ref()) == Some(path)
        };
        let moving: BTreeSet<PathBuf> = moving.into_keys().filter(|path| !written(path)).collect();
        self.live = live;
        self.record_news(&self.without_entries(moving.clone(), key), Some(key))?;
        self.view = Arc::new(self.make_view(&moving, Some(key)));
        Ok(())
    }

    /// Other sources' edits are not recorded after a write, whatever they are in.
    fn without_entries(&self, mut moving: BTreeSet<PathBuf>, key: &SourceKey) -> BTreeSet<PathBuf> {
        let others = self.live.sources.iter().filter(|(other, _)| *other != key);
        moving.extend(others.filter_map(|(_, source)| source.watched.clone()));
        moving.extend(self.reader.sources().iter().cloned());
        moving
    }
}
