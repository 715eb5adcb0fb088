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

mod files;
mod link;
mod migrations;
mod row;
mod together;
mod trouble;

use std::path::Path;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use catalog_core::model::{PluginName, RefreshStatus, SourceKey};
use catalog_core::ports::{ComponentHealth, RefreshStatusRepository, StatusError};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use link::{Link, within};
pub use migrations::PendingMigration;
use together::{Batch, Waiting, store};
use trouble::{Failure, Trouble};

/// How long a write waits for another process's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a call waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a statement may take in all: longer than both waits together.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(15);

const GET: &str = "SELECT * FROM catalog_refresh_status WHERE plugin_name = ?1 AND source_id = ?2";

/// Reads from the table, so that a database that is damaged or not ours does not pass.
const PROBE: &str = "SELECT plugin_name FROM catalog_refresh_status LIMIT 1";

/// Writes, and changes nothing.
const TOUCH: &str = "UPDATE catalog_refresh_status SET updated_at = updated_at \
    WHERE (plugin_name, source_id) IN (SELECT plugin_name, source_id FROM catalog_refresh_status LIMIT 1)";

const LIST: &str = "SELECT * FROM catalog_refresh_status WHERE plugin_name = ?1 ORDER BY source_id";

const HISTORY: &str = "SELECT * FROM catalog_refresh_history \
    WHERE plugin_name = ?1 AND source_id = ?2 ORDER BY run DESC LIMIT ?3";

// The history goes along, by its foreign key.
const DELETE: &str = "DELETE FROM catalog_refresh_status WHERE plugin_name = ?1 AND source_id = ?2";

const DELETE_PLUGIN: &str = "DELETE FROM catalog_refresh_status WHERE plugin_name = ?1";

/// Refresh status in a SQLite database. Survives restarts; a crash loses nothing that was answered.
///
/// What happens to the file while it is open needs no restart: a lock that is let go of, a disk that
/// has room again, a file that was deleted, replaced or made readable again are taken up by the next
/// call. A damaged database is set aside as `<file>.damaged`, and a new one is begun. The call that
/// finds out fails, so that its caller knows that what was stored may be gone.
#[derive(Debug, Clone)]
pub struct SqliteStatus {
    link: Arc<Link>,
    waiting: Arc<Waiting>,
    /// Why the last write failed, until one succeeds.
    write_failure: Arc<Mutex<Option<Trouble>>>,
}

/// Something that is not a SQLite DSN. Does not print it: what was meant for another database may
/// hold a password.
#[derive(Debug, thiserror::Error)]
#[error("the DSN must look like sqlite:<path>")]
struct InvalidDsn;

/// A setting that can only be a mistake.
#[derive(Debug, thiserror::Error)]
#[error("there is no directory for the database file")]
struct NoDirectory;

fn failed(
    operation: &'static str,
) -> impl Fn(Box<dyn std::error::Error + Send + Sync>) -> StatusError {
    move |source| StatusError { operation, source }
}

fn options(dsn: &str) -> Result<SqliteConnectOptions, InvalidDsn> {
    if !dsn.starts_with("sqlite:") {
        return Err(InvalidDsn);
    }
    let options = SqliteConnectOptions::from_str(dsn).map_err(|_| InvalidDsn)?;
    Ok(options.busy_timeout(BUSY_TIMEOUT).foreign_keys(true))
}

fn is_in_memory(dsn: &str) -> bool {
    dsn.contains(":memory:") || dsn.contains("mode=memory")
}

impl SqliteStatus {
    /// Opens `sqlite:<path>`, makes the file when there is none, and applies migrations that are
    /// pending. `sqlite::memory:` keeps everything in memory.
    ///
    /// # Errors
    /// [`StatusError`] when the DSN is none, the file cannot be opened, or a migration fails.
    pub async fn connect(dsn: &str) -> Result<Self, StatusError> {
        let status = Self::at(dsn)?;
        match status.link.opened().await {
            Ok(_) => Ok(status),
            Err(failure) => Err(failed("open")(failure.into())),
        }
    }

    /// As [`connect`](Self::connect), but a database that cannot be opened now is no error: calls
    /// fail and the health tells why until it can be. It is tried again at most every second.
    ///
    /// # Errors
    /// [`StatusError`] when the DSN is none, or its directory does not exist.
    pub async fn connect_when_possible(dsn: &str) -> Result<Self, StatusError> {
        let status = Self::at(dsn)?;
        if let Err(failure) = status.link.opened().await {
            let options = options(dsn).map_err(|e| failed("open")(e.into()))?;
            let dir = options.get_filename().parent().map(Path::to_owned);
            if dir.is_some_and(|dir| !dir.as_os_str().is_empty() && !dir.is_dir()) {
                return Err(failed("open")(NoDirectory.into()));
            }
            let error = &failure as &dyn std::error::Error;
            tracing::error!(
                error,
                "the status database cannot be opened; trying again while serving without it"
            );
        }
        Ok(status)
    }

    fn at(dsn: &str) -> Result<Self, StatusError> {
        let options = options(dsn)
            .map_err(|e| failed("open")(e.into()))?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        Ok(Self {
            link: Arc::new(Link::new(options, is_in_memory(dsn))),
            waiting: Arc::default(),
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
        let failed = failed("list its migrations");
        let options = options(dsn).map_err(|e| failed(e.into()))?;
        if !is_in_memory(dsn) && !options.get_filename().exists() {
            return Ok(migrations::all());
        }
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT);
        let pool = within(pool.connect_with(options)).await;
        let pool = pool.map_err(|e| failed(e.into()))?;
        let pending = within(migrations::pending(&pool)).await;
        pool.close().await;
        pending.map_err(|e| failed(e.into()))
    }

    /// Runs a call on the open database.
    async fn call<T, F>(
        &self,
        operation: &'static str,
        work: impl FnOnce(SqlitePool) -> F + Send,
    ) -> Result<T, StatusError>
    where
        F: Future<Output = Result<T, sqlx::Error>> + Send,
    {
        let result = self.try_call(work).await;
        result.map_err(|failure| failed(operation)(failure.into()))
    }

    async fn try_call<T, E, F>(
        &self,
        work: impl FnOnce(SqlitePool) -> F + Send,
    ) -> Result<T, Failure>
    where
        E: Into<Failure>,
        F: Future<Output = Result<T, E>> + Send,
    {
        let opened = self.link.opened().await?;
        let result = within(work(opened.pool.clone())).await;
        if let Err(failure) = &result {
            self.link.failed(&opened, failure.trouble).await;
        }
        result
    }

    /// As [`call`](Self::call), and remembers how it went, for the health.
    async fn write<T, F>(
        &self,
        operation: &'static str,
        work: impl FnOnce(SqlitePool) -> F + Send,
    ) -> Result<T, StatusError>
    where
        F: Future<Output = Result<T, sqlx::Error>> + Send,
    {
        let result = self.try_write(work).await;
        result.map_err(|failure| failed(operation)(failure.into()))
    }

    async fn try_write<T, F>(&self, work: impl FnOnce(SqlitePool) -> F + Send) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, sqlx::Error>> + Send,
    {
        let result = self.try_call(work).await;
        let trouble = result.as_ref().err().map(|failure| failure.trouble);
        *self
            .write_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = trouble;
        result
    }

    /// How the last write went wrong.
    fn write_trouble(&self) -> Option<Trouble> {
        let failure = self.write_failure.lock();
        *failure.unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes every row that waits, unless somebody else has.
    async fn store_waiting(&self) {
        let (_turn, Batch { rows, told }) = self.waiting.take().await;
        if rows.is_empty() {
            return;
        }
        let result = self.try_write(|pool| store(pool, rows)).await;
        let answer = result.map_err(Arc::new);
        for told in told {
            // Who does not wait any more does not want to know.
            let _ = told.send(answer.clone());
        }
    }
}

/// Tries a write, and does not wait for anybody else's.
async fn touch(pool: SqlitePool) -> Result<(), sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let wait = |time: Duration| format!("PRAGMA busy_timeout = {}", time.as_millis());
    sqlx::query(sqlx::AssertSqlSafe(wait(Duration::ZERO)))
        .execute(&mut *connection)
        .await?;
    let touched = sqlx::query(TOUCH).execute(&mut *connection).await;
    sqlx::query(sqlx::AssertSqlSafe(wait(BUSY_TIMEOUT)))
        .execute(&mut *connection)
        .await?;
    touched.map(drop)
}

#[async_trait]
impl RefreshStatusRepository for SqliteStatus {
    async fn upsert(&self, status: &RefreshStatus) -> Result<(), StatusError> {
        const OPERATION: &str = "store a status";
        let answer = self.waiting.push(status.clone());
        // A task of its own: the rows of others go with it, whoever gives up waiting.
        let this = self.clone();
        tokio::spawn(async move { this.store_waiting().await });
        match answer.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(failure)) => Err(failed(OPERATION)(failure.into())),
            Err(_gone) => Err(failed(OPERATION)(Trouble::Closed.into())),
        }
    }

    async fn get(&self, key: &SourceKey) -> Result<Option<RefreshStatus>, StatusError> {
        const OPERATION: &str = "read a status";
        let key = key.clone();
        let query = |pool: SqlitePool| async move {
            sqlx::query(GET)
                .bind(key.plugin.as_str())
                .bind(key.id.as_str())
                .fetch_optional(&pool)
                .await
        };
        let row = self.call(OPERATION, query).await?;
        row.map(|row| row::read(&row).map_err(|e| failed(OPERATION)(e.into())))
            .transpose()
    }

    async fn list(&self, plugin: &PluginName) -> Result<Vec<RefreshStatus>, StatusError> {
        let plugin = plugin.clone();
        let query = |pool: SqlitePool| async move {
            sqlx::query(LIST)
                .bind(plugin.as_str())
                .fetch_all(&pool)
                .await
        };
        Ok(row::read_all(&self.call("list the status", query).await?))
    }

    async fn delete(&self, key: &SourceKey) -> Result<(), StatusError> {
        let key = key.clone();
        let query = |pool: SqlitePool| async move {
            sqlx::query(DELETE)
                .bind(key.plugin.as_str())
                .bind(key.id.as_str())
                .execute(&pool)
                .await
        };
        self.write("remove a status", query).await?;
        Ok(())
    }

    async fn delete_plugin(&self, plugin: &PluginName) -> Result<u64, StatusError> {
        let plugin = plugin.clone();
        let query = |pool: SqlitePool| async move {
            sqlx::query(DELETE_PLUGIN)
                .bind(plugin.as_str())
                .execute(&pool)
                .await
        };
        let removed = self.write("remove a plugin's status", query).await?;
        Ok(removed.rows_affected())
    }

    async fn history(
        &self,
        key: &SourceKey,
        limit: usize,
    ) -> Result<Vec<RefreshStatus>, StatusError> {
        let key = key.clone();
        let query = |pool: SqlitePool| async move {
            sqlx::query(HISTORY)
                .bind(key.plugin.as_str())
                .bind(key.id.as_str())
                .bind(row::number(limit as u64))
                .fetch_all(&pool)
                .await
        };
        Ok(row::read_all(&self.call("read the history", query).await?))
    }

    async fn health(&self) -> Option<ComponentHealth> {
        let probe =
            |pool: SqlitePool| async move { sqlx::query(PROBE).fetch_optional(&pool).await };
        let mut trouble = self.try_call(probe).await.err().map(|f| f.trouble);
        if trouble.is_none() {
            trouble = self.write_trouble();
            // Nobody may have anything to write until the next refresh. A statement that fails for
            // what it says is another matter, and on a full disk so little may have room.
            if trouble.is_some_and(|t| !matches!(t, Trouble::Statement | Trouble::Full)) {
                let _ = self.write("try a write", touch).await;
                trouble = self.write_trouble();
            }
        }
        Some(match trouble {
            Some(trouble) => ComponentHealth::unhealthy(trouble.to_string()),
            None => ComponentHealth::healthy(),
        })
    }

    async fn migrations(&self) -> ComponentHealth {
        let pending = |pool: SqlitePool| async move { migrations::pending(&pool).await };
        match self.try_call(pending).await {
            Ok(pending) => match pending.first() {
                None => ComponentHealth::healthy(),
                Some(first) => {
                    ComponentHealth::unhealthy(format!("the migration {first} is not applied"))
                }
            },
            Err(failure) => ComponentHealth::unhealthy(failure.to_string()),
        }
    }

    async fn close(&self) {
        self.link.close().await;
    }
}
