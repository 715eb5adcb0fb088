//! The plugin.

use std::borrow::Cow;

use async_trait::async_trait;
use catalog_core::model::{PluginName, SourceSettings};
use catalog_core::ports::{CatalogPlugin, ContentContext, LoadError, LoadRequest, Loaded};
use catalog_core::validation::Findings;
use serde_json::Value as Json;

use super::render::render;
use super::shapes::MODELS;
use crate::common::{self, EntryFormat, Property, SettingsRules};

const TYPES: &[&str] = &["yaml"];
const CONTENT_KEYS: &[&str] = &["models", "source"];
static FORMATS: [EntryFormat; 1] = [MODELS];

/// The name under which older catalogs list what to leave out.
const EXCLUDED_MODELS: &str = "excludedModels";

const SETTINGS: SettingsRules = SettingsRules {
    types: TYPES,
    known_elsewhere: &[(
        "hf",
        "sources of type hf (Hugging Face) are not supported yet; must be one of yaml",
    )],
    yaml: &[
        Property::text("yamlCatalogPath"),
        Property::texts(EXCLUDED_MODELS),
    ],
};

/// The asset type `model`: machine-learning models from YAML.
#[derive(Debug, Clone)]
pub struct ModelPlugin {
    name: PluginName,
}

impl ModelPlugin {
    /// The plugin; it has nothing to set.
    pub fn new() -> Self {
        let name = PluginName::new("model").expect("the name is a constant that fits the pattern");
        Self { name }
    }
}

impl Default for ModelPlugin {
    fn default() -> Self {
        Self::new()
    }
}

/// The settings with the older list of exclusions where the newer one is.
fn with_legacy_exclusions(settings: &SourceSettings) -> Cow<'_, SourceSettings> {
    let Some(Json::Array(items)) = settings.properties.get(EXCLUDED_MODELS) else {
        return Cow::Borrowed(settings);
    };
    let mut settings = settings.clone();
    let names = items.iter().filter_map(Json::as_str).map(str::to_owned);
    settings.excluded_items.extend(names);
    Cow::Owned(settings)
}

#[async_trait]
impl CatalogPlugin for ModelPlugin {
    fn name(&self) -> &PluginName {
        &self.name
    }

    fn version(&self) -> &str {
        "v1alpha1"
    }

    fn description(&self) -> &str {
        "Model catalog for ML models"
    }

    fn config_key(&self) -> &str {
        "models"
    }

    fn source_types(&self) -> &[&str] {
        TYPES
    }

    fn entity_kinds(&self) -> &[&str] {
        &["CatalogModel"]
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
        let settings = with_legacy_exclusions(request.settings);
        common::load(&FORMATS, CONTENT_KEYS, &settings, &request, render)
    }
}
