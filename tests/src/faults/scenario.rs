//! The changes that are disturbed.

use std::fs;

use catalog_core::ports::SourceConfigStore as _;
use catalog_core::{ApplyOptions, Author, Edit, Expect, SettingsPatch, SourceKey};

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
    /// Opening what is there, which may have to be mended first.
    Open,
}

impl Scenario {
    /// Those that change an open catalog.
    pub const CHANGES: [Self; 8] = [
        Self::Content,
        Self::Both,
        Self::Enable,
        Self::Disable,
        Self::RollBack,
        Self::Delete,
        Self::Create,
        Self::External,
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
        }
    }
}
