//! Small things that suites and tests are made of.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::digest::Digest;
use crate::model::{
    Author, ChangeMeta, Entity, FieldValue, Fields, ItemFilter, PluginName, RevisionKind,
    SourceDocument, SourceKey, SourceSettings,
};
use crate::ports::{CatalogPlugin, ContentContext, LoadError, LoadRequest, Loaded};
use crate::validation::{Findings, Path, Validated};

/// Takes a document as validated, so that stores can be tested with any bytes.
pub fn accept(document: SourceDocument) -> Validated<SourceDocument> {
    Validated::unchecked(document)
}

/// The key of a source.
///
/// # Panics
/// When one of the parts is no id.
pub fn key(plugin: &str, id: &str) -> SourceKey {
    SourceKey::parse(plugin, id).unwrap_or_else(|e| panic!("{plugin}/{id}: {e}"))
}

/// Content bytes.
pub fn content(text: impl AsRef<[u8]>) -> Option<Arc<[u8]>> {
    Some(Arc::from(text.as_ref()))
}

/// A document of type `yaml` with this display name and content. `properties` are what the store
/// wants for content ([`SourceConfigStore::content_properties`](crate::ports::SourceConfigStore::content_properties)).
pub fn document(
    name: &str,
    text: impl AsRef<[u8]>,
    properties: serde_json::Map<String, serde_json::Value>,
) -> SourceDocument {
    let mut settings = SourceSettings::new(name, "yaml");
    settings.properties = properties;
    SourceDocument::new(settings, content(text))
}

/// A change of this kind by `tester`, at a fixed time.
pub fn meta(kind: RevisionKind) -> ChangeMeta {
    ChangeMeta {
        author: Author::new("tester"),
        message: Some("a test".to_owned()),
        kind,
        at: DateTime::<Utc>::from_timestamp(1_700_000_000, 0).unwrap_or_default(),
    }
}

/// The simplest plugin: content is `items: [{name: …}]`, each an entity.
#[derive(Debug)]
pub struct PlainPlugin(PluginName);

impl Default for PlainPlugin {
    fn default() -> Self {
        Self(key("plain", "x").plugin)
    }
}

impl PlainPlugin {
    fn names<'a>(content: &'a crate::yaml::Document, findings: &mut Findings) -> Vec<&'a str> {
        let mut names: Vec<&str> = Vec::new();
        let items = content
            .root
            .get("items")
            .map(|n| n.items())
            .unwrap_or_default();
        for (i, item) in items.iter().enumerate() {
            let path = Path::root().key("items").index(i).key("name");
            match item.get("name").and_then(|n| n.as_text()) {
                Some(name) if names.contains(&name) => {
                    findings.error(&path, item.place(), "duplicate-name", "this name is taken");
                }
                Some(name) => names.push(name),
                None => {
                    findings.error(&path, item.place(), "required", "a name is required");
                }
            }
        }
        names
    }
}

#[async_trait]
impl CatalogPlugin for PlainPlugin {
    fn name(&self) -> &PluginName {
        &self.0
    }

    fn version(&self) -> &str {
        "v1alpha1"
    }

    fn description(&self) -> &str {
        "Plain items, for tests"
    }

    fn config_key(&self) -> &str {
        "plain"
    }

    fn source_types(&self) -> &[&str] {
        &["yaml"]
    }

    fn entity_kinds(&self) -> &[&str] {
        &["Item"]
    }

    fn content_keys(&self) -> &[&str] {
        &["items"]
    }

    fn validate_content(&self, context: ContentContext<'_>, findings: &mut Findings) {
        Self::names(context.content, findings);
    }

    async fn load(&self, request: LoadRequest<'_>) -> Result<Loaded, LoadError> {
        let filter =
            ItemFilter::of(request.settings).map_err(|e| LoadError::Document(e.to_string()))?;
        let content = request
            .content
            .ok_or_else(|| LoadError::Document("no content".into()))?;
        let mut findings = Findings::new(
            crate::validation::Layer::Provider,
            crate::validation::Place::Content,
        );
        let names = Self::names(content, &mut findings);
        let entity = |name: &str| Entity {
            name: name.into(),
            id: Digest::of_parts(&[request.key.to_string().as_bytes(), name.as_bytes()]).to_id(),
            json: serde_json::json!({"name": name}).to_string().into(),
            fields: Fields::from([("name".into(), FieldValue::Text(name.into()))]),
            ..Entity::default()
        };
        Ok(Loaded {
            entities: names
                .into_iter()
                .filter(|n| filter.takes(n))
                .map(entity)
                .collect(),
            failures: findings
                .into_vec()
                .into_iter()
                .map(|f| crate::model::EntityFailure {
                    entity: None,
                    message: f.message,
                    line: f.position.map(|p| p.line),
                })
                .collect(),
            warnings: Vec::new(),
        })
    }
}
