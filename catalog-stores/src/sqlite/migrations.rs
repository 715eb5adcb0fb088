//! Which migrations there are, and which the database has.

use std::fmt;

use sqlx::migrate::Migrator;
use sqlx::{Row as _, SqlitePool};

/// The migrations of this version, embedded. Append only: an applied one never changes.
pub(super) static MIGRATOR: Migrator = sqlx::migrate!("../migrations/sqlite");

/// A migration that the database does not have yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingMigration {
    /// Its number.
    pub version: i64,
    /// What it is about.
    pub description: String,
}

/// `1 (refresh status)`
impl fmt::Display for PendingMigration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version, self.description)
    }
}

/// Why the database does not fit.
#[derive(Debug, thiserror::Error)]
pub(super) enum MigrationError {
    #[error("the database has migration {0}, which this version does not know")]
    Unknown(i64),
    #[error("migration {0} is not the one that was applied")]
    Changed(i64),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Every migration.
pub(super) fn all() -> Vec<PendingMigration> {
    MIGRATOR
        .iter()
        .map(|migration| PendingMigration {
            version: migration.version,
            description: migration.description.to_string(),
        })
        .collect()
}

/// Those that are not applied.
pub(super) async fn pending(pool: &SqlitePool) -> Result<Vec<PendingMigration>, MigrationError> {
    let known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'";
    if sqlx::query(known).fetch_optional(pool).await?.is_none() {
        return Ok(all());
    }
    let applied = "SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version";
    let mut pending = all();
    for row in sqlx::query(applied).fetch_all(pool).await? {
        let version: i64 = row.try_get("version")?;
        let checksum: Vec<u8> = row.try_get("checksum")?;
        let migration = MIGRATOR
            .iter()
            .find(|migration| migration.version == version)
            .ok_or(MigrationError::Unknown(version))?;
        if *migration.checksum != *checksum {
            return Err(MigrationError::Changed(version));
        }
        pending.retain(|migration| migration.version != version);
    }
    Ok(pending)
}
