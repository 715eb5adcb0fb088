//! The plugin.

use async_trait::async_trait;
use catalog_core::model::{PluginName, SourceSettings};
use catalog_core::ports::{CatalogPlugin, ContentContext, LoadError, LoadRequest, Loaded};
use catalog_core::validation::Findings;

use super::flat::{FLAT, FLAT_ALIAS};
use super::public::PUBLIC;
use super::render::render;
use crate::common::{self, EntryFormat, Property, SettingsRules};

const TYPES: &[&str] = &["yaml"];
const CONTENT_KEYS: &[&str] = &["mcpservers", "servers", "mcp_servers", "source"];
static FORMATS: [EntryFormat; 3] = [FLAT, FLAT_ALIAS, PUBLIC];

const NO_EFFECT: &str = "has no effect: the entities of a source come from its content";
const SETTINGS: SettingsRules = SettingsRules {
    types: TYPES,
    known_elsewhere: &[],
    yaml: &[
        Property::text("yamlCatalogPath"),
        Property::unused("yamlArtifactsPath", NO_EFFECT),
        Property::unused("loaderConfigPath", NO_EFFECT),
    ],
};

/// The asset type `mcp`: MCP servers from YAML.
#[derive(Debug, Clone)]
pub struct McpPlugin {
    name: PluginName,
}

impl McpPlugin {
    /// The plugin; it has nothing to set.
    pub fn new() -> Self {
        let name = PluginName::new("mcp").expect("the name is a constant that fits the pattern");
        Self { name }
    }
}

impl Default for McpPlugin {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl CatalogPlugin for McpPlugin {
    fn name(&self) -> &PluginName {
        &self.name
    }

    fn version(&self) -> &str {
        "v1alpha1"
    }

    fn description(&self) -> &str {
        "McpServer catalog"
    }

    fn config_key(&self) -> &str {
        "mcp"
    }

    fn source_types(&self) -> &[&str] {
        TYPES
    }

    fn entity_kinds(&self) -> &[&str] {
        &["McpServer"]
    }

    fn content_keys(&self) -> &[&str] {
        CONTENT_KEYS
    }

    fn is_repeatable(&self, settings: &SourceSettings) -> bool {
        self.has_content(&settings.source_type)
    }

    fn validate_settings(&self, settings: &SourceSettings, findings: &mut Findings) {
        SETTINGS.check(settings, findings);
    }

    fn validate_content(&self, context: ContentContext<'_>, findings: &mut Findings) {
        common::validate(&FORMATS, CONTENT_KEYS, context.content, findings);
    }

    async fn load(&self, request: LoadRequest<'_>) -> Result<Loaded, LoadError> {
        common::load(&FORMATS, CONTENT_KEYS, request.settings, &request, render)
    }
}
