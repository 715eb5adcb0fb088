//! Calls to ports that must not hold anything up for ever.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinError;

use super::Shared;
use super::change::Wanted;
use super::plan::switches_off;
use super::view::PluginSlot;
use crate::error::{CatalogError, Cause, StoreError};
use crate::health::bounded;
use crate::model::{SecretRef, SourceDocument, SourceKey};
use crate::ports::{SecretError, StoredSource};
use crate::validation::Run;

/// What the pipeline and the store's limit say about a document.
pub(super) struct Checked {
    pub(super) run: Run,
    pub(super) size: Result<(), StoreError>,
}

/// A failure of a task, told without what a panic said: that may hold a secret.
#[derive(Debug, thiserror::Error)]
#[error("a task of the catalog {0}")]
struct TaskFailed(&'static str);

/// The cause that a failed task stands for.
pub(super) fn task_failed(error: &JoinError) -> Cause {
    Box::new(TaskFailed(match error.is_panic() {
        true => "panicked",
        false => "was cancelled",
    }))
}

/// What takes longer than this waits for somebody else rather than for this machine.
const PATIENCE: Duration = Duration::from_millis(100);

/// Does work of which only so much is done at a time. What takes long makes room for others and goes
/// on: sources that a store does not give must not keep the others from being looked at.
pub(super) async fn in_lane<T>(lanes: &Semaphore, work: impl Future<Output = T>) -> T {
    let permit = lanes.acquire().await;
    let mut work = std::pin::pin!(work);
    match tokio::time::timeout(PATIENCE, &mut work).await {
        Ok(done) => done,
        Err(_) => {
            drop(permit);
            work.await
        }
    }
}

/// Room for a document in work: from before it is parsed until nothing of it is left but entities.
/// Parsed it takes up to 30 times its bytes. Whoever has a source's lock, too, took that first.
#[derive(Debug)]
pub(super) struct Room(Option<OwnedSemaphorePermit>);

impl Room {
    /// Makes room for others.
    pub(super) fn leave(&mut self) {
        self.0 = None;
    }
}

/// Rings when a future wants to be polled again.
#[derive(Default)]
struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

/// Does work that may take this machine's time, in threads where nobody waits to be served. Work that
/// waits for somebody else makes room for others: sources whose upstreams hang must not keep the
/// others from being loaded.
pub(super) async fn driven<T: Send + 'static>(
    mut work: BoxFuture<'static, T>,
    room: &mut Room,
) -> Result<T, JoinError> {
    let bell = Arc::new(Bell::default());
    loop {
        let waker = Waker::from(bell.clone());
        let span = tracing::Span::current();
        let turn = move || {
            let poll = span.in_scope(|| work.as_mut().poll(&mut Context::from_waker(&waker)));
            (work, poll)
        };
        match tokio::task::spawn_blocking(turn).await? {
            (_, Poll::Ready(done)) => return Ok(done),
            (pending, Poll::Pending) => work = pending,
        }
        if bounded(PATIENCE, bell.0.notified()).await.is_none() {
            room.leave();
            bell.0.notified().await;
        }
    }
}

impl Shared {
    /// Waits for room for so many bytes of documents. Many small ones share it, up to
    /// [`concurrent_loads`](super::ServiceOptions::concurrent_loads); one that is too large for all of
    /// it takes all of it.
    pub(super) async fn room(&self, bytes: u64) -> Room {
        let all = self.options.documents_in_work();
        let lane = (all / self.options.concurrent_loads.max(1) as u32).max(1);
        let share = u32::try_from(bytes).unwrap_or(u32::MAX).clamp(lane, all);
        // It is never closed.
        Room(self.work.clone().acquire_many_owned(share).await.ok())
    }

    /// Finds out what document is wanted and runs the pipeline on it, where that may take its time.
    pub(super) async fn checked(
        self: &Arc<Self>,
        slot: &Arc<PluginSlot>,
        key: &SourceKey,
        stored: Option<&StoredSource>,
        wanted: impl FnOnce(&Self) -> Result<Wanted, CatalogError> + Send + 'static,
    ) -> Result<Checked, CatalogError> {
        let (shared, slot, key) = (self.clone(), slot.clone(), key.clone());
        let before = stored.map(|s| s.document.clone());
        let work = move || {
            let Wanted { document, findings } = wanted(&shared)?;
            let size = shared.check_size(&document);
            let off = before.is_some_and(|before| switches_off(&before, &document));
            let mut run = shared.pipeline.run(&key, document, &*slot.plugin, findings);
            if off {
                run.tolerate();
            }
            Ok(Checked { run, size })
        };
        let checked = tokio::task::spawn_blocking(work).await;
        checked.map_err(|error| CatalogError::Internal(task_failed(&error)))?
    }

    /// Every reference must resolve now; the values are dropped at once.
    pub(super) async fn check_secrets(
        &self,
        document: &SourceDocument,
    ) -> Result<(), CatalogError> {
        let properties = serde_json::Value::Object(document.settings.properties.clone());
        for reference in SecretRef::all_in(&properties) {
            let answer = self.secrets.resolve(&reference);
            match bounded(self.options.port_timeout, answer).await {
                Some(resolved) => drop(resolved?),
                None => {
                    return Err(CatalogError::SecretUnresolved(SecretError {
                        reference,
                        reason: "no answer in time".to_owned(),
                        retryable: true,
                    }));
                }
            }
        }
        Ok(())
    }
}
