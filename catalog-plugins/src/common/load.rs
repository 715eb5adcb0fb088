//! From a content to entities.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use catalog_core::SourceKey;
use catalog_core::digest::Digest;
use catalog_core::model::{Entity, EntityFailure, Fields, ItemFilter, Pool, SourceSettings};
use catalog_core::ports::{LoadError, LoadRequest, Loaded};
use catalog_core::redaction;
use catalog_core::shape::{self, Shape};
use catalog_core::validation::{Finding, Findings, Layer, Path, Place, Severity};
use catalog_core::yaml::{Node, Value};
use serde_json::{Map, Value as Json};

use super::content::{EntryFormat, Seen, lists};
use super::{Collector, text_of};

/// Reasons that one failure's message repeats; the rest is counted.
const MAX_REASONS: usize = 5;

/// An entry that was found good, on its way to an entity.
pub(crate) struct Asset<'a> {
    /// The source.
    pub(crate) key: &'a SourceKey,
    /// The entry, decoded by its format.
    pub(crate) json: Map<String, Json>,
    /// The format's list key.
    pub(crate) format: &'static str,
    /// Unique within the source.
    pub(crate) name: Arc<str>,
    /// The time of whatever gives none, in milliseconds.
    pub(crate) written_at: &'a str,
    /// What the entities of the source have in common.
    pub(crate) pool: &'a mut Pool,
}

impl Asset<'_> {
    /// The entity's id.
    pub(crate) fn id(&self) -> i64 {
        self.id_of(&[])
    }

    /// The id of something within the entity.
    pub(crate) fn id_of(&self, within: &[&str]) -> i64 {
        let mut parts: Vec<&[u8]> = vec![
            self.key.plugin.as_str().as_bytes(),
            self.key.id.as_str().as_bytes(),
            self.name.as_bytes(),
        ];
        parts.extend(within.iter().map(|part| part.as_bytes()));
        Digest::of_parts(&parts).to_id()
    }

    /// The entity with this JSON, redacted, and the fields that `fields` finds in it.
    pub(crate) fn entity(
        self,
        json: Map<String, Json>,
        fields: impl FnOnce(Collector<'_>) -> Fields,
    ) -> Entity {
        let id = self.id();
        let json = redaction::into_redacted(Json::Object(json));
        let none = Map::new();
        Entity {
            id,
            name: self.name,
            fields: fields(Collector::new(json.as_object().unwrap_or(&none), self.pool)),
            json: json.to_string().into(),
            parts: BTreeMap::new(),
        }
    }
}

/// Loads the entries of a content, each on its own: one that is bad does not take the others along.
pub(crate) fn load(
    formats: &'static [EntryFormat],
    content_keys: &[&str],
    settings: &SourceSettings,
    request: &LoadRequest<'_>,
    render: fn(Asset<'_>) -> Entity,
) -> Result<Loaded, LoadError> {
    let document = |message: &str| LoadError::Document(message.to_owned());
    let filter = ItemFilter::of(settings).map_err(|e| LoadError::Document(e.to_string()))?;
    let content = request
        .content
        .ok_or_else(|| document("the source has no content"))?;
    let root = &content.root;
    match root.value {
        Value::Map(..) => {}
        Value::Null => return Err(document("the content is empty")),
        _ => return Err(document("the content must be a mapping")),
    }

    let mut around = new_findings();
    let given = lists(formats, content_keys, content, &mut around);
    let Some(&(format, list)) = given.first().filter(|_| !around.has_errors()) else {
        let reasons = reasons(around.as_slice());
        return Err(document(if reasons.is_empty() {
            "the content has no list of entries"
        } else {
            &reasons
        }));
    };
    let mut run = Run {
        format,
        request,
        filter,
        render,
        seen: Seen::default(),
        names: HashSet::new(),
        pool: Pool::default(),
        written_at: request.written_at.timestamp_millis().to_string(),
        loaded: Loaded {
            warnings: around.into_vec(),
            ..Loaded::default()
        },
    };
    for (i, node) in list.value.items().iter().enumerate() {
        run.entry(node, i);
    }
    Ok(run.loaded)
}

fn new_findings() -> Findings {
    Findings::new(Layer::Provider, Place::Content)
}

struct Run<'a> {
    format: &'static EntryFormat,
    request: &'a LoadRequest<'a>,
    filter: ItemFilter,
    render: fn(Asset<'_>) -> Entity,
    seen: Seen,
    names: HashSet<Arc<str>>,
    pool: Pool,
    written_at: String,
    loaded: Loaded,
}

impl Run<'_> {
    fn entry(&mut self, node: &Node, index: usize) {
        let name = text_of(node, "name");
        if name.is_some_and(|name| !self.filter.takes(name)) {
            return;
        }
        let mut findings = new_findings();
        let path = Path::root().key(self.format.key).index(index);
        let options = &self.format.load;
        self.format.check(node, options, &path, &mut findings);
        self.seen.check(self.format, node, &path, &mut findings);
        let findings = findings.into_vec();

        let decoded = shape::decode(node, &Shape::Object(self.format.object));
        let failed = findings.iter().any(Finding::is_error);
        match (name, decoded) {
            (Some(name), Some(Json::Object(json))) if !failed => {
                let asset = Asset {
                    key: self.request.key,
                    json,
                    format: self.format.key,
                    name: self.unique(name, node),
                    written_at: &self.written_at,
                    pool: &mut self.pool,
                };
                self.loaded.entities.push((self.render)(asset));
                self.loaded.warnings.extend(findings);
            }
            // Where a missing name is only a warning, the entry is left out, and the warning says why.
            (None, _) if !failed && options.missing_fields == Severity::Warning => {
                self.loaded.warnings.extend(findings);
            }
            _ => {
                let first = findings.iter().find(|f| f.is_error());
                self.loaded.failures.push(EntityFailure {
                    entity: name.map(redaction::redact_text),
                    message: reasons(&findings),
                    line: first
                        .and_then(|f| f.position)
                        .or(Some(node.place()))
                        .map(|p| p.line),
                });
            }
        }
    }

    /// The name, or, for a further version of something, the name with that version: the one that
    /// comes first in the content is the one that the plain name means.
    fn unique(&mut self, name: &str, node: &Node) -> Arc<str> {
        let plain = self.pool.text(name);
        if self.names.insert(plain.clone()) {
            return plain;
        }
        let version = text_of(node, "version").unwrap_or_default();
        let versioned: Arc<str> = format!("{name}@{version}").into();
        self.names.insert(versioned.clone());
        versioned
    }
}

/// The errors in one line.
fn reasons(findings: &[Finding]) -> String {
    let errors: Vec<_> = findings.iter().filter(|f| f.is_error()).collect();
    let mut out: Vec<String> = errors
        .iter()
        .take(MAX_REASONS)
        // The line has a place of its own.
        .map(|f| {
            let without_place = Finding {
                position: None,
                ..(*f).clone()
            };
            without_place.to_string()
        })
        .collect();
    if errors.len() > MAX_REASONS {
        out.push(format!("and {} more", errors.len() - MAX_REASONS));
    }
    out.join("; ")
}
