//! Refresh status in SQLite: one file, no server, for a single replica.
//!
//! ```
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # runtime.block_on(async {
//! use catalog_core::ports::RefreshStatusRepository as _;
//! use catalog_stores::SqliteStatus;
//!
//! let dir = tempfile::tempdir().unwrap();
//! let dsn = format!("sqlite:{}", dir.path().join("catalog.db").display());
//! assert!(!SqliteStatus::check(&dsn).await.unwrap().is_empty(), "nothing is there yet");
//!
//! let status = SqliteStatus::connect(&dsn).await.unwrap();
//! assert!(status.health().await.is_some_and(|health| health.detail.is_none()));
//! assert!(SqliteStatus::check(&dsn).await.unwrap().is_empty());
//! # status.close().await;
//! # });
//! ```

mod migrations;
mod row;

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use catalog_core::model::{PluginName, RefreshStatus, SourceKey};
use catalog_core::ports::{ComponentHealth, RefreshStatusRepository, STATUS_HISTORY, StatusError};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use migrations::MIGRATOR;
pub use migrations::PendingMigration;

/// Rows are small and writes take turns anyway; more connections would only wait for each other.
const MAX_CONNECTIONS: u32 = 4;

/// How long a write waits for another process's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a call waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a call may take in all: longer than both waits together.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(15);

const UPSERT: &str = "INSERT INTO catalog_refresh_status (plugin_name, source_id, \
    last_refresh_time, last_refresh_status, last_refresh_summary, last_error, entities_loaded, \
    entities_removed, duration_ms, revision_id, updated_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
    ON CONFLICT (plugin_name, source_id) DO UPDATE SET \
    last_refresh_time = excluded.last_refresh_time, \
    last_refresh_status = excluded.last_refresh_status, \
    last_refresh_summary = excluded.last_refresh_summary, last_error = excluded.last_error, \
    entities_loaded = excluded.entities_loaded, entities_removed = excluded.entities_removed, \
    duration_ms = excluded.duration_ms, revision_id = excluded.revision_id, \
    updated_at = excluded.updated_at";

const REMEMBER: &str = "INSERT INTO catalog_refresh_history (plugin_name, source_id, \
    last_refresh_time, last_refresh_status, last_refresh_summary, last_error, entities_loaded, \
    entities_removed, duration_ms, revision_id, updated_at) \
    SELECT plugin_name, source_id, last_refresh_time, last_refresh_status, last_refresh_summary, \
    last_error, entities_loaded, entities_removed, duration_ms, revision_id, updated_at \
    FROM catalog_refresh_status WHERE plugin_name = ?1 AND source_id = ?2";

const PRUNE: &str = "DELETE FROM catalog_refresh_history \
    WHERE plugin_name = ?1 AND source_id = ?2 AND run NOT IN (SELECT run \
    FROM catalog_refresh_history WHERE plugin_name = ?1 AND source_id = ?2 \
    ORDER BY run DESC LIMIT ?3)";

const GET: &str = "SELECT * FROM catalog_refresh_status WHERE plugin_name = ?1 AND source_id = ?2";

/// Reads from the table, so that a database that is damaged or not ours does not pass.
const PROBE: &str = "SELECT plugin_name FROM catalog_refresh_status LIMIT 1";

const LIST: &str = "SELECT * FROM catalog_refresh_status WHERE plugin_name = ?1 ORDER BY source_id";

const HISTORY: &str = "SELECT * FROM catalog_refresh_history \
    WHERE plugin_name = ?1 AND source_id = ?2 ORDER BY run DESC LIMIT ?3";

// The history goes along, by its foreign key.
const DELETE: &str = "DELETE FROM catalog_refresh_status WHERE plugin_name = ?1 AND source_id = ?2";

const DELETE_PLUGIN: &str = "DELETE FROM catalog_refresh_status WHERE plugin_name = ?1";

/// Refresh status in a SQLite database. Survives restarts; a crash loses nothing that was answered.
#[derive(Debug, Clone)]
pub struct SqliteStatus {
    pool: SqlitePool,
    /// The file, and what told it from others when it was opened; `None` for one in memory.
    file: Option<(PathBuf, Option<FileId>)>,
    /// Why the last write failed, until one succeeds.
    write_failure: Arc<Mutex<Option<String>>>,
}

/// Device and inode of the file at a path.
type FileId = (u64, u64);

#[cfg(unix)]
fn file_id(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
fn file_id(path: &Path) -> Option<FileId> {
    path.exists().then_some((0, 0))
}

/// Something that is not a SQLite DSN. Does not print it: what was meant for another database may
/// hold a password.
#[derive(Debug, thiserror::Error)]
#[error("the DSN must look like sqlite:<path>")]
struct InvalidDsn;

/// A call that took too long.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} s", STATEMENT_TIMEOUT.as_secs())]
struct TimedOut;

fn failed(
    operation: &'static str,
) -> impl Fn(Box<dyn std::error::Error + Send + Sync>) -> StatusError {
    move |source| StatusError { operation, source }
}

/// Waits for the answer, not for ever.
async fn within<T, E>(
    operation: &'static str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, StatusError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match tokio::time::timeout(STATEMENT_TIMEOUT, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(failed(operation)(error.into())),
        Err(_) => Err(failed(operation)(TimedOut.into())),
    }
}

/// Makes the file, for its owner alone: SQLite would let others read it. Its side files get the same
/// mode. A file that is there has the mode that somebody gave it; what cannot be made, opening tells.
fn make_private(path: &Path) {
    let mut options = std::fs::OpenOptions::new();
    let _ = options.write(true).create_new(true).mode(0o600).open(path);
}

fn options(dsn: &str) -> Result<SqliteConnectOptions, InvalidDsn> {
    if !dsn.starts_with("sqlite:") {
        return Err(InvalidDsn);
    }
    let options = SqliteConnectOptions::from_str(dsn).map_err(|_| InvalidDsn)?;
    Ok(options.busy_timeout(BUSY_TIMEOUT).foreign_keys(true))
}

impl SqliteStatus {
    /// Opens `sqlite:<path>`, makes the file when there is none, and applies migrations that are
    /// pending. `sqlite::memory:` keeps everything in memory.
    ///
    /// # Errors
    /// [`StatusError`] when the DSN is none, the file cannot be opened, or a migration fails.
    pub async fn connect(dsn: &str) -> Result<Self, StatusError> {
        const OPERATION: &str = "open";
        let options = options(dsn)
            .map_err(|e| failed(OPERATION)(e.into()))?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let path = options.get_filename().to_owned();
        let pool = SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT);
        // A database in memory lives and dies with its one connection.
        let in_memory = dsn.contains(":memory:") || dsn.contains("mode=memory");
        if !in_memory {
            make_private(&path);
        }
        let pool = match in_memory {
            true => pool
                .max_connections(1)
                .min_connections(1)
                .idle_timeout(None)
                .max_lifetime(None),
            false => pool.max_connections(MAX_CONNECTIONS),
        };
        let pool = within(OPERATION, pool.connect_with(options)).await?;
        within("apply migrations", MIGRATOR.run(&pool)).await?;
        let id = file_id(&path);
        Ok(Self {
            pool,
            file: (!in_memory).then_some((path, id)),
            write_failure: Arc::default(),
        })
    }

    /// The migrations that [`connect`](Self::connect) would apply. Changes nothing, and makes no
    /// file.
    ///
    /// # Errors
    /// [`StatusError`] when the DSN is none, the file cannot be opened, or the database was made by
    /// a later version.
    pub async fn check(dsn: &str) -> Result<Vec<PendingMigration>, StatusError> {
        const OPERATION: &str = "list its migrations";
        let options = options(dsn).map_err(|e| failed(OPERATION)(e.into()))?;
        let path = options.get_filename().to_owned();
        if !dsn.contains(":memory:") && !path.exists() {
            return Ok(migrations::all());
        }
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT);
        let pool = within(OPERATION, pool.connect_with(options)).await?;
        let pending = within(OPERATION, migrations::pending(&pool)).await;
        pool.close().await;
        pending
    }

    /// Remembers how a write went, for the health.
    fn wrote<T>(&self, result: Result<T, StatusError>) -> Result<T, StatusError> {
        let failure = result.as_ref().err().map(ToString::to_string);
        *self
            .write_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = failure;
        result
    }

    /// What is wrong with the file, by its path: an open database goes on working after its file
    /// was removed or replaced, and what is written then is lost.
    fn file_trouble(&self) -> Option<&'static str> {
        let (path, opened) = self.file.as_ref()?;
        match file_id(path) {
            None => Some("the database file is gone"),
            now if now != *opened => Some("the database file was replaced by another"),
            Some(_) => None,
        }
    }

    async fn write(&self, status: &RefreshStatus) -> Result<(), sqlx::Error> {
        let (plugin, id) = (status.key.plugin.as_str(), status.key.id.as_str());
        // The lock is taken at once: a transaction that reads first may lose its turn.
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        row::bind(sqlx::query(UPSERT), status)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(REMEMBER)
            .bind(plugin)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(PRUNE)
            .bind(plugin)
            .bind(id)
            .bind(row::number(STATUS_HISTORY as u64))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await
    }
}

#[async_trait]
impl RefreshStatusRepository for SqliteStatus {
    async fn upsert(&self, status: &RefreshStatus) -> Result<(), StatusError> {
        self.wrote(within("store a status", self.write(status)).await)
    }

    async fn get(&self, key: &SourceKey) -> Result<Option<RefreshStatus>, StatusError> {
        const OPERATION: &str = "read a status";
        let query = sqlx::query(GET)
            .bind(key.plugin.as_str())
            .bind(key.id.as_str())
            .fetch_optional(&self.pool);
        let row = within(OPERATION, query).await?;
        row.map(|row| row::read(&row).map_err(|e| failed(OPERATION)(e.into())))
            .transpose()
    }

    async fn list(&self, plugin: &PluginName) -> Result<Vec<RefreshStatus>, StatusError> {
        let query = sqlx::query(LIST)
            .bind(plugin.as_str())
            .fetch_all(&self.pool);
        Ok(row::read_all(&within("list the status", query).await?))
    }

    async fn delete(&self, key: &SourceKey) -> Result<(), StatusError> {
        let query = sqlx::query(DELETE)
            .bind(key.plugin.as_str())
            .bind(key.id.as_str())
            .execute(&self.pool);
        self.wrote(within("remove a status", query).await)?;
        Ok(())
    }

    async fn delete_plugin(&self, plugin: &PluginName) -> Result<u64, StatusError> {
        let query = sqlx::query(DELETE_PLUGIN)
            .bind(plugin.as_str())
            .execute(&self.pool);
        let removed = self.wrote(within("remove a plugin's status", query).await)?;
        Ok(removed.rows_affected())
    }

    async fn history(
        &self,
        key: &SourceKey,
        limit: usize,
    ) -> Result<Vec<RefreshStatus>, StatusError> {
        let query = sqlx::query(HISTORY)
            .bind(key.plugin.as_str())
            .bind(key.id.as_str())
            .bind(row::number(limit as u64))
            .fetch_all(&self.pool);
        Ok(row::read_all(&within("read the history", query).await?))
    }

    async fn health(&self) -> Option<ComponentHealth> {
        let answer = within("answer", sqlx::query(PROBE).fetch_optional(&self.pool)).await;
        let failure = self.write_failure.lock();
        let failure = failure.unwrap_or_else(PoisonError::into_inner).clone();
        Some(match (answer, self.file_trouble(), failure) {
            (Err(error), _, _) => ComponentHealth::unhealthy(error.to_string()),
            (_, Some(trouble), _) => ComponentHealth::unhealthy(trouble),
            (_, _, Some(failure)) => ComponentHealth::unhealthy(failure),
            _ => ComponentHealth::healthy(),
        })
    }

    async fn migrations(&self) -> ComponentHealth {
        match within("list its migrations", migrations::pending(&self.pool)).await {
            Ok(pending) => match pending.first() {
                None => ComponentHealth::healthy(),
                Some(first) => {
                    ComponentHealth::unhealthy(format!("the migration {first} is not applied"))
                }
            },
            Err(error) => ComponentHealth::unhealthy(error.to_string()),
        }
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}
