//! Reading one entry.

use serde_json::{Map, Value as Json};

use super::field::Field;
use super::{Dialect, FileEntry};
use crate::model::{SettingsPatch, SourceId};
use crate::redaction;
use crate::validation::{Finding, Layer, Path, did_you_mean};
use crate::yaml::{Entry, Node, Position, Value};

/// Fields of flat entries that other programs write and nobody reads.
const IGNORED: [&str; 3] = ["assetType", "status", "error"];

/// Unknown fields of an entry that are listed. An entry with more than a few is written anew when it is
/// edited, so that those beyond go, too.
pub(super) const MAX_UNKNOWN: usize = 64;

/// Whether a field of a flat entry is accepted and not read.
pub(super) fn is_ignored(key: &str) -> bool {
    IGNORED.contains(&key)
}

/// Reads an entry as far as it can be read.
pub(super) fn read(node: &Node, path: Path, config_key: &str, dialect: Dialect) -> FileEntry {
    let mut reader = Reader {
        path: &path,
        patch: SettingsPatch::default(),
        findings: Vec::new(),
    };
    let id = match &node.value {
        Value::Map(_, entries) => {
            let id = reader.id(node);
            reader.fields(entries, dialect);
            id
        }
        _ => {
            reader.wrong_type(&path, node, "a mapping");
            None
        }
    };
    let Reader {
        patch,
        mut findings,
        ..
    } = reader;
    findings.sort_by_key(|f| f.position);
    FileEntry {
        config_key: config_key.to_owned(),
        id,
        fields: patch,
        range: node.written().range(),
        position: node.place(),
        superseded: false,
        findings,
        path,
    }
}

struct Reader<'a> {
    path: &'a Path,
    patch: SettingsPatch,
    findings: Vec<Finding>,
}

impl Reader<'_> {
    fn error(
        &mut self,
        layer: Layer,
        code: &'static str,
        path: Path,
        position: Position,
        message: impl Into<String>,
    ) -> &mut Finding {
        let finding = Finding::error(layer, code, message).at(path).on(position);
        self.findings.push(finding);
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    fn wrong_type(&mut self, path: &Path, node: &Node, wanted: &str) -> &mut Finding {
        let message = format!("must be {wanted}, found {}", node.kind());
        let path = path.clone();
        self.error(
            Layer::StrictFields,
            "wrong-type",
            path,
            node.place(),
            message,
        )
    }

    fn id(&mut self, node: &Node) -> Option<SourceId> {
        let (at, message) = match node.entry("id") {
            None => (node.place(), "a source needs an id".to_owned()),
            Some(entry) => {
                let at = entry.value.place();
                let Some(text) = entry.value.as_text() else {
                    let path = self.path.key("id");
                    if entry.value.is_null() {
                        self.error(Layer::Semantic, "invalid-id", path, at, "the id is empty");
                    } else {
                        self.wrong_type(&path, &entry.value, "text");
                    }
                    return None;
                };
                self.patch.id = Some(text.to_owned());
                match SourceId::new(text) {
                    Ok(id) => return Some(id),
                    Err(error) => (at, error.to_string()),
                }
            }
        };
        let path = self.path.key("id");
        self.error(Layer::Semantic, "invalid-id", path, at, message);
        None
    }

    fn fields(&mut self, entries: &[Entry], dialect: Dialect) {
        let mut seen: Vec<(Field, &str)> = Vec::new();
        for entry in entries {
            let key = &*entry.key;
            let Some(field) = Field::of_key(key) else {
                self.other_field(entry, dialect);
                continue;
            };
            if let Some((_, first)) = seen.iter().find(|(f, _)| *f == field) {
                let message = format!("{key} is another name of {first}, which is there too");
                let (path, at) = (self.path.key(key), entry.key_span.position);
                self.error(Layer::StrictFields, "duplicate-field", path, at, message)
                    .suggestion = Some(format!("keep one of {first} and {key}"));
                continue;
            }
            seen.push((field, key));
            // A field that is there but null says nothing, as if it were missing.
            if !entry.value.is_null() {
                self.field(field, key, &entry.value);
            }
        }
    }

    fn other_field(&mut self, entry: &Entry, dialect: Dialect) {
        let key = &*entry.key;
        if key == "id" || (dialect == Dialect::Flat && is_ignored(key)) {
            return;
        }
        if self.findings.len() >= MAX_UNKNOWN {
            return;
        }
        let known = Field::ALL.iter().flat_map(|f| f.spellings()).copied();
        let suggestion = did_you_mean(key, known.chain(["id"]));
        let message = format!("unknown field {:?}", redaction::redact_key(key));
        let (path, at) = (self.path.key(key), entry.key_span.position);
        self.error(Layer::StrictFields, "unknown-field", path, at, message)
            .suggestion = suggestion;
    }

    fn field(&mut self, field: Field, key: &str, node: &Node) {
        let path = self.path.key(key);
        match field {
            Field::Name => self.patch.name = self.text(&path, node),
            Field::Type => self.patch.source_type = self.text(&path, node),
            Field::Enabled => self.patch.enabled = self.boolean(&path, node),
            Field::Labels => self.patch.labels = self.texts(&path, node),
            Field::Properties => self.patch.properties = self.map(&path, node),
            Field::Included => self.patch.included_items = self.texts(&path, node),
            Field::Excluded => self.patch.excluded_items = self.texts(&path, node),
        }
    }

    fn text(&mut self, path: &Path, node: &Node) -> Option<String> {
        let text = node.as_text().map(str::to_owned);
        if text.is_none() {
            self.wrong_type(path, node, "text");
        }
        text
    }

    fn boolean(&mut self, path: &Path, node: &Node) -> Option<bool> {
        let value = node.as_bool();
        if value.is_none() {
            // Other readers of these files follow YAML 1.1, where these are booleans.
            let meant = node
                .as_text()
                .and_then(|text| match text.to_ascii_lowercase().as_str() {
                    "yes" | "y" | "on" | "true" => Some(true),
                    "no" | "n" | "off" | "false" => Some(false),
                    _ => None,
                });
            self.wrong_type(path, node, "true or false").suggestion =
                meant.map(|value| format!("write `{value}`"));
        }
        value
    }

    fn texts(&mut self, path: &Path, node: &Node) -> Option<Vec<String>> {
        if !matches!(node.value, Value::List(..)) {
            let text = node.as_text().is_some();
            self.wrong_type(path, node, "a list of texts").suggestion =
                text.then(|| "write it as a list with one item".to_owned());
            return None;
        }
        let mut texts = Vec::with_capacity(node.items().len());
        for (i, item) in node.items().iter().enumerate() {
            texts.extend(self.text(&path.index(i), item));
        }
        Some(texts)
    }

    fn map(&mut self, path: &Path, node: &Node) -> Option<Map<String, Json>> {
        match node.to_json() {
            Json::Object(map) => Some(map),
            _ => {
                self.wrong_type(path, node, "a mapping");
                None
            }
        }
    }
}
