//! The store as the port sees it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use catalog_core::StoreError;
use catalog_core::model::{
    ChangeMeta, Expect, PluginName, Revision, RevisionId, RevisionRecord, SourceDocument, SourceKey,
};
use catalog_core::ports::{
    ComponentHealth, SourceConfigStore, StoreCapabilities, StoreChange, StoredSource,
};
use catalog_core::validation::Validated;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use super::disk::Disk;
use super::engine::{Engine, SETTLE_PAUSE, SETTLE_ROUNDS, Whose};
use super::history::{History, KEPT};
use super::idle::{self, Wrote};
use super::lock::lock;
use super::looks::Looks;
use super::options::{FileStoreOptions, SOURCES_FILE, create};
use super::queue::{Queue, trouble};
use super::target::default_properties;
use super::view::{Published, View};
use super::watch::{Pace, Poller};
use super::write::{Action, Job};

/// How many turns of waiting writes are made in a row before others who want the gate get it.
const ROUNDS: usize = 8;

/// Keeps documents in an operator's own files, with history beside them. See [the module](super).
#[derive(Debug)]
pub struct FileStore {
    shared: Arc<Shared>,
    looks: Arc<Looks<bool>>,
    poller: Poller,
    description: String,
    max_document_bytes: u64,
}

/// What the store and its poller share.
pub(super) struct Shared {
    /// One operation at a time in this process; the lock file sees to the others. Held by the
    /// blocking part of an operation, so that dropping its future does not let the next one in.
    gate: Arc<tokio::sync::Mutex<()>>,
    engine: Mutex<Engine>,
    /// Writes that wait for the gate.
    queue: Queue,
    published: Arc<Published>,
    disk: Arc<Disk>,
    history: History,
    /// Why the files could not be looked at the last time.
    failure: Mutex<Option<String>>,
    /// Whether the last look of the poller came to a bad end.
    watch_failed: AtomicBool,
    /// Hears of every write.
    wrote: Sender<Wrote>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl FileStore {
    /// Opens the directory: sources in `<dir>/sources.yaml`, content below `<dir>`, history in
    /// `<dir>/.history`.
    ///
    /// # Errors
    /// As [`FileStoreOptions::open`].
    pub async fn open(dir: impl AsRef<Path>) -> Result<Self, StoreError> {
        FileStoreOptions::new([dir.as_ref().join(SOURCES_FILE)])
            .open()
            .await
    }

    /// As [`open`](Self::open); a missing directory or sources file is made, empty.
    ///
    /// # Errors
    /// As [`FileStoreOptions::open`], and [`StoreError::Unavailable`] when making fails.
    pub async fn create(dir: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path: PathBuf = dir.as_ref().to_owned();
        blocking(move || {
            create(&path).map_err(|e| StoreError::unavailable("make an empty sources file", e))
        })
        .await?;
        Self::open(dir).await
    }

    pub(super) async fn start(options: FileStoreOptions) -> Result<Self, StoreError> {
        let names: Vec<_> = options
            .sources
            .iter()
            .map(|p| p.display().to_string())
            .collect();
        let description = format!("file {}", names.join(", "));
        let max_document_bytes = options.max_document_bytes;
        let pace = Pace {
            interval: options.poll_interval,
            rest: options.rest_time,
            notifications: options.notifications,
        };
        let (wrote, writes) = channel();
        let idle = options.idle;
        let engine = blocking(move || options.engine()).await?;
        let shared = Arc::new(Shared {
            gate: Arc::default(),
            queue: Queue::default(),
            published: engine.published.clone(),
            disk: engine.disk.clone(),
            history: engine.history.clone(),
            engine: Mutex::new(engine),
            failure: Mutex::default(),
            watch_failed: AtomicBool::new(false),
            wrote,
        });
        let poller = Poller::start(&shared, pace)
            .map_err(|e| StoreError::unavailable("watch its files", e))?;
        idle::start(Arc::downgrade(&shared), writes, idle)
            .map_err(|e| StoreError::unavailable("wait for its writes", e))?;
        shared.tell_of_writes();
        Ok(Self {
            shared,
            looks: Arc::default(),
            poller,
            description,
            max_document_bytes,
        })
    }

    /// Runs an operation that wants the lock, to its end, even when nobody waits for it.
    async fn locked<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Engine) -> Result<T, StoreError> + Send + 'static,
    {
        let turn = self.shared.gate.clone().lock_owned().await;
        let shared = self.shared.clone();
        blocking(move || {
            let result = shared.with_engine(operation);
            drop(turn);
            result
        })
        .await
    }

    /// Makes a write, with all others that wait by then. Once it is begun it is made to its end, even
    /// when nobody waits for it; before, it is not made then.
    async fn write(&self, job: Job) -> Result<Revision, StoreError> {
        let mut answer = self.shared.queue.push(job);
        loop {
            let turn = tokio::select! {
                biased;
                answer = &mut answer => {
                    let lost = |error| Err(StoreError::unavailable("finish its work", error));
                    return answer.unwrap_or_else(lost);
                }
                turn = self.shared.gate.clone().lock_owned() => turn,
            };
            let shared = self.shared.clone();
            // Not waited for: those who come while it is at work are served, too, and this one has
            // its answer as soon as its own write is made. Should it come to a bad end, the answer
            // says so.
            drop(tokio::task::spawn_blocking(move || {
                for _ in 0..ROUNDS {
                    shared.write_waiting();
                    if shared.queue.is_empty() {
                        break;
                    }
                }
                drop(turn);
            }));
        }
    }

    /// The sources as they were recorded last, by whichever process. What somebody is editing right
    /// now is not among it: the poller takes it when it is at rest.
    async fn current(&self) -> Result<Arc<View>, StoreError> {
        let shared = self.shared.clone();
        let behind = self.looks.next(move || shared.is_behind());
        let lost = |lost| StoreError::unavailable("look at its files", lost);
        if behind.await.map_err(lost)? {
            let shared = self.shared.clone();
            let catch_up = self.locked(move |engine| match shared.is_behind() {
                true => engine.look(Whose::Unmoved),
                // Somebody else, who waited for the same, has looked.
                false => Ok(()),
            });
            if let Err(error) = catch_up.await {
                // Readers are better off with what was known last than with nothing; the health says
                // what is wrong.
                tracing::warn!(%error, "the store cannot look at its files");
            }
        }
        Ok(self.shared.view())
    }

    async fn look_and_check(&self) -> Result<(), StoreError> {
        let shared = self.shared.clone();
        let as_known = blocking(move || {
            let known = shared.failure().is_none() && !shared.is_behind();
            shared.disk.check_writable().map(|()| known)
        });
        // What failed the last time may work again. Whoever asks waits for the gate like everybody
        // else: those who have given up hold no thread.
        match as_known.await? {
            true => Ok(()),
            false => self.locked(|engine| engine.look(Whose::Unmoved)).await,
        }
    }

    /// Takes every edit past the store now, as soon as the files are at rest, instead of when the
    /// poller does.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]
    pub async fn notice(&self) -> Result<(), StoreError> {
        for _ in 0..SETTLE_ROUNDS {
            if self.locked(Engine::look_at_rest).await? {
                return Ok(());
            }
            tokio::time::sleep(SETTLE_PAUSE).await;
        }
        self.locked(|engine| engine.look(Whose::All)).await
    }
}

impl Shared {
    pub(super) fn view(&self) -> Arc<View> {
        self.published.get()
    }

    pub(super) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Whether others have recorded what is not known here. Blocks.
    fn is_behind(&self) -> bool {
        self.view().is_behind(&self.disk)
    }

    fn failure(&self) -> Option<String> {
        let failure = self.failure.lock();
        failure.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The poller has panicked. It goes on; the health says so until it has looked again.
    pub(super) fn watch_failed(&self) {
        tracing::error!("the watch over the files has failed; it goes on");
        self.watch_failed.store(true, Ordering::Relaxed);
    }

    /// The poller has looked.
    pub(super) fn watch_passed(&self) {
        self.watch_failed.store(false, Ordering::Relaxed);
    }

    fn tell_of_writes(&self) {
        if self.disk.wrote.swap(false, Ordering::Relaxed) {
            let wrote = match self.disk.long.swap(false, Ordering::Relaxed) {
                true => Wrote::Much,
                false => Wrote::Some,
            };
            // It listens as long as the store is there.
            let _ = self.wrote.send(wrote);
        }
    }

    /// Runs an operation under the lock, and tells what it changed. Blocks.
    pub(super) fn with_engine<T>(
        &self,
        operation: impl FnOnce(&mut Engine) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let result = self.run(operation)?;
        self.note(trouble(&result));
        result
    }

    /// Makes the writes that wait, as far as they can be made at once. Blocks.
    fn write_waiting(&self) {
        let mut turn = self.queue.take();
        let note = |failure| self.note(failure);
        if let Err(error) = self.run(|engine| turn.run(engine, note)) {
            turn.fail(&error);
        }
    }

    fn run<T>(&self, operation: impl FnOnce(&mut Engine) -> T) -> Result<T, StoreError> {
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        let result = match lock(&self.disk) {
            Ok(_locked) => Ok(operation(&mut engine)),
            Err(error) => {
                self.note(Some(error.to_string()));
                Err(error)
            }
        };
        drop(engine);
        self.tell_of_writes();
        result
    }

    /// Why the last operation came to a bad end.
    fn note(&self, failure: Option<String>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }
}

/// Runs what blocks where it may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(StoreError::unavailable("finish its work", error)))
}

fn job(key: &SourceKey, action: Action, expect: &Expect, meta: &ChangeMeta) -> Job {
    Job {
        key: key.clone(),
        action,
        expect: expect.clone(),
        meta: meta.clone(),
    }
}

#[async_trait]
impl SourceConfigStore for FileStore {
    fn describe(&self) -> String {
        self.description.clone()
    }

    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities::writable(true, KEPT, self.max_document_bytes)
    }

    async fn list(&self, plugin: &PluginName) -> Result<Vec<StoredSource>, StoreError> {
        let view = self.current().await?;
        let of_plugin = view.sources.values().filter(|s| s.key.plugin == *plugin);
        Ok(of_plugin.map(|source| (**source).clone()).collect())
    }

    async fn get(&self, key: &SourceKey) -> Result<Option<StoredSource>, StoreError> {
        Ok(self
            .current()
            .await?
            .sources
            .get(key)
            .map(|source| (**source).clone()))
    }

    async fn put(
        &self,
        key: &SourceKey,
        document: &Validated<SourceDocument>,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Revision, StoreError> {
        let action = Action::Put(Box::new(document.get().clone()));
        self.write(job(key, action, expect, meta)).await
    }

    async fn preview(
        &self,
        key: &SourceKey,
        document: &Validated<SourceDocument>,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Revision, StoreError> {
        let job = job(
            key,
            Action::Put(Box::new(document.get().clone())),
            expect,
            meta,
        );
        self.locked(move |engine| engine.preview(&job)).await
    }

    async fn delete(
        &self,
        key: &SourceKey,
        expect: &Expect,
        meta: &ChangeMeta,
    ) -> Result<Revision, StoreError> {
        self.write(job(key, Action::Delete, expect, meta)).await
    }

    async fn revisions(&self, key: &SourceKey) -> Result<Vec<Revision>, StoreError> {
        let (shared, key) = (self.shared.clone(), key.clone());
        blocking(move || shared.history.revisions(&key)).await
    }

    async fn get_revision(
        &self,
        key: &SourceKey,
        id: &RevisionId,
    ) -> Result<RevisionRecord, StoreError> {
        let (shared, key, id) = (self.shared.clone(), key.clone(), id.clone());
        blocking(move || match shared.history.read(&key, &id)? {
            Some(record) => Ok(record.into_port()),
            None => Err(StoreError::RevisionNotFound { key, id }),
        })
        .await
    }

    fn watch(&self) -> BoxStream<'static, StoreChange> {
        BroadcastStream::new(self.shared.published.subscribe())
            .map(|change| match change {
                Ok(change) => change,
                Err(BroadcastStreamRecvError::Lagged(_)) => StoreChange::Everything,
            })
            .boxed()
    }

    async fn health(&self) -> ComponentHealth {
        if let Err(error) = self.look_and_check().await {
            return ComponentHealth::unhealthy(error.to_string());
        }
        if self.shared.watch_failed.load(Ordering::Relaxed) {
            return ComponentHealth::degraded("the watch over its files has failed");
        }
        match &self.shared.view().troubles[..] {
            [] => ComponentHealth::healthy(),
            troubles => ComponentHealth::degraded(troubles.join("; ")),
        }
    }

    fn content_properties(&self, key: &SourceKey) -> serde_json::Map<String, serde_json::Value> {
        default_properties(key)
    }

    /// Waits for the operation under way, makes what was written durable in its place, and stops
    /// watching. The store itself keeps nothing open,
    /// so calls afterwards still work, but an edit past the store is noticed only by a write of the
    /// same source, or by [`notice`](FileStore::notice).
    async fn close(&self) {
        self.poller.stop();
        if let Err(error) = self.locked(|engine| engine.disk.settle_down()).await {
            tracing::warn!(%error, "what was written is durable in the journal only");
        }
    }
}
