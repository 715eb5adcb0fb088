//! The service in this process.

use std::path::Path;

use catalog_core::model::{Author, Edit, Expect, RevisionId, SourceKey};
use catalog_core::service::{Applied, ApplyOptions, CatalogService, Running};
use catalog_core::testing::{PlainPlugin, key};
use catalog_core::{CatalogError, RevisionKind, StoreError};
use catalog_stores::{FileStoreOptions, SqliteStatus};

use crate::run::{Listed, Seen, Target, Wrote};

pub struct Process {
    runtime: tokio::runtime::Runtime,
    catalog: CatalogService,
    _running: Running,
}

impl Process {
    pub fn start(dir: &Path) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (catalog, running) = runtime.block_on(async {
            let plain = key("plain", "x").plugin;
            let store = FileStoreOptions::new([dir.join("sources.yaml")])
                .plugins([("plain".to_owned(), plain)])
                .open()
                .await
                .unwrap();
            let dsn = format!("sqlite:{}", dir.join("catalog.db").display());
            let catalog = CatalogService::builder()
                .store(store)
                .status(SqliteStatus::connect(&dsn).await.unwrap())
                .plugin(PlainPlugin::default())
                .build()
                .unwrap();
            let running = catalog.start().await;
            (catalog, running)
        });
        Self {
            runtime,
            catalog,
            _running: running,
        }
    }

    fn wrote(&self, result: Result<Applied, CatalogError>) -> Wrote {
        match result {
            Ok(applied) if !applied.changed => Wrote::Unchanged,
            Ok(applied) => Wrote::Done(applied.revision.id.to_string()),
            Err(CatalogError::Store(StoreError::Conflict { current, .. })) => {
                Wrote::Conflict(current.map(|id| id.to_string()))
            }
            Err(error) => Wrote::Refused(error.code().to_owned()),
        }
    }
}

fn plain(source: &str) -> SourceKey {
    key("plain", source)
}

fn revision(id: &str) -> RevisionId {
    id.parse().unwrap()
}

fn options() -> ApplyOptions {
    ApplyOptions::default().confirming(1000)
}

impl Target for Process {
    fn read(&self, source: &str) -> Option<Seen> {
        let detail = self.runtime.block_on(self.catalog.get(&plain(source)));
        let detail = detail.ok()?;
        Some(Seen {
            id: detail.view.revision.id.to_string(),
            content: detail.raw_yaml?,
        })
    }

    fn write(&self, source: &str, expected: Option<&str>, content: &str) -> Wrote {
        let expect = expected.map_or(Expect::Present, |id| Expect::Revision(revision(id)));
        let (key, author) = (plain(source), Author::new("racer"));
        let edit = Edit::content(content);
        let work = self.catalog.apply(&key, edit, expect, author, options());
        self.wrote(self.runtime.block_on(work))
    }

    fn roll_back(&self, source: &str, expected: &str, to: &str) -> Wrote {
        let expect = Expect::Revision(revision(expected));
        let (key, to, author) = (plain(source), revision(to), Author::new("racer"));
        let work = self.catalog.roll_back(&key, &to, expect, author, options());
        self.wrote(self.runtime.block_on(work))
    }

    fn refresh(&self, source: &str) {
        let _ = self.runtime.block_on(self.catalog.refresh(&plain(source)));
    }

    fn list(&self, source: &str) -> Vec<Listed> {
        let revisions = self
            .runtime
            .block_on(self.catalog.revisions(&plain(source)));
        let listed = revisions.unwrap_or_default().into_iter().map(|e| Listed {
            id: e.revision.id.to_string(),
            outside: e.revision.kind == RevisionKind::External,
        });
        listed.collect()
    }

    fn content_of(&self, source: &str, id: &str) -> Option<String> {
        let (key, id) = (plain(source), revision(id));
        let detail = self.runtime.block_on(self.catalog.revision(&key, &id));
        detail.ok()?.raw_yaml
    }

    fn served(&self, source: &str) -> Option<(Option<u64>, Vec<String>)> {
        let key = plain(source);
        let view = self.catalog.snapshot(&key.plugin)?;
        let live = view.source(&key.id)?;
        let names = live.snapshot.entities().iter().map(|e| e.name.to_string());
        let version = live.snapshot.revision.as_ref().map(RevisionId::sequence);
        Some((version, names.collect()))
    }
}
