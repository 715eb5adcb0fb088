//! An asset type of one's own: prompts. Passes the suite that every plugin must pass.

use std::error::Error;

use async_trait::async_trait;
use catalog_core::digest::Digest;
use catalog_core::model::{Entity, EntityFailure, FieldValue, Fields, ItemFilter, PluginName};
use catalog_core::ports::{CatalogPlugin, ContentContext, LoadError, LoadRequest, Loaded};
use catalog_core::redaction;
use catalog_core::testing::{PluginSample, plugin_suite};
use catalog_core::validation::{Findings, Layer, Path, Place};
use catalog_core::yaml::{Document, Node};

/// `prompts: [{name, text}]`
struct PromptPlugin {
    name: PluginName,
}

/// The one decoder: what validation accepts is what loads.
fn prompt<'a>(node: &'a Node, path: &Path, findings: &mut Findings) -> Option<(&'a str, &'a str)> {
    for entry in node
        .entries()
        .iter()
        .filter(|e| !matches!(&*e.key, "name" | "text"))
    {
        let path = path.key(entry.key.clone());
        findings.error(
            &path,
            entry.key_span.position,
            "unknown-field",
            "prompts have name and text",
        );
    }
    let mut text = |field: &str| match node.get(field).and_then(Node::as_text) {
        Some(text) if !text.trim().is_empty() => Some(text),
        _ => {
            findings.error(
                &path.key(field),
                node.place(),
                "required",
                format!("{field} is required"),
            );
            None
        }
    };
    let (name, body) = (text("name"), text("text"));
    Some((name?, body?))
}

fn prompts(content: &Document) -> &[Node] {
    content
        .root
        .get("prompts")
        .map(Node::items)
        .unwrap_or_default()
}

#[async_trait]
impl CatalogPlugin for PromptPlugin {
    fn name(&self) -> &PluginName {
        &self.name
    }

    fn version(&self) -> &str {
        "v1alpha1"
    }

    fn description(&self) -> &str {
        "Prompt templates"
    }

    fn config_key(&self) -> &str {
        "prompts"
    }

    fn source_types(&self) -> &[&str] {
        &["yaml"]
    }

    fn entity_kinds(&self) -> &[&str] {
        &["Prompt"]
    }

    fn content_keys(&self) -> &[&str] {
        &["prompts"]
    }

    fn validate_content(&self, context: ContentContext<'_>, findings: &mut Findings) {
        for (i, node) in prompts(context.content).iter().enumerate() {
            prompt(node, &Path::root().key("prompts").index(i), findings);
        }
    }

    async fn load(&self, request: LoadRequest<'_>) -> Result<Loaded, LoadError> {
        let filter =
            ItemFilter::of(request.settings).map_err(|e| LoadError::Document(e.to_string()))?;
        let content = request
            .content
            .ok_or_else(|| LoadError::Document("no content".into()))?;
        let mut loaded = Loaded::default();
        for node in prompts(content) {
            let mut findings = Findings::new(Layer::Provider, Place::Content);
            match prompt(node, &Path::root(), &mut findings) {
                Some((name, text)) if !findings.has_errors() => {
                    if filter.takes(name) {
                        loaded.entities.push(entity(&request, name, text));
                    }
                }
                _ => loaded.failures.push(EntityFailure {
                    entity: node.get("name").and_then(Node::as_text).map(str::to_owned),
                    message: findings
                        .as_slice()
                        .first()
                        .map(ToString::to_string)
                        .unwrap_or_default(),
                    line: Some(node.place().line),
                }),
            }
        }
        Ok(loaded)
    }
}

fn entity(request: &LoadRequest<'_>, name: &str, text: &str) -> Entity {
    // What is shown to readers goes through redaction once, here.
    let json = redaction::redact_value(&serde_json::json!({"name": name, "text": text}));
    Entity {
        name: name.into(),
        id: Digest::of_parts(&[request.key.to_string().as_bytes(), name.as_bytes()]).to_id(),
        json: json.to_string().into(),
        fields: Fields::from([("name".into(), FieldValue::Text(name.into()))]),
        ..Entity::default()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let plugin = PromptPlugin {
        name: PluginName::new("prompt")?,
    };
    let sample = PluginSample {
        valid:
            "prompts:\n  - {name: greet, text: Say hello.}\n  - {name: part, text: Say goodbye.}\n"
                .into(),
        names: vec!["greet".into(), "part".into()],
        invalid: "prompts:\n  - {name: greet, txt: Say hello.}\n".into(),
    };
    plugin_suite(&plugin, &sample).await;
    println!("the prompt plugin passes the plugin suite");
    Ok(())
}
