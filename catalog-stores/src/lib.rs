//! What the core's ports are made of on a real machine: stores for source documents, repositories
//! for refresh status, resolvers for secrets.
//!
//! | feature | what |
//! |---|---|
//! | `file` (default) | [`file::FileStore`]: documents in an operator's own files, with history |
//! | `sqlite` | [`sqlite::SqliteStatus`]: refresh status in an embedded database |
//! | always | [`NullStatus`], [`secrets`] |

#[cfg(feature = "file")]
pub mod file;
mod null;
pub mod secrets;
#[cfg(feature = "sqlite")]
pub mod sqlite;

#[cfg(feature = "file")]
pub use file::{FileStore, FileStoreOptions};
pub use null::NullStatus;
pub use secrets::{ChainSecrets, EnvSecrets, FileSecrets};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStatus;
