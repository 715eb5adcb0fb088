//! What the operator's files say now.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catalog_core::model::{SourceDocument, SourceId, SourceKey, SourceSettings};
use catalog_core::sources_config::{CatalogSourcesConfig, SourcesFile, entry_text};
use catalog_core::validation::{Finding, Layer, Path as FieldPath};
use catalog_core::yaml::YamlError;

use super::fingerprint::Fingerprint;
use super::problem::PathProblem;
use super::roots::{Located, Spot};

/// The type of sources whose content is a file.
pub(super) const YAML_TYPE: &str = "yaml";
/// The property that names the file.
pub(super) const CONTENT_PATH: &str = "yamlCatalogPath";

/// A sources file that could be read.
#[derive(Clone)]
pub(super) struct LiveFile {
    pub(super) spot: Spot,
    pub(super) bytes: Arc<[u8]>,
    /// Where relative paths in it start.
    pub(super) base: PathBuf,
}

/// What the sources files that could be read say, in their order.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) files: Vec<SourcesFile>,
    pub(super) config: CatalogSourcesConfig,
    /// For each file, what makes it doubtful that it says all that it is meant to say.
    pub(super) doubts: Vec<Option<Finding>>,
}

impl Parsed {
    pub(super) fn of(files: Vec<SourcesFile>) -> Self {
        Self {
            config: CatalogSourcesConfig::merge(&files),
            doubts: files.iter().map(doubt).collect(),
            files,
        }
    }

    /// A source's entry as it is written, when one file alone declares the source.
    pub(super) fn entry_of(
        &self,
        config_key: &str,
        id: &SourceId,
        declared_in: &[usize],
    ) -> Option<String> {
        let &[file] = declared_in else {
            return None;
        };
        let file = self.files.get(file)?;
        Some(entry_text(file, file.entry(config_key, id)?))
    }
}

/// A source as the files declare it.
pub(super) struct LiveSource {
    pub(super) settings: SourceSettings,
    pub(super) content: LiveContent,
    /// The file that the content is or would be in, when the path leads to one.
    pub(super) located: Option<Located>,
    /// The path of that file as it is looked at.
    pub(super) watched: Option<PathBuf>,
    pub(super) origin: String,
    /// The files that declare it, by number.
    pub(super) declared_in: Vec<usize>,
    /// Whether nothing is wrong with the entry itself.
    pub(super) entry_is_clean: bool,
    /// What is wrong with the entry or the content.
    pub(super) problems: Vec<Finding>,
}

/// Prints the origin: settings and content may hold secrets.
impl fmt::Debug for LiveSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveSource")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// The content of a source.
pub(super) enum LiveContent {
    /// The source has none.
    None,
    /// As read, with the mode of its file.
    Bytes(Arc<[u8]>, u32),
    /// Cannot be read; the finding is among the source's problems. With the error, when it is the
    /// file system that says no.
    Unreadable(Option<io::ErrorKind>),
}

impl LiveSource {
    /// Whether the document is only the best reading that was possible.
    pub(super) fn is_flawed(&self) -> bool {
        self.problems.iter().any(Finding::is_error)
    }

    /// The best reading of the document that is possible: content that cannot be read now is that
    /// of the last revision.
    pub(super) fn document(&self, last: Option<&SourceDocument>) -> SourceDocument {
        let content = match &self.content {
            LiveContent::None => None,
            LiveContent::Bytes(bytes, _) => Some(bytes.clone()),
            LiveContent::Unreadable(_) => last.and_then(|document| document.content.clone()),
        };
        SourceDocument::new(self.settings.clone(), content)
    }

    /// Whether the files say what this document says.
    pub(super) fn is(&self, document: &SourceDocument) -> bool {
        let content = match &self.content {
            LiveContent::None => document.content.is_none(),
            LiveContent::Bytes(bytes, _) => document.content.as_ref() == Some(bytes),
            LiveContent::Unreadable(_) => true,
        };
        // Settings may be equal in their canonical form only. Digests cost, so they come last.
        content
            && (self.settings == document.settings
                || self.document(Some(document)).digest() == document.digest())
    }

    /// The mode of the file that the content is in.
    pub(super) fn mode(&self) -> Option<u32> {
        match self.content {
            LiveContent::Bytes(_, mode) => Some(mode),
            LiveContent::None | LiveContent::Unreadable(_) => None,
        }
    }
}

/// Everything that the files say.
#[derive(Default)]
pub(super) struct Live {
    /// The files that could be read, in order.
    pub(super) files: Vec<LiveFile>,
    /// What they say.
    pub(super) parsed: Arc<Parsed>,
    /// What is wrong with the others, with their places. While there is one, what the rest says may
    /// not be what is meant.
    pub(super) broken: Vec<Finding>,
    /// The sources files, readable or not: no content can be there.
    pub(super) reserved: Vec<Spot>,
    pub(super) sources: BTreeMap<SourceKey, LiveSource>,
    /// Which sources have their content in a file.
    users: HashMap<Spot, BTreeSet<SourceKey>>,
    /// Which sources look at a path.
    lookers: HashMap<PathBuf, BTreeSet<SourceKey>>,
    /// What was looked at, as it was before it was read.
    pub(super) watched: BTreeMap<PathBuf, Option<Fingerprint>>,
    /// Those that were changed so shortly before that they have to be looked at again.
    pub(super) unsettled: BTreeSet<PathBuf>,
}

impl Live {
    /// Takes a source as it was read, in place of what was known of it.
    pub(super) fn insert(&mut self, key: SourceKey, source: LiveSource) {
        self.remove(&key);
        if let Some(located) = &source.located {
            let users = self.users.entry(located.spot.clone()).or_default();
            users.insert(key.clone());
        }
        if let Some(path) = &source.watched {
            let lookers = self.lookers.entry(path.clone()).or_default();
            lookers.insert(key.clone());
        }
        self.sources.insert(key, source);
    }

    /// Forgets a source. What it looked at is looked at still, until that is
    /// [forgotten](Self::forget), too.
    pub(super) fn remove(&mut self, key: &SourceKey) {
        let Some(source) = self.sources.remove(key) else {
            return;
        };
        if let Some(located) = source.located
            && let Some(users) = self.users.get_mut(&located.spot)
        {
            users.remove(key);
            if users.is_empty() {
                self.users.remove(&located.spot);
            }
        }
        if let Some(path) = source.watched
            && let Some(lookers) = self.lookers.get_mut(&path)
        {
            lookers.remove(key);
            if lookers.is_empty() {
                self.lookers.remove(&path);
            }
        }
    }

    /// Looks at a path no more, if no source does; says whether.
    pub(super) fn forget(&mut self, path: &Path) -> bool {
        let unused = !self.lookers.contains_key(path);
        if unused {
            self.watched.remove(path);
            self.unsettled.remove(path);
        }
        unused
    }

    /// The sources that look at a path.
    pub(super) fn lookers(&self, path: &Path) -> impl Iterator<Item = &SourceKey> {
        self.lookers.get(path).into_iter().flatten()
    }

    /// The sources that have their content in this file.
    pub(super) fn users(&self, spot: &Spot) -> impl Iterator<Item = &SourceKey> {
        self.users.get(spot).into_iter().flatten()
    }

    /// Why a source that differs from what was recorded, or is missing, may only seem to: a sources
    /// file cannot be read, or cannot be read as it is meant, and may have said something about it.
    pub(super) fn doubts_about(&self, source: Option<&LiveSource>) -> Vec<Finding> {
        let says_something = |file| source.is_some_and(|s| s.declared_in.contains(&file));
        let doubts = self.parsed.doubts.iter().enumerate();
        let doubts = doubts.filter(|(file, _)| !says_something(*file));
        self.broken
            .iter()
            .chain(doubts.filter_map(|(_, doubt)| doubt.as_ref()))
            .cloned()
            .collect()
    }
}

/// What makes it doubtful that a file says all that it is meant to say. An editor may have emptied
/// it to write it anew; what has the wrong shape was meant to be something.
fn doubt(file: &SourcesFile) -> Option<Finding> {
    let name = file_name(Path::new(&file.origin));
    if file.says_nothing {
        let message = format!("{name} is empty");
        return Some(Finding::error(Layer::Provider, "empty-file", message));
    }
    let nameless = file.entries.iter().filter(|entry| entry.id.is_none());
    let found = file
        .findings
        .iter()
        .chain(nameless.flat_map(|e| &e.findings));
    let mut finding = found.clone().find(|finding| finding.is_error())?.clone();
    finding.message = format!("{name}: {}", finding.message);
    Some(finding)
}

/// The path of a source's content as its settings have it; `None` when it has no content.
pub(super) fn content_path(settings: &SourceSettings) -> Option<&str> {
    let path = settings.text_property(CONTENT_PATH)?;
    (settings.source_type == YAML_TYPE).then_some(path)
}

/// What is wrong with a path that a source names.
pub(super) fn content_finding(problem: &PathProblem, text: &str) -> Finding {
    let at = FieldPath::root().key("properties").key(CONTENT_PATH);
    Finding::error(Layer::Provider, problem.code(), problem.message(text)).at(at)
}

/// The first thing that is wrong with a file that does not parse, with its place.
pub(super) fn yaml_finding(name: &str, error: &YamlError) -> Finding {
    match error.issues.first() {
        Some(issue) => {
            let (line, column) = (issue.position.line, issue.position.column);
            let message = format!("{name}:{line}:{column}: {}", issue.message);
            Finding::error(Layer::YamlParse, issue.code, message).on(issue.position)
        }
        None => Finding::error(
            Layer::YamlParse,
            "invalid-yaml",
            format!("{name} is not YAML"),
        ),
    }
}

/// The last part of a path: messages do not show where on the machine the files are.
pub(super) fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
