//! The library in one page: a file store, an edit, a refresh and a way back.

use std::error::Error;

use catalog_core::{ApplyOptions, Author, CatalogService, Edit, Expect, SettingsPatch, SourceKey};
use catalog_plugins::{McpPlugin, ModelPlugin};
use catalog_stores::{FileStore, SqliteStatus};

const FIRST: &str = "\
# The servers our teams may use.
mcpservers:
  - name: files
    deploymentMode: local
    image: registry.example.com/files:1.0
";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let database = format!("sqlite:{}", dir.path().join("catalog.db").display());

    let catalog = CatalogService::builder()
        .store(FileStore::create(dir.path()).await?)
        .status(SqliteStatus::connect(&database).await?)
        .plugin(McpPlugin::new())
        .plugin(ModelPlugin::new())
        .build()?;
    let running = catalog.start().await;

    // A new source: it must not exist yet.
    let key = SourceKey::parse("mcp", "team-servers")?;
    let settings = SettingsPatch {
        name: Some("Team servers".into()),
        source_type: Some("yaml".into()),
        ..SettingsPatch::default()
    };
    let operator = Author::new("operator");
    let edit = Edit::settings(settings).with_content(FIRST);
    let first = catalog
        .apply(
            &key,
            edit,
            Expect::Absent,
            operator.clone(),
            ApplyOptions::default(),
        )
        .await?;
    let first = first.revision.id;
    println!("created at revision {first}");

    // An edit on top of that revision. Somebody else's edit in between would be a conflict.
    let two = format!(
        "{FIRST}  - name: search\n    deploymentMode: remote\n    endpoint: https://search.example.com/mcp\n"
    );
    let edit = Edit::content(&two);
    let done = catalog
        .apply(
            &key,
            edit,
            Expect::revision(first.clone()),
            operator.clone(),
            ApplyOptions::default(),
        )
        .await?;
    println!(
        "added {:?}, status {:?}",
        done.diff.entities.added, done.status.state
    );

    // Readers look at an immutable snapshot: no lock, no copy.
    let view = catalog.snapshot(&key.plugin).ok_or("the plugin is there")?;
    for (source, entity) in view.entities() {
        println!("{} from {}", entity.name, source.id);
    }

    // A bad edit never gets in.
    let bad = Edit::content("mcpservers:\n  - name: files\n    deploymentMod: local\n");
    let current = done.revision.id;
    let expect = Expect::revision(current);
    let refused = catalog
        .apply(
            &key,
            bad,
            expect.clone(),
            operator.clone(),
            ApplyOptions::default(),
        )
        .await
        .err()
        .ok_or("the edit is refused")?;
    println!("refused: {refused}");

    // There is always a way back: a new revision with the old bytes.
    let back = catalog
        .roll_back(&key, &first, expect, operator, ApplyOptions::default())
        .await?;
    let bytes = std::fs::read(dir.path().join("mcp-team-servers.yaml"))?;
    assert_eq!(bytes, FIRST.as_bytes());
    assert_eq!(back.status.entity_count, 1);
    println!(
        "back at one entity, {} revisions",
        catalog.revisions(&key).await?.len()
    );

    running.stop().await;
    Ok(())
}
