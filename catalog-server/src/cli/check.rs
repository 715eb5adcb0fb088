//! `catalog-server check`: every finding, as `file:line:column`.

use std::path::Path;
use std::process::ExitCode;

use catalog_core::ports::{CatalogPlugin, StoredSource};
use catalog_core::validation::{Finding, Pipeline, Place};
use catalog_core::yaml::Limits;
use catalog_plugins::{McpPlugin, ModelPlugin};

use super::{say, usage};
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
    let pipeline = Pipeline::new(Limits::for_documents(bytes));
    let (mcp, model) = (McpPlugin::new(), ModelPlugin::new());
    let plugins: [&dyn CatalogPlugin; 2] = [&mcp, &model];
    let (mut count, mut errors, mut warnings) = (0, 0, 0);
    for finding in &found.findings {
        let (word, code) = (severity(finding), &finding.code);
        say(&format!("{word}: {finding} [{code}]\n"));
        match finding.is_error() {
            true => errors += 1,
            false => warnings += 1,
        }
    }
    for source in &found.sources {
        let Some(plugin) = plugins.iter().find(|p| *p.name() == source.key.plugin) else {
            continue;
        };
        count += 1;
        for finding in findings(&pipeline, *plugin, source) {
            say(&format!("{}\n", line(source, &finding)));
            match finding.is_error() {
                true => errors += 1,
                false => warnings += 1,
            }
        }
    }
    say(&format!(
        "{count} sources, {errors} errors, {warnings} warnings\n"
    ));
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

fn severity(finding: &Finding) -> &'static str {
    match finding.is_error() {
        true => "error",
        false => "warning",
    }
}

fn line(source: &StoredSource, finding: &Finding) -> String {
    let origin = Path::new(&source.origin);
    let content = source.document.settings.text_property("yamlCatalogPath");
    let file = match (finding.place, content) {
        (Place::Content, Some(path)) => origin.with_file_name(path),
        _ => origin.to_owned(),
    };
    let place = finding
        .position
        .map(|p| format!(":{}:{}", p.line, p.column));
    let place = place.unwrap_or_default();
    let shown = Finding {
        position: None,
        ..finding.clone()
    };
    let (word, key, code) = (severity(finding), &source.key, &finding.code);
    format!("{}{place}: {word}: {key}: {shown} [{code}]", file.display())
}
