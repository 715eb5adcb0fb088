//! Working out what a put or a deletion changes. Everything here blocks and wants the lock.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use catalog_core::StoreError;
use catalog_core::model::{
    ChangeMeta, Expect, Revision, RevisionId, RevisionKind, SourceDocument, SourceKey,
};
use catalog_core::sources_config::FileEdit;

use super::commit::Change;
use super::edit::Draft;
use super::engine::{Engine, Whose};
use super::live::{LiveContent, Parsed};
use super::problem::UNREADABLE;
use super::record::Record;
use super::roots::Spot;
use super::standing::Standing;
use super::target::Target;

pub(super) fn refused(field: Option<&str>, reason: impl Into<String>) -> StoreError {
    StoreError::Refused {
        field: field.map(str::to_owned),
        reason: reason.into(),
    }
}

/// What somebody asks for.
pub(super) struct Job {
    pub(super) key: SourceKey,
    pub(super) action: Action,
    pub(super) expect: Expect,
    pub(super) meta: ChangeMeta,
}

/// What is to become of a source.
pub(super) enum Action {
    /// It says this.
    Put(Box<SourceDocument>),
    /// It goes.
    Delete,
}

/// A write that was worked out and checked, and not yet made.
pub(super) struct Planned {
    pub(super) changes: Vec<Change>,
    pub(super) records: Vec<Record>,
    /// What the sources files will say, when they change.
    pub(super) parsed: Option<Parsed>,
    /// The revision that comes.
    pub(super) revision: Revision,
    /// The content file that it was worked out with, whether it changes or not.
    pub(super) content: Option<Spot>,
}

impl Engine {
    /// What a put would answer. Records edits past the store, as every look does, and writes nothing
    /// else.
    pub(super) fn preview(&mut self, job: &Job) -> Result<Revision, StoreError> {
        self.look_for(&job.key)?;
        let planned = self.plan(job)?;
        self.disk.probe(&planned.changes)?;
        Ok(planned.revision)
    }

    /// Works out what has to be changed. The files were looked at before.
    pub(super) fn plan(&self, job: &Job) -> Result<Planned, StoreError> {
        match &job.action {
            Action::Put(document) => self.plan_put(&job.key, document, &job.expect, &job.meta),
            Action::Delete => self.plan_delete(&job.key, &job.expect, &job.meta),
        }
    }

    fn plan_put(
        &self,
        key: &SourceKey,
        document: &SourceDocument,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Planned, StoreError> {
        self.check(key, expect)?;
        self.check_size(document.size())?;
        self.check_size(document.canonical_settings().len() as u64)?;

        let draft = Draft::put(self, key, &document.settings, meta.kind)?;
        let target = Target::of(self, key, document, draft.properties_from)?;
        let mut document = document.clone();
        let mut changes = Vec::new();
        let mut records = Vec::new();
        let content = target.as_ref().map(|target| target.located.spot.clone());
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
        self.with_records(key, changes, records, draft.parsed, revision, content)
    }

    /// Removes a source and leaves a tombstone in its history.
    fn plan_delete(
        &self,
        key: &SourceKey,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Planned, StoreError> {
        if !self.published.get().sources.contains_key(key) && !matches!(expect, Expect::Revision(_))
        {
            return Err(StoreError::SourceNotFound { key: key.clone() });
        }
        self.check(key, expect)?;
        self.check_content_is_known(key)?;
        let draft = Draft::remove(self, key)?;
        let mut changes = self.file_changes(&draft.edits);
        if let Some(live) = self.live.sources.get(key)
            && let (Some(located), LiveContent::Bytes(bytes, _)) = (&live.located, &live.content)
            // Without its file a link would lead nowhere, and a roll back could not follow it.
            && !located.linked
            && self.users(&located.spot).all(|user| user == key)
        {
            let removable = self.disk.can_remove(&located.spot);
            if removable.map_err(|e| StoreError::unavailable("prepare the change", e))? {
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
        let located = self.live.sources.get(key).and_then(|s| s.located.as_ref());
        let content = located.map(|located| located.spot.clone());
        self.with_records(key, changes, records, draft.parsed, revision, content)
    }

    /// Whether a deletion knows what becomes of the content file: one that the disk cannot give right
    /// now would be left behind. One that is not the store's to read is left.
    fn check_content_is_known(&self, key: &SourceKey) -> Result<(), StoreError> {
        match self.live.sources.get(key).map(|live| &live.content) {
            Some(LiveContent::Unreadable(Some(kind))) if *kind != ErrorKind::PermissionDenied => {
                Err(StoreError::unavailable(
                    "read its files",
                    io::Error::from(*kind),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Looks at the files before a write: edits of this source are recorded first.
    pub(super) fn look_for(&mut self, key: &SourceKey) -> Result<(), StoreError> {
        self.look(Whose::Also(key))?;
        let reason = match (&self.stuck, self.unrecorded.get(key)) {
            (Some(reason), _) => reason.clone(),
            (None, Some(reason)) => format!("its history cannot be read or written: {reason}"),
            (None, None) => return Ok(()),
        };
        let cause = std::io::Error::other(reason);
        Err(StoreError::unavailable("write anything now", cause))
    }

    /// The revision of a source as readers see it.
    pub(super) fn current(&self, key: &SourceKey) -> Option<RevisionId> {
        let view = self.published.get();
        view.sources.get(key).map(|s| s.revision.id.clone())
    }

    /// Whether the write may go on: the expectation holds, and the files are readable.
    fn check(&self, key: &SourceKey, expect: &Expect) -> Result<(), StoreError> {
        let current = self.current(key);
        if !expect.holds(current.as_ref()) {
            return Err(StoreError::Conflict {
                key: key.clone(),
                current,
            });
        }
        // A write would make what the files do not say now, and were meant to say, so.
        let missing = |key: &SourceKey| {
            self.standing(key) == Standing::Doubtful && !self.live.sources.contains_key(key)
        };
        let doubts = self.live.doubts_about(None);
        let doubts = match !doubts.is_empty() && self.heads.keys().any(missing) {
            true => doubts,
            false => self.live.broken.clone(),
        };
        match doubts.first() {
            None => Ok(()),
            // Nobody's document is at fault when the disk is.
            Some(finding) if *finding.code == *UNREADABLE => {
                let cause = std::io::Error::other(finding.message.clone());
                Err(StoreError::unavailable("read its files", cause))
            }
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
        content: Option<Spot>,
    ) -> Result<Planned, StoreError> {
        for record in &records {
            changes.push(self.record_change(key, record)?);
        }
        Ok(Planned {
            changes,
            records,
            parsed,
            revision,
            content,
        })
    }
}
