//! Reading a file.

use std::collections::HashMap;
use std::sync::Arc;

use super::entry;
use super::{Dialect, FileEntry, SourcesFile};
use crate::model::SourceId;
use crate::redaction;
use crate::validation::{Finding, Layer, Path, did_you_mean};
use crate::yaml::{Document, Entry, Node, Value};

/// The older name of `model_catalogs`.
pub(super) const OLD_LIST: &str = "catalogs";
/// The lists of flat files and the sections they stand for. `catalogs` comes last: it yields.
pub(super) const FLAT_LISTS: [(&str, &str); 5] = [
    ("model_catalogs", "models"),
    ("mcp_catalogs", "mcp"),
    ("agent_catalogs", "agents"),
    ("skill_catalogs", "skills"),
    (OLD_LIST, "models"),
];
/// Unknown fields beside the sources that are listed: more are no help to anybody.
const MAX_UNKNOWN: usize = 200;
const HEAD: [&str; 3] = ["apiVersion", "kind", "catalogs"];
const EXTRAS: [&str; 2] = ["labels", "namedQueries"];

/// Reads a file as far as it can be read.
pub(super) fn read(origin: String, document: Document, config_keys: Arc<[String]>) -> SourcesFile {
    let root = &document.root;
    let mut reader = Reader {
        config_keys: &config_keys,
        entries: Vec::new(),
        findings: Vec::new(),
        seen: HashMap::new(),
    };
    let dialect = dialect_of(root);
    if matches!(root.value, Value::Map(..)) {
        reader.root(root);
    } else if !root.is_null() {
        reader.wrong_type(&Path::root(), root, "a mapping");
    }
    let Reader {
        mut entries,
        mut findings,
        ..
    } = reader;
    entries.sort_by_key(|e| e.range.start);
    findings.sort_by_key(|f| f.position);
    SourcesFile {
        origin,
        says_nothing: root.is_null(),
        text: document.text.clone(),
        dialect,
        entries,
        findings,
        config_keys,
        document: Arc::new(document),
    }
}

fn dialect_of(root: &Node) -> Dialect {
    match root.get("catalogs").map(|node| &node.value) {
        Some(Value::Map(..)) => Dialect::Sectioned,
        Some(Value::List(..)) => Dialect::Flat,
        _ if root.entries().iter().any(|e| is_flat_key(&e.key)) => Dialect::Flat,
        _ => Dialect::Sectioned,
    }
}

fn is_flat_key(key: &str) -> bool {
    key != OLD_LIST && (EXTRAS.contains(&key) || FLAT_LISTS.iter().any(|(list, _)| *list == key))
}

struct Reader<'a> {
    config_keys: &'a [String],
    entries: Vec<FileEntry>,
    findings: Vec<Finding>,
    /// The first entry of each id, and whether it stands in the list of the older name.
    seen: HashMap<(String, SourceId), bool>,
}

impl Reader<'_> {
    fn strict(&self, config_key: &str) -> bool {
        self.config_keys.iter().any(|key| key == config_key)
    }

    fn wrong_type(&mut self, path: &Path, node: &Node, wanted: &str) {
        let message = format!("must be {wanted}, found {}", node.kind());
        self.findings.push(
            Finding::error(Layer::StrictFields, "wrong-type", message)
                .at(path.clone())
                .on(node.place()),
        );
    }

    fn unknown(&mut self, path: &Path, entry: &Entry, known: &[&str]) {
        if self.findings.len() >= MAX_UNKNOWN {
            return;
        }
        let message = format!("unknown field {:?}", redaction::redact_key(&entry.key));
        let mut finding = Finding::error(Layer::StrictFields, "unknown-field", message)
            .at(path.key(entry.key.clone()))
            .on(entry.key_span.position);
        finding.suggestion = did_you_mean(&entry.key, known.iter().copied());
        self.findings.push(finding);
    }

    fn root(&mut self, root: &Node) {
        let lists = FLAT_LISTS.iter().map(|(list, _)| *list);
        let known: Vec<&str> = HEAD.into_iter().chain(lists).chain(EXTRAS).collect();
        for entry in root.entries() {
            let path = Path::root().key(entry.key.clone());
            match &*entry.key {
                "apiVersion" | "kind" if entry.value.is_null() => {}
                "apiVersion" | "kind" if entry.value.as_text().is_none() => {
                    self.wrong_type(&path, &entry.value, "text");
                }
                "labels" | "namedQueries" => self.extra(&path, entry),
                key if known.contains(&key) => {}
                _ => self.unknown(&Path::root(), entry, &known),
            }
        }
        if let Some(catalogs) = root.get("catalogs")
            && !catalogs.is_null()
            && !catalogs.is_collection()
        {
            let wanted = "a mapping of sections or a list of sources";
            self.wrong_type(&Path::root().key("catalogs"), catalogs, wanted);
        }
        let sections = root.get("catalogs").map_or(&[][..], Node::entries);
        for section in sections {
            self.section(section);
        }
        for (list, config_key) in FLAT_LISTS {
            if let Some(node) = root.get(list)
                && (list != OLD_LIST || matches!(node.value, Value::List(..)))
            {
                let path = Path::root().key(list);
                self.list(node, &path, config_key, Dialect::Flat);
            }
        }
        self.mixture(root);
    }

    /// Both dialects in one file work, but no other reader of these files takes them together.
    fn mixture(&mut self, root: &Node) {
        let flat = root.entries().iter().find(|e| is_flat_key(&e.key));
        let sectioned = root
            .get("catalogs")
            .is_some_and(|c| !c.entries().is_empty());
        if let Some(entry) = flat.filter(|_| sectioned) {
            let message = format!(
                "{} belongs to files whose sources are not in sections; other readers refuse it here",
                entry.key
            );
            self.findings.push(
                Finding::warning(Layer::StrictFields, "mixed-dialects", message)
                    .at(Path::root().key(entry.key.clone()))
                    .on(entry.key_span.position),
            );
        }
    }

    fn section(&mut self, section: &Entry) {
        let config_key = &*section.key;
        let path = Path::root().key("catalogs").key(section.key.clone());
        let strict = self.strict(config_key);
        if strict && !section.value.is_null() && !matches!(section.value.value, Value::Map(..)) {
            self.wrong_type(&path, &section.value, "a mapping");
        }
        for entry in section.value.entries() {
            match &*entry.key {
                "sources" => {
                    let path = path.key("sources");
                    self.list(&entry.value, &path, config_key, Dialect::Sectioned);
                }
                _ if !strict => {}
                "labels" | "namedQueries" => self.extra(&path.key(entry.key.clone()), entry),
                _ => self.unknown(&path, entry, &["sources", "labels", "namedQueries"]),
            }
        }
    }

    /// Label definitions and named queries: their content is for whoever serves them.
    fn extra(&mut self, path: &Path, entry: &Entry) {
        let (fits, wanted) = match &*entry.key {
            "labels" => (matches!(entry.value.value, Value::List(..)), "a list"),
            _ => (matches!(entry.value.value, Value::Map(..)), "a mapping"),
        };
        if !fits && !entry.value.is_null() {
            self.wrong_type(path, &entry.value, wanted);
        }
    }

    fn list(&mut self, node: &Node, path: &Path, config_key: &str, dialect: Dialect) {
        let strict = self.strict(config_key);
        if strict && !node.is_null() && !matches!(node.value, Value::List(..)) {
            self.wrong_type(path, node, "a list of sources");
        }
        for (i, item) in node.items().iter().enumerate() {
            let mut entry = entry::read(item, path.index(i), config_key, dialect);
            self.place(&mut entry, path.last_key() == Some(OLD_LIST));
            if !strict {
                entry.findings.clear();
            }
            self.entries.push(entry);
        }
    }

    /// Of several entries with one id in one file, the first counts.
    fn place(&mut self, entry: &mut FileEntry, old_list: bool) {
        let Some(id) = &entry.id else { return };
        let key = (entry.config_key.clone(), id.clone());
        let Some(first_in_old_list) = self.seen.get(&key) else {
            self.seen.insert(key, old_list);
            return;
        };
        entry.superseded = true;
        let finding = if old_list && !first_in_old_list {
            let message = format!("the source {id} of the newer list counts, this one does not");
            Finding::warning(Layer::Semantic, "shadowed-source", message)
        } else {
            let message = format!("the source {id} is there twice; the first one counts");
            Finding::error(Layer::Semantic, "duplicate-source", message)
        };
        let finding = finding.at(entry.path.key("id")).on(entry.position);
        entry.findings.push(finding);
    }
}
