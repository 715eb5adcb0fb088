//! Helpers for the tests of the plugins.

use catalog_core::ports::{
    CatalogPlugin, ContentContext, LoadError, LoadRequest, Loaded, NoSecrets,
};
use catalog_core::validation::{Finding, Findings, Layer, Place};
use catalog_core::yaml::{self, Document, Limits};
use catalog_core::{SourceKey, SourceSettings};
use chrono::{DateTime, Utc};
use serde_json::Value as Json;

/// When the documents of the tests were written, in milliseconds.
pub(crate) const WRITTEN_AT: &str = "1735689600000";

pub(crate) struct Bench<P> {
    pub(crate) plugin: P,
    pub(crate) settings: SourceSettings,
}

impl<P: CatalogPlugin> Bench<P> {
    pub(crate) fn new(plugin: P) -> Self {
        let settings = SourceSettings::new("A source", "yaml");
        Self { plugin, settings }
    }

    fn key(&self) -> SourceKey {
        SourceKey::parse(self.plugin.name().as_str(), "bench").unwrap()
    }

    fn document(text: &str) -> Document {
        yaml::parse(text, &Limits::default()).unwrap()
    }

    pub(crate) fn findings(&self, text: &str) -> Vec<Finding> {
        let mut findings = Findings::new(Layer::Provider, Place::Content);
        let (key, content) = (self.key(), Self::document(text));
        let context = ContentContext::new(&key, &self.settings, &content);
        self.plugin.validate_content(context, &mut findings);
        findings.into_vec()
    }

    /// The findings as `code line:column: path: message (suggestion)`, warnings marked.
    pub(crate) fn found(&self, text: &str) -> Vec<String> {
        self.findings(text).iter().map(line).collect()
    }

    pub(crate) fn found_in_settings(&self) -> Vec<String> {
        let mut findings = Findings::new(Layer::Provider, Place::Settings);
        self.plugin.validate_settings(&self.settings, &mut findings);
        findings.into_vec().iter().map(line).collect()
    }

    pub(crate) fn load(&self, text: &str) -> Result<Loaded, LoadError> {
        let (key, content) = (self.key(), Self::document(text));
        let at: DateTime<Utc> = "2025-01-01T00:00:00Z".parse().unwrap();
        let request = LoadRequest::new(&key, &self.settings, Some(&content), &NoSecrets, at);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(self.plugin.load(request))
    }

    pub(crate) fn names(&self, text: &str) -> Vec<String> {
        let loaded = self.load(text).unwrap();
        loaded.entities.iter().map(|e| e.name.to_string()).collect()
    }

    /// The JSON of the only entity.
    pub(crate) fn json(&self, text: &str) -> Json {
        let loaded = self.load(text).unwrap();
        assert_eq!(loaded.entities.len(), 1, "{:?}", loaded.failures);
        serde_json::from_str(&loaded.entities[0].json).unwrap()
    }
}

pub(crate) fn line(finding: &Finding) -> String {
    let warning = if finding.is_error() { "" } else { "warning " };
    format!("{warning}{} {finding}", finding.code)
}
