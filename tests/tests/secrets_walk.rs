//! Nothing secret gets out, however one asks: a server full of canaries, with every log line there is,
//! is asked everything in every way, and all that it ever said is searched.

#[path = "secrets_walk/ask.rs"]
mod ask;
#[path = "secrets_walk/files.rs"]
mod files;
#[path = "secrets_walk/vault.rs"]
mod vault;

use std::fs;

use catalog_tests::canary::Search;
use catalog_tests::{Server, ServerOptions, eventually, matrix};
use serde_json::json;

use ask::Walk;
use vault::Vault;

/// A server with every log line, the environment of a process that has secrets, and secrets to resolve.
fn start(
    dir: &std::path::Path,
    vault: &mut Vault,
    format: &str,
    resolver: &str,
) -> (Server, String) {
    let reference = vault.put("resolved secret", "⟦an30⟧$⟦an10⟧${⟦an10⟧%");
    let mut options = ServerOptions {
        args: vec!["--log-format".into(), format.into()],
        env: vec![
            ("RUST_LOG".into(), "trace".into()),
            ("RUST_BACKTRACE".into(), "full".into()),
            ("OTHER_PASSWORD".into(), vault.put("environment", "⟦an24⟧")),
            (
                "CATALOG_SECRET_OTHER_KEY".into(),
                vault.put("unasked secret", "⟦an24⟧"),
            ),
        ],
        // Few connections, and so few streams of events: more are refused.
        ..ServerOptions::with_descriptors(400)
    };
    if resolver == "file" {
        let secrets = dir.join("run-secrets/db");
        fs::create_dir_all(&secrets).unwrap();
        fs::write(secrets.join("password"), &reference).unwrap();
        let root = dir.join("run-secrets").display().to_string();
        options.args.extend(["--secrets-dir".into(), root]);
    } else {
        options
            .env
            .push(("CATALOG_SECRET_DB_PASSWORD".into(), reference.clone()));
    }
    let data = dir.join("data");
    fs::create_dir_all(&data).unwrap();
    (Server::start_with(&data, &options), reference)
}

/// `whole`: of both plugins and with everything that is refused, also in the quick form.
fn walk(format: &str, resolver: &str, seed: u64, whole: bool) -> Search {
    let mut vault = Vault::new(seed);
    let dir = tempfile::tempdir().unwrap();
    let (server, _) = start(dir.path(), &mut vault, format, resolver);
    let mut walk = Walk::new(server);
    walk.listen();

    // Sources full of secrets, changed in every way, asked for by every route in between.
    let whole = whole || matrix::full();
    let plugins: &[&str] = if whole { &["mcp", "model"] } else { &["mcp"] };
    for plugin_name in plugins.iter().copied() {
        let id = "guarded";
        let source = format!("/plugins/{plugin_name}/sources/{id}");
        let content = |vault: &mut Vault, what: &str| match plugin_name {
            "mcp" => vault.mcp_content(what),
            _ => vault.model_content(what),
        };
        let mut properties = vault.properties("settings");
        let file = format!("{plugin_name}-guarded.yaml");
        properties["yamlCatalogPath"] = json!(file);
        properties["reference"] = json!({"password": {"name": "db", "key": "password"}});
        // A secret of the settings that somebody pasted into the content.
        let pasted = vault.put("pasted", "⟦an24⟧");
        properties["upstream"] = json!({"token": pasted});
        let mut text = content(&mut vault, "first content");
        text += &format!("# pasted: {pasted}\n");
        text = text.replacen(
            "\"description\":\"",
            &format!("\"description\":\"{pasted} or "),
            1,
        );
        let settings = json!({
            "name": format!("Guarded {}", vault.word("source name")), "type": "yaml",
            "labels": [vault.token("label"), "plain"],
            "excludedItems": [format!("{}*", vault.word("pattern"))],
            "properties": properties,
        });
        let message = format!("because of {}", vault.token("message"));
        let made = walk.apply(
            &source,
            json!({
                "source": settings, "rawYaml": text, "expectedRevision": null, "message": message,
            }),
        );
        made.expect(200);
        walk.every_route(plugin_name, id, &ask::METHODS);
        let second = content(&mut vault, "second content");
        walk.change(
            &source,
            json!({"rawYaml": second, "message": vault.token("message")}),
        )
        .expect(200);
        let other = vault.properties("other settings");
        let mut other = other.as_object().unwrap().clone();
        other.insert("yamlCatalogPath".into(), json!(file));
        walk.change(&source, json!({"source": {"properties": other}}))
            .expect(200);
        walk.every_route(plugin_name, id, &["GET"]);
        if whole {
            walk.refused(&source, &mut vault, &second);
        }
        walk.round_trip(&source);
        walk.roll_back_and_delete(&source);
        walk.every_route(plugin_name, id, &["GET"]);
        walk.edited_by_hand(
            &source,
            &dir.path().join("data").join(&file),
            &mut vault,
            &second,
        );
        walk.every_route(plugin_name, id, &["GET"]);
    }
    walk.strangers(&mut vault);

    let data = dir.path().join("data");
    walk.pushed(&mut vault);
    let mut told = walk.end(&data);
    // What is not answered is not searched: there is hardly any of it.
    for request in &told.unanswered {
        println!("not answered: {}", request.get(..120).unwrap_or(request));
    }
    println!(
        "report: {} answers {:?}, {} requests without one",
        told.answers,
        told.statuses,
        told.unanswered.len()
    );
    assert!(told.answers > 100);
    assert!(told.unanswered.len() * 100 < told.answers);
    let late = matrix::full().then_some(408);
    for status in [200, 400, 404, 405, 413, 414, 431, 503]
        .into_iter()
        .chain(late)
    {
        assert!(
            told.statuses.contains(&status),
            "nothing was answered {status}"
        );
    }
    told.seen.extend(files::said(&data, &mut vault));
    let mut search = Search::new(&vault.canaries);
    for (place, text) in &told.seen {
        search.look(place, text);
    }
    println!(
        "report: walk with {format} logs and the {resolver} resolver: {}",
        search.told()
    );
    search
}

#[test]
fn no_canary_gets_out_of_a_server_with_json_logs_and_secrets_in_files() {
    let search = walk("json", "file", 101, true);
    matrix::row(
        "secrets: canary walk, json logs, secrets in files",
        search.checks(),
        &search.violations(),
    );
}

#[test]
fn no_canary_gets_out_of_a_server_with_text_logs_and_secrets_in_the_environment() {
    let search = walk("text", "environment", 202, false);
    let name = "secrets: canary walk, text logs, secrets in the environment";
    matrix::row(name, search.checks(), &search.violations());
}

#[test]
fn files_that_may_hold_a_secret_are_their_owners_alone() {
    let mut vault = Vault::new(303);
    let dir = tempfile::tempdir().unwrap();
    let (server, _) = start(dir.path(), &mut vault, "json", "file");
    let source = "/plugins/mcp/sources/guarded";
    let body = json!({
        "source": {"name": "Guarded", "type": "yaml", "properties": {"yamlCatalogPath": "deep/er/guarded.yaml", "password": vault.token("p")}},
        "rawYaml": vault.mcp_content("content"), "expectedRevision": null,
    });
    server.post(&format!("{source}:apply"), &body).expect(200);
    let etag = server.get(source).etag();
    server
        .post_if(
            &format!("{source}:apply"),
            &etag,
            &json!({"rawYaml": vault.mcp_content("other")}),
        )
        .expect(200);
    eventually("it is recorded", || {
        dir.path().join("data/catalog.db").exists()
    });
    server.kill();
    let (tried, violations) = files::modes(&dir.path().join("data"));
    matrix::row(
        "secrets: modes of files that the server makes",
        tried,
        &violations,
    );
}
