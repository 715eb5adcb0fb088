//! The file that holds a source's content.

use std::sync::Arc;

use catalog_core::StoreError;
use catalog_core::model::{SourceDocument, SourceKey};

use super::engine::Engine;
use super::live::{CONTENT_PATH, YAML_TYPE, content_path};
use super::problem::PathProblem;
use super::roots::{Located, Spot};
use super::write::refused;

/// The setting that names the file, as errors name it.
pub(super) const CONTENT_FIELD: &str = "properties.yamlCatalogPath";

/// The content file of a document that is to be written.
pub(super) struct Target {
    pub(super) located: Located,
    /// What it holds now; `None`: there is no file.
    pub(super) before: Option<Arc<[u8]>>,
}

impl Target {
    /// The file that holds, or will hold, the document's content; `None` when the write has
    /// nothing to do with one. Relative paths start from the sources file `properties_from`.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the content has no place, or one where it must not go;
    /// [`StoreError::Unavailable`] when what is there cannot be read.
    pub(super) fn of(
        engine: &Engine,
        key: &SourceKey,
        document: &SourceDocument,
        properties_from: usize,
    ) -> Result<Option<Self>, StoreError> {
        let Some(text) = content_path(&document.settings) else {
            return no_place(key, document).map_or(Ok(None), Err);
        };
        let file = engine.live.files.get(properties_from);
        let base = file.map(|f| f.base.clone()).unwrap_or_default();
        let roots = &engine.disk.roots;
        let found = roots
            .locate_content(&base, text, &engine.live.reserved)
            .and_then(|located| {
                let before = match roots.read(&located.spot, engine.disk.limit) {
                    Ok((bytes, _)) => Some(bytes),
                    Err(PathProblem::NotFound) => None,
                    Err(problem) => return Err(problem),
                };
                Ok(Self { located, before })
            });
        match found {
            Ok(target) => Ok(Some(target)),
            Err(_) if leaves_content(engine, key, document, text) => Ok(None),
            // Nobody's document is at fault when the disk is.
            Err(PathProblem::Io(e)) => Err(StoreError::unavailable(format!("read {text}"), e)),
            Err(problem) => Err(refused(Some(CONTENT_FIELD), problem.message(text))),
        }
    }
}

impl Engine {
    /// The sources that have their content in this file.
    pub(super) fn users(&self, spot: &Spot) -> impl Iterator<Item = &SourceKey> {
        self.live.users(spot)
    }

    pub(super) fn is_used(&self, spot: &Spot) -> bool {
        self.users(spot).next().is_some()
    }

    /// A write touches its own source only: a file that another source uses, too, may get no other
    /// bytes than those which that source has.
    pub(super) fn check_sharers(
        &self,
        key: &SourceKey,
        spot: &Spot,
        new: &[u8],
    ) -> Result<(), StoreError> {
        let content_of = |user: &SourceKey| self.heads.get(user)?.document()?.content.clone();
        let hurt = self
            .users(spot)
            .find(|user| *user != key && content_of(user).as_deref() != Some(new));
        match hurt {
            None => Ok(()),
            Some(other) => Err(refused(
                Some(CONTENT_FIELD),
                format!("the source {other} has its content in the same file; give each its own"),
            )),
        }
    }
}

/// Why a document without a path cannot be stored, when it has content nevertheless.
fn no_place(key: &SourceKey, document: &SourceDocument) -> Option<StoreError> {
    document.content.as_ref()?;
    let source_type = &document.settings.source_type;
    if source_type != YAML_TYPE {
        let reason = format!("a source of type {source_type} has no content");
        return Some(refused(Some("type"), reason));
    }
    let example = default_path(key);
    let reason = format!("content needs a file: set {CONTENT_FIELD}, such as {example}");
    Some(refused(Some(CONTENT_FIELD), reason))
}

/// Whether a write leaves content alone that cannot be read: a source whose file is out of reach
/// can still be renamed or switched off.
fn leaves_content(engine: &Engine, key: &SourceKey, document: &SourceDocument, path: &str) -> bool {
    let live = engine.live.sources.get(key);
    let last = engine.heads.get(key).and_then(|head| head.document());
    live.is_some_and(|live| content_path(&live.settings) == Some(path))
        && last.is_some_and(|last| last.content == document.content)
}

/// Where the content of a source goes when nobody says otherwise.
fn default_path(key: &SourceKey) -> String {
    format!("{}-{}.yaml", key.plugin, key.id)
}

/// The properties that make a source's content go there.
pub(super) fn default_properties(key: &SourceKey) -> serde_json::Map<String, serde_json::Value> {
    let path = serde_json::Value::String(default_path(key));
    serde_json::Map::from_iter([(CONTENT_PATH.to_owned(), path)])
}
