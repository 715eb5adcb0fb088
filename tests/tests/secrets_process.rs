//! What a process with secrets keeps and says beyond its answers: its memory, `Debug` of what holds
//! documents, panics of parts that are not ours.

#[path = "secrets_process/parts.rs"]
mod parts;

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::sync::Arc;

use catalog_core::model::{Author, Edit, Expect, SettingsPatch, SourceKey};
use catalog_core::ports::MemoryStore;
use catalog_core::service::{ApplyOptions, CatalogService};
use catalog_tests::canary::{Canary, Dice, Search};
use catalog_tests::{Server, ServerOptions, matrix};
use serde_json::json;

use parts::{Burst, Log};

/// How often a text stands in the memory of a process, by the kind of memory; `None` when it may not be
/// read.
fn in_memory(pid: u32, text: &str) -> Option<Vec<(String, usize)>> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let mut memory = fs::File::open(format!("/proc/{pid}/mem")).ok()?;
    let mut found = Vec::new();
    for line in maps
        .lines()
        .filter(|l| l.split(' ').nth(1).is_some_and(|m| m.starts_with("rw")))
    {
        let (start, end) = line.split(' ').next()?.split_once('-')?;
        let (start, end) = (
            u64::from_str_radix(start, 16).ok()?,
            u64::from_str_radix(end, 16).ok()?,
        );
        let mut bytes = vec![0; usize::try_from(end - start).ok()?];
        if memory.seek(SeekFrom::Start(start)).is_err() || memory.read_exact(&mut bytes).is_err() {
            continue;
        }
        // The standard library searches fast even in a debug build.
        let count = String::from_utf8_lossy(&bytes).matches(text).count();
        if count > 0 {
            let name = line.split_whitespace().nth(5).unwrap_or("heap of a thread");
            found.push((name.to_owned(), count));
        }
    }
    Some(found)
}

#[test]
fn a_resolved_secret_is_gone_from_memory_after_its_use() {
    let name = "secrets: resolved secrets left in memory";
    let mut dice = Dice::new(404);
    let mut violations = Vec::new();
    let mut tried = 0;
    for resolver in ["files", "environment"] {
        let dir = tempfile::tempdir().unwrap();
        let secret = Canary::new("resolved", "⟦an40⟧", &mut dice).text;
        let mut options = ServerOptions::default();
        if resolver == "files" {
            fs::create_dir_all(dir.path().join("secrets/db")).unwrap();
            fs::write(dir.path().join("secrets/db/password"), &secret).unwrap();
            let root = dir.path().join("secrets").display().to_string();
            options.args = vec!["--secrets-dir".into(), root];
        } else {
            options.env = vec![("CATALOG_SECRET_DB_PASSWORD".into(), secret.clone())];
        }
        let server = Server::start_with(&dir.path().join("data"), &options);
        let reference = json!({"password": {"name": "db", "key": "password"}});
        // What is stored as it is stays in memory: looking finds it.
        let kept = Canary::new("kept", "⟦an40⟧", &mut dice).text;
        let plain = json!({
            "source": {"name": "S", "type": "yaml", "properties": {"yamlCatalogPath": "plain.yaml", "note": kept}},
            "rawYaml": "mcp_servers: []\n", "expectedRevision": null,
        });
        server
            .post("/plugins/mcp/sources/plain:apply", &plain)
            .expect(200);
        for n in 0..10 {
            let source = format!("/plugins/mcp/sources/s-{n}");
            let body = json!({
                "source": {"name": "S", "type": "yaml", "properties": {"yamlCatalogPath": format!("s-{n}.yaml"), "r": reference}},
                "rawYaml": "mcp_servers: []\n", "expectedRevision": null,
            });
            server.post(&format!("{source}:apply"), &body).expect(200);
            tried += 1;
        }
        // The secret was looked for and read: without it, or when it is none, nothing is stored.
        let other = |key: &str| {
            json!({
                "source": {"name": "S", "type": "yaml", "properties": {"yamlCatalogPath": "other.yaml", "r": {"password": {"name": "db", "key": key}}}},
                "rawYaml": "mcp_servers: []\n", "expectedRevision": null,
            })
        };
        let mut refused = vec!["missing"];
        if resolver == "files" {
            fs::write(
                dir.path().join("secrets/db/binary"),
                [&secret.as_bytes()[..9], b"\xff"].concat(),
            )
            .unwrap();
            refused.push("binary");
        }
        for key in refused {
            let answer = server.post("/plugins/mcp/sources/other:apply", &other(key));
            if answer.status != 422 {
                violations.push(format!("{resolver}: {key} is answered {}", answer.status));
            }
        }
        let Some(seen) = in_memory(server.pid(), &kept) else {
            matrix::did_not_run(name, "the memory of a child may not be read here");
            return;
        };
        if seen.is_empty() {
            violations.push(format!(
                "{resolver}: what is kept in memory was not found there"
            ));
        }
        let found = in_memory(server.pid(), &secret).unwrap_or_default();
        println!("report: {resolver}: after 10 uses in memory: {found:?}");
        for (place, count) in found {
            // The environment of a process is in its memory as long as it runs.
            if resolver == "files" || place != "[stack]" {
                violations.push(format!("{resolver}: {count} times in {place}"));
            }
        }
    }
    matrix::row(name, tried, &violations);
}

/// Settings and content full of secrets.
fn document(canaries: &mut Vec<Canary>, dice: &mut Dice) -> (SettingsPatch, String) {
    let mut put = |what: &str, pattern: &str| {
        canaries.push(Canary::new(what, pattern, dice));
        canaries.last().expect("just put").text.clone()
    };
    let token = "ghp_⟦an36⟧";
    let properties = json!({
        "password": put("password", "⟦an16⟧"), "note": put("token in text", token),
        put("key", token): "x", "list": [{"name": "API_KEY", "value": put("value", "⟦an20⟧")}],
    });
    let patch = SettingsPatch {
        name: Some(format!("called {}", put("name", token))),
        source_type: Some("yaml".into()),
        labels: Some(vec![put("label", token)]),
        properties: properties.as_object().cloned(),
        excluded_items: Some(vec![format!("{}*", put("pattern", token))]),
        ..SettingsPatch::default()
    };
    let content = format!(
        "# {}\nitems:\n  - name: {}\n    password: {}\n    note: {}\n",
        put("comment", token),
        put("entity", token),
        put("content password", "⟦an18⟧"),
        put("note", token),
    );
    (patch, content)
}

#[tokio::test]
async fn nothing_prints_a_secret_for_debugging() {
    let (mut canaries, mut dice) = (Vec::new(), Dice::new(505));
    let (patch, content) = document(&mut canaries, &mut dice);
    let message = Canary::new("message", "ghp_⟦an36⟧", &mut dice);
    let author = Canary::new("author", "ghp_⟦an36⟧", &mut dice);
    let mut options = ApplyOptions::default();
    options.message = Some(message.text.clone());
    canaries.extend([message, author.clone()]);
    let mut search = Search::new(&canaries);
    let store = Arc::new(MemoryStore::new());
    let plugin = catalog_core::testing::PlainPlugin::default();
    let builder = CatalogService::builder()
        .shared_store(store.clone())
        .plugin(plugin);
    let catalog = builder.build().unwrap();
    let running = catalog.start().await;
    let key: SourceKey = catalog_core::testing::key("plain", "s");
    let edit = Edit::settings(patch.clone()).with_content(content.clone());
    search.look("SettingsPatch", format!("{patch:?}"));
    search.look("Edit", format!("{edit:?}"));
    search.look("ApplyOptions", format!("{options:?}"));
    let by = Author::new(&author.text);
    let done = catalog
        .apply(&key, edit, Expect::Absent, by, options)
        .await
        .unwrap();
    search.look("Applied", format!("{done:?}"));
    use catalog_core::ports::SourceConfigStore as _;
    let stored = store.get(&key).await.unwrap().unwrap();
    search.look("StoredSource", format!("{stored:?}"));
    search.look("SourceDocument", format!("{:?}", stored.document));
    let record = store.get_revision(&key, &stored.revision.id).await.unwrap();
    search.look("RevisionRecord", format!("{record:?}"));
    search.look("MemoryStore", format!("{store:?}"));
    search.look(
        "SourceDetail",
        format!("{:?}", catalog.get(&key).await.unwrap()),
    );
    search.look(
        "Revisions",
        format!("{:?}", catalog.revisions(&key).await.unwrap()),
    );
    let revision = catalog.revision(&key, &stored.revision.id).await.unwrap();
    search.look("RevisionDetail", format!("{revision:?}"));
    search.look(
        "Diff",
        format!("{:?}", catalog.diff(&key, None, None).await.unwrap()),
    );
    search.look(
        "PluginView",
        format!("{:?}", catalog.snapshot(&key.plugin).unwrap()),
    );
    search.look("HealthReport", format!("{:?}", catalog.health().await));
    search.look("CatalogService", format!("{catalog:?}"));
    let text = std::str::from_utf8(stored.document.content.as_deref().unwrap()).unwrap();
    let parsed = catalog_core::yaml::parse(text, &catalog_core::yaml::Limits::default()).unwrap();
    search.look("yaml::Document", format!("{parsed:?}"));
    search.look("yaml::Node", format!("{:?}", parsed.root));
    // What an error quotes.
    for bad in [
        content.replace("items", "itens"),
        content.replace("note:", "note: ["),
        content.replace("name", "nam"),
    ] {
        let answer = catalog
            .apply(
                &key,
                Edit::content(bad),
                Expect::Any,
                Author::new("a"),
                ApplyOptions::default(),
            )
            .await;
        search.look(
            "CatalogError",
            format!(
                "{answer:?} {:?}",
                answer.as_ref().map_err(ToString::to_string)
            ),
        );
    }
    // What callers send.
    let body = json!({"source": {"name": "n", "properties": patch.properties, "labels": patch.labels, "excludedItems": patch.excluded_items}, "rawYaml": content, "message": canaries[0].text});
    let request: catalog_api::ApplyRequest = serde_json::from_value(body).unwrap();
    search.look("ApplyRequest", format!("{request:?}"));
    running.stop().await;
    println!("report: Debug: {}", search.told());
    matrix::row(
        "secrets: Debug of what holds documents",
        search.checks(),
        &search.violations(),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_or_layer_panics_with_gets_nowhere() {
    let (mut canaries, mut dice) = (Vec::new(), Dice::new(606));
    let log = Log::begin();
    let mut seen: Vec<(String, String)> = Vec::new();
    for at in ["load", "error", "validate", "layer"] {
        let secret = Canary::new(format!("panic in {at}"), "⟦an24⟧", &mut dice);
        let burst = Burst::new(at, &secret.text);
        canaries.push(secret);
        let builder = CatalogService::builder().store(MemoryStore::new());
        let builder = burst.join(builder);
        let catalog = builder.build().unwrap();
        let running = catalog.start().await;
        let key = catalog_core::testing::key("plain", "s");
        let patch = SettingsPatch {
            name: Some("S".into()),
            source_type: Some("yaml".into()),
            properties: json!({"password": {"name": "a", "key": "b"}})
                .as_object()
                .cloned(),
            ..SettingsPatch::default()
        };
        let edit = Edit::settings(patch).with_content("items:\n  - name: burst\n");
        let answer = catalog
            .apply(
                &key,
                edit,
                Expect::Absent,
                Author::new("a"),
                ApplyOptions::default(),
            )
            .await;
        assert!(answer.is_err(), "{at}: {answer:?}");
        seen.push((format!("answer of {at}"), format!("{answer:?}")));
        let mut error = answer.as_ref().err().map(|e| e as &dyn std::error::Error);
        while let Some(cause) = error {
            seen.push((format!("cause in {at}"), cause.to_string()));
            error = cause.source();
        }
        seen.push((
            format!("health after {at}"),
            format!("{:?}", catalog.health().await),
        ));
        seen.push((
            format!("view after {at}"),
            format!("{:?}", catalog.snapshot(&key.plugin)),
        ));
        running.stop().await;
    }
    let logged = log.text();
    assert!(logged.contains("failed while loading"), "{logged}");
    seen.push(("log".into(), logged));
    let mut search = Search::new(&canaries);
    for (place, text) in &seen {
        search.look(place, text);
    }
    println!("report: panics: {}", search.told());
    matrix::row(
        "secrets: panics and errors of plugins and layers",
        search.checks(),
        &search.violations(),
    );
}
