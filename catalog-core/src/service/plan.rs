//! What a change would do: everything that can be checked without writing.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::Shared;
use super::apply::ApplyOptions;
use super::change::{self, Wanted};
use super::diff::{Diff, entity_changes};
use super::guard::{Checked, Room};
use super::load::LoadResult;
use super::view::PluginSlot;
use crate::error::{CatalogError, StoreError};
use crate::model::{
    Author, ChangeMeta, Edit, Entity, Expect, Revision, RevisionId, RevisionKind, SourceDocument,
    SourceKey,
};
use crate::ports::StoredSource;
use crate::validation::{Finding, Layer, Place, Validated};
use crate::yaml;

/// Where the wanted document comes from.
pub(super) enum Wish {
    Edit(Arc<Edit>),
    Revision(RevisionId),
}

pub(super) struct Request {
    pub(super) key: SourceKey,
    pub(super) wish: Wish,
    pub(super) expect: Expect,
    pub(super) author: Author,
    pub(super) options: ApplyOptions,
}

/// A change that may be made: everything was checked, nothing is written.
pub(super) struct Plan {
    pub(super) stored: Option<StoredSource>,
    pub(super) document: Validated<SourceDocument>,
    pub(super) meta: ChangeMeta,
    /// Whether anything differs.
    pub(super) changed: bool,
    /// The revision that would come; the current one when nothing changes.
    pub(super) revision: Revision,
    /// When it was begun to load what would be served.
    pub(super) began: (DateTime<Utc>, tokio::time::Instant),
    /// What would be served; `None` for what is only known afterwards.
    pub(super) loaded: Option<LoadResult>,
    pub(super) diff: Diff,
}

impl Shared {
    /// Finds out what document a wish asks for, and checks it.
    pub(super) async fn wished(
        self: &Arc<Self>,
        slot: &Arc<PluginSlot>,
        key: &SourceKey,
        wish: &Wish,
        stored: Option<&StoredSource>,
    ) -> Result<Checked, CatalogError> {
        match wish {
            Wish::Edit(edit) => {
                let (edit, of, before) = (edit.clone(), key.clone(), stored.cloned());
                let wanted = move |shared: &Self| {
                    let limit = shared.store.capabilities().max_document_bytes;
                    let properties = || shared.store.content_properties(&of);
                    change::wanted(&of, &edit, before.as_ref(), limit, properties)
                };
                self.checked(slot, key, stored, wanted).await
            }
            Wish::Revision(id) => {
                let wanted = self.recorded(key, id).await?;
                self.checked(slot, key, stored, |_| Ok(wanted)).await
            }
        }
    }

    pub(super) fn meta(
        &self,
        author: Author,
        message: Option<String>,
        kind: RevisionKind,
    ) -> ChangeMeta {
        let message = message.map(|m| crate::redaction::redact_text(&m));
        ChangeMeta {
            author,
            message,
            kind,
            at: self.clock.now(),
        }
    }

    /// Checks everything that can be checked without writing.
    pub(super) async fn plan(
        self: &Arc<Self>,
        slot: &Arc<PluginSlot>,
        request: &Request,
        room: &mut Room,
    ) -> Result<Plan, CatalogError> {
        let Request {
            key,
            wish,
            expect,
            author,
            options,
        } = request;
        let stored = self.store.get(key).await?;
        let current = stored.as_ref().map(|s| s.revision.id.clone());
        if !expect.holds(current.as_ref()) {
            let key = key.clone();
            return Err(StoreError::Conflict { key, current }.into());
        }
        let kind = match wish {
            Wish::Edit(_) => RevisionKind::Apply,
            Wish::Revision(_) => RevisionKind::Rollback,
        };
        let Checked { mut run, size } = self.wished(slot, key, wish, stored.as_ref()).await?;
        size?;
        let content = run.content.take();
        let Some(document) = run.validated else {
            return Err(CatalogError::Invalid(Box::new(run.report)));
        };
        let meta = self.meta(author.clone(), options.message.clone(), kind);
        let began = (self.clock.now(), tokio::time::Instant::now());
        // A repair of what could not be read is a change, even to the document as last read.
        let before = stored.as_ref().map(|s| &s.document);
        let unchanged = stored
            .as_ref()
            .filter(|s| s.is_sound() && s.document == *document.get());
        if let Some(unchanged) = unchanged {
            return Ok(Plan {
                changed: false,
                revision: unchanged.revision.clone(),
                diff: Diff::none(current),
                loaded: None,
                stored,
                document,
                meta,
                began,
            });
        }
        // A roll back works with everything away that is only needed to show it.
        if document.get().settings.enabled && kind != RevisionKind::Rollback {
            self.check_secrets(document.get()).await?;
        }
        let expected = Expect::at(current.as_ref());
        let revision = self.store.preview(key, &document, &expected, &meta).await?;

        let loaded = self
            .load_ahead(slot, key, &document, content, &meta, room)
            .await;
        if let Some(error) = loaded.as_ref().and_then(|l| l.error.as_ref()) {
            let finding = Finding::error(Layer::Provider, "does-not-load", error.clone());
            run.report.add(Finding {
                place: Place::Content,
                ..finding
            });
            return Err(CatalogError::Invalid(Box::new(run.report)));
        }
        let served = slot
            .live(&key.id)
            .map(|live| live.snapshot.clone())
            .unwrap_or_default();
        let old = match before {
            Some(before) if slot.plugin.has_content(&before.settings.source_type) => {
                self.entities_of(slot, key, before, meta.at, room).await
            }
            // An upstream is not asked for what it had before.
            _ => served.entities().to_vec(),
        };
        let new = loaded
            .as_ref()
            .map_or(old.as_slice(), |l| &l.loaded.entities);
        let mut diff = self
            .compare(before, Some(document.get()), &old, new)
            .await?;
        (diff.from, diff.to) = (current, Some(revision.id.clone()));
        // What counts is what readers see; before the first load, what they are about to see.
        let seen = match &served.revision {
            Some(_) => served.entities(),
            None => &old,
        };
        self.check_removals(options, document.get(), seen, new)?;
        Ok(Plan {
            changed: true,
            revision,
            diff,
            loaded,
            stored,
            document,
            meta,
            began,
        })
    }

    /// Loads what would be served, where that takes nothing but the document.
    async fn load_ahead(
        self: &Arc<Self>,
        slot: &Arc<PluginSlot>,
        key: &SourceKey,
        document: &Validated<SourceDocument>,
        content: Option<yaml::Document>,
        meta: &ChangeMeta,
        room: &mut Room,
    ) -> Option<LoadResult> {
        let document = document.get();
        if !document.settings.enabled {
            return Some(LoadResult::default());
        }
        // An upstream is asked afterwards.
        if !slot.plugin.has_content(&document.settings.source_type) {
            return None;
        }
        let loaded = self.load(slot, key, document, content, meta.at, room);
        Some(loaded.await)
    }

    /// The document of a revision, as something that is wanted again.
    async fn recorded(&self, key: &SourceKey, id: &RevisionId) -> Result<Wanted, CatalogError> {
        let record = self.store.get_revision(key, id).await?;
        match record.document {
            Some(document) => Ok(Wanted {
                document,
                findings: Vec::new(),
            }),
            None => {
                let message = format!("the revision {id} is a deletion; delete the source instead");
                Err(CatalogError::Malformed(message))
            }
        }
    }

    pub(super) fn check_size(&self, document: &SourceDocument) -> Result<(), StoreError> {
        let limit = self.store.capabilities().max_document_bytes;
        let settings = document.canonical_settings().len() as u64;
        let actual = document.size().max(settings);
        if actual > limit {
            return Err(StoreError::TooLarge { limit, actual });
        }
        Ok(())
    }

    /// An edit that would empty a catalog by mistake is held back.
    fn check_removals(
        &self,
        options: &ApplyOptions,
        document: &SourceDocument,
        before: &[Entity],
        after: &[Entity],
    ) -> Result<(), CatalogError> {
        // Switching off says what it means.
        if !document.settings.enabled {
            return Ok(());
        }
        let removed = entity_changes(before, after).removed;
        let of = before.len();
        let share = removed.len() as f64 > self.options.max_unconfirmed_removal_share * of as f64;
        let many = removed.len() > self.options.max_unconfirmed_removals;
        if many && share && options.confirm_removals < removed.len() {
            return Err(CatalogError::RemovalsNeedConfirmation { removed, of });
        }
        Ok(())
    }
}

/// Whether all that changes is that the source is switched off.
pub(super) fn switches_off(before: &SourceDocument, after: &SourceDocument) -> bool {
    let mut off = before.clone();
    off.settings.enabled = false;
    before.settings.enabled && off == *after
}
