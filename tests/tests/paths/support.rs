//! A catalog beside things that nobody may read or write.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use catalog_core::ports::{ComponentState, SourceConfigStore as _, StoredSource};
use catalog_core::testing::{accept, document, key, meta};
use catalog_core::{Expect, Revision, RevisionKind, SourceKey, StoreError};
use catalog_stores::{FileStore, FileStoreOptions};
use serde_json::json;

/// What is outside, in every file there.
pub const CANARY: &str = "canary-that-nobody-may-read";

pub fn main_key() -> SourceKey {
    key("mcp", "main")
}

pub fn healthy() -> ComponentState {
    ComponentState::Healthy
}

/// Two directories side by side, and what was outside before.
pub struct Watch {
    top: tempfile::TempDir,
    before: BTreeMap<PathBuf, (Vec<u8>, u64)>,
    pub tried: u64,
    pub violations: Vec<String>,
}

impl Watch {
    pub fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        for dir in ["root", "outside", "root/sub"] {
            fs::create_dir(top.path().join(dir)).unwrap();
        }
        let at = |name: &str| top.path().join(name);
        fs::write(at("outside/canary.yaml"), CANARY).unwrap();
        fs::write(at("outside/main.yaml"), CANARY).unwrap();
        fs::write(at("canary.yaml"), CANARY).unwrap();
        fs::write(at("root/main.yaml"), "mcpservers: []\n").unwrap();
        fs::write(at("root/sub/main.yaml"), "mcpservers: []\n").unwrap();
        let mut watch = Self {
            top,
            before: BTreeMap::new(),
            tried: 0,
            violations: Vec::new(),
        };
        watch.write_sources("main.yaml");
        watch.remember();
        watch
    }

    pub fn root(&self) -> PathBuf {
        self.top.path().join("root")
    }

    pub fn outside(&self) -> PathBuf {
        self.top.path().join("outside")
    }

    /// One source, `main`, whose content is at this path.
    pub fn write_sources(&self, path: &str) {
        let entry = json!({"id": "main", "name": "Main", "type": "yaml",
            "properties": {"yamlCatalogPath": path}});
        let text = json!({"catalogs": {"mcp": {"sources": [entry]}}});
        fs::write(self.root().join("sources.yaml"), text.to_string()).unwrap();
    }

    /// A store that looks at its files only when it is asked.
    pub fn options(&self) -> FileStoreOptions {
        let sources = [self.root().join("sources.yaml")];
        FileStoreOptions::new(sources).poll_interval(Duration::from_secs(3600))
    }

    pub async fn open(&self) -> FileStore {
        self.options().open().await.unwrap()
    }

    /// The source when its entry names this path.
    pub async fn loaded(&self, path: &str) -> (FileStore, StoredSource) {
        let _ = fs::remove_dir_all(self.root().join(".history"));
        self.write_sources(path);
        let store = self.open().await;
        let source = store.get(&main_key()).await.unwrap();
        (
            store,
            source.expect("it is listed, whatever is wrong with it"),
        )
    }

    pub fn violation(&mut self, what: impl Debug, why: impl Debug) {
        self.violations.push(format!("{what:?}: {why:?}"));
    }

    /// What is outside now is how it has to stay.
    pub fn remember(&mut self) {
        self.before = outside_of(self.top.path());
    }

    /// Nothing outside was changed, and nothing of it is inside.
    pub fn unharmed(&mut self, what: impl Debug) {
        let now = outside_of(self.top.path());
        if now != self.before {
            let differs = |(path, _): &(&PathBuf, _)| now.get(*path) != self.before.get(*path);
            let all = now.iter().chain(&self.before).filter(differs);
            let paths: Vec<&PathBuf> = all.map(|(path, _)| path).collect();
            let why = format!("outside was changed: {paths:?}");
            self.violation(&what, why);
            self.remember();
        }
        for (path, bytes) in files_below(&self.root()) {
            if String::from_utf8_lossy(&bytes).contains(CANARY) {
                self.violation(&what, format!("{path:?} holds what is outside"));
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// Every file that is not below the root, with its bytes and inode.
fn outside_of(top: &Path) -> BTreeMap<PathBuf, (Vec<u8>, u64)> {
    let files = files_below(top).into_iter();
    let files = files.filter(|(path, _)| !path.starts_with(top.join("root")));
    let inode = |path: &Path| fs::symlink_metadata(path).map_or(0, |meta| meta.ino());
    let files = files.map(|(path, bytes)| {
        let inode = inode(&path);
        (path, (bytes, inode))
    });
    files.collect()
}

/// Plain files, links not followed.
fn files_below(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files.extend(files_below(&path)),
            Ok(kind) if kind.is_file() => {
                let bytes = fs::read(&path).unwrap_or_default();
                files.push((path, bytes));
            }
            _ => {}
        }
    }
    files
}

/// Puts a source with content at this path.
pub async fn put(
    store: &FileStore,
    id: &str,
    path: &str,
    text: &str,
) -> Result<Revision, StoreError> {
    let properties = json!({"yamlCatalogPath": path});
    let properties = properties.as_object().unwrap().clone();
    let document = accept(document("A name", text, properties));
    let meta = meta(RevisionKind::Apply);
    store
        .put(&key("mcp", id), &document, &Expect::Any, &meta)
        .await
}
