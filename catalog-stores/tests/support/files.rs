//! What the tests of the file store share.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(dead_code, reason = "every test uses its part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use catalog_core::ports::{SourceConfigStore as _, StoreChange, StoredSource};
use catalog_core::testing::{accept, document, key, meta};
use catalog_core::{
    Expect, Revision, RevisionKind, SourceDocument, SourceKey, SourceSettings, StoreError,
};
use catalog_stores::{FileStore, FileStoreOptions, FsAnswer, FsChange, FsOp};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

/// A file that people wrote: comments, an order and quotes of their own, sections of other plugins.
pub const SOURCES: &str = "\
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
  agents:
    sources: [{id: x, whatever: true}]
  models:
    sources: []
";

/// The content of `main`, with what careless stores destroy.
pub const MAIN: &str =
    "# comment\r\nmcpservers: # ünïcode\r\n  - name:   'a'  \r\n\n\t\n# no end of line";

/// The content of `other`.
pub const OTHER: &str = "mcpservers: []\n";

/// A directory with those files.
pub fn catalog() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "sources.yaml", SOURCES);
    write(dir.path(), "main.yaml", MAIN);
    std::fs::create_dir(dir.path().join("sub")).unwrap();
    write(dir.path(), "sub/other.yaml", OTHER);
    dir
}

pub fn write(dir: &Path, name: &str, text: impl AsRef<[u8]>) {
    std::fs::write(dir.join(name), text).unwrap();
}

pub fn read(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap()
}

/// The store's own notes, which change without anything having changed.
const NOTES: [&str; 2] = ["journal", "generation"];

/// Every file below a directory with its bytes, directories and links included, but for the store's
/// own notes.
pub fn tree(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(dir: &Path, top: &Path, out: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let kind = path.symlink_metadata().unwrap().file_type();
            let name = path.strip_prefix(top).unwrap().to_owned();
            if name
                .file_name()
                .is_some_and(|n| NOTES.iter().any(|note| n == *note))
            {
                continue;
            }
            if kind.is_dir() {
                out.insert(name, b"<directory>".to_vec());
                walk(&path, top, out);
            } else if kind.is_file() {
                out.insert(name, std::fs::read(&path).unwrap());
            } else {
                out.insert(name, b"<special>".to_vec());
            }
        }
    }
    let mut out = BTreeMap::new();
    walk(dir, dir, &mut out);
    out
}

/// What must never be left behind.
pub fn leftovers(dir: &Path) -> Vec<PathBuf> {
    let left = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(".catalog-tmp-") || name.starts_with("journal.")
    };
    tree(dir).into_keys().filter(left).collect()
}

pub fn options(dir: &Path) -> FileStoreOptions {
    FileStoreOptions::new([dir.join("sources.yaml")])
}

pub async fn open(dir: &Path) -> FileStore {
    FileStore::open(dir).await.unwrap()
}

/// A store that does nothing by itself.
pub fn quiet(dir: &Path) -> FileStoreOptions {
    let hour = Duration::from_secs(3600);
    let options = options(dir).poll_interval(hour).notifications(false);
    options.checkpoint_after(hour)
}

/// A store that looks at its files only when it is asked.
pub async fn open_quiet(dir: &Path) -> FileStore {
    quiet(dir).open().await.unwrap()
}

/// A store for which a file that is written all the time is never at rest, however busy the machine.
pub async fn open_patient(dir: &Path) -> FileStore {
    let rest = Duration::from_millis(1500);
    let options = options(dir).poll_interval(rest).rest_time(rest);
    options.open().await.unwrap()
}

/// How long a test waits for what should take a second at most: machines are busy.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until the change of a source is announced.
pub async fn seen(changes: &mut BoxStream<'static, StoreChange>, key: &SourceKey) {
    let wanted = StoreChange::Source(key.clone());
    let found = async { while changes.next().await != Some(wanted.clone()) {} };
    tokio::time::timeout(PATIENCE, found)
        .await
        .expect("the change is noticed");
}

pub fn main_key() -> SourceKey {
    key("mcp", "main")
}

/// The source as it is once edits past the store have been taken.
pub async fn get(store: &FileStore, key: &SourceKey) -> StoredSource {
    store.notice().await.unwrap();
    store.get(key).await.unwrap().expect("the source is there")
}

pub fn text(source: &StoredSource) -> &[u8] {
    source.document.content.as_deref().unwrap_or_default()
}

/// The codes of what the store finds wrong with a source.
pub fn problems(source: &StoredSource) -> Vec<&str> {
    source.problems.iter().map(|p| &*p.code).collect()
}

/// The kinds of a source's revisions, oldest first.
pub async fn kinds(store: &FileStore, key: &SourceKey) -> Vec<RevisionKind> {
    let revisions = store.revisions(key).await.unwrap();
    revisions.iter().rev().map(|r| r.kind).collect()
}

pub async fn put(
    store: &FileStore,
    key: &SourceKey,
    document: SourceDocument,
    expect: Expect,
) -> Result<Revision, StoreError> {
    let document = accept(document);
    store
        .put(key, &document, &expect, &meta(RevisionKind::Apply))
        .await
}

/// Replaces the content, whatever is there.
pub async fn put_text(
    store: &FileStore,
    key: &SourceKey,
    text: impl AsRef<[u8]>,
) -> Result<Revision, StoreError> {
    let mut document = get(store, key).await.document;
    document.content = catalog_core::testing::content(text);
    put(store, key, document, Expect::Any).await
}

/// A new source with content at a path.
pub fn at_path(path: &str, text: impl AsRef<[u8]>) -> SourceDocument {
    let path = serde_json::json!({"yamlCatalogPath": path});
    document("A name", text, path.as_object().unwrap().clone())
}

/// A new source that names a path and brings no content.
pub fn settings_at(path: &str) -> SourceDocument {
    let mut settings = SourceSettings::new("A name", "yaml");
    settings
        .properties
        .insert("yamlCatalogPath".into(), path.into());
    SourceDocument::new(settings, None)
}

/// Numbers the operations of a store from when it is armed on.
#[derive(Clone)]
pub struct Operations(Arc<AtomicUsize>);

impl Operations {
    const UNARMED: usize = usize::MAX / 2;

    pub fn new() -> Self {
        Self(Arc::new(AtomicUsize::new(Self::UNARMED)))
    }

    /// From now on operations are counted.
    pub fn arm(&self) {
        self.0.store(0, Ordering::SeqCst);
    }

    /// From now on they are not.
    pub fn disarm(&self) {
        self.0.store(Self::UNARMED, Ordering::SeqCst);
    }

    /// The number of an operation, once they are counted.
    pub fn next(&self) -> Option<usize> {
        let n = self.0.fetch_add(1, Ordering::SeqCst);
        (n < Self::UNARMED).then_some(n)
    }

    /// How many there were.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A store that looks at its files only when it is asked, with a hook.
pub fn hooked(
    dir: &Path,
    hook: impl Fn(&FsOp<'_>) -> FsAnswer + Send + Sync + 'static,
) -> FileStoreOptions {
    quiet(dir).hook(hook)
}

/// Prints a row of the fault matrix: a violation has failed the test before.
pub fn row(name: &str, tried: usize) {
    assert!(tried > 0, "{name}: nothing was tried");
    println!("matrix: {name}: {tried} tried, 0 violations");
}

/// The answer of a disk that is full.
pub fn full() -> FsAnswer {
    FsAnswer::Fail(std::io::ErrorKind::StorageFull.into())
}

/// Whether it makes something durable. A disk that fails to is another matter than one that is full.
pub fn is_sync(op: &FsOp<'_>) -> bool {
    matches!(op.change, FsChange::SyncFile | FsChange::SyncDir)
}

/// Whether it gives a file this name.
pub fn renames_to(op: &FsOp<'_>, name: &str) -> bool {
    matches!(&op.change, FsChange::Rename { to } if to.ends_with(name))
}
