//! A status as a row.

use catalog_core::model::{InvalidId, PluginName, RefreshStatus, SourceId, SourceKey};
use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::Row as _;
use sqlx::query_builder::Separated;
use sqlx::sqlite::{Sqlite, SqliteRow};

const SUCCESS: &str = "success";
const ERROR: &str = "error";

/// A row that somebody else must have written.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowError {
    #[error("a row holds something that is no id")]
    Id(#[from] InvalidId),
    #[error("a row holds something that is no time")]
    Time(#[from] chrono::ParseError),
    #[error(transparent)]
    Column(#[from] sqlx::Error),
}

/// SQLite has signed numbers only; what does not fit is cut, not wrapped.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The first and the last microsecond that a text of 27 characters can say.
const SAYABLE: (i64, i64) = (-62_167_219_200_000_000, 253_402_300_799_999_999);

/// A clock that is beyond all reason must not make a row that nobody can read.
fn time(value: DateTime<Utc>) -> String {
    let micros = value.timestamp_micros().clamp(SAYABLE.0, SAYABLE.1);
    let value = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    value.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Binds the columns in their order.
pub(super) fn bind(mut values: Separated<'_, Sqlite, &'static str>, status: &RefreshStatus) {
    values
        .push_bind(status.key.plugin.as_str().to_owned())
        .push_bind(status.key.id.as_str().to_owned())
        .push_bind(time(status.last_refresh_time))
        .push_bind(if status.succeeded { SUCCESS } else { ERROR })
        .push_bind(status.last_refresh_summary.clone())
        .push_bind(status.last_error.clone())
        .push_bind(number(status.entities_loaded))
        .push_bind(number(status.entities_removed))
        .push_bind(number(status.duration_ms))
        .push_bind(status.revision.as_ref().map(ToString::to_string))
        .push_bind(time(status.updated_at));
}

/// Reads a row of either table.
pub(super) fn read(row: &SqliteRow) -> Result<RefreshStatus, RowError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let count = |column: &str| -> Result<u64, sqlx::Error> {
        Ok(u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or_default())
    };
    let when = |column: &str| -> Result<DateTime<Utc>, RowError> {
        Ok(DateTime::parse_from_rfc3339(&text(column)?)?.to_utc())
    };
    let revision: Option<String> = row.try_get("revision_id")?;
    Ok(RefreshStatus {
        key: SourceKey::new(
            PluginName::new(text("plugin_name")?)?,
            SourceId::new(text("source_id")?)?,
        ),
        last_refresh_time: when("last_refresh_time")?,
        succeeded: text("last_refresh_status")? == SUCCESS,
        last_refresh_summary: text("last_refresh_summary")?,
        last_error: row.try_get("last_error")?,
        entities_loaded: count("entities_loaded")?,
        entities_removed: count("entities_removed")?,
        duration_ms: count("duration_ms")?,
        revision: revision.map(|id| id.parse()).transpose()?,
        updated_at: when("updated_at")?,
    })
}

/// Reads rows; one that cannot be read does not hide the others.
pub(super) fn read_all(rows: &[SqliteRow]) -> Vec<RefreshStatus> {
    rows.iter()
        .filter_map(|row| match read(row) {
            Ok(status) => Some(status),
            Err(error) => {
                tracing::warn!(%error, "a row of the status database cannot be read");
                None
            }
        })
        .collect()
}
