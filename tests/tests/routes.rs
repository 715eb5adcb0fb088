//! Every route of the management API: its parameters in the right order, malformed bodies, and each
//! error it documents.

use std::collections::BTreeSet;

use catalog_tests::{Server, ServerOptions};
use serde_json::{Value, json};

const BASE: &str = "/api/catalog-management/v1alpha1";

fn start() -> (Server, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Server::start(dir.path()), dir)
}

/// Every operation of the OpenAPI document: method and path.
fn operations(server: &Server) -> Vec<(String, String)> {
    let document = server.client().get("/openapi.json").expect(200).json();
    let paths = document["paths"].as_object().unwrap().clone();
    let operation = |(path, item): (&String, &Value)| {
        let methods: Vec<_> = item.as_object().unwrap().keys().cloned().collect();
        methods
            .into_iter()
            .map(|m| (m.to_uppercase(), path.clone()))
            .collect::<Vec<_>>()
    };
    paths.iter().flat_map(operation).collect()
}

/// A path with its parameters filled in.
fn fill(path: &str, plugin: &str, source: &str) -> String {
    path.replace("{plugin}", plugin)
        .replace("{source_id}", source)
        .replace("{revision}", "1-000000000000")
        .replace("{name}", "nobody")
}

#[test]
fn the_document_lists_every_route_with_custom_verbs() {
    let (server, _dir) = start();
    let listed: BTreeSet<_> = operations(&server)
        .into_iter()
        .map(|(m, p)| format!("{m} {p}"))
        .collect();
    let management = [
        "GET /events",
        "GET /plugins",
        "GET /plugins/{plugin}/sources",
        "GET /plugins/{plugin}/sources/{source_id}",
        "POST /plugins/{plugin}/sources/{source_id}:validate",
        "POST /plugins/{plugin}/sources/{source_id}:apply",
        "POST /plugins/{plugin}/sources/{source_id}:enable",
        "DELETE /plugins/{plugin}/sources/{source_id}",
        "POST /plugins/{plugin}/sources/{source_id}:refresh",
        "POST /plugins/{plugin}:refresh",
        "GET /plugins/{plugin}/sources/{source_id}/revisions",
        "GET /plugins/{plugin}/sources/{source_id}/revisions/{revision}",
        "GET /plugins/{plugin}/sources/{source_id}/diff",
        "POST /plugins/{plugin}/sources/{source_id}:rollback",
        "GET /plugins/{plugin}/diagnostics",
    ];
    let expected = management
        .iter()
        .map(|line| line.replacen(' ', &format!(" {BASE}"), 1));
    let others = [
        "GET /api/mcp_catalog/v1alpha1/mcpservers",
        "GET /api/mcp_catalog/v1alpha1/mcpservers/{name}",
        "GET /api/model_catalog/v1alpha1/models",
        "GET /api/model_catalog/v1alpha1/sources",
        "GET /livez",
        "GET /healthz",
        "GET /readyz",
    ];
    let expected: BTreeSet<_> = expected.chain(others.map(str::to_owned)).collect();
    assert_eq!(listed, expected);
}

#[test]
fn plugin_and_source_are_not_mixed_up() {
    let (server, _dir) = start();
    // Parameters bind by position; a swap would look for the plugin `mcp-default`.
    for (method, path) in operations(&server) {
        if !path.contains("{source_id}") {
            continue;
        }
        let path = fill(&path, "mcp", "no-such-source");
        let body = body_for(&path);
        let headers = [
            ("Content-Type", "application/json"),
            ("If-Match", "\"1-000000000000\""),
        ];
        let answer = server
            .client()
            .send(&method, &path, &headers, body.as_deref());
        let code = answer.json()["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        // A document for a source that does not exist may be validated, and creating it may conflict.
        let expected: &[&str] = match path.rsplit(':').next() {
            Some("validate") => &[""],
            Some("apply") => &["version-conflict"],
            Some("rollback") => &["version-conflict", "revision-not-found"],
            _ => &["source-not-found"],
        };
        assert!(
            expected.contains(&code.as_str()),
            "{method} {path}: {} {}",
            answer.status,
            answer.text
        );
        assert!(!answer.text.contains("plugin-not-found"));
    }
}

/// A well-formed body for a verb.
fn body_for(path: &str) -> Option<Vec<u8>> {
    let body = match path.rsplit(':').next()? {
        "validate" | "apply" => json!({}),
        "enable" => json!({"enabled": true}),
        "rollback" => json!({"revisionId": "1-000000000000"}),
        _ => return None,
    };
    Some(body.to_string().into_bytes())
}

#[test]
fn unknown_plugins_and_impossible_ids_are_not_found() {
    let (server, _dir) = start();
    for (method, path) in operations(&server) {
        if !path.contains("{plugin}") {
            continue;
        }
        for plugin in ["nothing", "No%20Plugin"] {
            let path = fill(&path, plugin, "mcp-default");
            let headers = [("Content-Type", "application/json"), ("If-Match", "*")];
            let answer = server
                .client()
                .send(&method, &path, &headers, body_for(&path).as_deref());
            assert_eq!(
                (answer.status, answer.json()["code"].as_str()),
                (404, Some("plugin-not-found")),
                "{method} {path} {}",
                answer.text
            );
            assert_eq!(
                answer.header("content-type"),
                Some("application/problem+json")
            );
            assert!(
                answer.json()["instance"]
                    .as_str()
                    .unwrap()
                    .starts_with("urn:request:")
            );
        }
    }
    let answer = server.get("/plugins/mcp/sources/Not_An_Id");
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (404, Some("source-not-found"))
    );
    let answer = server.get("/plugins/mcp/sources/mcp-default/revisions/latest");
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (404, Some("revision-not-found"))
    );
    let answer = server.get("/plugins/mcp/sources/mcp-default/revisions/1-000000000000");
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (404, Some("revision-not-found"))
    );
    let answer = server.get("/plugins/mcp/sources/mcp-default/diff?from=1-000000000000");
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (404, Some("revision-not-found"))
    );
}

#[test]
fn malformed_bodies_are_told_member_by_member() {
    let (server, _dir) = start();
    let source = "/plugins/mcp/sources/mcp-default";
    let etag = server.get(source).etag();
    for verb in ["validate", "apply", "enable", "rollback"] {
        let path = format!("{BASE}{source}:{verb}");
        let send = |body: &str| {
            let headers = [
                ("Content-Type", "application/json"),
                ("If-Match", etag.as_str()),
            ];
            server
                .client()
                .send("POST", &path, &headers, Some(body.as_bytes()))
        };
        for body in [
            "",
            "{",
            "[]",
            "null",
            "\"x\"",
            "{} {}",
            "{\"zz\": 1, \"yy\": \"canary-77\"}",
            "{\"source\": 7, \"enabled\": \"canary-77\", \"revisionId\": 1}",
        ] {
            let answer = send(body);
            assert_eq!(
                (answer.status, answer.json()["code"].as_str()),
                (400, Some("malformed-request")),
                "{verb} {body}: {}",
                answer.text
            );
            assert!(!answer.text.contains("canary-77"), "{}", answer.text);
        }
        let answer = send("{\"zz\": 1, \"yy\": 2}");
        assert!(
            answer.text.contains("zz") && answer.text.contains("yy"),
            "{}",
            answer.text
        );
        let plain = [("Content-Type", "text/plain"), ("If-Match", etag.as_str())];
        server
            .client()
            .send("POST", &path, &plain, Some(b"{}"))
            .expect(415);
    }
    let foreign = json!({"source": {"id": "other"}});
    let answer = server
        .post_if(&format!("{source}:apply"), &etag, &foreign)
        .expect(400);
    assert_eq!(answer.json()["code"], "malformed-request");
}

#[test]
fn a_write_that_expects_nothing_is_refused() {
    let (server, _dir) = start();
    let source = "/plugins/mcp/sources/mcp-default";
    for (path, body) in [
        (
            format!("{source}:apply"),
            json!({"rawYaml": "mcpservers: []\n"}),
        ),
        (format!("{source}:enable"), json!({"enabled": false})),
        (
            format!("{source}:rollback"),
            json!({"revisionId": "1-000000000000"}),
        ),
    ] {
        let answer = server.post(&path, &body);
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (428, Some("precondition-required")),
            "{path}"
        );
    }
    let answer = server
        .client()
        .send("DELETE", &format!("{BASE}{source}"), &[], None);
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (428, Some("precondition-required"))
    );
}

#[test]
fn errors_of_the_framework_take_the_shape_of_their_family() {
    let (server, _dir) = start();
    let client = server.client();
    for (path, status, family) in [
        (format!("{BASE}/nothing"), 404, "problem"),
        ("/nothing".to_owned(), 404, "problem"),
        (
            "/api/model_catalog/v1alpha1/nothing".to_owned(),
            404,
            "public",
        ),
        (
            "/api/model_catalog/v1alpha1/models?pageSize=zero".to_owned(),
            400,
            "public",
        ),
        (
            "/api/model_catalog/v1alpha1/models?nextPageToken=zero".to_owned(),
            400,
            "public",
        ),
        (
            "/api/mcp_catalog/v1alpha1/mcpservers/nobody".to_owned(),
            404,
            "public",
        ),
    ] {
        let answer = client.get(&path).expect(status);
        match family {
            "problem" => assert_eq!(
                answer.header("content-type"),
                Some("application/problem+json"),
                "{path}"
            ),
            _ => {
                let body = answer.json();
                assert!(
                    body["code"].is_string() && body["message"].is_string(),
                    "{path}: {body}"
                );
                assert_eq!(body.as_object().unwrap().len(), 2);
            }
        }
    }
    let answer = client.send("PUT", &format!("{BASE}/plugins"), &[], Some(b"{}"));
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, Some("GET, HEAD"))
    );
    let answer = client.send(
        "POST",
        "/api/model_catalog/v1alpha1/models",
        &[],
        Some(b"{}"),
    );
    assert_eq!(answer.status, 405);
    assert!(answer.json()["message"].is_string());
}

#[test]
fn a_dry_run_says_what_the_apply_would_and_writes_nothing() {
    let (server, dir) = start();
    let source = "/plugins/mcp/sources/mcp-default";
    let detail = server.get(source).expect(200);
    let text =
        "mcpservers:\n  - {name: only, deploymentMode: local, image: registry.example.com/o:1}\n";
    let before = std::fs::read(dir.path().join("mcp-servers.yaml")).unwrap();
    let body = json!({"rawYaml": text, "options": {"dryRun": true}});
    let dry = server
        .post_if(&format!("{source}:apply"), &detail.etag(), &body)
        .expect(200)
        .json();
    assert_eq!(
        (dry["dryRun"].as_bool(), dry["changed"].as_bool()),
        (Some(true), Some(true))
    );
    assert_eq!(
        std::fs::read(dir.path().join("mcp-servers.yaml")).unwrap(),
        before
    );
    let wet = server
        .post_if(
            &format!("{source}:apply"),
            &detail.etag(),
            &json!({"rawYaml": text}),
        )
        .expect(200)
        .json();
    assert_eq!(wet["diff"]["entities"], dry["diff"]["entities"]);
    assert_eq!(wet["diff"]["unified"], dry["diff"]["unified"]);
    // The same again changes nothing.
    let etag = format!("\"{}\"", wet["revision"].as_str().unwrap());
    let again = server
        .post_if(&format!("{source}:apply"), &etag, &json!({"rawYaml": text}))
        .expect(200)
        .json();
    assert_eq!(
        (again["changed"].as_bool(), &again["revision"]),
        (Some(false), &wet["revision"])
    );
}

#[test]
fn a_large_removal_needs_to_be_confirmed() {
    let (server, _dir) = start();
    let entry = |i| {
        format!("  - {{name: s{i:02}, deploymentMode: local, image: registry.example.com/s:1}}\n")
    };
    let list = |n| format!("mcpservers:\n{}", (0..n).map(entry).collect::<String>());
    let source = "/plugins/mcp/sources/many";
    let body = json!({"source": {"name": "Many", "type": "yaml"}, "rawYaml": list(30), "expectedRevision": null});
    let created = server.post(&format!("{source}:apply"), &body).expect(200);
    let refused = server
        .post_if(
            &format!("{source}:apply"),
            &created.etag(),
            &json!({"rawYaml": list(10)}),
        )
        .expect(409)
        .json();
    assert_eq!(refused["code"], "removals-need-confirmation");
    assert_eq!(refused["removals"].as_array().unwrap().len(), 20);
    let body = json!({"rawYaml": list(10), "options": {"confirmRemovals": 20}});
    let done = server
        .post_if(&format!("{source}:apply"), &created.etag(), &body)
        .expect(200)
        .json();
    assert_eq!(done["refresh"]["entitiesRemoved"], 20);
    assert_eq!(
        done["status"]["lastRefreshSummary"],
        "Loaded 10 entities, removed 20"
    );
}

#[test]
fn refreshing_and_diagnosing_tell_the_truth() {
    let (server, _dir) = start();
    let one = server
        .post("/plugins/mcp/sources/mcp-default:refresh", &json!({}))
        .expect(200)
        .json();
    assert_eq!(
        (one["sourceId"].as_str(), one["status"].as_str()),
        (Some("mcp-default"), Some("success"))
    );
    let all = server
        .post("/plugins/mcp:refresh", &json!({}))
        .expect(200)
        .json();
    assert_eq!(all["size"], 2);
    let diagnostics = server.get("/plugins/mcp/diagnostics").expect(200).json();
    assert_eq!(diagnostics["plugin"], "mcp");
    let first = &diagnostics["sources"][1];
    assert_eq!(
        (first["id"].as_str(), &first["entityCount"]),
        (Some("mcp-default"), &one["entitiesLoaded"])
    );
    server
        .post("/plugins/mcp/sources/nobody:refresh", &json!({}))
        .expect(404);
}

#[test]
fn public_lists_come_in_pages() {
    let (server, _dir) = start();
    let all = server.mcp_names();
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/mcp_catalog/v1alpha1/mcpservers?pageSize=2&pageToken={token}");
        let page = server.client().get(&path).expect(200).json();
        let items = page["items"].as_array().unwrap();
        assert_eq!(page["size"].as_u64().unwrap() as usize, items.len());
        seen.extend(items.iter().map(|i| i["name"].as_str().unwrap().to_owned()));
        match page["nextPageToken"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, all);
    let page = server
        .client()
        .get("/api/model_catalog/v1alpha1/models?pageSize=1")
        .expect(200)
        .json();
    assert_eq!(
        (page["pageSize"].as_u64(), page["size"].as_u64()),
        (Some(1), Some(1))
    );
    assert!(!page["nextPageToken"].as_str().unwrap().is_empty());
    let sources = server
        .client()
        .get("/api/model_catalog/v1alpha1/sources")
        .expect(200)
        .json();
    assert_eq!(sources["size"], 2);
    assert_eq!(sources["nextPageToken"], "");
    for source in sources["items"].as_array().unwrap() {
        assert!(source.get("properties").is_none() && source.get("type").is_none());
    }
}

#[test]
fn a_secret_reference_that_does_not_resolve_is_named_and_one_that_does_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let secret = (
        "CATALOG_SECRET_DB_PASSWORD".to_owned(),
        "canary-from-the-environment".to_owned(),
    );
    let options = ServerOptions {
        env: vec![secret],
        ..ServerOptions::default()
    };
    let server = Server::start_with(dir.path(), &options);
    let source = "/plugins/mcp/sources/mcp-default";
    let etag = server.get(source).etag();
    let body = |name: &str| {
        let reference = json!({"name": name, "key": "password"});
        json!({"source": {"properties": {"yamlCatalogPath": "mcp-servers.yaml", "apiKey": reference}}})
    };
    let answer = server.post_if(&format!("{source}:apply"), &etag, &body("nothing"));
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (422, Some("secret-unresolved"))
    );
    assert!(
        answer.json()["detail"]
            .as_str()
            .unwrap()
            .contains("nothing[password]")
    );
    server
        .post_if(&format!("{source}:apply"), &etag, &body("db"))
        .expect(200);
    let shown = server.get(source).expect(200);
    assert_eq!(
        shown.json()["source"]["properties"]["apiKey"],
        json!({"name": "db", "key": "password"})
    );
    let stored = std::fs::read_to_string(dir.path().join("sources.yaml")).unwrap();
    assert!(
        !stored.contains("canary")
            && !shown.text.contains("canary")
            && !server.kill().contains("canary")
    );
}

#[test]
fn a_store_that_cannot_write_says_so_and_reads_go_on() {
    let (server, dir) = start();
    let source = "/plugins/mcp/sources/mcp-default";
    let (etag, served) = (server.get(source).etag(), server.mcp_names());
    // Another process that does not give the lock back.
    let lock = std::fs::File::open(dir.path().join(".history/lock")).unwrap();
    lock.lock().unwrap();
    let answer = server.post_if(
        &format!("{source}:enable"),
        &etag,
        &json!({"enabled": false}),
    );
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (503, Some("store-unavailable")),
        "{}",
        answer.text
    );
    assert!(answer.header("retry-after").is_some());
    assert_eq!(server.mcp_names(), served);
    server.get(source).expect(200);
    drop(lock);
    server
        .post_if(
            &format!("{source}:enable"),
            &etag,
            &json!({"enabled": false}),
        )
        .expect(200);
}

#[test]
fn what_is_not_supported_says_so() {
    let (server, _dir) = start();
    for path in [
        "/api/model_catalog/v1alpha1/models?filterQuery=name%3D%27x%27",
        "/api/mcp_catalog/v1alpha1/mcpservers?q=files",
    ] {
        let answer = server.client().get(path).expect(501);
        assert_eq!(answer.json()["code"], "Not Implemented");
    }
}
