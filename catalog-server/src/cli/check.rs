//! `catalog-server check`: every finding, as `file:line:column`.

use std::process::ExitCode;

use catalog_core::ports::{CatalogPlugin, StoredSource};
use catalog_core::validation::{Finding, Pipeline, Place};
use catalog_core::yaml::Limits;
use catalog_plugins::{McpPlugin, ModelPlugin};

use super::usage;
use crate::settings::{CheckArgs, sources_or_default};
use crate::wiring::file_options;

/// Checks the files; 0 when there is no error.
pub(super) async fn run(args: &CheckArgs) -> ExitCode {
    let sources = sources_or_default(&args.sources, &args.data_dir);
    let options = file_options(sources, &args.content_roots, args.max_document_bytes);
    let found = match options.read().await {
        Ok(found) => found,
        Err(error) => return usage(&format!("--sources: {error}")),
    };
    let bytes = usize::try_from(args.max_document_bytes).unwrap_or(usize::MAX);
    let pipeline = Pipeline::new(Limits::default().with_max_bytes(bytes));
    let (mcp, model) = (McpPlugin::new(), ModelPlugin::new());
    let plugins: [&dyn CatalogPlugin; 2] = [&mcp, &model];
    let (mut count, mut errors, mut warnings) = (0, 0, 0);
    for finding in &found.findings {
        println!("error: {finding} [{}]", finding.code);
        errors += usize::from(finding.is_error());
    }
    for source in &found.sources {
        let Some(plugin) = plugins.iter().find(|p| *p.name() == source.key.plugin) else {
            continue;
        };
        count += 1;
        for finding in findings(&pipeline, *plugin, source) {
            println!("{}", line(source, &finding));
            match finding.is_error() {
                true => errors += 1,
                false => warnings += 1,
            }
        }
    }
    println!("{count} sources, {errors} errors, {warnings} warnings");
    if errors == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn findings(
    pipeline: &Pipeline,
    plugin: &dyn CatalogPlugin,
    source: &StoredSource,
) -> Vec<Finding> {
    let mut findings = source.problems.clone();
    let broken = findings.iter().any(|f| f.is_error());
    if !broken {
        let run = pipeline.run(&source.key, source.document.clone(), plugin, Vec::new());
        findings.extend(run.report.findings().cloned());
    }
    findings
}

fn line(source: &StoredSource, finding: &Finding) -> String {
    let file = match (
        finding.place,
        source.document.settings.text_property("yamlCatalogPath"),
    ) {
        (Place::Content, Some(path)) => path,
        _ => &source.origin,
    };
    let word = if finding.is_error() {
        "error"
    } else {
        "warning"
    };
    let place = finding
        .position
        .map(|p| format!("{}:{}", p.line, p.column))
        .unwrap_or_else(|| "1:1".to_owned());
    let finding = Finding {
        position: None,
        ..finding.clone()
    };
    format!(
        "{file}:{place}: {word}: {}: {finding} [{}]",
        source.key, finding.code
    )
}
