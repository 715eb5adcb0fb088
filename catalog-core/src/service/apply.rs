//! Changing a source.

use std::fmt;
use std::sync::Arc;

use super::diff::Diff;
use super::guard::{Checked, Room};
use super::load::LoadResult;
use super::plan::{Plan, Request, Wish};
use super::view::{LiveSource, PluginSlot, SourceStatus};
use super::{CatalogService, Shared};
use crate::error::{CatalogError, StoreError};
use crate::model::{
    Author, Edit, Expect, RefreshOutcome, Revision, RevisionId, RevisionKind, SettingsPatch,
    SourceKey, SourceState,
};
use crate::ports::{CatalogEvent, StoredSource};
use crate::redaction;
use crate::validation::{Finding, ValidationReport};

/// How often a change that takes whatever is there is tried when somebody else keeps being faster.
const TRIES: usize = 5;

/// How to make a change.
#[derive(Clone, PartialEq, Eq)]
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

/// Prints the message without credentials.
impl fmt::Debug for ApplyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.message.as_deref().map(redaction::redact_text);
        f.debug_struct("ApplyOptions")
            .field("dry_run", &self.dry_run)
            .field("refresh", &self.refresh)
            .field("confirm_removals", &self.confirm_removals)
            .field("message", &message)
            .finish()
    }
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
#[non_exhaustive]
pub struct Applied {
    /// The new revision, in a dry run the one that would come; when nothing changed, the current
    /// one.
    pub revision: Revision,
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
#[non_exhaustive]
pub struct Deleted {
    /// The tombstone.
    pub revision: Revision,
}

impl CatalogService {
    /// Checks an edit against every layer, and whether the store would take it. Writes nothing.
    ///
    /// # Errors
    /// [`CatalogError::PluginNotFound`], [`CatalogError::Malformed`], those of the store. What
    /// validation finds is no error but the answer.
    pub async fn validate(
        &self,
        key: &SourceKey,
        edit: &Edit,
    ) -> Result<ValidationReport, CatalogError> {
        let (shared, key) = (self.shared.clone(), key.clone());
        let slot = shared.slot(&key.plugin)?.clone();
        let stored = shared.store.get(&key).await?;
        let wish = Wish::Edit(Arc::new(edit.clone()));
        let room = shared.room(shared.weight(&slot, &key, &wish)).await;
        let work = async move {
            let _room = room;
            let checked = shared.wished(&slot, &key, &wish, stored.as_ref()).await?;
            let Checked { mut run, size } = checked;
            if let Err(error) = size {
                run.report.refuse(error)?;
            } else if let Some(document) = &run.validated {
                // What was read of it is not needed any more, and the store may take its time.
                run.content = None;
                let meta = shared.meta(Author::system(), None, RevisionKind::Apply);
                let preview = shared.store.preview(&key, document, &Expect::Any, &meta);
                if let Err(error) = preview.await {
                    run.report.refuse(error)?;
                }
            }
            Ok(run.report)
        };
        self.detached(work).await
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
            wish: Wish::Edit(Arc::new(edit)),
            expect,
            author,
            options,
        })
        .await
    }

    /// Switches a source on or off. Switched off, it yields no entities; that is always possible,
    /// whatever is wrong with its document.
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
        let options = ApplyOptions::default();
        self.apply(key, Edit::settings(patch), expect, author, options)
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
        self.make(Request {
            key: key.clone(),
            wish: Wish::Revision(to.clone()),
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
        let slot = shared.slot(&request.key.plugin)?.clone();
        // Whoever goes away while it is not their turn yet leaves nothing behind.
        let turn = slot.lock(&request.key.id).taken().await;
        let weight = shared.weight(&slot, &request.key, &request.wish);
        let mut room = shared.room(weight).await;
        let work = async move {
            let _turn = turn;
            shared.make(&slot, &request, &mut room).await
        };
        self.detached(tracing::Instrument::instrument(work, span))
            .await
    }
}

impl Shared {
    /// Tells that a revision is stored.
    pub(super) fn changed(&self, key: &SourceKey, revision: &Revision) {
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

    /// What a change weighs: the larger of what is sent and what is there.
    fn weight(&self, slot: &PluginSlot, key: &SourceKey, wish: &Wish) -> u64 {
        let stored = slot.live(&key.id).map_or(0, |live| live.revision.size);
        match wish {
            Wish::Edit(edit) => edit
                .content
                .as_ref()
                .map_or(stored, |new| stored.max(new.len() as u64)),
            // Nobody knows before it is read.
            Wish::Revision(_) => self.store.capabilities().max_document_bytes,
        }
    }

    /// Makes a change. The caller holds the source's lock, and room.
    async fn make(
        self: &Arc<Self>,
        slot: &Arc<PluginSlot>,
        request: &Request,
        room: &mut Room,
    ) -> Result<Applied, CatalogError> {
        let whatever = matches!(request.expect, Expect::Any | Expect::Present);
        let mut tries = 1;
        loop {
            match self.attempt(slot, request, room).await {
                // Somebody was faster: what is there now is as good.
                Err(CatalogError::Store(StoreError::Conflict { .. }))
                    if whatever && tries < TRIES =>
                {
                    tries += 1;
                }
                other => return other,
            }
        }
    }

    async fn attempt(
        self: &Arc<Self>,
        slot: &Arc<PluginSlot>,
        request: &Request,
        room: &mut Room,
    ) -> Result<Applied, CatalogError> {
        let Request { key, options, .. } = request;
        let plan = self.plan(slot, request, room).await?;
        let mut applied = Applied {
            revision: plan.revision.clone(),
            previous: plan.stored.as_ref().map(|s| s.revision.id.clone()),
            created: plan.stored.is_none(),
            changed: plan.changed,
            dry_run: options.dry_run,
            rolled_back_to: match &request.wish {
                Wish::Edit(_) => None,
                Wish::Revision(id) => Some(id.clone()),
            },
            warnings: plan.document.warnings().to_vec(),
            diff: plan.diff.clone(),
            refresh: None,
            status: self.status_of(slot, key),
        };
        if options.dry_run {
            return Ok(applied);
        }
        if !applied.changed {
            // It may still wait to be shown.
            if let Some(stored) = plan.stored.filter(|_| options.refresh)
                && applied.status.revision.as_ref() != Some(&stored.revision.id)
            {
                applied.refresh = Some(self.reload(slot, &stored, room).await);
                applied.status = self.status_of(slot, key);
            }
            return Ok(applied);
        }
        let began = plan.began;
        let (stored, loaded) = self.store(key, plan).await?;
        applied.revision = stored.revision.clone();
        applied.diff.to = Some(stored.revision.id.clone());
        if options.refresh {
            applied.refresh = Some(match loaded {
                Some(loaded) => self.show(slot, &stored, loaded, began, room).await,
                None => self.reload(slot, &stored, room).await,
            });
        } else {
            self.hold(slot, &stored);
        }
        applied.status = self.status_of(slot, key);
        Ok(applied)
    }

    /// Stores the planned document. From here on the change is made, whatever fails.
    async fn store(
        &self,
        key: &SourceKey,
        plan: Plan,
    ) -> Result<(StoredSource, Option<LoadResult>), CatalogError> {
        let before = plan.stored.as_ref();
        let expect = Expect::at(before.map(|s| &s.revision.id));
        let revision = self
            .store
            .put(key, &plan.document, &expect, &plan.meta)
            .await?;
        let loaded = plan.loaded.map(|loaded| LoadResult {
            findings: plan.document.warnings().to_vec(),
            ..loaded
        });
        let stored = match self.store.get(key).await {
            Ok(Some(stored)) if stored.revision.id == revision.id => stored,
            // It cannot be read again just now, or somebody changed it already: what was put is
            // what this answer is about.
            _ => StoredSource {
                key: key.clone(),
                origin: before.map_or_else(|| self.store.describe(), |s| s.origin.clone()),
                document: plan.document.into_inner(),
                revision,
                editable: true,
                problems: Vec::new(),
            },
        };
        Ok((stored, loaded))
    }

    /// Tells of a revision that is about to be shown, unless it is shown already.
    pub(super) fn tell(&self, slot: &PluginSlot, stored: &StoredSource) {
        let live = slot.live(&stored.key.id);
        let known = live
            .as_ref()
            .is_some_and(|l| l.revision.id == stored.revision.id);
        if !known {
            self.changed(&stored.key, &stored.revision);
        }
    }

    /// Shows a new revision as stored without loading it.
    fn hold(&self, slot: &PluginSlot, stored: &StoredSource) {
        self.tell(slot, stored);
        let mut live = match slot.live(&stored.key.id) {
            Some(live) => LiveSource::of(stored, live.snapshot.clone(), live.status.clone()),
            None => LiveSource::loading(stored),
        };
        live.held = true;
        slot.set(&stored.key.id, Some(Arc::new(live)));
    }

    fn status_of(&self, slot: &PluginSlot, key: &SourceKey) -> SourceStatus {
        match slot.live(&key.id) {
            Some(live) => live.status.clone(),
            None => SourceStatus::unknown(SourceState::Loading),
        }
    }
}
