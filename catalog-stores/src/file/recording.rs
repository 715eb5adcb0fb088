//! Recording edits that were made past the store.

use std::collections::BTreeSet;
use std::path::PathBuf;

use catalog_core::StoreError;
use catalog_core::model::{Author, ChangeMeta, Revision, RevisionKind, SourceKey};

use super::commit::{Change, CommitError};
use super::engine::{Engine, Head};
use super::history::History;
use super::live::LiveSource;
use super::record::Record;
use super::standing::Standing;

impl Engine {
    /// Records every edit whose files are not among those that are moving, and that of `own` anyway.
    pub(super) fn record_news(
        &mut self,
        moving: &BTreeSet<PathBuf>,
        own: &[&SourceKey],
    ) -> Result<(), StoreError> {
        if self.stuck.is_some() {
            return Ok(());
        }
        let keys = self.keys().into_iter();
        let due = keys.filter(|key| {
            self.standing(key) == Standing::New
                && !self.unrecorded.contains_key(key)
                && (own.contains(&key) || !self.depends_on(key, moving))
        });
        let due: Vec<SourceKey> = due.collect();
        if due.is_empty() {
            return Ok(());
        }
        let news = due.into_iter().map(|key| {
            let record = self.outside(&key);
            (key, record)
        });
        let news = news.collect();
        self.record(news)
    }

    /// The record of something that nobody did through the store.
    fn outside(&self, key: &SourceKey) -> Record {
        let (head, live) = (self.heads.get(key), self.live.sources.get(key));
        let (author, kind) = match (live, head) {
            (None, _) => (Author::external(), RevisionKind::Delete),
            (Some(_), None) => (Author::system(), RevisionKind::Import),
            (Some(_), Some(_)) => (Author::external(), RevisionKind::External),
        };
        let meta = ChangeMeta {
            author,
            message: None,
            kind,
            at: self.clock.now(),
        };
        let document = live.map(|live| live.document(head.and_then(Head::document)));
        let mut revision = Revision::describe(self.next(key), document.as_ref(), &meta);
        revision.flawed = live.is_some_and(LiveSource::is_flawed);
        Record {
            revision,
            document,
            entry: live.and_then(|live| self.entry_of(key, live)),
            mode: self.mode_of(key),
        }
    }

    fn entry_of(&self, key: &SourceKey, live: &LiveSource) -> Option<String> {
        let config_key = self.reader.config_key(&key.plugin)?;
        self.live
            .parsed
            .entry_of(config_key, &key.id, &live.declared_in)
    }

    /// Records what can be recorded. A source whose history cannot be written is left out and
    /// reported; it does not stand in the way of the others.
    fn record(&mut self, mut news: Vec<(SourceKey, Record)>) -> Result<(), StoreError> {
        if !news.is_empty() {
            // What the journal has of these files is not what they say last. After a power cut it
            // must not undo what is about to be recorded.
            let empty = self.disk.checkpoint_held(&mut self.disk.held());
            empty.map_err(|e| StoreError::unavailable("make room for an edit", e))?;
        }
        while !news.is_empty() {
            let changes: Result<Vec<Change>, StoreError> = news
                .iter()
                .map(|(key, record)| self.record_change(key, record))
                .collect();
            match self.disk.commit(&changes?) {
                Ok(_) => break,
                Err(CommitError::Prepare {
                    step: Some(step),
                    source,
                }) if step < news.len() => {
                    let (key, _) = news.remove(step);
                    tracing::error!(%key, error = %source, "an edit cannot be recorded");
                    self.unrecorded.insert(key, source.kind().to_string());
                }
                Err(error) => return Err(error.into()),
            }
        }
        for (key, record) in news {
            let revision = &record.revision;
            tracing::info!(%key, revision = %revision.id, kind = revision.kind.as_str(), "recorded");
            self.advance(key, record);
        }
        Ok(())
    }

    /// The file of a record.
    pub(super) fn record_change(
        &self,
        key: &SourceKey,
        record: &Record,
    ) -> Result<Change, StoreError> {
        let bytes = record
            .encode()
            .map_err(|e| StoreError::unavailable("write the record", e))?;
        let path = History::path_of(key, &record.revision.id);
        Ok(Change {
            spot: self.disk.roots.in_history(path),
            bytes: Some(bytes.into()),
            before: None,
            mode: None,
        })
    }
}
