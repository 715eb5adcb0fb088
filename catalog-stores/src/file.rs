//! Documents in files: for Docker, bare metal, and catalogs that people edit with an editor.
//!
//! What is live is what is in the operator's files: `sources.yaml`, and for each source of type
//! `yaml` the content file that its `yamlCatalogPath` names, relative to the directory of the file
//! that declares it. Beside them, `.history` keeps the revisions of each source, which is also how
//! the store knows what it has seen.
//!
//! - **A write is all or nothing**, however many files it touches, whenever the process or the
//!   machine stops. It is durable before it is acknowledged: in a journal in `.history`, from which
//!   the files themselves are made durable when there is time, and mended after a power cut. Writers
//!   that wait for each other share the sync. A write touches the files that have to change, and of
//!   `sources.yaml` only the source's entry.
//! - **An edit past the store** is noticed once the file has come to rest, recorded as a revision by
//!   `external`, valid or not, and announced; until then readers get what was there before. A sources
//!   file that is missing, empty, or cannot be read as it is meant is not taken for the removal of
//!   sources: what was recorded last stays, with the problem noted, and writes are refused that
//!   would make it so.
//! - **Content stays in the allowed directories.** A path that leads out of them, by `..`, an
//!   absolute path or a link, is never opened. Neither is anything but a regular file
//!   whose name is that of a catalog file.
//! - **Several processes** may have the same files open. They take turns by a lock in `.history`.
//!
//! Unix only: files are opened below directory handles.
//!
//! ```
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! use catalog_core::model::PluginName;
//! use catalog_core::ports::SourceConfigStore as _;
//! use catalog_stores::FileStore;
//!
//! let dir = tempfile::tempdir().unwrap();
//! let store = FileStore::create(dir.path()).await.unwrap();
//! let mcp = PluginName::new("mcp").unwrap();
//! assert!(store.list(&mcp).await.unwrap().is_empty());
//! # });
//! ```

mod batch;
mod checkpoint;
mod commit;
mod disk;
mod edit;
mod engine;
mod fingerprint;
mod found;
mod history;
mod idle;
mod journal;
mod live;
mod lock;
mod looks;
mod options;
mod place;
mod plan;
mod problem;
mod queue;
mod reader;
mod record;
mod recording;
mod replay;
mod roots;
mod standing;
mod store;
mod sweep;
mod target;
mod view;
mod watch;
mod write;

pub use found::FilesAsFound;
pub use options::FileStoreOptions;
pub use store::FileStore;
