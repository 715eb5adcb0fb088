//! How what the files say compares with what was recorded, and what readers are shown of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use catalog_core::model::{Author, ChangeMeta, Revision, RevisionKind, SourceKey};
use catalog_core::ports::StoredSource;
use catalog_core::validation::{Finding, Layer};

use super::engine::{Engine, Head};
use super::live::LiveSource;
use super::record::Record;
use super::view::View;

/// How a source compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The files say what was recorded.
    Known,
    /// They say something else.
    New,
    /// They seem to, and may not say all that they are meant to say.
    Doubtful,
}

impl Engine {
    pub(super) fn standing(&self, key: &SourceKey) -> Standing {
        let (live, head) = (self.live.sources.get(key), self.heads.get(key));
        let known = match (live, head) {
            (None, None) => true,
            (None, Some(head)) => head.is_tombstone(),
            (Some(_), None) => false,
            (Some(live), Some(head)) => {
                // What was misread once and is read without a flaw now is a revision of its own.
                let mended =
                    head.record.as_ref().is_some_and(|r| r.revision.flawed) && !live.is_flawed();
                head.document().is_some_and(|last| live.is(last)) && !mended
            }
        };
        if known {
            Standing::Known
        } else if head.is_some() && !self.live.doubts_about(live).is_empty() {
            Standing::Doubtful
        } else {
            Standing::New
        }
    }

    /// Whether the difference is one of the entry, not of the content alone.
    pub(super) fn entry_differs(&self, key: &SourceKey) -> bool {
        let live = self.live.sources.get(key);
        let last = self.heads.get(key).and_then(Head::document);
        live.map(|live| &live.settings) != last.map(|last| &last.settings)
    }

    /// Whether what the files say of a source depends on one of these.
    pub(super) fn depends_on(&self, key: &SourceKey, files: &BTreeSet<PathBuf>) -> bool {
        if files.is_empty() {
            return false;
        }
        self.content_is_in(key, files)
            || (self
                .reader
                .sources()
                .iter()
                .any(|path| files.contains(path))
                && self.entry_differs(key))
    }

    fn content_is_in(&self, key: &SourceKey, files: &BTreeSet<PathBuf>) -> bool {
        let content = self.live.sources.get(key).and_then(|s| s.watched.as_ref());
        content.is_some_and(|path| files.contains(path))
    }

    /// What readers are shown: what was recorded, with what is wrong now. While the files of a
    /// source are moving, what was shown before.
    pub(super) fn make_view(&self, moving: &BTreeSet<PathBuf>, own: &[&SourceKey]) -> View {
        let before = self.published.get();
        let mut sources = BTreeMap::new();
        let mut held = moving.clone();
        for (key, head) in &self.heads {
            let standing = self.standing(key);
            if standing == Standing::New {
                let content = self.live.sources.get(key).and_then(|s| s.watched.clone());
                held.extend(content);
                if self.entry_differs(key) {
                    held.extend(self.reader.sources().iter().cloned());
                }
            }
            let moves = !own.contains(&key) && self.content_is_in(key, moving);
            if let Some(record) = &head.record
                && let Some(source) =
                    self.shown(before.sources.get(key), record, standing, moves, key)
            {
                sources.insert(key.clone(), Arc::new(self.with_trouble(source, head)));
            }
        }
        self.add_unrecorded(&mut sources);
        let new = self
            .live
            .sources
            .iter()
            .filter(|(key, _)| !self.heads.contains_key(key));
        let waiting = new.filter(|(key, _)| !self.unrecorded.contains_key(key));
        if waiting.count() > 0 {
            held.extend(self.reader.sources().iter().cloned());
        }
        View {
            sources,
            troubles: self.troubles(),
            generation: self.disk.generation(),
            watched: self.live.watched.clone(),
            held,
            unsettled: !self.live.unsettled.is_empty(),
        }
    }

    pub(super) fn shown(
        &self,
        before: Option<&Arc<StoredSource>>,
        record: &Record,
        standing: Standing,
        moves: bool,
        key: &SourceKey,
    ) -> Option<StoredSource> {
        let last = record.document.as_ref()?;
        let live = self.live.sources.get(key);
        let before = before.filter(|before| before.revision.id == record.revision.id);
        let source = |origin, problems| StoredSource {
            key: key.clone(),
            document: last.clone(),
            revision: record.revision.clone(),
            origin,
            editable: true,
            problems,
        };
        let origin = || {
            let before = before.map(|before| before.origin.clone());
            before
                .or(live.map(|live| live.origin.clone()))
                .unwrap_or_default()
        };
        Some(match (standing, live, before) {
            (Standing::Doubtful, _, _) => source(origin(), self.live.doubts_about(live)),
            (Standing::Known, _, Some(before)) if moves => (**before).clone(),
            (Standing::Known, Some(live), _) => source(live.origin.clone(), live.problems.clone()),
            (_, _, Some(before)) => (**before).clone(),
            (_, _, None) => source(origin(), Vec::new()),
        })
    }

    /// A source whose newest record cannot be read is what its files say; its history is not whole.
    fn with_trouble(&self, mut source: StoredSource, head: &Head) -> StoredSource {
        if let Some(trouble) = &head.trouble {
            let code = "damaged-history";
            source
                .problems
                .push(Finding::warning(Layer::Provider, code, trouble.clone()));
        }
        source
    }

    /// Sources whose edits cannot be recorded are a problem of their own.
    fn add_unrecorded(&self, sources: &mut BTreeMap<SourceKey, Arc<StoredSource>>) {
        for (key, reason) in &self.unrecorded {
            let Some(live) = self.live.sources.get(key) else {
                continue;
            };
            let shown = sources.entry(key.clone());
            let shown = shown.or_insert_with(|| Arc::new(self.without_history(key, live)));
            let message = format!("its history cannot be read or written: {reason}");
            let finding = Finding::error(Layer::Provider, "no-history", message);
            Arc::make_mut(shown).problems.push(finding);
        }
    }

    fn without_history(&self, key: &SourceKey, live: &LiveSource) -> StoredSource {
        let document = live.document(None);
        let meta = ChangeMeta {
            author: Author::system(),
            message: None,
            kind: RevisionKind::Import,
            at: self.clock.now(),
        };
        StoredSource {
            key: key.clone(),
            revision: Revision::describe(1, Some(&document), &meta),
            document,
            origin: live.origin.clone(),
            editable: true,
            problems: live.problems.clone(),
        }
    }

    /// What is wrong beyond single sources, for the health.
    pub(super) fn troubles(&self) -> Vec<String> {
        let mut troubles = Vec::new();
        troubles.extend(self.stuck.clone());
        let doubts = self.live.parsed.doubts.iter().flatten();
        let findings = self.live.parsed.config.findings.iter();
        // A file that is empty is in order as long as nobody misses anything.
        let missed = self.heads.values().any(|head| head.document().is_some());
        let empty = doubts.filter(|doubt| missed && doubt.code == "empty-file");
        let findings = self.live.broken.iter().chain(empty).chain(findings);
        let errors = findings.filter(|finding| finding.is_error());
        troubles.extend(errors.map(|finding| finding.message.clone()));
        for (key, head) in &self.heads {
            if let Some(trouble) = &head.trouble {
                troubles.push(format!("{key}: {trouble}"));
            }
        }
        for (key, reason) in &self.unrecorded {
            troubles.push(format!(
                "the history of {key} cannot be read or written: {reason}"
            ));
        }
        for plan in self.disk.set_aside_plans() {
            troubles.push(format!(
                "an interrupted change could not be finished; what it was is in .history/{plan}"
            ));
        }
        troubles
    }
}
