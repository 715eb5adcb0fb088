//! Rows that wait for each other go into one transaction.
//!
//! SQLite lets one writer in at a time, the others sleep and try again, and every commit is a sync.
//! A start records a row for each of its sources: one by one, that is what the start would wait for.

use std::sync::{Arc, Mutex, PoisonError};

use catalog_core::model::RefreshStatus;
use catalog_core::ports::STATUS_HISTORY;
use sqlx::sqlite::Sqlite;
use sqlx::{QueryBuilder, SqliteConnection, SqlitePool};
use tokio::sync::{MutexGuard, oneshot};

use super::row;
use super::trouble::Failure;

/// The columns of either table, in the order in which they are bound.
const COLUMNS: &str = "plugin_name, source_id, last_refresh_time, last_refresh_status, \
    last_refresh_summary, last_error, entities_loaded, entities_removed, duration_ms, revision_id, \
    updated_at";

const REPLACE: &str = " ON CONFLICT (plugin_name, source_id) DO UPDATE SET \
    last_refresh_time = excluded.last_refresh_time, \
    last_refresh_status = excluded.last_refresh_status, \
    last_refresh_summary = excluded.last_refresh_summary, last_error = excluded.last_error, \
    entities_loaded = excluded.entities_loaded, entities_removed = excluded.entities_removed, \
    duration_ms = excluded.duration_ms, revision_id = excluded.revision_id, \
    updated_at = excluded.updated_at";

/// Of each source, the runs from the first that is one too many on.
const PRUNE: &str = " DELETE FROM catalog_refresh_history WHERE run IN (SELECT old.run FROM asked \
    JOIN catalog_refresh_history AS old USING (plugin_name, source_id) WHERE old.run <= (SELECT run \
    FROM catalog_refresh_history AS runs WHERE runs.plugin_name = asked.plugin_name AND \
    runs.source_id = asked.source_id ORDER BY run DESC LIMIT 1 OFFSET ";

/// Rows of one statement: SQLite takes 32 766 values in one, and a row has 11.
const ROWS: usize = 1_000;

pub(super) type Answer = Result<(), Arc<Failure>>;

/// Rows that wait for their turn.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    rows: Mutex<Vec<(RefreshStatus, oneshot::Sender<Answer>)>>,
    turn: tokio::sync::Mutex<()>,
}

impl Waiting {
    /// Hands in a row; the answer comes when it was written.
    pub(super) fn push(&self, row: RefreshStatus) -> oneshot::Receiver<Answer> {
        let (told, answer) = oneshot::channel();
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.push((row, told));
        answer
    }

    /// Waits until no other transaction is under way, and takes every row that came meanwhile.
    pub(super) async fn take(&self) -> (MutexGuard<'_, ()>, Batch) {
        let turn = self.turn.lock().await;
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let (rows, told) = std::mem::take(&mut *rows).into_iter().unzip();
        (turn, Batch { rows, told })
    }
}

/// Rows of one transaction, and who wants to know how it ended.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) rows: Vec<RefreshStatus>,
    pub(super) told: Vec<oneshot::Sender<Answer>>,
}

/// Writes rows in one transaction.
pub(super) async fn store(pool: SqlitePool, rows: Vec<RefreshStatus>) -> Result<(), sqlx::Error> {
    // The lock is taken at once: a transaction that reads first may lose its turn.
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    for rows in rows.chunks(ROWS) {
        insert(&mut transaction, "catalog_refresh_status", rows, REPLACE).await?;
        insert(&mut transaction, "catalog_refresh_history", rows, "").await?;
        prune(&mut transaction, rows).await?;
    }
    transaction.commit().await
}

async fn insert(
    connection: &mut SqliteConnection,
    table: &str,
    rows: &[RefreshStatus],
    then: &str,
) -> Result<(), sqlx::Error> {
    let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO ");
    query.push(table).push(" (").push(COLUMNS).push(") ");
    query.push_values(rows, row::bind).push(then);
    // One row is what is written most, and the one statement that is worth to be kept.
    let query = query.build().persistent(rows.len() == 1);
    query.execute(connection).await?;
    Ok(())
}

async fn prune(
    connection: &mut SqliteConnection,
    rows: &[RefreshStatus],
) -> Result<(), sqlx::Error> {
    let mut query = QueryBuilder::<Sqlite>::new("WITH asked (plugin_name, source_id) AS (");
    query.push_values(rows, |mut values, row| {
        values
            .push_bind(row.key.plugin.as_str().to_owned())
            .push_bind(row.key.id.as_str().to_owned());
    });
    query.push(")").push(PRUNE);
    query
        .push_bind(row::number(STATUS_HISTORY as u64))
        .push("))");
    let query = query.build().persistent(rows.len() == 1);
    query.execute(connection).await?;
    Ok(())
}
