//! The composition root: the one place where concrete types meet.

use std::path::PathBuf;
use std::sync::Arc;

use catalog_core::model::{Author, ChangeMeta, RevisionKind};
use catalog_core::ports::{
    Clock as _, MemoryStore, RefreshStatusRepository, SourceConfigStore, SystemClock,
};
use catalog_core::service::{CatalogService, CatalogServiceBuilder};
use catalog_plugins::{McpPlugin, ModelPlugin};
use catalog_stores::{EnvSecrets, FileSecrets, FileStoreOptions, NullStatus, SqliteStatus};

use crate::settings::{ConfigStore, Database, Settings, database, sources_or_default};

/// Environment variables of secrets begin with this.
const SECRET_PREFIX: &str = "CATALOG_SECRET_";

/// A server that cannot be put together: one line for people, which names the setting.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WiringError(String);

impl WiringError {
    fn new(what: impl std::fmt::Display, error: &dyn std::error::Error) -> Self {
        let mut line = format!("{what}: {error}");
        let mut cause = error.source();
        while let Some(inner) = cause {
            line = format!("{line}: {inner}");
            cause = inner.source();
        }
        Self(line.replace('\n', " "))
    }
}

impl From<String> for WiringError {
    fn from(line: String) -> Self {
        Self(line)
    }
}

/// The plugins of the reference server.
pub(crate) fn with_plugins(builder: CatalogServiceBuilder) -> CatalogServiceBuilder {
    builder.plugin(McpPlugin::new()).plugin(ModelPlugin::new())
}

/// Puts the service together as the settings say.
///
/// # Errors
/// [`WiringError`]
pub async fn service(settings: &Settings) -> Result<CatalogService, WiringError> {
    check_directories(settings)?;
    let database = database(settings.db_dsn.as_ref(), &settings.data_dir)?;
    // Each waits for the disk; together they wait for the longer of the two.
    let (store, status) = tokio::join!(store(settings), status(database));
    let builder = CatalogService::builder()
        .shared_store(store?)
        .shared_status(status?);
    let builder = match &settings.secrets_dir {
        Some(dir) => builder.secrets(FileSecrets::new(dir)),
        None => builder.secrets(EnvSecrets::new(SECRET_PREFIX)),
    };
    with_plugins(builder)
        .build()
        .map_err(|e| WiringError::new("the server", &e))
}

async fn status(database: Database) -> Result<Arc<dyn RefreshStatusRepository>, WiringError> {
    Ok(match database {
        Database::None => Arc::new(NullStatus),
        Database::Sqlite(dsn) => Arc::new(
            // What is served does not depend on it.
            SqliteStatus::connect_when_possible(dsn.as_str())
                .await
                .map_err(|e| WiringError::new("--db-dsn (DATABASE_DSN)", &e))?,
        ),
    })
}

/// Directories that are named must be there: a typo must not look like an empty directory.
fn check_directories(settings: &Settings) -> Result<(), WiringError> {
    let roots = settings.content_roots.iter();
    let roots = roots.map(|dir| ("--content-root (CATALOG_CONTENT_ROOTS)", dir));
    let secrets = settings.secrets_dir.iter();
    let secrets = secrets.map(|dir| ("--secrets-dir (CATALOG_SECRETS_DIR)", dir));
    match roots.chain(secrets).find(|(_, dir)| !dir.is_dir()) {
        Some((flag, dir)) => Err(format!("{flag}: {} is not a directory", dir.display()).into()),
        None => Ok(()),
    }
}

async fn store(settings: &Settings) -> Result<Arc<dyn SourceConfigStore>, WiringError> {
    if matches!(settings.config_store, ConfigStore::K8s | ConfigStore::Sql) {
        let line =
            "--config-store (CATALOG_CONFIG_STORE_MODE): only file and none are supported yet";
        return Err(line.to_owned().into());
    }
    let sources = sources_or_default(&settings.sources, &settings.data_dir);
    if let Some(missing) = sources.iter().find(|path| !path.exists()) {
        let line = format!(
            "--sources (CATALOG_SOURCES): there is no {}",
            missing.display()
        );
        return Err(line.into());
    }
    let options = file_options(
        sources,
        &settings.content_roots,
        settings.max_document_bytes,
    );
    match settings.config_store {
        ConfigStore::None => seeded(options, settings).await,
        _ => {
            let store = options
                .open()
                .await
                .map_err(|e| WiringError::new("--sources (CATALOG_SOURCES)", &e))?;
            Ok(Arc::new(store))
        }
    }
}

/// A store in memory that holds what the files say.
async fn seeded(
    options: FileStoreOptions,
    settings: &Settings,
) -> Result<Arc<dyn SourceConfigStore>, WiringError> {
    let found = options.read().await;
    let found = found.map_err(|e| WiringError::new("--sources (CATALOG_SOURCES)", &e))?;
    let store = MemoryStore::with_max_document_bytes(settings.max_document_bytes);
    let meta = ChangeMeta {
        author: Author::system(),
        message: None,
        kind: RevisionKind::Import,
        at: SystemClock.now(),
    };
    for finding in &found.findings {
        tracing::warn!(%finding, "the sources files are not as they should be");
    }
    for source in found.sources {
        store.adopt(source, &meta);
    }
    Ok(Arc::new(store))
}

/// Options for these files.
pub(crate) fn file_options(
    sources: Vec<PathBuf>,
    content_roots: &[PathBuf],
    max_document_bytes: u64,
) -> FileStoreOptions {
    let options = FileStoreOptions::new(sources).max_document_bytes(max_document_bytes);
    match content_roots {
        [] => options,
        roots => options.content_roots(roots),
    }
}
