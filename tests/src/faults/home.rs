//! A small catalog with a history, as operators have it.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use catalog_core::ports::{RefreshStatusRepository, SourceConfigStore};
use catalog_core::service::ServiceOptions;
use catalog_core::{ApplyOptions, Author, CatalogService, Edit, Expect, Running, SourceKey};
use catalog_plugins::{McpPlugin, ModelPlugin};
use catalog_stores::{FileStore, FileStoreOptions, SqliteStatus};

/// The status database, beside the catalog.
pub const DATABASE: &str = "status.db";

/// Revisions of the source that is changed: as many as a history keeps, so that one more makes it
/// drop the oldest.
const REVISIONS: usize = 20;

/// Every source that is or may come to be.
pub const SOURCES: [(&str, &str); 5] = [
    ("mcp", "main"),
    ("mcp", "other"),
    ("mcp", "off"),
    ("mcp", "created"),
    ("model", "models"),
];

const ENTRIES: &str = "\
# The catalogs of our team. Talk to us before you change this.
apiVersion: catalog/v1alpha1
kind: CatalogSources

catalogs:
  mcp:
    sources:
      # the one everybody uses
      - id: main   # do not rename
        type: 'yaml'
        name: \"Main servers\"
        properties:
          yamlCatalogPath: ./main.yaml   # beside this file

      - {id: other, name: Other, type: yaml, properties: {yamlCatalogPath: sub/other.yaml}}
      - {id: off, name: Off, enabled: false, type: yaml, properties: {yamlCatalogPath: off.yaml}}
  models:
    sources:
      - {id: models, name: Models, type: yaml, properties: {yamlCatalogPath: models.yaml}}
";

const OTHER: &str = "mcpservers:\n  - {name: lonely, deploymentMode: local}\n";
const MODELS: &str = "source: Us\nmodels:\n  - name: small\n    provider: Us\n  - name: large\n";

/// The content of `main` in one of its editions.
pub fn main_text(edition: usize) -> String {
    let mut text = format!("# What our teams may use, edition {edition}.\nmcpservers:\n");
    for i in 0..12 {
        text.push_str(&format!(
            "  - name: server-{i}\n    deploymentMode: local   # edition {edition}\n    \
             image: registry.example.com/server-{i}:1.{edition}\n"
        ));
    }
    text
}

/// Where everything of one catalog is.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

impl Home {
    /// The one below this directory, which may be empty.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Where what `strace` sees of a driver at work here is written: beside it.
    pub fn trace(&self) -> PathBuf {
        self.0.with_extension("trace")
    }

    /// The directory of the operator's files.
    pub fn catalog(&self) -> PathBuf {
        self.0.join("catalog")
    }

    /// Makes the catalog with its history.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn make(&self) {
        self.make_young();
        super::run(async {
            let catalog = Catalog::open(self).await.expect("a catalog");
            for edition in 2..=REVISIONS {
                let edit = Edit::content(main_text(edition));
                catalog.apply(&main(), edit).await.expect("an edition");
            }
            catalog.close().await;
        });
    }

    /// Makes the operator's files, which no store has seen.
    ///
    /// # Panics
    /// When they cannot be made.
    pub fn make_young(&self) {
        let dir = self.catalog();
        fs::create_dir_all(dir.join("sub")).expect("a directory");
        let off = OTHER.replace("lonely", "hidden");
        let files = [
            ("sources.yaml", ENTRIES),
            ("main.yaml", &main_text(1)),
            ("sub/other.yaml", OTHER),
            ("off.yaml", &off),
            ("models.yaml", MODELS),
        ];
        for (name, text) in files {
            fs::write(dir.join(name), text).expect("a file");
        }
    }

    /// Copies everything to another place, which is emptied.
    ///
    /// # Panics
    /// When it cannot be copied.
    pub fn copy_to(&self, root: &Path) -> Self {
        let _ = fs::remove_dir_all(root);
        copy(&self.0, root);
        Self(root.to_owned())
    }

    /// Every file below the home with its bytes; directories end in `/`.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn tree(&self) -> BTreeMap<String, Vec<u8>> {
        let mut tree = BTreeMap::new();
        walk(&self.0, "", &mut tree);
        tree
    }

    /// The operator's files: all of the catalog but its history. A directory that a change made and
    /// did not get to use is nothing that anybody sees.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut tree = BTreeMap::new();
        walk(&self.catalog(), "", &mut tree);
        tree.retain(|name, _| !name.starts_with(".history") && !name.ends_with('/'));
        tree
    }
}

/// The source that is changed.
pub fn main() -> SourceKey {
    SourceKey::parse("mcp", "main").expect("a key")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    let mode = fs::metadata(from).expect("a directory").permissions();
    fs::set_permissions(to, mode).expect("a mode");
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, &target).expect("a copy")),
        }
    }
}

fn walk(dir: &Path, prefix: &str, tree: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        let name = format!("{prefix}{name}");
        if path.is_dir() {
            let name = format!("{name}/");
            walk(&path, &name, tree);
            tree.insert(name, Vec::new());
        } else {
            // What is written beside its place has another name soon.
            match fs::read(&path) {
                Ok(bytes) => drop(tree.insert(name, bytes)),
                Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{name}"),
            }
        }
    }
}

/// An open catalog.
pub struct Catalog {
    /// The service.
    pub service: CatalogService,
    /// What it keeps documents in.
    pub store: Arc<FileStore>,
    /// What it keeps status in.
    pub status: Arc<SqliteStatus>,
    running: Running,
}

/// The store's options for a home: it does nothing by itself, so that runs are repeatable.
pub fn options(home: &Home) -> FileStoreOptions {
    let never = Duration::from_secs(3600);
    FileStoreOptions::new([home.catalog().join("sources.yaml")])
        .poll_interval(never)
        .checkpoint_after(never)
}

impl Catalog {
    /// Opens the catalog of a home and loads every source.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub async fn open(home: &Home) -> Result<Self, String> {
        Self::open_with(home, options(home)).await
    }

    /// As [`open`](Self::open), with a store that is set up otherwise.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub async fn open_with(home: &Home, options: FileStoreOptions) -> Result<Self, String> {
        let store = options.open().await.map_err(|e| with_causes(&e))?;
        let dsn = format!("sqlite:{}", home.root().join(DATABASE).display());
        let status = SqliteStatus::connect(&dsn)
            .await
            .map_err(|e| with_causes(&e))?;
        let (store, status) = (Arc::new(store), Arc::new(status));
        let mut service = ServiceOptions::default();
        service.concurrent_loads = 1;
        let service = CatalogService::builder()
            .options(service)
            .shared_store(store.clone() as Arc<dyn SourceConfigStore>)
            .shared_status(status.clone() as Arc<dyn RefreshStatusRepository>)
            .plugin(McpPlugin::new())
            .plugin(ModelPlugin::new())
            .build()
            .map_err(|e| with_causes(&e))?;
        let running = service.start().await;
        Ok(Self {
            service,
            store,
            status,
            running,
        })
    }

    /// Changes or makes a source, whatever is there; the revision, or what went wrong.
    ///
    /// # Errors
    /// The error's code, and its causes in words.
    pub async fn apply(&self, key: &SourceKey, edit: Edit) -> Result<String, String> {
        let (author, options) = (Author::new("tester"), ApplyOptions::default());
        let done = self.service.apply(key, edit, Expect::Any, author, options);
        let done = done.await.map_err(|e| refusal(&e))?;
        Ok(done.revision.id.to_string())
    }

    /// What readers are served at this moment, as [`Look::heads`](super::Look::heads) puts it: which
    /// revision, whatever is stored.
    pub fn served(&self) -> String {
        let mut heads = Vec::new();
        for plugin in ["mcp", "model"] {
            let name = catalog_core::PluginName::new(plugin).expect("a name");
            let view = self.service.snapshot(&name);
            for source in view.iter().flat_map(|view| view.sources()) {
                let count = source.snapshot.entities().len();
                let loaded = source.snapshot.revision.as_ref();
                let revision = loaded.unwrap_or(&source.revision.id);
                heads.push(format!("{plugin}/{}={revision}/{count}", source.id));
            }
        }
        heads.join(" ")
    }

    /// Closes everything.
    pub async fn close(self) {
        self.running.stop().await;
    }
}

/// An error's code and, behind it, its causes.
pub(super) fn refusal(error: &catalog_core::CatalogError) -> String {
    format!("{} {}", error.code(), with_causes(error))
}

/// An error and its causes.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text.replace('\n', " ")
}
