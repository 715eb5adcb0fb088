//! The changes that are disturbed.

use std::fs;

use catalog_core::model::SourceDocument;
use catalog_core::ports::SourceConfigStore as _;
use catalog_core::testing::{accept, meta};
use catalog_core::validation::Validated;
use catalog_core::{
    ApplyOptions, Author, Edit, Expect, RevisionKind, SettingsPatch, SourceKey, StoreError,
};
use catalog_stores::FileStore;

use super::home::{Catalog, Home, main, main_text, refusal, with_causes};

/// The edition of `main` that a roll back goes to.
const BACK_TO: u64 = 15;

/// One change of a catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scenario {
    /// New content.
    Content,
    /// New settings and new content: two files, and the record.
    Both,
    /// A source is switched on.
    Enable,
    /// A source is switched off.
    Disable,
    /// A roll back, to a revision that is not the last but one.
    RollBack,
    /// A source is deleted.
    Delete,
    /// A source is made, in a directory that is made for it.
    Create,
    /// Somebody edits a file by hand; it is found and recorded.
    External,
    /// New content, which is made durable in its place, so that the journal begins anew.
    Settle,
    /// New contents of four sources, written by four at once: they share one sync.
    Four,
    /// Opening what is there, which may have to be mended first.
    Open,
}

impl Scenario {
    /// Those that change an open catalog.
    pub const CHANGES: [Self; 10] = [
        Self::Content,
        Self::Both,
        Self::Enable,
        Self::Disable,
        Self::RollBack,
        Self::Delete,
        Self::Create,
        Self::External,
        Self::Settle,
        Self::Four,
    ];

    /// Its name, in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Both => "both",
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::RollBack => "rollback",
            Self::Delete => "delete",
            Self::Create => "create",
            Self::External => "external",
            Self::Settle => "settle",
            Self::Four => "four",
            Self::Open => "open",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [&Self::CHANGES[..], &[Self::Open]].concat();
        all.into_iter().find(|scenario| scenario.name() == name)
    }

    /// The source that it changes.
    pub fn key(self) -> SourceKey {
        let id = match self {
            Self::Enable => "off",
            Self::Create => "created",
            _ => return main(),
        };
        SourceKey::parse("mcp", id).expect("a key")
    }

    /// What is done to the files behind the back of an open catalog.
    ///
    /// # Panics
    /// When a file cannot be written.
    pub fn prepare(self, home: &Home) {
        if self == Self::External {
            fs::write(home.catalog().join("main.yaml"), main_text(99)).expect("a file");
        }
    }

    /// What it consists of: each part is made or not, whatever becomes of the others.
    pub fn parts(self) -> Vec<Step> {
        match self {
            Self::Four => Writer::ALL.into_iter().map(Step::Write).collect(),
            _ => vec![Step::Change(self)],
        }
    }

    /// What a change may have led to of which these parts are certain: the others are made or not.
    pub fn outcomes(self, is_certain: impl Fn(usize) -> bool) -> Vec<Vec<Step>> {
        let parts = self.parts().into_iter().enumerate();
        outcomes(parts.map(|(part, step)| (step, is_certain(part))))
    }

    /// Makes the change: what became of every part.
    pub async fn make_all(self, catalog: &Catalog) -> Vec<Result<String, String>> {
        match self {
            Self::Four => write_at_once(catalog).await,
            _ => vec![self.make(catalog).await],
        }
    }

    /// Makes the change: the revision that was acknowledged.
    ///
    /// # Errors
    /// The error's code and causes.
    pub async fn make(self, catalog: &Catalog) -> Result<String, String> {
        let (service, key, any) = (&catalog.service, self.key(), Expect::Any);
        let author = Author::new("tester");
        let applied = match self {
            Self::Content => return catalog.apply(&key, Edit::content(main_text(50))).await,
            Self::Both => {
                let edit = Edit::settings(named("Renamed")).with_content(main_text(51));
                return catalog.apply(&key, edit).await;
            }
            Self::Create => {
                let mut settings = named("Created");
                let path = serde_json::json!({"yamlCatalogPath": "new/dir/created.yaml"});
                settings.properties = path.as_object().cloned();
                let edit = Edit::settings(settings).with_content(main_text(52));
                return catalog.apply(&key, edit).await;
            }
            Self::External => {
                catalog.store.notice().await.map_err(|e| {
                    let code = e.code();
                    format!("{code} {}", with_causes(&e))
                })?;
                service.reconcile().await.map_err(|e| refusal(&e))?;
                return head(catalog, &key).await;
            }
            Self::Settle => {
                let made = catalog.apply(&key, Edit::content(main_text(53))).await;
                // Calls afterwards work as before.
                catalog.store.close().await;
                return made;
            }
            Self::Four => {
                let made = write_at_once(catalog).await;
                let made: Result<Vec<String>, String> = made.into_iter().collect();
                return made.map(|revisions| revisions.join(" "));
            }
            Self::Open => return head(catalog, &key).await,
            Self::Delete => {
                let deleted = service.delete(&key, any, author, None).await;
                return Ok(deleted.map_err(|e| refusal(&e))?.revision.id.to_string());
            }
            Self::Enable | Self::Disable => {
                let on = self == Self::Enable;
                service.enable(&key, on, any, author).await
            }
            Self::RollBack => {
                let revisions = service.revisions(&key).await.map_err(|e| refusal(&e))?;
                let old = revisions
                    .iter()
                    .find(|entry| entry.revision.id.sequence() == BACK_TO)
                    .ok_or("no old revision")?;
                let options = ApplyOptions::default();
                let to = &old.revision.id;
                service.roll_back(&key, to, any, author, options).await
            }
        };
        let applied = applied.map_err(|e| refusal(&e))?;
        Ok(applied.revision.id.to_string())
    }
}

/// Every sequence of these steps with those that are certain, and each of the others or not.
pub fn outcomes(steps: impl IntoIterator<Item = (Step, bool)>) -> Vec<Vec<Step>> {
    let mut all = vec![Vec::new()];
    for (step, is_certain) in steps {
        let with = |before: &Vec<Step>| [&before[..], &[step]].concat();
        let made: Vec<Vec<Step>> = all.iter().map(with).collect();
        match is_certain {
            true => all = made,
            false => all.extend(made),
        }
    }
    all
}

/// One of those who write at once, each to a source of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Writer(usize);

impl Writer {
    /// All of them.
    pub const ALL: [Self; 4] = [Self(0), Self(1), Self(2), Self(3)];

    fn key(self) -> SourceKey {
        let of = [
            ("mcp", "main"),
            ("mcp", "other"),
            ("mcp", "off"),
            ("model", "models"),
        ];
        let (plugin, id) = of[self.0];
        SourceKey::parse(plugin, id).expect("a key")
    }

    fn text(self) -> String {
        match self.0 {
            3 => "models:\n  - {name: together, provider: Us}\n".to_owned(),
            n => main_text(60 + n),
        }
    }

    /// What it writes.
    async fn document(self, store: &FileStore) -> Result<Validated<SourceDocument>, String> {
        let stored = store.get(&self.key()).await.map_err(|e| told(&e))?;
        let mut document = stored.ok_or("no such source")?.document;
        document.content = Some(self.text().into_bytes().into());
        Ok(accept(document))
    }

    async fn write(
        self,
        store: &FileStore,
        document: &Result<Validated<SourceDocument>, String>,
    ) -> Result<String, String> {
        let document = document.as_ref().map_err(String::clone)?;
        let (key, meta) = (self.key(), meta(RevisionKind::Apply));
        let made = store.put(&key, document, &Expect::Present, &meta);
        Ok(made.await.map_err(|e| told(&e))?.id.to_string())
    }
}

fn told(error: &StoreError) -> String {
    format!("{} {}", error.code(), with_causes(error))
}

/// All writers write at once: none has its turn before every one of them waits for its.
async fn write_at_once(catalog: &Catalog) -> Vec<Result<String, String>> {
    let store = &*catalog.store;
    let [a, b, c, d] = Writer::ALL;
    let documents = [
        a.document(store).await,
        b.document(store).await,
        c.document(store).await,
        d.document(store).await,
    ];
    // What blocks has one thread, and that waits here for the time being.
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let held = tokio::task::spawn_blocking(move || wait.recv());
    let made = tokio::join!(
        a.write(store, &documents[0]),
        b.write(store, &documents[1]),
        c.write(store, &documents[2]),
        d.write(store, &documents[3]),
        async { drop(go) }
    );
    let _ = held.await;
    // The service hears of it by itself, too; not before the next question here.
    let _ = catalog.service.reconcile().await;
    vec![made.0, made.1, made.2, made.3]
}

/// The revision at which a source is; a deleted source's tombstone.
async fn head(catalog: &Catalog, key: &SourceKey) -> Result<String, String> {
    let revisions = catalog.store.revisions(key).await.map_err(|e| {
        let code = e.code();
        format!("{code} {}", with_causes(&e))
    })?;
    let newest = revisions.first().ok_or("no revision")?;
    Ok(newest.id.to_string())
}

/// The settings that make a source, with this display name.
fn named(name: &str) -> SettingsPatch {
    SettingsPatch {
        name: Some(name.to_owned()),
        source_type: Some("yaml".to_owned()),
        enabled: Some(true),
        ..SettingsPatch::default()
    }
}

/// A save after the disturbance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Later {
    /// Of another source.
    Other,
    /// Of the source that the scenario changed.
    Same,
}

impl Later {
    /// Both, in the order in which they are made.
    pub const ALL: [Self; 2] = [Self::Other, Self::Same];

    /// The source that it saves.
    pub fn key(self, scenario: Scenario) -> SourceKey {
        match self {
            Self::Same => scenario.key(),
            Self::Other => SourceKey::parse("mcp", "other").expect("a key"),
        }
    }

    async fn make(self, catalog: &Catalog, scenario: Scenario) -> Result<String, String> {
        let key = self.key(scenario);
        let edit = Edit::settings(named("Later")).with_content(main_text(70));
        catalog.apply(&key, edit).await
    }
}

/// One step of what is done to a catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A change.
    Change(Scenario),
    /// A save after that change.
    Later(Later, Scenario),
    /// What one of several writers writes.
    Write(Writer),
}

impl Step {
    /// Makes it: the revision that was acknowledged.
    ///
    /// # Errors
    /// The error's code and causes.
    pub async fn make(self, catalog: &Catalog) -> Result<String, String> {
        match self {
            Self::Change(scenario) => scenario.make(catalog).await,
            Self::Later(later, scenario) => later.make(catalog, scenario).await,
            Self::Write(writer) => {
                let document = writer.document(&catalog.store).await;
                let made = writer.write(&catalog.store, &document).await;
                let _ = catalog.service.reconcile().await;
                made
            }
        }
    }
}
