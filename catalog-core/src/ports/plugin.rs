//! Asset types.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::SecretResolver;
use crate::model::{Entity, EntityFailure, PluginName, SourceKey, SourceSettings};
use crate::validation::{Finding, Findings};
use crate::yaml;

/// What a plugin checks content against.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ContentContext<'a> {
    /// The source.
    pub key: &'a SourceKey,
    /// Its settings.
    pub settings: &'a SourceSettings,
    /// Its content, parsed.
    pub content: &'a yaml::Document,
}

impl<'a> ContentContext<'a> {
    /// Puts the parts together.
    pub fn new(
        key: &'a SourceKey,
        settings: &'a SourceSettings,
        content: &'a yaml::Document,
    ) -> Self {
        Self {
            key,
            settings,
            content,
        }
    }
}

/// What a plugin loads.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct LoadRequest<'a> {
    /// The source.
    pub key: &'a SourceKey,
    /// Its settings, with references in place of secrets.
    pub settings: &'a SourceSettings,
    /// Its content, parsed; `None` for a source that has none.
    pub content: Option<&'a yaml::Document>,
    /// Resolves the references, at the moment of use.
    pub secrets: &'a dyn SecretResolver,
    /// When the document was written: the time of entities that carry none.
    pub written_at: DateTime<Utc>,
}

impl<'a> LoadRequest<'a> {
    /// Puts the parts together.
    pub fn new(
        key: &'a SourceKey,
        settings: &'a SourceSettings,
        content: Option<&'a yaml::Document>,
        secrets: &'a dyn SecretResolver,
        written_at: DateTime<Utc>,
    ) -> Self {
        Self {
            key,
            settings,
            content,
            secrets,
            written_at,
        }
    }
}

/// What a load yields. With failures, the entities are those that could be loaded.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// In the order of the content; names are unique.
    pub entities: Vec<Entity>,
    /// The entities that could not be loaded.
    pub failures: Vec<EntityFailure>,
    /// What somebody should look at.
    pub warnings: Vec<Finding>,
}

/// A load that yields nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The document does not say what to load.
    #[error("{0}")]
    Document(String),
    /// The upstream does not answer.
    #[error("the upstream does not answer: {0}")]
    Upstream(String),
    /// A secret cannot be resolved.
    #[error(transparent)]
    Secret(#[from] super::SecretError),
}

/// An asset type: what its content looks like and how it becomes entities.
///
/// `validate_content` and `load` must use one decoder, so that what passes validation loads.
#[async_trait]
pub trait CatalogPlugin: Send + Sync {
    /// The plugin's name, such as `mcp`.
    fn name(&self) -> &PluginName;

    /// The version of the asset type's API, such as `v1alpha1`.
    fn version(&self) -> &str;

    /// One line for people.
    fn description(&self) -> &str;

    /// The key of its section in `sources.yaml`, such as `models`.
    fn config_key(&self) -> &str;

    /// The provider types it can load.
    fn source_types(&self) -> &[&str];

    /// The kinds of entities it yields, such as `McpServer`.
    fn entity_kinds(&self) -> &[&str];

    /// The known top-level keys of content; anything else is an unknown field.
    fn content_keys(&self) -> &[&str];

    /// Whether sources of this provider type keep their entities as content.
    fn has_content(&self, source_type: &str) -> bool {
        source_type == "yaml"
    }

    /// Whether a load of such a source yields the same whenever it is made, because it looks at
    /// nothing but what [`LoadRequest`] says of the document: no secret, no upstream, no clock. Then
    /// a refresh of an unchanged document keeps the entities that are there. The default is the safe
    /// answer.
    fn is_repeatable(&self, settings: &SourceSettings) -> bool {
        let _ = settings;
        false
    }

    /// Checks the settings beyond what holds for every source: the properties of the provider.
    /// `entry` is the settings as a located tree when they were typed as YAML.
    fn validate_settings(&self, settings: &SourceSettings, findings: &mut Findings) {
        let _ = (settings, findings);
    }

    /// Checks everything below the top-level keys of the content.
    fn validate_content(&self, context: ContentContext<'_>, findings: &mut Findings);

    /// Turns a document into entities.
    ///
    /// # Errors
    /// [`LoadError`] when nothing at all can be loaded.
    async fn load(&self, request: LoadRequest<'_>) -> Result<Loaded, LoadError>;
}
