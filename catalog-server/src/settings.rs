//! The process's own configuration: flags, each with an environment variable; a flag wins.

// The comments are the help text too, where `<…>` stands for what the reader fills in.
#![allow(rustdoc::invalid_html_tags)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// `catalog-server`: manages catalogs of MCP servers and ML models.
#[derive(Debug, Parser)]
#[command(name = "catalog-server", version, about = "Serves and manages catalogs of MCP servers and ML models", long_about = None, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Settings of `serve`.
    #[command(flatten)]
    pub serve: Settings,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve catalogs over HTTP (the default)
    Serve(Settings),
    /// Validate sources files and their content offline; prints every finding as file:line:column
    Check(CheckArgs),
    /// Bring the database up to date
    Migrate(MigrateArgs),
    /// Print the OpenAPI document
    Openapi,
}

/// Settings of `serve`.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Address to listen on
    #[arg(long, env = "CATALOG_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where the server keeps its data; made with a sample catalog on first start
    #[arg(long, env = "CATALOG_DATA_DIR", default_value = "./catalog-data")]
    pub data_dir: PathBuf,
    /// A sources file; may be given several times, later ones override earlier ones
    /// [default: <data-dir>/sources.yaml]
    #[arg(long, env = "CATALOG_SOURCES", value_delimiter = ',')]
    pub sources: Vec<PathBuf>,
    /// Content files are read and written only below these directories
    /// [default: the directory of each sources file]
    #[arg(
        long = "content-root",
        env = "CATALOG_CONTENT_ROOTS",
        value_delimiter = ','
    )]
    pub content_roots: Vec<PathBuf>,
    /// Where source documents are kept
    #[arg(long, env = "CATALOG_CONFIG_STORE_MODE", default_value = "file")]
    pub config_store: ConfigStore,
    /// Refresh status database: sqlite:<path> or none [default: sqlite:<data-dir>/catalog.db]
    #[arg(long, env = "DATABASE_DSN", hide_env_values = true)]
    pub db_dsn: Option<Dsn>,
    /// The largest document in bytes
    #[arg(long, env = "CATALOG_MAX_DOCUMENT_BYTES", default_value_t = 1 << 20,
          value_parser = clap::value_parser!(u64).range(MIN_DOCUMENT_BYTES..))]
    pub max_document_bytes: u64,
    /// Directory of secrets: <dir>/<name>/<key>. Without it, secret references are looked up in the
    /// environment as CATALOG_SECRET_<NAME>_<KEY>
    #[arg(long, env = "CATALOG_SECRETS_DIR")]
    pub secrets_dir: Option<PathBuf>,
    /// How logs look [default: text on a terminal, else json]
    #[arg(long, env = "CATALOG_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// What is logged, such as `info` or `catalog_core=debug`
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log_level: String,
}

/// Settings of `check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// A sources file; may be given several times
    #[arg(long, env = "CATALOG_SOURCES", value_delimiter = ',')]
    pub sources: Vec<PathBuf>,
    /// Where the data is, when no sources file is named
    #[arg(long, env = "CATALOG_DATA_DIR", default_value = "./catalog-data")]
    pub data_dir: PathBuf,
    /// Content files are read only below these directories
    #[arg(
        long = "content-root",
        env = "CATALOG_CONTENT_ROOTS",
        value_delimiter = ','
    )]
    pub content_roots: Vec<PathBuf>,
    /// The largest document in bytes
    #[arg(long, env = "CATALOG_MAX_DOCUMENT_BYTES", default_value_t = 1 << 20,
          value_parser = clap::value_parser!(u64).range(MIN_DOCUMENT_BYTES..))]
    pub max_document_bytes: u64,
}

/// Settings of `migrate`.
#[derive(Debug, Clone, Args)]
pub struct MigrateArgs {
    /// Only say whether anything is pending: exit 0 if not, 1 if so
    #[arg(long)]
    pub check: bool,
    /// Where the data is, when no database is named
    #[arg(long, env = "CATALOG_DATA_DIR", default_value = "./catalog-data")]
    pub data_dir: PathBuf,
    /// The database [default: sqlite:<data-dir>/catalog.db]
    #[arg(long, env = "DATABASE_DSN", hide_env_values = true)]
    pub db_dsn: Option<Dsn>,
}

/// Less would not hold one entry.
const MIN_DOCUMENT_BYTES: u64 = 1024;

/// A database's address. Prints nothing of it: it may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Dsn(String);

impl Dsn {
    /// The address itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Dsn {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Debug for Dsn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Where source documents are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConfigStore {
    /// In files, with history.
    File,
    /// In Kubernetes ConfigMaps (not yet).
    K8s,
    /// In a database (not yet).
    Sql,
    /// In memory: read once, changes are gone with the process.
    None,
}

/// How logs look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The sources files: those named, else the one in the data directory.
pub(crate) fn sources_or_default(sources: &[PathBuf], data_dir: &Path) -> Vec<PathBuf> {
    match sources {
        [] => vec![data_dir.join("sources.yaml")],
        named => named.to_vec(),
    }
}

/// Where refresh status is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// Nowhere.
    None,
    /// In this SQLite database.
    Sqlite(Dsn),
}

/// Reads the DSN; the default is a SQLite database in the data directory.
///
/// # Errors
/// A line for people that does not repeat the DSN, which may hold a password.
pub fn database(dsn: Option<&Dsn>, data_dir: &Path) -> Result<Database, String> {
    match dsn.map(Dsn::as_str).filter(|d| !d.is_empty()) {
        None => {
            let path = data_dir.join("catalog.db");
            let path = path.to_str().ok_or("--data-dir must be valid UTF-8")?;
            Ok(Database::Sqlite(Dsn(format!("sqlite:{path}"))))
        }
        Some("none") => Ok(Database::None),
        Some(dsn) if dsn.starts_with("sqlite:") => Ok(Database::Sqlite(Dsn(dsn.to_owned()))),
        Some(dsn) if dsn.starts_with("postgres:") || dsn.starts_with("postgresql:") => {
            Err("--db-dsn (DATABASE_DSN): PostgreSQL is not supported yet".to_owned())
        }
        Some(_) => Err("--db-dsn (DATABASE_DSN) must be sqlite:<path> or none".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_dsn_is_read_and_never_repeated() {
        let dir = Path::new("data");
        let read = |dsn: &str| database(Some(&Dsn(dsn.to_owned())), dir);
        let sqlite = |dsn: &str| Ok(Database::Sqlite(Dsn(dsn.to_owned())));
        assert_eq!(database(None, dir), sqlite("sqlite:data/catalog.db"));
        assert_eq!(read("none"), Ok(Database::None));
        assert_eq!(read("sqlite::memory:"), sqlite("sqlite::memory:"));
        for dsn in ["postgres://u:canary@h/d", "mysql://u:canary@h/d", "canary"] {
            assert!(!read(dsn).unwrap_err().contains("canary"));
        }
        assert!(!format!("{:?}", Dsn("canary".to_owned())).contains("canary"));
    }
}
