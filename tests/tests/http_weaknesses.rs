//! Faults of others that we keep by number, tried over HTTP: see "What went wrong elsewhere" in
//! `docs/fault-matrix.md`.

#[path = "races/hanging.rs"]
mod hanging;
#[path = "http_weaknesses/stuck.rs"]
mod stuck;

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;

use catalog_tests::{Client, Server, eventually, matrix, raw};
use serde_json::{Value, json};
use stuck::Stuck;

const BASE: &str = "/api/catalog-management/v1alpha1";
const MCP: &str = "/api/mcp_catalog/v1alpha1/mcpservers";
const MODELS: &str = "/api/model_catalog/v1alpha1/models";

/// Makes or changes a source of this plugin.
fn apply(server: &Server, plugin: &str, id: &str, raw: &str) {
    let path = format!("/plugins/{plugin}/sources/{id}");
    let options = json!({"confirmRemovals": 1000});
    let file = format!("{plugin}-{id}.yaml");
    let settings = json!({"name": id, "type": "yaml", "properties": {"yamlCatalogPath": file}});
    match server.get(&path).status {
        404 => {
            let body = json!({"source": settings, "rawYaml": raw, "expectedRevision": null});
            server.post(&format!("{path}:apply"), &body).expect(200)
        }
        _ => {
            let etag = server.get(&path).etag();
            let body = json!({"rawYaml": raw, "options": options});
            server
                .post_if(&format!("{path}:apply"), &etag, &body)
                .expect(200)
        }
    };
}

/// The entities of this name, from all sources.
fn called(server: &Server, list: &str, name: &str) -> Vec<Value> {
    let all = server
        .client()
        .get(&format!("{list}?pageSize=10000"))
        .expect(200)
        .json();
    let items = all["items"].as_array().unwrap();
    items
        .iter()
        .filter(|item| item["name"] == name)
        .cloned()
        .collect()
}

#[test]
fn a_name_in_two_sources_is_two_entities_and_the_deletion_of_one_leaves_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let mut violations = Vec::new();
    for (plugin, list, key, fields) in [
        ("mcp", MCP, "mcp_servers", ", deploymentMode: local"),
        ("model", MODELS, "models", ""),
    ] {
        for id in ["one", "other"] {
            let text = format!("{key}:\n- {{name: twin, description: of {id}{fields}}}\n");
            apply(&server, plugin, id, &text);
        }
        let both = called(&server, list, "twin");
        let ids: Vec<_> = both.iter().map(|e| e["id"].clone()).collect();
        if both.len() != 2 || ids[0] == ids[1] {
            violations.push(format!("{plugin}: {both:?}"));
        }
        let path = format!("/plugins/{plugin}/sources/one");
        let etag = server.get(&path).etag();
        server.delete_if(&path, &etag).expect(200);
        let left = called(&server, list, "twin");
        let kept = both.iter().find(|e| e["description"] == "of other");
        if left.iter().collect::<Vec<_>>() != kept.into_iter().collect::<Vec<_>>() {
            violations.push(format!("{plugin}: {left:?} is left of {both:?}"));
        }
    }
    matrix::row("weakness 33: one name in two sources", 2, &violations);
}

#[test]
fn every_field_is_served_and_one_that_is_taken_out_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let mut violations = Vec::new();
    let properties = "{s: {metadataType: MetadataStringValue, string_value: text}, \
         i: {metadataType: MetadataIntValue, int_value: '7'}, \
         d: {metadataType: MetadataDoubleValue, double_value: 1.5}, \
         b: {metadataType: MetadataBoolValue, bool_value: true}}";
    let model = [
        ("externalId", "ext-1"),
        ("description", "says what it is"),
        ("provider", "somebody"),
        ("libraryName", "a-library"),
        ("readme", "how it is used"),
        ("maturity", "Generally Available"),
        ("license", "apache-2.0"),
        ("tasks", "[text-generation]"),
        ("language", "[en]"),
        ("customProperties", properties),
        (
            "artifacts",
            "[{uri: 'oci://registry.example.com/a:1', artifactType: model-artifact, customProperties: {n: {metadataType: MetadataIntValue, int_value: '3'}}}]",
        ),
    ];
    let server_fields = [
        ("externalId", "ext-1"),
        ("description", "says what it is"),
        ("provider", "somebody"),
        ("readme", "how it is used"),
        ("tags", "[a, b]"),
        ("customProperties", properties),
        ("version", "1.2.3"),
        ("license", "apache-2.0"),
    ];
    let mut tried = 0;
    for (plugin, list, key, needed, fields) in [
        ("model", MODELS, "models", "", &model[..]),
        (
            "mcp",
            MCP,
            "mcp_servers",
            "  deploymentMode: local\n",
            &server_fields[..],
        ),
    ] {
        let text = |left_out: Option<&str>| {
            let mut text = format!("{key}:\n- name: all\n{needed}");
            for (name, value) in fields.iter().filter(|(name, _)| Some(*name) != left_out) {
                text += &format!("  {name}: {value}\n");
            }
            text
        };
        apply(&server, plugin, "fields", &text(None));
        let whole = called(&server, list, "all").remove(0);
        for (name, _) in fields {
            tried += 1;
            if whole[name].is_null() && *name != "artifacts" {
                violations.push(format!("{plugin}: {name} is dropped: {whole}"));
            }
            apply(&server, plugin, "fields", &text(Some(name)));
            let less = called(&server, list, "all").remove(0);
            let said = |entity: &Value| entity.get(name).filter(|v| !v.is_null()).cloned();
            if said(&less).is_some_and(|left| Some(left) == said(&whole)) {
                violations.push(format!("{plugin}: {name} stays though it is gone: {less}"));
            }
        }
        for (name, part) in [
            ("i", "int_value"),
            ("d", "double_value"),
            ("b", "bool_value"),
        ] {
            if whole["customProperties"][name][part].is_null() {
                violations.push(format!("{plugin}: the property {name} is dropped: {whole}"));
            }
        }
    }
    matrix::row(
        "weaknesses 34, 37: fields that come and go",
        tried,
        &violations,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_ready_before_the_first_load_has_ended() {
    let stuck = Stuck::start().await;
    let client = stuck.client();
    let (before, listed, after) = tokio::task::spawn_blocking(move || {
        let ready = |client: &Client| {
            let answer = client.get("/readyz");
            (
                answer.status,
                answer.json()["components"]["initial_load"]["status"].clone(),
            )
        };
        // A source hangs at its first load: alive, not ready, and what there is is told.
        let before = ready(&client);
        let listed = client.get(&format!("{BASE}/plugins/plain/sources")).status;
        assert_eq!(client.get("/livez").status, 200);
        stuck.open();
        eventually("it is ready", || ready(&client).0 == 200);
        // Its store answers no question about its health: told in time, and nobody else waits.
        stuck.hold_health();
        let begun = std::time::Instant::now();
        let mut after = (200, Value::Null);
        while after.0 == 200 && begun.elapsed() < catalog_tests::PATIENCE {
            let answer = client.get("/readyz");
            after = (answer.status, answer.json()["components"].clone());
        }
        let listed = (
            listed,
            client.get(&format!("{BASE}/plugins/plain/sources")).status,
        );
        (before, listed, after)
    })
    .await
    .unwrap();
    let mut violations = Vec::new();
    if before.0 != 503 || before.1 == "healthy" || listed != (200, 200) {
        violations.push(format!("while a source hangs: {before:?}, {listed:?}"));
    }
    if after.0 != 503 || !after.1.to_string().contains("in time") {
        violations.push(format!("with a store that hangs: {after:?}"));
    }
    matrix::row(
        "weaknesses 3, 5: ready too early, slow health",
        2,
        &violations,
    );
}

#[test]
fn made_up_ids_leave_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let state = |server: &Server| {
        let sources = server.get("/plugins/mcp/sources").json();
        let diagnostics = server.get("/plugins/mcp/diagnostics").json();
        let mut files: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        files.sort();
        let ids = |list: &Value| {
            let items = list["items"].as_array().or(list["sources"].as_array());
            items
                .into_iter()
                .flatten()
                .map(|s| s["id"].clone())
                .collect::<Vec<_>>()
        };
        (ids(&sources), ids(&diagnostics), files)
    };
    let before = state(&server);
    let count = matrix::tries(100, 5000);
    let base = server.client().base().to_owned();
    let ask = |thread: u64| {
        let base = base.clone();
        move || {
            let client = Client::new(base);
            let mut wrong = Vec::new();
            for n in 0..count {
                let path = format!("{BASE}/plugins/mcp/sources/made-up-{thread}-{n}");
                for (method, path) in [
                    ("POST", format!("{path}:refresh")),
                    ("GET", path.clone()),
                    ("GET", format!("{path}/revisions")),
                ] {
                    let headers = [("Content-Type", "application/json")];
                    let answer = client.send(
                        method,
                        &path,
                        &headers,
                        (method == "POST").then_some(&b"{}"[..]),
                    );
                    if answer.status != 404 {
                        wrong.push(format!("{method} {path}: {}", answer.status));
                    }
                }
            }
            wrong
        }
    };
    let threads: Vec<_> = (0..4).map(|t| std::thread::spawn(ask(t))).collect();
    let mut violations: Vec<String> = threads
        .into_iter()
        .flat_map(|t| t.join().unwrap())
        .collect();
    let after = state(&server);
    if after != before {
        violations.push(format!("{before:?} has become {after:?}"));
    }
    // Nor in the database.
    server.terminate();
    server.wait();
    for name in ["catalog.db", "catalog.db-wal"] {
        let bytes = fs::read(dir.path().join(name)).unwrap_or_default();
        if bytes.windows(7).any(|w| w == b"made-up") {
            violations.push(format!("{name} holds a made-up id"));
        }
    }
    matrix::row("weakness 7: made-up ids, at once", 12 * count, &violations);
}

#[test]
fn who_asks_for_a_refresh_may_leave_and_it_happens_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let address = raw::address(server.client());
    let count = matrix::tries(10, 200);
    for n in 0..count {
        let text = format!("mcp_servers:\n- {{name: edit-{n}, deploymentMode: local}}\n");
        fs::write(dir.path().join("mcp-servers.yaml"), text).unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let path = format!("{BASE}/plugins/mcp/sources/mcp-default:refresh");
        write!(stream, "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}").unwrap();
        drop(stream);
        let name = format!("edit-{n}");
        eventually("the edit is seen", || server.mcp_names().contains(&name));
    }
    matrix::row("weakness 27: a refresh whose asker leaves", count, &[]);
}

#[test]
fn a_name_is_no_pattern_and_no_query() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let names = [
        "a'b%_c",
        "aXb%_c",
        "a'bXYc",
        "a'b%Xc",
        "a\"b;c",
        "a:b:c",
        "a' OR '1'='1",
        "%",
        "_",
    ];
    let entries: String = names
        .iter()
        .map(|n| {
            format!(
                "- {{name: {}, deploymentMode: local, description: {}}}\n",
                json!(n),
                json!(format!("of {n}"))
            )
        })
        .collect();
    apply(
        &server,
        "mcp",
        "quotes",
        &format!("mcp_servers:\n{entries}"),
    );
    let encoded = |name: &str| {
        name.bytes()
            .map(|b| format!("%{b:02X}"))
            .collect::<String>()
    };
    let (mut tried, mut violations) = (0, Vec::new());
    for name in names {
        tried += 1;
        let answer = server.client().get(&format!("{MCP}/{}", encoded(name)));
        if answer.status != 200 || answer.json()["description"] != format!("of {name}") {
            violations.push(format!("{name}: {} {}", answer.status, answer.text));
        }
    }
    for none in ["a'b%", "a%", "a'b__c", "' OR ''='", "a'b%_c' --", "%%"] {
        tried += 1;
        let answer = server.client().get(&format!("{MCP}/{}", encoded(none)));
        if answer.status != 404 {
            violations.push(format!("{none}: {} {}", answer.status, answer.text));
        }
    }
    // Page by page, colons or not: every name once.
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let page = server
            .client()
            .get(&format!("{MCP}?pageSize=1&nextPageToken={token}"))
            .expect(200)
            .json();
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|i| i["name"].as_str().unwrap().to_owned()),
        );
        token = page["nextPageToken"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        tried += 1;
        if token.is_empty() || tried > 1000 {
            break;
        }
    }
    if seen != server.mcp_names() {
        violations.push(format!("page by page: {seen:?}"));
    }
    matrix::row(
        "weaknesses 47, 78: names that others take for more",
        tried,
        &violations,
    );
}

#[test]
fn no_other_origin_is_let_in_and_no_forwarded_address_believed() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let (mut tried, mut violations) = (0, Vec::new());
    let headers = [
        ("Origin", "https://elsewhere.example"),
        ("Access-Control-Request-Method", "POST"),
        ("X-Forwarded-For", "203.0.113.77"),
        ("Forwarded", "for=203.0.113.77"),
        ("X-Real-Ip", "203.0.113.77"),
    ];
    for path in [
        MCP,
        MODELS,
        "/livez",
        "/docs",
        "/nowhere",
        &format!("{BASE}/plugins/mcp/sources"),
    ] {
        for method in ["GET", "OPTIONS", "POST"] {
            tried += 1;
            let answer = server.client().send(method, path, &headers, None);
            let allows = answer
                .headers
                .iter()
                .find(|(n, _)| n.starts_with("access-control-"));
            if let Some((name, value)) = allows {
                violations.push(format!("{method} {path}: {name}: {value}"));
            }
            if answer.text.contains("203.0.113.77") {
                violations.push(format!("{method} {path} repeats the address"));
            }
        }
    }
    let log = server.kill();
    if log.contains("203.0.113.77") {
        violations.push("the log has the forwarded address".to_owned());
    }
    matrix::row(
        "weakness 49: other origins, forwarded addresses",
        tried,
        &violations,
    );
}

#[test]
fn a_page_has_ten_thousand_items_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let many: String = (0..10_050).map(|n| format!("- name: m{n:05}\n")).collect();
    apply(&server, "model", "many", &format!("models:\n{many}"));
    let (mut seen, mut sizes, mut token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let path = format!("{MODELS}?source=many&pageSize=2147483647&nextPageToken={token}");
        let page = server.client().get(&path).expect(200).json();
        let items = page["items"].as_array().unwrap();
        sizes.push(items.len());
        seen.extend(items.iter().map(|i| i["name"].as_str().unwrap().to_owned()));
        token = page["nextPageToken"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if token.is_empty() {
            break;
        }
    }
    let expected: Vec<String> = (0..10_050).map(|n| format!("m{n:05}")).collect();
    let mut violations = Vec::new();
    if sizes != [10_000, 50] || seen != expected {
        violations.push(format!("pages of {sizes:?}"));
    }
    for query in [
        "pageSize=0",
        "pageSize=-1",
        "orderBy=colour",
        "sortOrder=UP",
        "nextPageToken=zz",
    ] {
        let status = server.client().get(&format!("{MODELS}?{query}")).status;
        if status != 400 {
            violations.push(format!("{query}: {status}"));
        }
    }
    matrix::row("weaknesses 77, 80, 81: pages without end", 7, &violations);
}
