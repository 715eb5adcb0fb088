//! The ways on which YAML comes in.

use catalog_core::model::SourceDocument;
use catalog_core::ports::{CatalogPlugin, LoadRequest, NoSecrets};
use catalog_core::redaction::{redact_yaml, restore_yaml};
use catalog_core::sources_config::{CatalogSourcesConfig, SourcesFile, set_source};
use catalog_core::validation::{Finding, Layer, Pipeline, Place};
use catalog_core::yaml::{Limits, Position, YamlError, parse_bytes};
use catalog_core::{SourceId, SourceKey, SourceSettings};
use catalog_plugins::{McpPlugin, ModelPlugin};

/// A way on which YAML comes in.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Route {
    FrontEnd,
    Mcp,
    Model,
    Redactor,
    Sources,
}

impl Route {
    pub const ALL: [Self; 5] = [
        Self::FrontEnd,
        Self::Mcp,
        Self::Model,
        Self::Redactor,
        Self::Sources,
    ];

    /// The row of the fault matrix.
    pub fn row(self) -> &'static str {
        match self {
            Self::FrontEnd => "hostile YAML, front end",
            Self::Mcp => "hostile YAML, validation and load of MCP servers",
            Self::Model => "hostile YAML, validation and load of models",
            Self::Redactor => "hostile YAML, redactor",
            Self::Sources => "hostile YAML, sources.yaml",
        }
    }

    /// The list of entities.
    pub fn list(self) -> &'static str {
        if self == Self::Model {
            "models"
        } else {
            "mcpservers"
        }
    }

    /// What an entity needs beside its name.
    pub fn fields(self) -> &'static str {
        if self == Self::Model {
            ""
        } else {
            "  deploymentMode: local\n  image: registry.example.com/a:1\n"
        }
    }

    fn plugin(self) -> Box<dyn CatalogPlugin> {
        if self == Self::Model {
            Box::new(ModelPlugin::new())
        } else {
            Box::new(McpPlugin::new())
        }
    }
}

/// What was said of a text.
#[derive(Default)]
pub struct Verdict {
    /// The codes of the errors.
    pub codes: Vec<String>,
    /// What must not be.
    pub problems: Vec<String>,
}

impl Verdict {
    fn error(&mut self, end: End, code: &str, position: Option<Position>) {
        if self.codes.len() < 1000 {
            self.codes.push(code.to_owned());
        }
        let fits = position.is_some_and(|p| p.line >= 1 && p.column >= 1 && end.is_not_before(p));
        if !fits {
            self.problems
                .push(format!("{code} has no place in the text: {position:?}"));
        }
    }

    fn findings<'a>(&mut self, text: &[u8], findings: impl Iterator<Item = &'a Finding>) {
        let end = End::of(text);
        for finding in findings.filter(|f| f.is_error()) {
            self.error(end, &finding.code, finding.position);
        }
    }

    fn yaml(&mut self, text: &[u8], error: &YamlError) {
        let end = End::of(text);
        for issue in &error.issues {
            self.error(end, issue.code, Some(issue.position));
        }
    }
}

/// How far places in a text go. It is looked at once for all findings: there may be hundreds.
#[derive(Clone, Copy)]
struct End {
    lines: usize,
    bytes: usize,
}

impl End {
    fn of(text: &[u8]) -> Self {
        let breaks = text.iter().filter(|b| matches!(b, b'\n' | b'\r')).count();
        Self {
            lines: breaks + 1,
            bytes: text.len(),
        }
    }

    fn is_not_before(self, position: Position) -> bool {
        position.line as usize <= self.lines && position.column as usize <= self.bytes + 1
    }
}

/// Sends a text along.
pub fn walk(route: Route, text: &[u8]) -> Verdict {
    let mut verdict = Verdict::default();
    let limits = Limits::default();
    match route {
        Route::FrontEnd => {
            if let Err(error) = parse_bytes(text, &limits) {
                verdict.yaml(text, &error);
            }
        }
        Route::Mcp | Route::Model => {
            let (_, said) = validated(route, text);
            verdict = said;
        }
        Route::Redactor => {
            if let Err(error) = parse_bytes(text, &limits) {
                verdict.yaml(text, &error);
            }
            let text = String::from_utf8_lossy(text);
            let shown = redact_yaml(&text);
            if restore_yaml(&shown, Some(&text)).as_deref() != Ok(&*text) {
                verdict
                    .problems
                    .push("what was shown does not give back the text".to_owned());
            }
        }
        Route::Sources => sources(text, &limits, &mut verdict),
    }
    verdict
}

/// Only what it takes to say no: no second look at the text as a load takes it, nothing shown.
pub fn refuse(route: Route, text: &[u8]) {
    let limits = Limits::default();
    match route {
        Route::FrontEnd | Route::Redactor => drop(parse_bytes(text, &limits)),
        Route::Sources => drop(SourcesFile::parse("sources.yaml", text, &limits)),
        Route::Mcp | Route::Model => {
            let plugin = route.plugin();
            let key = SourceKey::parse(plugin.name().as_str(), "a").unwrap();
            let document = SourceDocument::new(SourceSettings::new("A", "yaml"), Some(text.into()));
            drop(Pipeline::new(limits).run(&key, document, &*plugin, Vec::new()));
        }
    }
}

fn sources(text: &[u8], limits: &Limits, verdict: &mut Verdict) {
    let file = match SourcesFile::parse("sources.yaml", text, limits) {
        Ok(file) => file,
        Err(error) => return verdict.yaml(text, &error),
    };
    verdict.findings(text, file.findings.iter());
    let of_entries = file.entries.iter().flat_map(|e| &e.findings);
    verdict.findings(text, of_entries);
    let files = [file];
    let _ = CatalogSourcesConfig::merge(&files);
    let id = SourceId::new("new").unwrap();
    let settings = SourceSettings::new("New", "yaml");
    let _ = set_source(&files, "mcp", &id, &settings, limits);
}

/// The names of the entities that a text yields, and what was said of it.
pub fn names(route: Route, text: &str) -> (Vec<String>, Verdict) {
    validated(route, text.as_bytes())
}

/// What is found in settings with this text in the place of each name, by place.
pub fn of_settings(text: &str) -> Vec<(&'static str, Vec<String>)> {
    let plain = || SourceSettings::new("A", "yaml");
    let mut all = [
        ("name", plain()),
        ("type", plain()),
        ("labels", plain()),
        ("includedItems", plain()),
        ("excludedItems", plain()),
    ];
    all[0].1.name = text.to_owned();
    all[1].1.source_type = text.to_owned();
    all[2].1.labels = vec![text.to_owned()];
    all[3].1.included_items = vec![text.to_owned()];
    all[4].1.excluded_items = vec![text.to_owned()];
    let plugin = McpPlugin::new();
    let key = SourceKey::parse("mcp", "a").unwrap();
    all.map(|(place, settings)| {
        let document = SourceDocument::new(settings, Some(b"mcpservers: []\n"[..].into()));
        let run = Pipeline::new(Limits::default()).run(&key, document, &plugin, Vec::new());
        let semantic = run.report.findings().filter(|f| {
            f.is_error() && f.layer == Layer::Semantic && f.path.to_string().starts_with(place)
        });
        (place, semantic.map(|f| f.code.to_string()).collect())
    })
    .into()
}

fn validated(route: Route, text: &[u8]) -> (Vec<String>, Verdict) {
    let mut verdict = Verdict::default();
    let plugin = route.plugin();
    let key = SourceKey::parse(plugin.name().as_str(), "a").unwrap();
    let settings = SourceSettings::new("A", "yaml");
    let document = SourceDocument::new(settings.clone(), Some(text.into()));
    let pipeline = Pipeline::new(Limits::default());
    let run = pipeline.run(&key, document, &*plugin, Vec::new());
    let content = run.report.findings().filter(|f| f.place == Place::Content);
    verdict.findings(text, content);
    if run.report.is_valid() != run.validated.is_some()
        || run.report.is_valid() != verdict.codes.is_empty()
    {
        verdict.problems.push("valid and not valid".to_owned());
    }
    // Tolerant at load: it takes what does not validate, as far as it is YAML.
    let Ok(content) = parse_bytes(text, &Limits::default()) else {
        return (Vec::new(), verdict);
    };
    let at = "2025-01-01T00:00:00Z".parse().unwrap();
    let request = LoadRequest::new(&key, &settings, Some(&content), &NoSecrets, at);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let loaded = runtime.block_on(plugin.load(request));
    if run.validated.is_some() && !loaded.as_ref().is_ok_and(|l| l.failures.is_empty()) {
        verdict
            .problems
            .push("what is valid does not load".to_owned());
    }
    let entities = loaded.map(|loaded| loaded.entities).unwrap_or_default();
    (
        entities.iter().map(|e| e.name.to_string()).collect(),
        verdict,
    )
}
