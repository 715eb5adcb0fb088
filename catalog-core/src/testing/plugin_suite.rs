//! What every plugin must satisfy.

use std::collections::HashSet;

use super::fixtures::{content, meta};
use crate::model::{PluginName, RevisionKind, SourceDocument, SourceKey, SourceSettings};
use crate::ports::{CatalogPlugin, LoadRequest, Loaded, NoSecrets};
use crate::validation::{Layer, Pipeline, Run};
use crate::yaml;

/// Content that a plugin is tested with.
#[derive(Debug, Clone)]
pub struct PluginSample {
    /// Valid content with at least two entities.
    pub valid: String,
    /// The names of its entities, in order.
    pub names: Vec<String>,
    /// Content that parses, with an entity that must be refused.
    pub invalid: String,
}

struct Case<'a> {
    plugin: &'a dyn CatalogPlugin,
    key: SourceKey,
}

impl Case<'_> {
    fn settings(&self) -> SourceSettings {
        let source_type = self
            .plugin
            .source_types()
            .first()
            .copied()
            .unwrap_or("yaml");
        SourceSettings::new("A source", source_type)
    }

    fn run(&self, settings: SourceSettings, text: &str) -> Run {
        let document = SourceDocument::new(settings, content(text));
        Pipeline::default().run(&self.key, document, self.plugin, Vec::new())
    }

    async fn load(&self, settings: &SourceSettings, text: &str) -> Loaded {
        let document = yaml::parse(text, &yaml::Limits::default()).expect("the sample is YAML");
        let at = meta(RevisionKind::Apply).at;
        let request = LoadRequest::new(&self.key, settings, Some(&document), &NoSecrets, at);
        self.plugin.load(request).await.expect("the load answers")
    }
}

fn names(loaded: &Loaded) -> Vec<&str> {
    loaded.entities.iter().map(|e| &*e.name).collect()
}

/// Runs every case against the plugin.
///
/// # Panics
/// When a case fails.
pub async fn plugin_suite(plugin: &dyn CatalogPlugin, sample: &PluginSample) {
    let id = crate::model::SourceId::new("suite").expect("an id");
    let case = Case {
        plugin,
        key: SourceKey::new(plugin.name().clone(), id),
    };
    it_describes_itself(&case);
    what_passes_validation_loads(&case, sample).await;
    what_fails_validation_names_its_place(&case, sample).await;
    unknown_top_level_keys_are_refused(&case, sample);
    filters_select_by_name(&case, sample).await;
    loading_is_deterministic(&case, sample).await;
    eprintln!("plugin suite, {}: 6 cases passed", plugin.name());
}

fn it_describes_itself(case: &Case<'_>) {
    let plugin = case.plugin;
    assert!(PluginName::new(plugin.name().as_str()).is_ok());
    for text in [plugin.version(), plugin.description(), plugin.config_key()] {
        assert!(!text.is_empty());
    }
    assert!(!plugin.source_types().is_empty());
    assert!(!plugin.entity_kinds().is_empty());
}

async fn what_passes_validation_loads(case: &Case<'_>, sample: &PluginSample) {
    let run = case.run(case.settings(), &sample.valid);
    let errors: Vec<_> = run.report.errors().map(ToString::to_string).collect();
    assert!(run.validated.is_some(), "{errors:?}");
    let loaded = case.load(&case.settings(), &sample.valid).await;
    assert_eq!(loaded.failures, []);
    assert_eq!(names(&loaded), sample.names);
    let ids: HashSet<_> = loaded.entities.iter().map(|e| e.id).collect();
    assert_eq!(ids.len(), loaded.entities.len(), "ids are unique");
    for entity in &loaded.entities {
        assert!(entity.id >= 0);
        let json: serde_json::Value = serde_json::from_str(&entity.json).expect("the JSON is JSON");
        assert_eq!(json["name"], &*entity.name);
    }
}

async fn what_fails_validation_names_its_place(case: &Case<'_>, sample: &PluginSample) {
    let run = case.run(case.settings(), &sample.invalid);
    assert!(run.validated.is_none(), "the invalid sample is refused");
    assert!(
        run.report.layers[0].is_valid(),
        "the invalid sample is YAML"
    );
    for finding in run.report.errors() {
        assert!(finding.position.is_some(), "{finding} has a place");
        assert!(!finding.code.is_empty());
    }
    // What loads of it is whole: the bad entities are named, one by one.
    let loaded = case.load(&case.settings(), &sample.invalid).await;
    assert!(
        !loaded.failures.is_empty(),
        "the entity that failed is named"
    );
}

fn unknown_top_level_keys_are_refused(case: &Case<'_>, sample: &PluginSample) {
    let run = case.run(
        case.settings(),
        &format!("{}\nzzzUnknown: 1\n", sample.valid.trim_end()),
    );
    let finding = run.report.errors().find(|f| f.code == "unknown-field");
    let finding = finding.expect("the unknown key is found");
    assert_eq!(
        (&finding.layer, finding.path.to_string().as_str()),
        (&Layer::StrictFields, "zzzUnknown")
    );
}

async fn filters_select_by_name(case: &Case<'_>, sample: &PluginSample) {
    let mut settings = case.settings();
    settings.included_items = vec![sample.names[0].to_uppercase()];
    assert_eq!(
        names(&case.load(&settings, &sample.valid).await),
        [&*sample.names[0]]
    );
    let mut settings = case.settings();
    settings.excluded_items = vec![sample.names[0].clone()];
    assert_eq!(
        names(&case.load(&settings, &sample.valid).await),
        sample.names[1..]
    );
}

async fn loading_is_deterministic(case: &Case<'_>, sample: &PluginSample) {
    let first = case.load(&case.settings(), &sample.valid).await;
    let second = case.load(&case.settings(), &sample.valid).await;
    assert_eq!(first.entities, second.entities);
}
