//! The standard layers.

use std::collections::HashSet;

use super::{Finding, Findings, Layer, LayerContext, Path, Place, did_you_mean, has_invisible};
use crate::model::{SourceDocument, SourceSettings};
use crate::redaction;
use crate::yaml::{self, Limits, YamlError};

/// Characters of a display name.
const MAX_NAME_CHARS: usize = 256;
/// Labels, or patterns of one kind, of a source.
const MAX_ITEMS: usize = 1000;
/// Characters of a label or pattern.
const MAX_LABEL_CHARS: usize = 256;

/// `yaml_parse`: the content is one YAML document within limits.
pub(super) fn parse(
    document: &SourceDocument,
    limits: &Limits,
) -> (Option<yaml::Document>, Vec<Finding>) {
    let Some(bytes) = &document.content else {
        return (None, Vec::new());
    };
    match yaml::parse_bytes(bytes, limits) {
        Ok(content) => (Some(content), Vec::new()),
        Err(error) => (None, yaml_findings(&error)),
    }
}

/// The findings that a YAML error stands for.
fn yaml_findings(error: &YamlError) -> Vec<Finding> {
    let finding = |issue: &yaml::YamlIssue| Finding {
        suggestion: issue.suggestion.clone(),
        ..Finding::error(Layer::YamlParse, issue.code, issue.message.clone())
            .in_content()
            .on(issue.position)
    };
    error.issues.iter().map(finding).collect()
}

/// `strict_fields`: the content's top-level keys are known.
pub(super) fn strict_fields(context: LayerContext<'_>) -> Vec<Finding> {
    let mut findings = Findings::new(Layer::StrictFields, Place::Content);
    let Some(content) = context.content else {
        return Vec::new();
    };
    let root = &content.root;
    let known = context.plugin.content_keys();
    if !matches!(root.value, yaml::Value::Map(..)) {
        let list = known.first().copied().unwrap_or("items");
        let message = match root.is_null() {
            true => "the content is empty".to_owned(),
            false => format!("the content must be a mapping, found {}", root.kind()),
        };
        findings
            .error(&Path::root(), root.place(), "wrong-type", message)
            .suggestion = Some(format!("write `{list}: []` for a source without entities"));
    }
    for entry in root.entries() {
        if known.contains(&&*entry.key) || findings.is_full() {
            continue;
        }
        let path = Path::root().key(entry.key.clone());
        let message = format!("unknown field {:?}", redaction::redact_key(&entry.key));
        findings
            .error(&path, entry.key_span.position, "unknown-field", message)
            .suggestion = did_you_mean(&entry.key, known.iter().copied());
    }
    findings.into_vec()
}

/// `semantic`: what holds for the settings of every source.
pub(super) fn semantic(context: LayerContext<'_>) -> Vec<Finding> {
    let mut findings = Findings::new(Layer::Semantic, Place::Settings);
    let settings = &context.document.settings;
    let root = Path::root();
    text(
        &mut findings,
        &root.key("name"),
        &settings.name,
        MAX_NAME_CHARS,
    );
    text(&mut findings, &root.key("type"), &settings.source_type, 64);
    for (name, list) in [
        ("labels", &settings.labels),
        ("includedItems", &settings.included_items),
        ("excludedItems", &settings.excluded_items),
    ] {
        if list.len() > MAX_ITEMS {
            let message = format!("at most {MAX_ITEMS} items");
            findings.error(&root.key(name), None, "too-many-items", message);
        }
        for (i, item) in list.iter().enumerate().take(MAX_ITEMS) {
            text(
                &mut findings,
                &root.key(name).index(i),
                item,
                MAX_LABEL_CHARS,
            );
        }
    }
    both_ways(settings, &mut findings);
    if context.document.content.is_none() && context.plugin.has_content(&settings.source_type) {
        let message = format!(
            "a source of type {:?} needs content",
            redaction::redact_key(&settings.source_type)
        );
        findings
            .error(&root, None, "content-required", message)
            .suggestion = Some("send it as rawYaml".to_owned());
    }
    findings.into_vec()
}

/// A text that must say something, within a length and without characters that nobody sees.
fn text(findings: &mut Findings, path: &Path, value: &str, max_chars: usize) {
    if value.trim().is_empty() {
        findings.error(path, None, "required", "must not be blank");
    } else if value.chars().count() > max_chars {
        findings.error(
            path,
            None,
            "too-long",
            format!("at most {max_chars} characters"),
        );
    } else if value.chars().any(char::is_control) {
        findings.error(
            path,
            None,
            "control-character",
            "must not hold control characters",
        );
    } else if has_invisible(value) {
        // As for the names of entities: they look like others and are none.
        findings.error(
            path,
            None,
            "bad-format",
            "must be without control and invisible characters",
        );
    }
}

fn both_ways(settings: &SourceSettings, findings: &mut Findings) {
    let included: HashSet<&String> = settings.included_items.iter().collect();
    for (i, pattern) in settings.excluded_items.iter().enumerate() {
        if included.contains(pattern) {
            let path = Path::root().key("excludedItems").index(i);
            let message = "this pattern is in includedItems too; exclusion wins";
            findings.warning(&path, None, "included-and-excluded", message);
        }
    }
}

/// `security_warnings`: credentials in plain sight.
pub(super) fn security_warnings(context: LayerContext<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    let mut add = |place, base: &str, hits: Vec<redaction::Hit>| {
        let mut findings = Findings::new(Layer::SecurityWarnings, place);
        for hit in hits {
            let path = hit.path.below(base);
            let message = format!("{}: a secret in plain text", hit.kind);
            let suggestion = match place {
                Place::Settings => "keep it in a secret and write {name: …, key: …} here",
                // Entries are for readers, who never get to see it.
                Place::Content => "take it out; readers are not shown it anyway",
            };
            findings
                .warning(&path, hit.position, "inline-secret", message)
                .suggestion = Some(suggestion.to_owned());
        }
        out.extend(findings.into_vec());
    };
    let properties = serde_json::Value::Object(context.document.settings.properties.clone());
    add(
        Place::Settings,
        "properties",
        redaction::scan_value(&properties),
    );
    if let Some(content) = context.content {
        add(Place::Content, "", redaction::scan_yaml(content));
    }
    out
}

/// `provider`: the plugin's own checks.
pub(super) fn provider(context: LayerContext<'_>) -> Vec<Finding> {
    let settings = &context.document.settings;
    let mut findings = Findings::new(Layer::Provider, Place::Settings);
    context.plugin.validate_settings(settings, &mut findings);
    let mut out = findings.into_vec();
    if let Some(content) = context.content {
        let mut findings = Findings::new(Layer::Provider, Place::Content);
        let content = crate::ports::ContentContext::new(context.key, settings, content);
        context.plugin.validate_content(content, &mut findings);
        out.extend(findings.into_vec());
    }
    out
}
