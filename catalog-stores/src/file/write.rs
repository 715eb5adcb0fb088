//! Putting and deleting a source. Everything here blocks and wants the lock.

use std::sync::Arc;

use catalog_core::StoreError;
use catalog_core::digest::Digest;
use catalog_core::model::{ChangeMeta, Expect, Revision, RevisionKind, SourceDocument, SourceKey};
use catalog_core::sources_config::FileEdit;

use super::commit::Change;
use super::edit::Draft;
use super::engine::Engine;
use super::live::LiveContent;
use super::record::Record;
use super::roots::Spot;
use super::target::Target;

/// Mode of a new content file, before the process's mask.
const CONTENT_MODE: u32 = 0o644;

pub(super) fn refused(field: Option<&str>, reason: impl Into<String>) -> StoreError {
    StoreError::Refused {
        field: field.map(str::to_owned),
        reason: reason.into(),
    }
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
        self.sync()?;
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
                    if let Some(old) = old.as_ref().filter(|_| !self.is_used(&located.spot)) {
                        records.push(self.found(key, &document, old));
                    }
                    changes.push(Change {
                        spot: located.spot,
                        bytes: Some(new.clone()),
                        before: old.as_deref().map(Digest::of),
                        mode: CONTENT_MODE,
                    });
                }
            }
        }
        let sequence = self.next(key) + records.len() as u64;
        let revision = Revision::describe(sequence, Some(&document), meta);
        records.push(Record {
            revision: revision.clone(),
            document: Some(document),
            entry: draft.entry.clone(),
        });
        changes.extend(self.file_changes(&draft.edits)?);
        self.write(key, changes, &records)?;
        Ok(revision)
    }

    /// Removes a source and leaves a tombstone in its history.
    pub(super) fn delete(
        &mut self,
        key: &SourceKey,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Revision, StoreError> {
        self.sync()?;
        if !self.view.sources.contains_key(key) && !matches!(expect, Expect::Revision(_)) {
            return Err(StoreError::SourceNotFound { key: key.clone() });
        }
        self.check(key, expect)?;
        let draft = Draft::remove(self, key)?;
        let mut changes = self.file_changes(&draft.edits)?;
        if let Some(LiveContent::Bytes { located, bytes }) =
            self.live.sources.get(key).map(|s| &s.content)
            // Without its file a link would lead nowhere, and a roll back could not follow it.
            && !located.linked
            && self.users(&located.spot).all(|user| user == key)
        {
            changes.push(Change {
                spot: located.spot.clone(),
                bytes: None,
                before: Some(Digest::of(bytes)),
                mode: CONTENT_MODE,
            });
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
        };
        self.write(key, changes, &[tombstone])?;
        Ok(revision)
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
        match self.live.broken.first() {
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

    fn next(&self, key: &SourceKey) -> u64 {
        self.heads.get(key).map_or(0, |head| head.id.sequence()) + 1
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

    /// The sources that have their content in this file.
    fn users<'a>(&'a self, spot: &'a Spot) -> impl Iterator<Item = &'a SourceKey> {
        self.live.sources.iter().filter_map(move |(key, source)| {
            let LiveContent::Bytes { located, .. } = &source.content else {
                return None;
            };
            (located.spot == *spot).then_some(key)
        })
    }

    fn is_used(&self, spot: &Spot) -> bool {
        self.users(spot).next().is_some()
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
        }
    }

    /// The sources files with their new texts.
    fn file_changes(&self, edits: &[FileEdit]) -> Result<Vec<Change>, StoreError> {
        let mut changes = Vec::new();
        for edit in edits {
            let Some(file) = self.live.files.get(edit.file) else {
                continue;
            };
            self.check_size(edit.text.len() as u64)?;
            changes.push(Change {
                spot: file.spot.clone(),
                bytes: Some(edit.text.as_bytes().into()),
                before: Some(Digest::of(&file.bytes)),
                mode: CONTENT_MODE,
            });
        }
        Ok(changes)
    }

    fn write(
        &mut self,
        key: &SourceKey,
        mut changes: Vec<Change>,
        records: &[Record],
    ) -> Result<(), StoreError> {
        for record in records {
            changes.push(self.record_change(key, record)?);
        }
        self.disk.commit(&changes)?;
        self.prune(key);
        // The change is made and durable, whatever looking at it again says.
        if let Err(error) = self.sync() {
            tracing::warn!(%key, %error, "the store cannot be read after a write");
        }
        Ok(())
    }
}
