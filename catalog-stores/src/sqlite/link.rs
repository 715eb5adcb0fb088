//! The open database, and how it is opened again.
//!
//! A database goes away: its file is deleted, replaced by a backup, damaged, or out of reach for a
//! while. None of that needs a restart. Each call takes the pool from here; one that finds that the
//! file is another, or fails in a way that more of the same connections would not mend, drops the
//! pool, and a later call opens the file anew.
//!
//! What is kept here is a record of outcomes that every process can give again. So a damaged file is
//! set aside, not repaired, and a new one begun: to go on with half of it would be to guess.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::files::{
    FileId, Files, aside, file_id, files_of, looks_like_sqlite, make_private, set_aside,
};
use super::migrations::MIGRATOR;
use super::trouble::{Failure, Trouble};
use super::{ACQUIRE_TIMEOUT, STATEMENT_TIMEOUT};

/// Rows are small and writes take turns anyway; more connections would only wait for each other.
const MAX_CONNECTIONS: u32 = 4;

/// How long after an attempt to open the file that failed the next one is made. Calls in between
/// fail at once.
const REOPEN_INTERVAL: Duration = Duration::from_secs(1);

/// How long closing connections that are of no more use is waited for.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Another process that starts at the same moment may apply a migration first.
const MIGRATION_TRIES: u32 = 3;

/// See the module.
#[derive(Debug)]
pub(super) struct Link {
    options: SqliteConnectOptions,
    /// `None`: in memory, where nothing can come back.
    path: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Open(Arc<Opened>),
    Away {
        /// The last attempt to open it.
        tried: Option<Instant>,
        trouble: Trouble,
        /// The file that this process had open last.
        ours: Option<FileId>,
    },
    Closed,
}

/// A pool and the file it is of.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) pool: SqlitePool,
    files: Files,
}

impl Link {
    /// Nothing is opened yet.
    pub(super) fn new(options: SqliteConnectOptions, in_memory: bool) -> Self {
        let path = (!in_memory).then(|| options.get_filename().to_owned());
        let state = State::Away {
            tried: None,
            trouble: Trouble::CannotOpen,
            ours: None,
        };
        Self {
            options,
            path,
            state: Mutex::new(state),
        }
    }

    /// The database, opened when it must be.
    ///
    /// When the file was lost since the last call, the first call fails, though the next may succeed:
    /// whoever calls has to know that what was written is not there any more.
    pub(super) async fn opened(&self) -> Result<Arc<Opened>, Failure> {
        let mut state = self.state.lock().await;
        let lost = match &*state {
            State::Closed => return Err(Trouble::Closed.into()),
            State::Open(opened) => match self.lost(opened) {
                None => return Ok(opened.clone()),
                Some(trouble) => Some((opened.clone(), trouble)),
            },
            State::Away {
                tried: Some(at),
                trouble,
                ..
            } if at.elapsed() < REOPEN_INTERVAL => return Err((*trouble).into()),
            State::Away { .. } => None,
        };
        if let Some((opened, trouble)) = &lost {
            tracing::error!(%trouble, "the status database is opened anew");
            leave(&mut state, opened, *trouble).await;
        }
        let opened = self.reopen(&mut state).await?;
        match lost {
            None => Ok(opened),
            Some((_, trouble)) => Err(trouble.into()),
        }
    }

    /// Tells that a call failed. What cannot be mended with the connections there are ends them.
    pub(super) async fn failed(&self, opened: &Arc<Opened>, trouble: Trouble) {
        if self.path.is_none() || !trouble.ends_connections() {
            return;
        }
        let mut state = self.state.lock().await;
        match &*state {
            State::Open(current) if Arc::ptr_eq(current, opened) => {
                tracing::error!(%trouble, "the status database is opened anew");
                leave(&mut state, opened, trouble).await;
            }
            // Somebody else has seen to it.
            _ => {}
        }
    }

    /// Closes it for good.
    pub(super) async fn close(&self) {
        let before = std::mem::replace(&mut *self.state.lock().await, State::Closed);
        if let State::Open(opened) = before {
            opened.pool.close().await;
        }
    }

    /// What became of the file: an open database goes on working after its file was removed or
    /// replaced, and what is written then is lost.
    fn lost(&self, opened: &Opened) -> Option<Trouble> {
        match files_of(self.path.as_ref()?) {
            (None, _) => Some(Trouble::Gone),
            now if now != opened.files => Some(Trouble::Replaced),
            _ => None,
        }
    }

    async fn reopen(&self, state: &mut State) -> Result<Arc<Opened>, Failure> {
        let (was, ours) = match state {
            State::Away { trouble, ours, .. } => (*trouble, *ours),
            State::Open(_) | State::Closed => (Trouble::Closed, None),
        };
        // Said before: this future may be dropped.
        let away = |trouble| State::Away {
            tried: Some(Instant::now()),
            trouble,
            ours,
        };
        *state = away(was);
        // What was open was found damaged: opening it may well succeed, and is of no use.
        let same = self.path.as_deref().and_then(file_id) == ours;
        let mut result = match was == Trouble::Damaged && ours.is_some() && same {
            true => Err(Failure::from(was)),
            false => self.open().await,
        };
        if let Err(failure) = &mut result
            && failure.trouble == Trouble::Damaged
        {
            match self.replace_damaged(ours) {
                Ok(()) => result = self.open().await,
                Err(trouble) => failure.trouble = trouble,
            }
        }
        match result {
            Ok(opened) => {
                let opened = Arc::new(opened);
                *state = State::Open(opened.clone());
                Ok(opened)
            }
            Err(failure) => {
                *state = away(failure.trouble);
                Err(failure)
            }
        }
    }

    async fn open(&self) -> Result<Opened, Failure> {
        if let Some(path) = &self.path {
            make_private(path);
        }
        // A database in memory lives and dies with its one connection. Connections to a file do not
        // age, and the log goes with the last of them.
        let connections = self.path.as_ref().map_or(1, |_| MAX_CONNECTIONS);
        let pool = SqlitePoolOptions::new()
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .min_connections(1)
            .max_connections(connections)
            .idle_timeout(None)
            .max_lifetime(None);
        let pool = within(pool.connect_with(self.options.clone())).await?;
        let mut tries = 1;
        while let Err(failure) = within(MIGRATOR.run(&pool)).await {
            let may_help = matches!(failure.trouble, Trouble::Statement | Trouble::Locked);
            if !may_help || tries == MIGRATION_TRIES {
                let _ = timeout(CLOSE_TIMEOUT, pool.close()).await;
                return Err(failure);
            }
            tries += 1;
        }
        let files = self.path.as_deref().map(files_of).unwrap_or_default();
        Ok(Opened { pool, files })
    }

    /// Makes room for a new database. Only what is one, or was when this process opened it, is moved:
    /// a wrong setting must not carry off somebody's file.
    fn replace_damaged(&self, ours: Option<FileId>) -> Result<(), Trouble> {
        let path = self.path.as_ref().ok_or(Trouble::Damaged)?;
        let Some(id) = file_id(path) else {
            return Ok(());
        };
        if ours != Some(id) && !looks_like_sqlite(path) {
            return Err(Trouble::NotSqlite);
        }
        match set_aside(path, id) {
            Ok(done) => {
                let name = aside(path);
                let name = name.file_name().unwrap_or_default();
                tracing::error!(
                    set_aside = done, name = ?name,
                    "the status database is damaged: it was set aside, and a new one is begun; \
                     only the record of earlier refreshes is lost"
                );
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "the damaged status database cannot be set aside");
                Err(Trouble::Damaged)
            }
        }
    }
}

/// Gives up connections.
async fn leave(state: &mut State, opened: &Opened, trouble: Trouble) {
    *state = State::Away {
        tried: None,
        trouble,
        ours: opened.files.0,
    };
    let _ = timeout(CLOSE_TIMEOUT, opened.pool.close()).await;
}

/// Waits for the answer, not for ever.
pub(super) async fn within<T, E: Into<Failure>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    match timeout(STATEMENT_TIMEOUT, work).await {
        Ok(result) => result.map_err(Into::into),
        Err(_) => Err(Trouble::TimedOut.into()),
    }
}
