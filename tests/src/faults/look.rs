//! What is seen of a catalog by whoever opens it, and what is wrong with it in itself.

use std::collections::BTreeMap;

use catalog_core::SourceKey;
use catalog_core::model::Revision;
use catalog_core::ports::{RefreshStatusRepository as _, SourceConfigStore as _};

use super::home::{Catalog, Home, SOURCES, with_causes};

/// Revisions that a history keeps at least.
const KEPT: usize = 20;

/// One source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLook {
    /// Its head.
    pub revision: String,
    /// Its settings in canonical form.
    pub settings: String,
    /// Its content.
    pub content: Option<Vec<u8>>,
    /// The names of what it serves.
    pub entities: Vec<String>,
}

/// A catalog.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// The sources that are listed, by key.
    pub sources: BTreeMap<String, SourceLook>,
    /// The operator's files.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The ids of the revisions of every source that is or was, newest first.
    pub histories: BTreeMap<String, Vec<String>>,
}

impl Look {
    /// The heads that are served, on one line.
    pub fn heads(&self) -> String {
        let heads = self
            .sources
            .iter()
            .map(|(key, s)| format!("{key}={}/{}", s.revision, s.entities.len()));
        heads.collect::<Vec<_>>().join(" ")
    }

    /// What of `self` is not as expected; `None`: nothing.
    pub fn differs_from(&self, expected: &Self) -> Option<String> {
        for key in self.sources.keys().chain(expected.sources.keys()) {
            let (found, wanted) = (self.sources.get(key), expected.sources.get(key));
            if found != wanted {
                let show = |s: Option<&SourceLook>| {
                    s.map_or("absent".to_owned(), |s| {
                        let bytes = s.content.as_ref().map(Vec::len);
                        format!("{} {bytes:?} {}", s.revision, s.entities.len())
                    })
                };
                let (found, wanted) = (show(found), show(wanted));
                let history = self.histories.get(key).map(|ids| &ids[..ids.len().min(3)]);
                return Some(format!(
                    "{key} is {found}, not {wanted}; its last revisions are {history:?}"
                ));
            }
        }
        for name in self.files.keys().chain(expected.files.keys()) {
            let (found, wanted) = (self.files.get(name), expected.files.get(name));
            if found != wanted {
                let (found, wanted) = (found.map(Vec::len), wanted.map(Vec::len));
                return Some(format!(
                    "the file {name} has {found:?} bytes, not {wanted:?}"
                ));
            }
        }
        for (key, wanted) in &expected.histories {
            let found = self.histories.get(key).cloned().unwrap_or_default();
            if found.first() != wanted.first() {
                return Some(format!("the history of {key} ends elsewhere"));
            }
            // How many old ones are left depends on when it was pruned.
            if let Some((f, w)) = found.iter().zip(wanted).find(|(f, w)| f != w) {
                return Some(format!("the history of {key} has {f} for {w}"));
            }
        }
        None
    }
}

/// Looks at an open catalog. Whatever contradicts itself goes to `wrong`.
pub async fn look(catalog: &Catalog, home: &Home, wrong: &mut Vec<String>) -> Look {
    let mut look = Look {
        files: home.files(),
        ..Look::default()
    };
    for name in home.tree().keys() {
        if name.contains("tmp") || name.contains(".begun") || name.contains("failed") {
            wrong.push(format!("left behind: {name}"));
        }
    }
    for (plugin, id) in SOURCES {
        let key = SourceKey::parse(plugin, id).expect("a key");
        let history = history(catalog, &key, wrong).await;
        let source = source(catalog, &key, history.first(), wrong).await;
        let ids = history.iter().map(|r| r.id.to_string()).collect();
        look.histories.insert(key.to_string(), ids);
        if let Some(source) = source {
            look.sources.insert(key.to_string(), source);
        }
    }
    for plugin in ["mcp", "model"] {
        let plugin = catalog_core::PluginName::new(plugin).expect("a name");
        match catalog.store.list(&plugin).await {
            Ok(listed) => {
                for source in listed {
                    if !look.sources.contains_key(&source.key.to_string()) {
                        wrong.push(format!("{} is listed and cannot be got", source.key));
                    }
                }
            }
            Err(error) => wrong.push(format!("no list: {}", with_causes(&error))),
        }
    }
    look
}

/// The history of a source: every revision readable, digests right, none missing in between.
async fn history(catalog: &Catalog, key: &SourceKey, wrong: &mut Vec<String>) -> Vec<Revision> {
    let revisions = match catalog.store.revisions(key).await {
        Ok(revisions) => revisions,
        Err(error) => {
            wrong.push(format!("{key} has no history: {}", with_causes(&error)));
            return Vec::new();
        }
    };
    for revision in &revisions {
        let id = &revision.id;
        match catalog.store.get_revision(key, id).await {
            Err(error) => wrong.push(format!("{key} {id}: {}", with_causes(&error))),
            Ok(record) => {
                let digest = record.document.as_ref().map(|d| d.digest().to_string());
                let is_right = digest.is_none_or(|digest| digest == revision.digest)
                    && revision.digest["sha256:".len()..].starts_with(id.hex())
                    && record.revision == *revision;
                if !is_right {
                    wrong.push(format!("{key} {id}: its digest is wrong"));
                }
            }
        }
    }
    // One that is not kept any more may come back when its removal is lost, and others not.
    let kept = revisions.len().min(KEPT);
    let gap = revisions[..kept]
        .windows(2)
        .find(|pair| pair[0].id.sequence() != pair[1].id.sequence() + 1);
    if let Some([after, _]) = gap {
        wrong.push(format!("{key}: nothing right before {}", after.id));
    }
    let newest = revisions.first().map_or(0, |r| r.id.sequence());
    if (revisions.len() as u64) < newest.min(KEPT as u64) {
        wrong.push(format!("{key}: {kept} revisions of {newest} are left"));
    }
    revisions
}

/// A source as it is stored and served, which must be what its history says.
async fn source(
    catalog: &Catalog,
    key: &SourceKey,
    newest: Option<&Revision>,
    wrong: &mut Vec<String>,
) -> Option<SourceLook> {
    let stored = match catalog.store.get(key).await {
        Ok(stored) => stored,
        Err(error) => {
            wrong.push(format!("{key} cannot be got: {}", with_causes(&error)));
            None
        }
    };
    // A replay of the history: its last revision, unless that is a tombstone.
    let record = match newest {
        Some(newest) => catalog.store.get_revision(key, &newest.id).await.ok(),
        None => None,
    };
    let replayed = record.as_ref().and_then(|r| r.document.as_ref());
    if stored.as_ref().map(|s| &s.document) != replayed
        || stored.as_ref().is_some_and(|s| Some(&s.revision) != newest)
    {
        wrong.push(format!("{key} is not what its history says"));
    }
    let row = catalog.status.get(key).await;
    let live = catalog.service.snapshot(&key.plugin);
    let live = live.as_ref().and_then(|view| view.source(&key.id));
    match (&stored, live, &row) {
        (_, _, Err(error)) => wrong.push(format!("{key}: {}", with_causes(error))),
        (None, None, Ok(None)) => {}
        (None, _, Ok(_)) => wrong.push(format!("{key} is gone, and still served or in status")),
        (Some(stored), Some(live), Ok(Some(row))) => {
            let (head, count) = (Some(&stored.revision.id), live.snapshot.entities().len());
            let enabled = stored.document.settings.enabled;
            let served = live.snapshot.revision.as_ref();
            if live.revision.id != stored.revision.id || (enabled && served != head) {
                wrong.push(format!("{key}: what is served is not what is stored"));
            }
            if row.revision.as_ref() != head
                || row.entities_loaded != count as u64
                || !row.succeeded
            {
                wrong.push(format!(
                    "{key}: its status row says something else: {row:?}"
                ));
            }
        }
        (Some(_), _, Ok(_)) => wrong.push(format!("{key} is stored, and not served or no status")),
    }
    let stored = stored?;
    for problem in &stored.problems {
        wrong.push(format!("{key}: {}", problem.message));
    }
    let entities = live.map(|live| live.snapshot.entities());
    let names = entities.unwrap_or_default().iter();
    Some(SourceLook {
        revision: stored.revision.id.to_string(),
        settings: stored.document.canonical_settings(),
        content: stored.document.content.as_deref().map(<[u8]>::to_vec),
        entities: names.map(|e| e.name.to_string()).collect(),
    })
}
