//! What the operator's files say now.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use catalog_core::model::{PluginName, SourceDocument, SourceId, SourceKey, SourceSettings};
use catalog_core::sources_config::{CatalogSourcesConfig, MergedSource, SourcesFile, entry_text};
use catalog_core::validation::{Finding, Layer, Path as FieldPath};
use catalog_core::yaml::{Limits, YamlError};

use super::commit::Disk;
use super::fingerprint::Fingerprint;
use super::problem::PathProblem;
use super::roots::{Located, Spot};

/// The type of sources whose content is a file.
pub(super) const YAML_TYPE: &str = "yaml";
/// The property that names the file.
pub(super) const CONTENT_PATH: &str = "yamlCatalogPath";

/// A sources file that could be read.
#[derive(Debug, Clone)]
pub(super) struct LiveFile {
    pub(super) spot: Spot,
    pub(super) bytes: Arc<[u8]>,
    pub(super) parsed: SourcesFile,
    /// Where relative paths in it start.
    pub(super) base: PathBuf,
}

/// A source as the files declare it.
#[derive(Debug)]
pub(super) struct LiveSource {
    pub(super) settings: SourceSettings,
    pub(super) content: LiveContent,
    pub(super) origin: String,
    /// The files that declare it, by number.
    pub(super) declared_in: Vec<usize>,
    /// Whether nothing is wrong with the entry itself.
    pub(super) entry_is_clean: bool,
    /// What is wrong with the entry or the content.
    pub(super) problems: Vec<Finding>,
}

/// The content of a source.
#[derive(Debug)]
pub(super) enum LiveContent {
    /// The source has none.
    None,
    /// As read.
    Bytes { located: Located, bytes: Arc<[u8]> },
    /// Cannot be read; the finding is among the source's problems.
    Unreadable,
}

impl LiveSource {
    /// The best reading of the document that is possible: content that cannot be read now is that
    /// of the last revision.
    pub(super) fn document(&self, last: Option<&SourceDocument>) -> SourceDocument {
        let content = match &self.content {
            LiveContent::None => None,
            LiveContent::Bytes { bytes, .. } => Some(bytes.clone()),
            LiveContent::Unreadable => last.and_then(|document| document.content.clone()),
        };
        SourceDocument::new(self.settings.clone(), content)
    }
}

/// Everything that the files say.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// The files that could be read, in order.
    pub(super) files: Vec<LiveFile>,
    /// What is wrong with the others, with their places. While there is one, what the rest says may
    /// not be what is meant.
    pub(super) broken: Vec<Finding>,
    /// The sources files, readable or not: no content can be there.
    pub(super) reserved: Vec<Spot>,
    pub(super) sources: BTreeMap<SourceKey, LiveSource>,
    /// What is wrong beyond single sources.
    pub(super) findings: Vec<Finding>,
    /// What was looked at, as it was before it was read.
    pub(super) watched: Vec<(PathBuf, Option<Fingerprint>)>,
    /// Whether one of them was changed so shortly before that it has to be looked at again.
    pub(super) unsettled: bool,
}

struct Cached {
    print: Fingerprint,
    bytes: Arc<[u8]>,
    /// Whether the fingerprint can stand for the bytes.
    settled: bool,
}

/// Reads the files, and those that did not change from memory.
pub(super) struct Reader {
    sources: Vec<PathBuf>,
    plugins: Vec<(String, PluginName)>,
    limits: Limits,
    cache: HashMap<Spot, Cached>,
    /// What the current reading has asked for; the rest is forgotten afterwards.
    used: HashSet<Spot>,
}

impl Reader {
    pub(super) fn new(
        sources: Vec<PathBuf>,
        plugins: Vec<(String, PluginName)>,
        limits: Limits,
    ) -> Self {
        Self {
            sources,
            plugins,
            limits,
            cache: HashMap::new(),
            used: HashSet::new(),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The section of `sources.yaml` that holds a plugin's sources.
    pub(super) fn config_key(&self, plugin: &PluginName) -> Option<&str> {
        let found = self.plugins.iter().find(|(_, name)| name == plugin);
        found.map(|(key, _)| key.as_str())
    }

    /// Reads everything. Wants the lock.
    pub(super) fn read(&mut self, disk: &Disk) -> Live {
        let now = SystemTime::now();
        let mut live = Live::default();
        for path in self.sources.clone() {
            live.watched.push((path.clone(), Fingerprint::at(&path)));
            if let Ok(located) = disk.roots.locate_sources(&path) {
                live.reserved.push(located.spot);
            }
            match self.read_file(disk, &path) {
                Ok(file) => live.files.push(file),
                Err(finding) => live.broken.push(*finding),
            }
        }
        let parsed: Vec<SourcesFile> = live.files.iter().map(|f| f.parsed.clone()).collect();
        let config = CatalogSourcesConfig::merge(&parsed);
        live.findings = config.findings;
        for ((config_key, id), merged) in config.sources {
            let plugin = self.plugins.iter().find(|(key, _)| *key == config_key);
            let Some((_, plugin)) = plugin else { continue };
            let key = SourceKey::new(plugin.clone(), id);
            let source = self.read_source(disk, &mut live, merged);
            live.sources.insert(key, source);
        }
        live.unsettled = live
            .watched
            .iter()
            .any(|(_, print)| print.is_some_and(|p| !p.settled(now)));
        let used = std::mem::take(&mut self.used);
        self.cache.retain(|spot, _| used.contains(spot));
        live
    }

    /// Reads the text of a sources file; only sections that belong to a plugin are read strictly.
    pub(super) fn parse(&self, origin: String, bytes: &[u8]) -> Result<SourcesFile, YamlError> {
        let keys: Vec<&str> = self.plugins.iter().map(|(key, _)| key.as_str()).collect();
        SourcesFile::parse_for(origin, bytes, &self.limits, &keys)
    }

    fn read_file(&mut self, disk: &Disk, path: &Path) -> Result<LiveFile, Box<Finding>> {
        let name = file_name(path);
        let problem =
            |p: PathProblem| Box::new(Finding::error(Layer::Provider, p.code(), p.message(&name)));
        let located = disk.roots.locate_sources(path).map_err(problem)?;
        let bytes = self.bytes(disk, &located.spot).map_err(problem)?;
        let parsed = self
            .parse(path.display().to_string(), &bytes)
            .map_err(|error| Box::new(yaml_finding(&name, &error)))?;
        let parent = path.parent().unwrap_or(Path::new(""));
        let base = std::fs::canonicalize(parent).map_err(|e| problem(PathProblem::Io(e)))?;
        Ok(LiveFile {
            spot: located.spot,
            bytes,
            parsed,
            base,
        })
    }

    fn read_source(&mut self, disk: &Disk, live: &mut Live, merged: MergedSource) -> LiveSource {
        let mut problems = merged.findings.clone();
        let file = live.files.get(merged.properties_from);
        let origin = file.map(|f| f.parsed.origin.clone()).unwrap_or_default();
        let entry_is_clean = !problems.iter().any(Finding::is_error);
        let mut content = LiveContent::None;
        if let (Some(text), Some(base)) = (content_path(&merged.settings), file.map(|f| &f.base)) {
            let path = base.join(text);
            let found = disk.roots.locate_content(base, text, &live.reserved);
            match &found {
                Ok(_) => live.watched.push((path.clone(), Fingerprint::at(&path))),
                // What is outside is not even looked at.
                Err(_) => live
                    .watched
                    .push((path.clone(), Fingerprint::of_link(&path))),
            }
            let read = found.and_then(|located| {
                let bytes = self.bytes(disk, &located.spot)?;
                Ok((located, bytes))
            });
            content = match read {
                Ok((located, bytes)) => LiveContent::Bytes { located, bytes },
                Err(problem) => {
                    problems.push(content_finding(&problem, text));
                    LiveContent::Unreadable
                }
            };
        }
        LiveSource {
            settings: merged.settings,
            content,
            origin,
            declared_in: merged.declared_in,
            entry_is_clean,
            problems,
        }
    }

    fn bytes(&mut self, disk: &Disk, spot: &Spot) -> Result<Arc<[u8]>, PathProblem> {
        self.used.insert(spot.clone());
        let print = Fingerprint::at(&disk.roots.real(spot));
        if let Some(cached) = self.cache.get(spot)
            && cached.settled
            && Some(cached.print) == print
        {
            return Ok(cached.bytes.clone());
        }
        let now = SystemTime::now();
        let (bytes, print) = disk.roots.read(spot, disk.limit)?;
        let cached = Cached {
            print,
            bytes: bytes.clone(),
            settled: print.settled(now),
        };
        self.cache.insert(spot.clone(), cached);
        Ok(bytes)
    }
}

/// The path of a source's content as its settings have it; `None` when it has no content.
pub(super) fn content_path(settings: &SourceSettings) -> Option<&str> {
    let path = settings.text_property(CONTENT_PATH)?;
    (settings.source_type == YAML_TYPE).then_some(path)
}

/// A source's entry as it is written, when one file alone declares the source.
pub(super) fn entry_of(
    files: &[SourcesFile],
    config_key: &str,
    id: &SourceId,
    declared_in: &[usize],
) -> Option<String> {
    let &[file] = declared_in else {
        return None;
    };
    let file = files.get(file)?;
    let entry = file.entries.iter().find(|entry| {
        !entry.superseded && entry.config_key == config_key && entry.id.as_ref() == Some(id)
    })?;
    Some(entry_text(file, entry))
}

fn content_finding(problem: &PathProblem, text: &str) -> Finding {
    let at = FieldPath::root().key("properties").key(CONTENT_PATH);
    Finding::error(Layer::Provider, problem.code(), problem.message(text)).at(at)
}

/// The first thing that is wrong with a file that does not parse, with its place.
fn yaml_finding(name: &str, error: &YamlError) -> Finding {
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
