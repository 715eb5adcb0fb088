//! The revisions of every source: `.history/<plugin>/<id>/<sequence>-<hex>.rev`.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catalog_core::StoreError;
use catalog_core::model::{PluginName, Revision, RevisionId, RevisionKind, SourceId, SourceKey};

use super::engine::Head;
use super::record::{Record, RecordError};
use crate::dir::Dir;
use crate::seam::Seam;

/// Revisions kept per source, at least.
pub(super) const KEPT: usize = 20;

/// Revisions kept per source that were made through the store, or were there at first. Somebody who
/// saves a file again and again must not push them all out.
const KEPT_OWN: usize = 10;

/// What has to be known of a revision to tell whether it is kept.
#[derive(Debug, Clone)]
pub(super) struct Past {
    id: RevisionId,
    /// Whether it is no edit past the store.
    is_own: bool,
}

impl Past {
    pub(super) fn of(revision: &Revision) -> Self {
        Self {
            id: revision.id.clone(),
            is_own: is_own(revision),
        }
    }
}

fn is_own(revision: &Revision) -> bool {
    revision.kind != RevisionKind::External
}

/// What a source's history has at its end.
pub(super) enum Newest {
    /// Nothing: there is none.
    None,
    /// The revision that the caller knows.
    Same,
    /// Another one.
    Other(Head),
}

/// Digits of the sequence in a file's name, so that names sort as revisions do.
const SEQUENCE_DIGITS: usize = 10;

const EXTENSION: &str = ".rev";

/// The history of all sources, below one directory. Reads only: records are written by a commit.
#[derive(Debug, Clone)]
pub(super) struct History(PathBuf, Seam);

impl History {
    pub(super) fn new(dir: &Path, seam: &Seam) -> Self {
        Self(dir.to_owned(), seam.clone())
    }

    /// Where the record of a revision is, below the history's directory.
    pub(super) fn path_of(key: &SourceKey, id: &RevisionId) -> String {
        format!(
            "{}/{}/{:0width$}-{}{EXTENSION}",
            key.plugin,
            key.id,
            id.sequence(),
            id.hex(),
            width = SEQUENCE_DIGITS,
        )
    }

    /// Every source that ever was.
    pub(super) fn keys(&self) -> io::Result<Vec<SourceKey>> {
        let mut keys = Vec::new();
        for plugin in directories(&self.0)? {
            let Ok(name) = PluginName::new(&plugin) else {
                continue;
            };
            for id in directories(&self.0.join(&plugin))? {
                if let Ok(id) = SourceId::new(id) {
                    keys.push(SourceKey::new(name.clone(), id));
                }
            }
        }
        Ok(keys)
    }

    /// The ids of a source's revisions, newest first.
    pub(super) fn ids(&self, key: &SourceKey) -> io::Result<Vec<RevisionId>> {
        let mut ids: Vec<RevisionId> = names(&self.dir(key))?
            .iter()
            .filter_map(|name| id_of(name))
            .collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    /// What is known about a source's revisions, newest first. Damaged records are left out here;
    /// asking for one says that it is damaged.
    pub(super) fn revisions(&self, key: &SourceKey) -> Result<Vec<Revision>, StoreError> {
        let unavailable = |e| StoreError::unavailable("list the history", e);
        let mut revisions = Vec::new();
        for id in self.ids(key).map_err(unavailable)? {
            match self.header(key, &id) {
                Ok(Some(revision)) if revision.id == id => revisions.push(revision),
                // Pruned since it was listed.
                Ok(None) => {}
                Ok(Some(_)) => tracing::warn!(%key, revision = %id, "a record is damaged"),
                Err(error) => tracing::warn!(%key, revision = %id, %error, "a record is damaged"),
            }
        }
        Ok(revisions)
    }

    fn header(&self, key: &SourceKey, id: &RevisionId) -> io::Result<Option<Revision>> {
        let file = match File::open(self.0.join(Self::path_of(key, id))) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line)?;
        line.clear();
        reader.read_until(b'\n', &mut line)?;
        let revision = Record::decode_revision(&line);
        revision.map(Some).map_err(io::Error::other)
    }

    /// A whole record, checked; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when its bytes are not those that were written.
    pub(super) fn read(
        &self,
        key: &SourceKey,
        id: &RevisionId,
    ) -> Result<Option<Record>, StoreError> {
        let bytes = self.bytes(key, id);
        match bytes.map_err(|e| StoreError::unavailable("read the history", e))? {
            Some(bytes) => Self::decode(key, id, &bytes).map(Some),
            None => Ok(None),
        }
    }

    fn bytes(&self, key: &SourceKey, id: &RevisionId) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.0.join(Self::path_of(key, id))) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn decode(key: &SourceKey, id: &RevisionId, bytes: &[u8]) -> Result<Record, StoreError> {
        let corrupt = |error: RecordError| StoreError::Corrupt {
            what: format!("the record of revision {id} of the source {key}"),
            source: Some(error.into()),
        };
        let record = Record::decode(bytes).map_err(corrupt)?;
        if record.revision.id != *id {
            return Err(corrupt(RecordError::Digest));
        }
        Ok(record)
    }

    /// The newest revision of a source, unless it is the one that the caller knows. When its record
    /// is damaged, the newest that is not stands in for it.
    ///
    /// # Errors
    /// A record that the disk does not give is not damaged: what is in it is not known now.
    pub(super) fn newest(&self, key: &SourceKey, known: Option<&RevisionId>) -> io::Result<Newest> {
        let ids = self.ids(key)?;
        let Some(id) = ids.first() else {
            return Ok(Newest::None);
        };
        if Some(id) == known {
            return Ok(Newest::Same);
        }
        let (mut trouble, mut record) = (None, None);
        for id in &ids {
            let read = match self.bytes(key, id) {
                Ok(None) => continue,
                Ok(Some(bytes)) => Self::decode(key, id, &bytes),
                // Something else has its name.
                Err(e) if e.kind() == io::ErrorKind::IsADirectory => {
                    Err(StoreError::unavailable("read the history", e))
                }
                Err(e) => return Err(e),
            };
            match read {
                Ok(found) => {
                    record = Some(Arc::new(found));
                    break;
                }
                Err(error) => {
                    tracing::error!(%key, revision = %id, %error, "a record cannot be read");
                    let text = || format!("the record of revision {id} cannot be read");
                    trouble.get_or_insert_with(text);
                }
            }
        }
        Ok(Newest::Other(Head {
            id: id.clone(),
            record,
            trouble,
            past: None,
        }))
    }

    /// All revisions of a source, newest first.
    pub(super) fn past(&self, key: &SourceKey) -> io::Result<Vec<Past>> {
        let past = |id| {
            let header = self.header(key, &id);
            let is_own = header.is_ok_and(|h| h.is_some_and(|r| is_own(&r)));
            Past { id, is_own }
        };
        Ok(self.ids(key)?.into_iter().map(past).collect())
    }

    /// Drops old revisions; the newest [`KEPT`] stay, and the newest [`KEPT_OWN`] that are not edits
    /// past the store.
    pub(super) fn prune(&self, key: &SourceKey, past: &mut Vec<Past>) -> io::Result<()> {
        let (mut own, mut kept) = (0, Vec::new());
        for (i, one) in past.drain(..).enumerate() {
            own += usize::from(one.is_own);
            if i < KEPT || (one.is_own && own <= KEPT_OWN) {
                kept.push(one);
                continue;
            }
            let path = Self::path_of(key, &one.id);
            let (dir, name) = path.rsplit_once('/').unwrap_or(("", &path));
            Dir::descend(&self.1, &self.0, dir)?.remove(name)?;
        }
        *past = kept;
        Ok(())
    }

    fn dir(&self, key: &SourceKey) -> PathBuf {
        self.0.join(key.plugin.as_str()).join(key.id.as_str())
    }
}

/// `0000000003-9f86d081884c.rev` as an id.
fn id_of(name: &str) -> Option<RevisionId> {
    let (sequence, hex) = name.strip_suffix(EXTENSION)?.split_once('-')?;
    if sequence.len() < SEQUENCE_DIGITS {
        return None;
    }
    let sequence = sequence.trim_start_matches('0');
    format!("{sequence}-{hex}").parse().ok()
}

/// The names in a directory; none when there is no such directory.
fn names(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
    names.filter_map(io::Result::transpose).collect()
}

fn directories(dir: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for name in names(dir)? {
        let path = dir.join(&name);
        match fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => found.push(name),
            Ok(_) => {}
            // A link to nowhere, or gone meanwhile.
            Err(_) if path.is_symlink() => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            // Not to be seen is not the same as not to be there.
            Err(e) => return Err(e),
        }
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog_core::digest::Digest;

    #[test]
    fn names_sort_as_revisions_do_and_read_back() {
        let key = SourceKey::parse("mcp", "a").unwrap();
        let id = |sequence| RevisionId::new(sequence, &Digest::of(b"x"));
        let (nine, ten) = (
            History::path_of(&key, &id(9)),
            History::path_of(&key, &id(10)),
        );
        assert!(nine < ten);
        let name = ten.rsplit_once('/').unwrap().1;
        assert_eq!(id_of(name), Some(id(10)));
        assert_eq!(id_of("10-2d711642b726.rev"), None);
        assert_eq!(id_of("0000000010-2d711642b726.rev~"), None);
    }

    #[test]
    fn a_source_that_never_was_has_no_history() {
        let dir = tempfile::tempdir().unwrap();
        let history = History::new(dir.path(), &Seam::default());
        let key = SourceKey::parse("mcp", "a").unwrap();
        assert!(history.ids(&key).unwrap().is_empty());
        assert!(history.keys().unwrap().is_empty());
    }
}
