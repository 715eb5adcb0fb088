//! A validation layer of one's own, behind the standard ones: house rules for labels.

use std::error::Error;

use catalog_core::ports::MemoryStore;
use catalog_core::validation::{Finding, Layer, LayerContext, Path, ValidationLayer};
use catalog_core::{
    ApplyOptions, Author, CatalogError, CatalogService, Edit, Expect, SettingsPatch, SourceKey,
};
use catalog_plugins::McpPlugin;

/// Every source must say which team owns it.
struct OwnedByATeam;

impl ValidationLayer for OwnedByATeam {
    fn layer(&self) -> Layer {
        Layer::Custom("house_rules".into())
    }

    fn check(&self, context: LayerContext<'_>) -> Vec<Finding> {
        let labels = &context.document.settings.labels;
        if labels.iter().any(|l| l.starts_with("team:")) {
            return Vec::new();
        }
        let finding = Finding::error(
            self.layer(),
            "no-owner",
            "no label says which team owns this",
        )
        .at(Path::root().key("labels"))
        .suggest("add a label such as team:platform");
        vec![finding]
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let catalog = CatalogService::builder()
        .store(MemoryStore::new())
        .plugin(McpPlugin::new())
        .layer(OwnedByATeam)
        .build()?;
    let running = catalog.start().await;
    let key = SourceKey::parse("mcp", "team")?;
    let settings = SettingsPatch {
        name: Some("Team".into()),
        source_type: Some("yaml".into()),
        ..SettingsPatch::default()
    };
    let text = "mcpservers: []\n";
    let edit = Edit::settings(settings.clone()).with_content(text);
    let author = Author::new("operator");
    let answer = catalog
        .apply(
            &key,
            edit,
            Expect::Absent,
            author.clone(),
            ApplyOptions::default(),
        )
        .await;
    let Err(CatalogError::Invalid(report)) = answer else {
        return Err("a source without an owner is refused".into());
    };
    for finding in report.errors() {
        println!("{}: {finding}", finding.layer.as_str());
    }

    let settings = SettingsPatch {
        labels: Some(vec!["team:platform".into()]),
        ..settings
    };
    let edit = Edit::settings(settings).with_content(text);
    let done = catalog
        .apply(&key, edit, Expect::Absent, author, ApplyOptions::default())
        .await?;
    println!("accepted as {}", done.revision.id);
    running.stop().await;
    Ok(())
}
