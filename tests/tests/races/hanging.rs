//! A plugin whose sources hang on demand.

use std::sync::Arc;

use async_trait::async_trait;
use catalog_core::model::PluginName;
use catalog_core::ports::{CatalogPlugin, ContentContext, LoadError, LoadRequest, Loaded};
use catalog_core::testing::PlainPlugin;
use catalog_core::validation::Findings;

/// Loads of documents that say so wait until somebody opens the gate.
pub struct Hanging {
    pub plain: PlainPlugin,
    pub gate: Arc<tokio::sync::Semaphore>,
}

#[async_trait]
impl CatalogPlugin for Hanging {
    fn name(&self) -> &PluginName {
        self.plain.name()
    }
    fn version(&self) -> &str {
        self.plain.version()
    }
    fn description(&self) -> &str {
        self.plain.description()
    }
    fn config_key(&self) -> &str {
        self.plain.config_key()
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
        self.plain.validate_content(context, findings);
    }
    async fn load(&self, request: LoadRequest<'_>) -> Result<Loaded, LoadError> {
        let hangs = |text: &str| text.contains("# hang");
        if request.content.is_some_and(|content| hangs(&content.text)) {
            let _ = self.gate.acquire().await;
        }
        self.plain.load(request).await
    }
}
