//! Changing a source.

use std::sync::Arc;

use super::change::{self, Wanted};
use super::diff::{Diff, entity_changes};
use super::view::{PluginSlot, SourceStatus};
use super::{CatalogService, Shared};
use crate::error::{CatalogError, StoreError};
use crate::model::{
    Author, ChangeMeta, Edit, Entity, Expect, RefreshOutcome, Revision, RevisionId, RevisionKind,
    SecretRef, SettingsPatch, SourceDocument, SourceKey,
};
use crate::ports::{CatalogEvent, StoredSource};
use crate::validation::{Finding, ValidationReport};

/// How to make a change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApplyOptions {
    /// Answer what would happen, write nothing.
    pub dry_run: bool,
    /// Show the change at once. Without it, the next refresh does.
    pub refresh: bool,
    /// Removing up to this many entities is wanted.
    pub confirm_removals: usize,
    /// Why, in the author's words.
    pub message: Option<String>,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self {
            dry_run: false,
            refresh: true,
            confirm_removals: 0,
            message: None,
        }
    }
}

impl ApplyOptions {
    /// Answer what would happen, write nothing.
    pub fn dry_run() -> Self {
        Self {
            dry_run: true,
            ..Self::default()
        }
    }

    /// The same options with a message.
    pub fn with_message(mut self, message: Option<String>) -> Self {
        self.message = message;
        self
    }

    /// The same options with so many removals confirmed.
    pub fn confirming(mut self, removals: usize) -> Self {
        self.confirm_removals = removals;
        self
    }

    /// The same options with or without a refresh.
    pub fn refreshing(mut self, refresh: bool) -> Self {
        self.refresh = refresh;
        self
    }
}

/// A change that was made, or in a dry run would be.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The new revision; in a dry run and when nothing changed, the current one, if any.
    pub revision: Option<Revision>,
    /// The revision before.
    pub previous: Option<RevisionId>,
    /// Whether the source did not exist before.
    pub created: bool,
    /// Whether anything differs.
    pub changed: bool,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// For a roll back: to which revision.
    pub rolled_back_to: Option<RevisionId>,
    /// What somebody should look at.
    pub warnings: Vec<Finding>,
    /// What differs.
    pub diff: Diff,
    /// How showing the change ended; `None` when nothing was shown.
    pub refresh: Option<RefreshOutcome>,
    /// How the source is now.
    pub status: SourceStatus,
}

/// A source that was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// The tombstone.
    pub revision: Revision,
}

/// Where the wanted document comes from.
enum Wish {
    Edit(Box<Edit>),
    Revision(RevisionId),
}

struct Request {
    key: SourceKey,
    wish: Wish,
    expect: Expect,
    author: Author,
    options: ApplyOptions,
}

impl CatalogService {
    /// Checks an edit against every layer. Writes nothing.
    ///
    /// # Errors
    /// [`CatalogError::PluginNotFound`], [`CatalogError::Malformed`], those of the store. What
    /// validation finds is no error but the answer.
    pub async fn validate(
        &self,
        key: &SourceKey,
        edit: &Edit,
    ) -> Result<ValidationReport, CatalogError> {
        let slot = self.shared.slot(&key.plugin)?;
        let stored = self.shared.store.get(key).await?;
        let Wanted { document, findings } = self.shared.wanted(key, edit, stored.as_ref())?;
        Ok(self
            .shared
            .pipeline
            .run(key, document, &*slot.plugin, findings)
            .report)
    }

    /// Changes or creates a source: validates, stores a revision, shows it.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] with every finding, [`StoreError::Conflict`] with the current
    /// revision, [`CatalogError::RemovalsNeedConfirmation`], [`CatalogError::SecretUnresolved`],
    /// and those of the store. In every case what was stored and served before still is.
    pub async fn apply(
        &self,
        key: &SourceKey,
        edit: Edit,
        expect: Expect,
        author: Author,
        options: ApplyOptions,
    ) -> Result<Applied, CatalogError> {
        self.make(Request {
            key: key.clone(),
            wish: Wish::Edit(Box::new(edit)),
            expect,
            author,
            options,
        })
        .await
    }

    /// Switches a source on or off. Switched off, it yields no entities.
    ///
    /// # Errors
    /// As [`apply`](Self::apply), and [`StoreError::SourceNotFound`].
    pub async fn enable(
        &self,
        key: &SourceKey,
        enabled: bool,
        expect: Expect,
        author: Author,
    ) -> Result<Applied, CatalogError> {
        self.shared.slot(&key.plugin)?;
        if self.shared.store.get(key).await?.is_none() {
            return Err(StoreError::SourceNotFound { key: key.clone() }.into());
        }
        let patch = SettingsPatch {
            enabled: Some(enabled),
            ..SettingsPatch::default()
        };
        self.apply(
            key,
            Edit::settings(patch),
            expect,
            author,
            ApplyOptions::default(),
        )
        .await
    }

    /// Stores the document of an older revision as a new one and shows it; brings a deleted source
    /// back. The document must still be valid.
    ///
    /// # Errors
    /// As [`apply`](Self::apply), and [`StoreError::RevisionNotFound`].
    pub async fn roll_back(
        &self,
        key: &SourceKey,
        to: &RevisionId,
        expect: Expect,
        author: Author,
        options: ApplyOptions,
    ) -> Result<Applied, CatalogError> {
        let wish = Wish::Revision(to.clone());
        self.make(Request {
            key: key.clone(),
            wish,
            expect,
            author,
            options,
        })
        .await
    }

    /// Deletes a source. Its entities are gone at once; its history stays.
    ///
    /// # Errors
    /// [`CatalogError::PluginNotFound`], [`StoreError::SourceNotFound`], [`StoreError::Conflict`]
    /// and those of the store.
    pub async fn delete(
        &self,
        key: &SourceKey,
        expect: Expect,
        author: Author,
        message: Option<String>,
    ) -> Result<Deleted, CatalogError> {
        let (shared, key) = (self.shared.clone(), key.clone());
        let span = shared.key_span("delete", &key);
        let work = async move {
            let slot = shared.slot(&key.plugin)?.clone();
            let lock = slot.lock(&key.id);
            let _turn = lock.turn.lock().await;
            let meta = shared.meta(author, message, RevisionKind::Delete);
            let revision = match shared.store.delete(&key, &expect, &meta).await {
                // What is not there has no revision to conflict with.
                Err(StoreError::Conflict { current: None, key }) => {
                    return Err(StoreError::SourceNotFound { key }.into());
                }
                other => other?,
            };
            shared.changed(&key, &revision);
            shared.forget(&slot, &key).await;
            Ok(Deleted { revision })
        };
        self.detached(tracing::Instrument::instrument(work, span))
            .await
    }

    async fn make(&self, request: Request) -> Result<Applied, CatalogError> {
        let shared = self.shared.clone();
        let name = match request.wish {
            Wish::Edit(_) => "apply",
            Wish::Revision(_) => "rollback",
        };
        let span = shared.key_span(name, &request.key);
        let work = async move { shared.make(request).await };
        self.detached(tracing::Instrument::instrument(work, span))
            .await
    }
}

impl Shared {
    fn wanted(
        &self,
        key: &SourceKey,
        edit: &Edit,
        stored: Option<&StoredSource>,
    ) -> Result<Wanted, CatalogError> {
        change::wanted(key, edit, stored, || self.store.content_properties(key))
    }

    fn meta(&self, author: Author, message: Option<String>, kind: RevisionKind) -> ChangeMeta {
        let message = message.map(|m| crate::redaction::redact_text(&m));
        ChangeMeta {
            author,
            message,
            kind,
            at: self.clock.now(),
        }
    }

    fn changed(&self, key: &SourceKey, revision: &Revision) {
        tracing::info!(
            plugin = %key.plugin, source.id = %key.id, revision = %revision.id,
            kind = revision.kind.as_str(), author = revision.author, "revision stored"
        );
        self.emit(CatalogEvent::Changed {
            key: key.clone(),
            revision: revision.id.clone(),
            kind: revision.kind.as_str(),
        });
    }

    async fn make(self: &Arc<Self>, request: Request) -> Result<Applied, CatalogError> {
        let Request {
            key,
            wish,
            expect,
            author,
            options,
        } = request;
        let slot = self.slot(&key.plugin)?.clone();
        let lock = slot.lock(&key.id);
        let _turn = lock.turn.lock().await;

        let stored = self.store.get(&key).await?;
        let current = stored.as_ref().map(|s| s.revision.id.clone());
        if !expect.holds(current.as_ref()) {
            return Err(StoreError::Conflict { key, current }.into());
        }
        let (Wanted { document, findings }, rolled_back_to) = match wish {
            Wish::Edit(edit) => (self.wanted(&key, &edit, stored.as_ref())?, None),
            Wish::Revision(id) => (self.recorded(&key, &id).await?, Some(id)),
        };
        self.check_size(&document)?;
        let run = self.pipeline.run(&key, document, &*slot.plugin, findings);
        let Some(validated) = run.validated else {
            return Err(CatalogError::Invalid(Box::new(run.report)));
        };
        self.check_secrets(validated.get()).await?;

        let before = stored.as_ref().map(|s| &s.document);
        let mut diff = self
            .compare(&slot, &key, before, Some(validated.get()))
            .await;
        self.check_removals(&slot, &key, &options, validated.get(), &diff)
            .await?;
        diff.from.clone_from(&current);
        // A repair of what could not be read is a change, even to the document as last read.
        let sound = stored
            .as_ref()
            .is_some_and(|s| !s.problems.iter().any(Finding::is_error));
        let changed = !sound || before != Some(validated.get());
        let mut applied = Applied {
            revision: stored.as_ref().map(|s| s.revision.clone()),
            previous: current.clone(),
            created: current.is_none(),
            changed,
            dry_run: options.dry_run,
            rolled_back_to: rolled_back_to.clone(),
            warnings: validated.warnings().to_vec(),
            diff,
            refresh: None,
            status: self.status_of(&slot, &key),
        };
        if options.dry_run || !changed {
            return Ok(applied);
        }

        let kind = match rolled_back_to {
            Some(_) => RevisionKind::Rollback,
            None => RevisionKind::Apply,
        };
        let meta = self.meta(author, options.message.clone(), kind);
        let expect = current.map_or(Expect::Absent, Expect::Revision);
        let revision = self.store.put(&key, &validated, &expect, &meta).await?;
        self.changed(&key, &revision);
        applied.diff.to = Some(revision.id.clone());
        applied.revision = Some(revision);
        if options.refresh {
            if let Some(stored) = self.store.get(&key).await? {
                applied.refresh = Some(self.reload(&slot, &stored).await);
            }
        } else {
            self.note_stored(&slot, &key).await?;
        }
        applied.status = self.status_of(&slot, &key);
        Ok(applied)
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

    fn check_size(&self, document: &SourceDocument) -> Result<(), StoreError> {
        let (limit, actual) = (
            self.store.capabilities().max_document_bytes,
            document.size(),
        );
        if actual > limit {
            return Err(StoreError::TooLarge { limit, actual });
        }
        Ok(())
    }

    /// Every reference must resolve now; the values are dropped at once.
    async fn check_secrets(&self, document: &SourceDocument) -> Result<(), CatalogError> {
        let properties = serde_json::Value::Object(document.settings.properties.clone());
        for reference in SecretRef::all_in(&properties) {
            self.secrets.resolve(&reference).await?;
        }
        Ok(())
    }

    /// An edit that would empty a catalog by mistake is held back.
    async fn check_removals(
        self: &Arc<Self>,
        slot: &Arc<PluginSlot>,
        key: &SourceKey,
        options: &ApplyOptions,
        document: &SourceDocument,
        diff: &Diff,
    ) -> Result<(), CatalogError> {
        // Switching off says what it means.
        if !document.settings.enabled {
            return Ok(());
        }
        let served = slot
            .live(&key.id)
            .map(|live| live.snapshot.clone())
            .unwrap_or_default();
        // What counts is what readers see: after an outside edit that does not load, that is more
        // than what is stored.
        let removed = if served.entities().is_empty() {
            diff.entities.removed.clone()
        } else {
            let after: Vec<Entity> = self.entities_of(slot, key, Some(document)).await;
            entity_changes(served.entities(), &after).removed
        };
        let of = served.entities().len().max(removed.len());
        let share = removed.len() as f64 > self.options.max_unconfirmed_removal_share * of as f64;
        let many = removed.len() > self.options.max_unconfirmed_removals;
        if many && share && options.confirm_removals < removed.len() {
            return Err(CatalogError::RemovalsNeedConfirmation { removed, of });
        }
        Ok(())
    }

    pub(super) fn status_of(&self, slot: &PluginSlot, key: &SourceKey) -> SourceStatus {
        match slot.live(&key.id) {
            Some(live) => live.status.clone(),
            None => SourceStatus {
                state: crate::model::SourceState::Loading,
                entity_count: 0,
                revision: None,
                last_refresh: None,
                failures: Vec::new(),
                findings: Vec::new(),
            },
        }
    }

    /// Shows a new revision as stored without loading it.
    async fn note_stored(&self, slot: &PluginSlot, key: &SourceKey) -> Result<(), CatalogError> {
        let Some(stored) = self.store.get(key).await? else {
            return Ok(());
        };
        let live = match slot.live(&key.id) {
            Some(live) => {
                super::LiveSource::of(&stored, live.snapshot.clone(), live.status.clone())
            }
            None => super::LiveSource::loading(&stored),
        };
        slot.set(&key.id, Some(Arc::new(live)));
        Ok(())
    }
}
