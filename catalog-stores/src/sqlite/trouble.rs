//! What can be wrong with the database, in words for people.

use sqlx::migrate::MigrateError;

/// What is wrong. Says nothing that a driver made up: that may name paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    #[error("another process keeps the database locked")]
    Locked,
    #[error("the disk of the database is full")]
    Full,
    #[error("the database cannot be written")]
    ReadOnly,
    #[error("the database file is damaged")]
    Damaged,
    #[error("the database file is not a SQLite database; move it away and a new one is made")]
    NotSqlite,
    #[error("the database file is gone")]
    Gone,
    #[error("the database file was replaced by another")]
    Replaced,
    #[error("the database was made by a later version")]
    Later,
    #[error("the database file cannot be opened")]
    CannotOpen,
    #[error("the database file cannot be read or written")]
    Io,
    #[error("the database does not answer in time")]
    TimedOut,
    #[error("the database is closed")]
    Closed,
    #[error("a statement failed")]
    Statement,
}

impl Trouble {
    /// What an error of the driver means.
    pub(super) fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => error
                .code()
                .and_then(|code| code.parse().ok())
                .map_or(Self::Statement, Self::of_code),
            sqlx::Error::Migrate(error) => Self::of_migration(error),
            sqlx::Error::PoolTimedOut => Self::TimedOut,
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Self::Closed,
            // A connection whose transaction SQLite took back by itself is in no known state.
            sqlx::Error::Io(_)
            | sqlx::Error::BeginFailed
            | sqlx::Error::InvalidSavePointStatement => Self::Io,
            _ => Self::Statement,
        }
    }

    pub(super) fn of_migration(error: &MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                Self::of(error)
            }
            MigrateError::VersionMissing(_)
            | MigrateError::VersionMismatch(_)
            | MigrateError::VersionTooNew(..) => Self::Later,
            _ => Self::Statement,
        }
    }

    /// By SQLite's (extended) result code.
    fn of_code(code: i32) -> Self {
        /// The file is not where it was when it was opened.
        const READONLY_DBMOVED: i32 = 1032;
        if code == READONLY_DBMOVED {
            return Self::Replaced;
        }
        match code & 0xff {
            5 | 6 => Self::Locked,
            8 => Self::ReadOnly,
            10 => Self::Io,
            11 | 26 => Self::Damaged,
            13 => Self::Full,
            14 => Self::CannotOpen,
            _ => Self::Statement,
        }
    }

    /// Whether connections that met it are of no more use: it is the file that has to be opened
    /// anew once it is well again.
    pub(super) fn ends_connections(self) -> bool {
        match self {
            // On a full disk SQLite takes transactions back by itself, and the driver does not know.
            Self::Full
            | Self::ReadOnly
            | Self::Damaged
            | Self::NotSqlite
            | Self::Gone
            | Self::Replaced
            | Self::CannotOpen
            | Self::Io => true,
            Self::Locked | Self::Later | Self::TimedOut | Self::Closed | Self::Statement => false,
        }
    }
}

/// A call that failed: what that means, and the driver's error for the log.
#[derive(Debug, thiserror::Error)]
#[error("{trouble}")]
pub(super) struct Failure {
    pub(super) trouble: Trouble,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self {
            trouble,
            source: None,
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self {
            trouble: Trouble::of(&error),
            source: Some(error.into()),
        }
    }
}

impl From<MigrateError> for Failure {
    fn from(error: MigrateError) -> Self {
        Self {
            trouble: Trouble::of_migration(&error),
            source: Some(error.into()),
        }
    }
}

impl From<super::migrations::MigrationError> for Failure {
    fn from(error: super::migrations::MigrationError) -> Self {
        use super::migrations::MigrationError;
        let trouble = match &error {
            MigrationError::Unknown(_) | MigrationError::Changed(_) => Trouble::Later,
            MigrationError::Database(error) => Trouble::of(error),
        };
        Self {
            trouble,
            source: Some(error.into()),
        }
    }
}
