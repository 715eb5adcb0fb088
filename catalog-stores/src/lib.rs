//! What the core's ports are made of on a real machine: stores for source documents, repositories
//! for refresh status, resolvers for secrets.
//!
//! | feature | what |
//! |---|---|
//! | `file` (default) | [`file::FileStore`]: documents in an operator's own files, with history |
//! | `sqlite` | [`sqlite::SqliteStatus`]: refresh status in an embedded database |
//! | always | [`NullStatus`], [`secrets`] |
//!
//! Unix only: files are opened below directory handles.

#[cfg_attr(
    not(feature = "file"),
    allow(dead_code, reason = "secrets need a part of it, the file store all")
)]
mod dir;
#[cfg(feature = "file")]
pub mod file;
mod null;
#[cfg_attr(not(feature = "file"), allow(dead_code, reason = "secrets only read"))]
mod seam;
pub mod secrets;
#[cfg(feature = "sqlite")]
pub mod sqlite;

#[cfg(feature = "file")]
pub use file::{FileStore, FileStoreOptions};
pub use null::NullStatus;
#[cfg(feature = "file")]
#[doc(hidden)]
pub use seam::{FsAnswer, FsChange, FsHook, FsOp};
pub use secrets::{ChainSecrets, EnvSecrets, FileSecrets};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStatus;
