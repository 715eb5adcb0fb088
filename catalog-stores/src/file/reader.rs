//! Reading the operator's files, and those that did not change from memory.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use catalog_core::model::{PluginName, SourceKey};
use catalog_core::sources_config::{MergedSource, SourcesFile};
use catalog_core::validation::{Finding, Layer};
use catalog_core::yaml::{Limits, YamlError};

use super::disk::Disk;
use super::fingerprint::Fingerprint;
use super::live::{
    Live, LiveContent, LiveFile, LiveSource, Parsed, content_finding, content_path, file_name,
    yaml_finding,
};
use super::problem::PathProblem;
use super::roots::Spot;

/// A sources file by its origin, and its bytes.
type Text = (String, Arc<[u8]>);

struct Cached {
    print: Fingerprint,
    bytes: Arc<[u8]>,
    /// Whether the fingerprint can stand for the bytes.
    settled: bool,
}

/// Reads the files.
pub(super) struct Reader {
    sources: Vec<PathBuf>,
    plugins: Vec<(String, PluginName)>,
    limits: Limits,
    cache: HashMap<Spot, Cached>,
    /// What the newest records have for content, while everything is read: mostly the files have it, too.
    recorded: HashMap<SourceKey, Arc<[u8]>>,
    /// What the current reading has asked for; the rest is forgotten afterwards.
    used: HashSet<Spot>,
    /// The last sources files, and what they said.
    last: (Vec<Text>, Arc<Parsed>),
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
            recorded: HashMap::new(),
            used: HashSet::new(),
            last: Default::default(),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The sources files.
    pub(super) fn sources(&self) -> &[PathBuf] {
        &self.sources
    }

    /// The section of `sources.yaml` that holds a plugin's sources.
    pub(super) fn config_key(&self, plugin: &PluginName) -> Option<&str> {
        let found = self.plugins.iter().find(|(_, name)| name == plugin);
        found.map(|(key, _)| key.as_str())
    }

    /// As [`read`](Self::read). Contents that are recorded so are not kept a second time.
    pub(super) fn read_with(
        &mut self,
        disk: &Disk,
        recorded: HashMap<SourceKey, Arc<[u8]>>,
    ) -> Live {
        self.recorded = recorded;
        let live = self.read(disk);
        self.recorded = HashMap::new();
        live
    }

    /// Reads everything. Wants the lock.
    pub(super) fn read(&mut self, disk: &Disk) -> Live {
        self.used.clear();
        let mut live = Live::default();
        let mut texts = Vec::new();
        for path in self.sources.clone() {
            live.watched.insert(path.clone(), Fingerprint::at(&path));
            if let Ok(located) = disk.roots.locate_sources(&path) {
                live.reserved.push(located.spot);
            }
            match self.read_file(disk, &path) {
                Ok(file) => {
                    texts.push((path.display().to_string(), file.bytes.clone()));
                    live.files.push(file);
                }
                Err(finding) => live.broken.push(*finding),
            }
        }
        live.parsed = self.parse_all(&mut live, texts);
        let parsed = live.parsed.clone();
        for ((config_key, id), merged) in &parsed.config.sources {
            let plugin = self.plugins.iter().find(|(key, _)| key == config_key);
            let Some((_, plugin)) = plugin else { continue };
            let key = SourceKey::new(plugin.clone(), id.clone());
            let source = self.read_source(disk, &mut live, &key, merged);
            live.insert(key, source);
        }
        // Taken after the last look, so that nothing is later by our own clock.
        let now = SystemTime::now();
        let unsettled = live
            .watched
            .iter()
            .filter(|(_, print)| print.is_some_and(|p| !p.settled(now)));
        live.unsettled = unsettled.map(|(path, _)| path.clone()).collect();
        let used = std::mem::take(&mut self.used);
        self.cache.retain(|spot, _| used.contains(spot));
        live
    }

    /// Reads one source anew. The sources files are what they were.
    pub(super) fn read_one(&mut self, disk: &Disk, live: &mut Live, key: &SourceKey) {
        let before = live.sources.get(key).and_then(|s| s.watched.clone());
        let config_key = self.config_key(&key.plugin).map(str::to_owned);
        let parsed = live.parsed.clone();
        let merged = config_key
            .and_then(|config_key| parsed.config.sources.get(&(config_key, key.id.clone())));
        match merged {
            Some(merged) => {
                let source = self.read_source(disk, live, key, merged);
                live.insert(key.clone(), source);
            }
            None => live.remove(key),
        }
        let path = live.sources.get(key).and_then(|s| s.watched.clone());
        if let Some(path) = &path {
            note_unrest(live, path);
        }
        if let Some(before) = before {
            live.forget(&before);
        }
    }

    /// Whether the sources files are as they were read. Those that were fresh then are read again.
    pub(super) fn is_current(&mut self, disk: &Disk, live: &mut Live) -> bool {
        if !live.broken.is_empty() || live.files.len() != self.sources.len() {
            return false;
        }
        for (i, path) in self.sources.clone().iter().enumerate() {
            let print = Fingerprint::at(path);
            let same = print.is_some() && live.watched.get(path) == Some(&print);
            if same && !live.unsettled.contains(path) {
                continue;
            }
            match self.read_file(disk, path) {
                Ok(file)
                    if file.spot == live.files[i].spot && file.bytes == live.files[i].bytes => {}
                _ => return false,
            }
            live.watched.insert(path.clone(), print);
            note_unrest(live, path);
        }
        true
    }

    /// Takes note of what a write has made of the sources files; `false` when they are not what was
    /// [expected](Self::expect).
    pub(super) fn read_expected(&mut self, disk: &Disk, live: &mut Live) -> bool {
        for (i, path) in self.sources.clone().iter().enumerate() {
            let print = Fingerprint::at(path);
            match (self.read_file(disk, path), self.last.0.get(i)) {
                (Ok(mut file), Some((_, bytes))) if file.bytes == *bytes => {
                    file.bytes = bytes.clone();
                    live.files[i] = file;
                }
                _ => return false,
            }
            live.watched.insert(path.clone(), print);
            note_unrest(live, path);
        }
        live.parsed = self.last.1.clone();
        true
    }

    /// Reads the texts of the sources files, unless they are those of the last time. Drops files
    /// that do not parse.
    fn parse_all(&mut self, live: &mut Live, texts: Vec<Text>) -> Arc<Parsed> {
        if texts == self.last.0 {
            return self.last.1.clone();
        }
        let (mut parsed, mut good) = (Vec::new(), Vec::new());
        let files = std::mem::take(&mut live.files);
        for (file, (origin, bytes)) in files.into_iter().zip(texts) {
            let name = file_name(Path::new(&origin));
            match self.parse(origin.clone(), &bytes) {
                Ok(read) => {
                    parsed.push(read);
                    good.push((origin, bytes));
                    live.files.push(file);
                }
                Err(error) => live.broken.push(yaml_finding(&name, &error)),
            }
        }
        let parsed = Arc::new(Parsed::of(parsed));
        self.last = (good, parsed.clone());
        parsed
    }

    /// Takes texts that are about to be written as read.
    pub(super) fn expect(&mut self, files: &[LiveFile], parsed: Parsed) {
        let texts = parsed.files.iter().zip(files).map(|(file, live)| {
            let bytes = match file.text.as_bytes() == &*live.bytes {
                true => live.bytes.clone(),
                false => file.text.as_bytes().into(),
            };
            (file.origin.clone(), bytes)
        });
        self.last = (texts.collect(), Arc::new(parsed));
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
        let read = self.bytes(disk, &located.spot, disk.sources_limit, None);
        let (bytes, _) = read.map_err(problem)?;
        let parent = path.parent().unwrap_or(Path::new(""));
        let base = std::fs::canonicalize(parent).map_err(|e| problem(PathProblem::Io(e)))?;
        Ok(LiveFile {
            spot: located.spot,
            bytes,
            base,
        })
    }

    fn read_source(
        &mut self,
        disk: &Disk,
        live: &mut Live,
        key: &SourceKey,
        merged: &MergedSource,
    ) -> LiveSource {
        let mut problems = merged.findings.clone();
        let origin = live.parsed.files.get(merged.properties_from);
        let origin = origin.map(|file| file.origin.clone()).unwrap_or_default();
        let base = live.files.get(merged.properties_from).map(|f| &f.base);
        let entry_is_clean = !problems.iter().any(Finding::is_error);
        let (mut content, mut located, mut watched) = (LiveContent::None, None, None);
        if let (Some(text), Some(base)) = (content_path(&merged.settings), base) {
            let path = base.join(text);
            let found = disk.roots.locate_content(base, text, &live.reserved);
            let print = match &found {
                Ok(_) => Fingerprint::at(&path),
                // What is outside is not even looked at.
                Err(_) => Fingerprint::of_link(&path),
            };
            live.watched.insert(path.clone(), print);
            watched = Some(path);
            located = found.as_ref().ok().cloned();
            let recorded = self.recorded.get(key).cloned();
            let read = found
                .and_then(|located| self.bytes(disk, &located.spot, disk.limit, recorded.as_ref()));
            content = match read {
                Ok((bytes, mode)) => LiveContent::Bytes(bytes, mode),
                Err(problem) => {
                    problems.push(content_finding(&problem, text));
                    LiveContent::Unreadable(problem.error_kind())
                }
            };
        }
        LiveSource {
            settings: merged.settings.clone(),
            content,
            located,
            watched,
            origin,
            declared_in: merged.declared_in.clone(),
            entry_is_clean,
            problems,
        }
    }

    fn bytes(
        &mut self,
        disk: &Disk,
        spot: &Spot,
        limit: u64,
        recorded: Option<&Arc<[u8]>>,
    ) -> Result<(Arc<[u8]>, u32), PathProblem> {
        self.used.insert(spot.clone());
        let print = Fingerprint::at(&disk.roots.real(spot));
        if let Some(cached) = self.cache.get(spot)
            && cached.settled
            && Some(cached.print) == print
        {
            return Ok((cached.bytes.clone(), cached.print.mode()));
        }
        // The same bytes as before are the same to whoever compares them.
        let before = self.cache.get(spot).map(|cached| &cached.bytes);
        let (bytes, print) = disk.roots.read_unless(spot, limit, before.or(recorded))?;
        let cached = Cached {
            print,
            bytes: bytes.clone(),
            settled: print.settled(SystemTime::now()),
        };
        self.cache.insert(spot.clone(), cached);
        Ok((bytes, print.mode()))
    }
}

/// Notes whether a file was changed so shortly before that it has to be looked at again.
fn note_unrest(live: &mut Live, path: &Path) {
    let print = live.watched.get(path).copied().flatten();
    match print.is_some_and(|print| !print.settled(SystemTime::now())) {
        true => live.unsettled.insert(path.to_owned()),
        false => live.unsettled.remove(path),
    };
}
