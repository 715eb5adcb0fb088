//! Confinement: which files the store may touch.
//!
//! A path that an operator wrote becomes a [`Spot`]: a root of the allow-list and a way below it
//! without links and without `..`. Everything is read and written by spot only.

use std::fs;
use std::io::{self, Read, Seek};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fingerprint::Fingerprint;
use super::problem::PathProblem;
use crate::dir::Dir;
use crate::seam::Seam;

/// Prefix of the files that a write prepares. No content may have such a name.
pub(super) const TEMP_PREFIX: &str = ".catalog-tmp-";

/// Endings of the files that may hold content.
const CATALOG_EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// The longest path of content as it may be written. Looking one up takes time that grows with the
/// square of its steps, and the lock is held meanwhile.
const MAX_PATH_BYTES: usize = 1024;

/// Bytes that are compared at a time.
const CHUNK: usize = 64 << 10;

/// How often a file that changes while it is read is read again.
const TORN_READS: usize = 5;

/// The directories that the store may touch, without links in their paths.
#[derive(Debug)]
pub(super) struct Roots {
    all: Vec<PathBuf>,
    /// The first so many may hold content.
    content: usize,
    history: PathBuf,
    seam: Seam,
}

/// A file below a root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Spot {
    /// Without links; `None`: the history's directory.
    root: Option<PathBuf>,
    path: String,
}

/// A spot as the journal names it: by the way from the directory that the history is in, so that the
/// record means the same files when all of them are somewhere else now, and never those of the
/// original when they are a copy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Address {
    /// The root; `None`: the history's directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root: Option<PathBuf>,
    path: String,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let root = self.root.as_deref().unwrap_or(Path::new(".history"));
        write!(f, "{}", root.join(&self.path).display())
    }
}

impl Spot {
    /// The directory part, empty for the root itself, and the name.
    pub(super) fn split(&self) -> (&str, &str) {
        self.path.rsplit_once('/').unwrap_or(("", &self.path))
    }

    /// The directory that the file is in.
    pub(super) fn dir(&self) -> (Option<&Path>, &str) {
        (self.root.as_deref(), self.split().0)
    }

    /// Whether it is a file of the history.
    pub(super) fn is_history(&self) -> bool {
        self.root.is_none()
    }

    /// The way below the root.
    #[cfg(test)]
    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

/// A path that was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Located {
    /// Where the file is or would be.
    pub(super) spot: Spot,
    /// Whether the way there goes through a link.
    pub(super) linked: bool,
}

impl Roots {
    /// Takes the directories that may hold content, those of the sources files, and the history.
    ///
    /// # Errors
    /// The directory that cannot be looked up.
    pub(super) fn new(
        content: &[PathBuf],
        sources: &[PathBuf],
        history: &Path,
        seam: Seam,
    ) -> Result<Self, (PathBuf, io::Error)> {
        let mut all: Vec<PathBuf> = Vec::new();
        let mut add = |path: &Path| {
            let real = fs::canonicalize(path).map_err(|e| (path.to_owned(), e))?;
            if !all.contains(&real) {
                all.push(real);
            }
            Ok(all.len())
        };
        let mut count = 0;
        for root in content {
            count = add(root)?;
        }
        for root in sources {
            add(root)?;
        }
        // Whoever only reads does without one.
        let history = match history.is_dir() {
            true => fs::canonicalize(history).map_err(|e| (history.to_owned(), e))?,
            false => history.to_owned(),
        };
        Ok(Self {
            all,
            content: count,
            history,
            seam,
        })
    }

    /// Every directory but the history's.
    pub(super) fn all(&self) -> &[PathBuf] {
        &self.all
    }

    /// A file of the history.
    pub(super) fn in_history(&self, path: impl Into<String>) -> Spot {
        Spot {
            root: None,
            path: path.into(),
        }
    }

    /// How the journal names a spot.
    pub(super) fn address(&self, spot: &Spot) -> Address {
        let root = spot.root.as_deref();
        Address {
            root: root.map(|root| way(self.home(), root)),
            path: spot.path.clone(),
        }
    }

    /// The spot that the journal names; `None` when it is below none of the roots.
    pub(super) fn spot(&self, address: &Address) -> Option<Spot> {
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        if address.path.is_empty() || !Path::new(&address.path).components().all(plain) {
            return None;
        }
        let root = match &address.root {
            None => None,
            Some(way_there) => {
                let is_it = |root: &&PathBuf| way(self.home(), root) == *way_there;
                Some(self.all.iter().find(is_it)?.clone())
            }
        };
        Some(Spot {
            root,
            path: address.path.clone(),
        })
    }

    /// The directory that the history is in.
    fn home(&self) -> &Path {
        self.history.parent().unwrap_or(&self.history)
    }

    /// The history's directory.
    pub(super) fn history(&self) -> &Path {
        &self.history
    }

    /// The way to the file system.
    pub(super) fn seam(&self) -> &Seam {
        &self.seam
    }

    /// Looks up the file that a sources file names as content. `base` is the directory that
    /// relative paths start from, `reserved` the spots of the sources files.
    pub(super) fn locate_content(
        &self,
        base: &Path,
        text: &str,
        reserved: &[Spot],
    ) -> Result<Located, PathProblem> {
        let endless = text.len() > MAX_PATH_BYTES;
        if text.is_empty() || endless || text.chars().any(char::is_control) {
            return Err(PathProblem::Invalid);
        }
        let located = self.locate(&base.join(text), self.content)?;
        let temp = |part: &str| part.starts_with(TEMP_PREFIX);
        let kept = self.real(&located.spot).starts_with(&self.history)
            || reserved
                .iter()
                .any(|spot| self.real(spot) == self.real(&located.spot))
            || located.spot.path.split('/').any(temp);
        if kept {
            return Err(PathProblem::Reserved);
        }
        if !is_catalog_file(&located.spot.path) {
            return Err(PathProblem::NotACatalogFile);
        }
        Ok(located)
    }

    /// Looks up a sources file.
    pub(super) fn locate_sources(&self, path: &Path) -> Result<Located, PathProblem> {
        self.locate(path, self.all.len())
    }

    fn locate(&self, path: &Path, allowed: usize) -> Result<Located, PathProblem> {
        let Prefix { real, tail, error } = Prefix::of(path)?;
        let plain = tail
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        let place = self.all[..allowed]
            .iter()
            .find_map(|root| Some((root, real.strip_prefix(root).ok()?)));
        let Some((root, below)) = place.filter(|_| plain) else {
            return Err(PathProblem::Outside);
        };
        match error {
            None => {}
            Some(e) if e.kind() == io::ErrorKind::NotFound => {
                let first = tail.components().next().map(|part| real.join(part));
                if first.is_some_and(|p| fs::symlink_metadata(p).is_ok()) {
                    return Err(PathProblem::Dangling);
                }
            }
            Some(e) => return Err(PathProblem::of(e)),
        }
        let parts: Option<Vec<&str>> = below
            .components()
            .chain(tail.components())
            .map(|part| part.as_os_str().to_str())
            .collect();
        let path_below = parts.ok_or(PathProblem::Invalid)?.join("/");
        if path_below.is_empty() {
            return Err(PathProblem::NotAFile);
        }
        Ok(Located {
            spot: Spot {
                root: Some(root.clone()),
                path: path_below,
            },
            linked: fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink()),
        })
    }

    /// The path of a spot, for messages in the log and for fingerprints.
    pub(super) fn real(&self, spot: &Spot) -> PathBuf {
        self.root(spot).join(&spot.path)
    }

    /// Opens the directory that a spot is in.
    pub(super) fn dir_of(&self, spot: &Spot) -> io::Result<Dir> {
        Dir::descend(&self.seam, self.root(spot), spot.split().0)
    }

    /// As [`dir_of`](Self::dir_of); makes it when it is missing.
    pub(super) fn make_dir_of(&self, spot: &Spot, mode: u32) -> io::Result<Dir> {
        Dir::descend_or_create(&self.seam, self.root(spot), spot.split().0, mode)
    }

    fn root<'a>(&'a self, spot: &'a Spot) -> &'a Path {
        spot.root.as_deref().unwrap_or(&self.history)
    }

    /// Reads a whole file of at most `limit` bytes. A file that changes meanwhile is read again,
    /// so that what an editor has half written is not taken for what it wrote.
    pub(super) fn read(
        &self,
        spot: &Spot,
        limit: u64,
    ) -> Result<(Arc<[u8]>, Fingerprint), PathProblem> {
        self.read_unless(spot, limit, None)
    }

    /// As [`read`](Self::read). Of a file that holds what is known already there is no second copy.
    pub(super) fn read_unless(
        &self,
        spot: &Spot,
        limit: u64,
        known: Option<&Arc<[u8]>>,
    ) -> Result<(Arc<[u8]>, Fingerprint), PathProblem> {
        let mut attempt = 0;
        loop {
            let dir = self.dir_of(spot).map_err(PathProblem::of)?;
            let opened = dir.open_file(spot.split().1).map_err(PathProblem::of)?;
            let mut file = opened.ok_or(PathProblem::NotAFile)?;
            let before = Fingerprint::of(&file.metadata().map_err(PathProblem::of)?);
            let bytes = whole(&mut file, before.size(), limit, known).map_err(PathProblem::of)?;
            let after = Fingerprint::of(&file.metadata().map_err(PathProblem::of)?);
            attempt += 1;
            if before != after && attempt < TORN_READS {
                continue;
            }
            if bytes.len() as u64 > limit {
                return Err(PathProblem::TooLarge { limit });
            }
            return Ok((bytes, before));
        }
    }
}

/// Whether a file holds just these bytes; if not, it is read from its start the next time.
fn holds(file: &mut (impl Read + Seek), known: &[u8]) -> io::Result<bool> {
    let mut chunk = vec![0; known.len().saturating_add(1).min(CHUNK)];
    let mut rest = known;
    loop {
        rest = match file.read(&mut chunk) {
            Ok(0) if rest.is_empty() => return Ok(true),
            Ok(n) if n > 0 && rest.starts_with(&chunk[..n]) => &rest[n..],
            Err(e) if e.kind() == io::ErrorKind::Interrupted => rest,
            Err(e) => return Err(e),
            Ok(_) => {
                file.rewind()?;
                return Ok(false);
            }
        }
    }
}

/// All of a file, and one byte more than `limit` of one that is longer; `known` when that is what it
/// holds. It is read to where it stays: a second copy of a large document would be most of what an
/// open takes.
fn whole(
    file: &mut (impl Read + Seek),
    size: u64,
    limit: u64,
    known: Option<&Arc<[u8]>>,
) -> io::Result<Arc<[u8]>> {
    let room = usize::try_from(size.min(limit)).unwrap_or(0);
    if let Some(known) = known.filter(|known| known.len() == room)
        && holds(file, known)?
    {
        return Ok(known.clone());
    }
    let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, room).collect();
    let mut read = 0;
    if let Some(bytes) = Arc::get_mut(&mut bytes) {
        while read < bytes.len() {
            match file.read(&mut bytes[read..]) {
                Ok(0) => break,
                Ok(n) => read += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
    // Mostly there is no more and no less of it than it said.
    let mut rest = Vec::new();
    file.take(limit.saturating_add(1).saturating_sub(read as u64))
        .read_to_end(&mut rest)?;
    match read == bytes.len() && rest.is_empty() {
        true => Ok(bytes),
        false => Ok([&bytes[..read], &rest].concat().into()),
    }
}

/// The way from one directory to another, both without links.
fn way(from: &Path, to: &Path) -> PathBuf {
    let same = from.components().zip(to.components());
    let same = same.take_while(|(a, b)| a == b).count();
    let up = from.components().skip(same).map(|_| Component::ParentDir);
    up.chain(to.components().skip(same)).collect()
}

/// Whether content may have this way below its root. Anything else in the roots, such as the status
/// database or the files of a version control system, is none of a source's business. What starts
/// with two dots is how Kubernetes mounts a ConfigMap.
fn is_catalog_file(below: &str) -> bool {
    let hidden = |part: &str| part.starts_with('.') && !part.starts_with("..");
    let extension = Path::new(below).extension().and_then(|e| e.to_str());
    let known = |e: &str| CATALOG_EXTENSIONS.iter().any(|k| e.eq_ignore_ascii_case(k));
    extension.is_some_and(known) && !below.split('/').any(hidden)
}

/// The longest part of a path that exists, links resolved, and the rest as it was written.
struct Prefix {
    real: PathBuf,
    tail: PathBuf,
    /// Why the whole path could not be resolved.
    error: Option<io::Error>,
}

impl Prefix {
    fn of(path: &Path) -> Result<Self, PathProblem> {
        let mut error = None;
        for ancestor in path.ancestors() {
            match fs::canonicalize(ancestor) {
                Ok(real) => {
                    let tail = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
                    return Ok(Self {
                        real,
                        tail: tail.to_owned(),
                        error,
                    });
                }
                Err(e) => error = error.or(Some(e)),
            }
        }
        Err(PathProblem::Outside)
    }
}

#[cfg(test)]
mod tests;
