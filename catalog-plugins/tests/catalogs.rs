//! Real catalogs, and the sample of the server: what loads elsewhere loads here.
#![cfg(all(feature = "mcp", feature = "model"))]
// Helpers of tests may panic, too.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use catalog_core::model::{PluginName, SourceDocument, SourceId};
use catalog_core::ports::{CatalogPlugin, LoadRequest, Loaded, NoSecrets};
use catalog_core::redaction::MARKER;
use catalog_core::validation::{Finding, Pipeline};
use catalog_core::yaml::{self, Limits};
use catalog_core::{SourceKey, SourceSettings};
use catalog_plugins::{McpPlugin, ModelPlugin};
use chrono::{DateTime, Utc};

fn beside_the_crate(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// The folder of real data; `None`, with a word about it, where it is not there.
fn real_data() -> Option<PathBuf> {
    let folder = beside_the_crate("../../shared/data");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("NOT RUN: the folder of real catalogs is not there");
    None
}

/// Real catalogs are larger than what an operator types.
fn limits() -> Limits {
    Limits::default().with_max_bytes(4 << 20)
}

struct Result {
    errors: Vec<String>,
    warnings: Vec<String>,
    loaded: Loaded,
}

fn run(plugin: &dyn CatalogPlugin, settings: &SourceSettings, file: &Path) -> Result {
    let bytes = std::fs::read(file).unwrap();
    let key = SourceKey::new(plugin.name().clone(), SourceId::new("sweep").unwrap());
    let document = SourceDocument::new(settings.clone(), Some(Arc::from(&bytes[..])));
    let report = Pipeline::new(limits())
        .run(&key, document, plugin, Vec::new())
        .report;
    let lines = |findings: &mut dyn Iterator<Item = &Finding>| {
        findings
            .map(|f| format!("{}: {f}", f.layer.as_str()))
            .collect()
    };

    let content = yaml::parse_bytes(&bytes, &limits()).unwrap();
    let at: DateTime<Utc> = "2025-01-01T00:00:00Z".parse().unwrap();
    let request = LoadRequest::new(&key, settings, Some(&content), &NoSecrets, at);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    Result {
        errors: lines(&mut report.errors()),
        warnings: lines(&mut report.warnings()),
        loaded: runtime.block_on(plugin.load(request)).unwrap(),
    }
}

/// Checks that every catalog is valid and yields this many entities.
fn sweep(plugin: &dyn CatalogPlugin, catalogs: &[(&str, usize)]) {
    let Some(folder) = real_data() else { return };
    let settings = SourceSettings::new("Sweep", "yaml");
    for (name, count) in catalogs {
        let result = run(plugin, &settings, &folder.join(name));
        assert_eq!(result.errors, Vec::<String>::new(), "{name}");
        assert_eq!(result.loaded.failures, [], "{name}");
        assert_eq!(result.loaded.entities.len(), *count, "{name}");
        for entity in &result.loaded.entities {
            let parts = entity.parts.values();
            let whole = parts
                .chain([&entity.json])
                .all(|json| !json.contains(MARKER));
            assert!(whole, "{name}: {} has no secret to hide", entity.name);
        }
        let provider: Vec<_> = result
            .warnings
            .iter()
            .filter(|w| w.starts_with("provider"))
            .collect();
        eprintln!("{name}: {count} entities, {} warnings", provider.len());
        for warning in provider.iter().take(3) {
            eprintln!("  {warning}");
        }
    }
}

#[test]
fn every_real_mcp_catalog_is_valid_and_loads_whole() {
    sweep(
        &McpPlugin::new(),
        &[
            ("kf-reg/mcp/mcp-servers.yaml", 6),
            ("kf-reg/mcp/testdata/mcp-servers.yaml", 7),
            ("kubeflow/demo/dev-community-mcp-servers.yaml", 4),
            ("kubeflow/demo/dev-organization-mcp-servers.yaml", 5),
            ("kubeflow/rh-mcp/mcp-servers.yaml", 5),
            ("odh-catalogs/community-mcp-servers-catalog.yaml", 2),
            ("odh-catalogs/partner-mcp-servers-catalog.yaml", 5),
            ("odh-catalogs/redhat-mcp-servers-catalog.yaml", 3),
        ],
    );
}

#[test]
fn every_real_model_catalog_is_valid_and_loads_whole() {
    sweep(
        &ModelPlugin::new(),
        &[
            ("kf-reg/legacy-kustomize/base-sample-catalog.yaml", 1),
            (
                "kf-reg/legacy-kustomize/overlays-e2e-disabled-catalog.yaml",
                2,
            ),
            ("kf-reg/legacy-kustomize/overlays-e2e-test-catalog.yaml", 9),
            ("kf-reg/model/dev-community-models.yaml", 4),
            ("kf-reg/model/dev-organization-models.yaml", 6),
            ("kf-reg/model/dev-validated-models.yaml", 4),
            ("kf-reg/model/testdata/empty-catalog.yaml", 0),
            ("kf-reg/model/testdata/test-list-models-catalog.yaml", 6),
            ("kubeflow/base/sample-catalog.yaml", 1),
            ("kubeflow/demo/dev-community-models.yaml", 5),
            ("kubeflow/demo/dev-organization-models.yaml", 6),
            ("kubeflow/demo/dev-validated-models.yaml", 5),
            ("odh-catalogs/input/supplemental-catalog.yaml", 7),
            ("odh-catalogs/models-catalog.yaml", 20),
            ("odh-catalogs/other-models-catalog.yaml", 23),
            ("odh-catalogs/validated-models-catalog.yaml", 67),
        ],
    );
}

#[test]
fn the_one_invalid_real_catalog_loses_just_its_bad_model() {
    let Some(folder) = real_data() else { return };
    let file = folder.join("kf-reg/model/testdata/test-yaml-catalog.yaml");
    let result = run(
        &ModelPlugin::new(),
        &SourceSettings::new("Sweep", "yaml"),
        &file,
    );
    let artifact = "models[0].artifacts[1]";
    assert_eq!(
        result.errors,
        [format!(
            "provider: 332:9: {artifact}.metricsType: is required"
        )]
    );
    let untyped = |line: u32, name: &str, kind: &str| {
        format!(
            "provider: {line}:13: {artifact}.customProperties.{name}.metadataType: is missing; \
             taken as {kind} from the other fields"
        )
    };
    let warnings: Vec<_> = result
        .warnings
        .into_iter()
        .filter(|w| w.starts_with("provider"))
        .collect();
    assert_eq!(
        warnings,
        [
            untyped(337, "x", "MetadataIntValue"),
            untyped(339, "y", "MetadataDoubleValue")
        ]
    );
    assert_eq!(
        (result.loaded.entities.len(), result.loaded.failures.len()),
        (2, 1)
    );
}

#[test]
fn the_sample_is_valid_without_a_warning() {
    let folder = beside_the_crate("../catalog-server/src/sample");
    let bytes = std::fs::read(folder.join("sources.yaml")).unwrap();
    let sources = yaml::parse_bytes(&bytes, &Limits::default()).unwrap();
    let catalogs = sources.root.get("catalogs").unwrap();
    let mcp = McpPlugin::new();
    let model = ModelPlugin::new();
    let plugins: [&dyn CatalogPlugin; 2] = [&mcp, &model];

    let mut seen = Vec::new();
    for plugin in plugins {
        assert!(PluginName::new(plugin.config_key()).is_ok());
        let section = catalogs.get(plugin.config_key()).unwrap();
        for entry in section.get("sources").unwrap().items() {
            let mut json = entry.to_json();
            for list in ["includedItems", "excludedItems"] {
                let fields = json.as_object_mut().unwrap();
                fields.entry(list).or_insert_with(|| serde_json::json!([]));
            }
            let settings: SourceSettings = serde_json::from_value(json.clone()).unwrap();
            let file = folder.join(settings.text_property("yamlCatalogPath").unwrap());
            let result = run(plugin, &settings, &file);
            assert_eq!((result.errors, result.warnings), (Vec::new(), Vec::new()));
            assert_eq!(result.loaded.failures, []);
            let id = json["id"].as_str().unwrap().to_owned();
            seen.push((id, settings.enabled, result.loaded.entities.len()));
        }
    }
    let expected = [
        ("mcp-default", true, 5),
        ("mcp-community", true, 3),
        ("models-default", true, 5),
        ("models-experimental", false, 3),
    ];
    assert_eq!(
        seen,
        expected.map(|(id, enabled, n)| (id.to_owned(), enabled, n))
    );
}
