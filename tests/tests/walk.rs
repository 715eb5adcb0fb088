//! The walk of an operator, over HTTP, against the real binary.

use std::fs;
use std::path::Path;

use catalog_tests::{Server, ServerOptions, eventually, shared_data};
use serde_json::{Value, json};

const DEFAULT: &str = "/plugins/mcp/sources/mcp-default";

fn file(dir: &Path) -> std::path::PathBuf {
    dir.join("mcp-servers.yaml")
}

fn status(server: &Server, source: &str) -> Value {
    server.get(source).expect(200).json()["status"].clone()
}

#[test]
fn the_first_start_makes_a_sample_and_serves_it() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("catalog-data");
    let server = Server::start(&data);
    let plugins = server.get("/plugins").expect(200).json();
    assert_eq!(plugins["size"], 2);
    let names: Vec<_> = plugins["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["name"])
        .collect();
    assert_eq!(names, ["mcp", "model"]);
    for (plugin, served) in [("mcp", server.mcp_names()), ("model", server.model_names())] {
        let sources = server
            .get(&format!("/plugins/{plugin}/sources"))
            .expect(200)
            .json();
        let items = sources["items"].as_array().unwrap();
        assert_eq!(items.len(), 2, "two sources of {plugin}");
        let count: u64 = items
            .iter()
            .map(|s| s["status"]["entityCount"].as_u64().unwrap())
            .sum();
        assert_eq!(count as usize, served.len());
    }
    let states: Vec<_> = ["mcp", "model"]
        .iter()
        .flat_map(|p| {
            let list = server.get(&format!("/plugins/{p}/sources")).json();
            list["items"].as_array().unwrap().clone()
        })
        .map(|s| s["status"]["state"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        states.iter().filter(|s| *s == "disabled").count(),
        1,
        "{states:?}"
    );
    assert_eq!(
        states.iter().filter(|s| *s == "available").count(),
        3,
        "{states:?}"
    );
    server.client().get("/readyz").expect(200);
    let docs = server.client().get("/docs").expect(200);
    assert!(
        docs.header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    // A second start finds what the first made.
    let (etag, counts) = (
        server.get(DEFAULT).etag(),
        (server.mcp_names(), server.model_names()),
    );
    drop(server);
    let before = fs::read(data.join("sources.yaml")).unwrap();
    let server = Server::start(&data);
    assert_eq!(fs::read(data.join("sources.yaml")).unwrap(), before);
    assert_eq!(server.get(DEFAULT).expect(200).etag(), etag);
    assert_eq!((server.mcp_names(), server.model_names()), counts);
}

#[test]
fn everything_wrong_is_said_at_once_and_nothing_of_it_gets_in() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let detail = server.get(DEFAULT).expect(200);
    let (etag, raw) = (
        detail.etag(),
        detail.json()["rawYaml"].as_str().unwrap().to_owned(),
    );
    assert!(raw.starts_with('#') || raw.contains("mcpservers:"));
    let bad = "\
mcpservers:
  - name: one
    transportTyp: stdio
    deploymentMode: local
    image: registry.example.com/one:1
  - name: one
    deploymentMode: hybird
    image: registry.example.com/two:1
    customProperties:
      apiKey: not-a-placeholder-4711
";
    let body = json!({"rawYaml": bad});
    let report = server
        .post(&format!("{DEFAULT}:validate"), &body)
        .expect(200)
        .json();
    assert_eq!(report["valid"], false);
    let find = |list: &str, part: &str| {
        let found = report[list]
            .as_array()
            .unwrap()
            .iter()
            .find(|f| f["field"].as_str().unwrap_or("").contains(part));
        found
            .cloned()
            .unwrap_or_else(|| panic!("{part} in {report:#}"))
    };
    let unknown = find("errors", "transportTyp");
    assert_eq!(
        (unknown["line"].as_u64(), unknown["column"].as_u64()),
        (Some(3), Some(5))
    );
    assert!(
        unknown["suggestion"]
            .as_str()
            .unwrap()
            .contains("transportType")
    );
    let duplicate = find("errors", "mcpservers[1].name");
    assert_eq!(duplicate["line"], 6);
    let mode = find("errors", "deploymentMode");
    assert_eq!(
        (mode["line"].as_u64(), mode["column"].as_u64()),
        (Some(7), Some(21))
    );
    let secret = find("warnings", "apiKey");
    assert_eq!(
        (secret["layer"].as_str(), secret["line"].as_u64()),
        (Some("security_warnings"), Some(10))
    );
    for finding in report["errors"].as_array().unwrap() {
        assert!(
            finding["layer"].is_string() && finding["line"].is_u64() && finding["column"].is_u64(),
            "{finding}"
        );
    }
    let layers: Vec<_> = report["layerResults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["layer"].as_str().unwrap())
        .collect();
    assert_eq!(
        layers,
        [
            "yaml_parse",
            "strict_fields",
            "semantic",
            "security_warnings",
            "provider"
        ]
    );
    assert!(!report.to_string().contains("4711"));

    let before = (fs::read(file(dir.path())).unwrap(), server.mcp_names());
    let refused = server
        .post_if(&format!("{DEFAULT}:apply"), &etag, &body)
        .expect(422);
    assert_eq!(
        refused.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(refused.json()["code"], "validation-failed");
    assert!(refused.json()["findings"].as_array().unwrap().len() >= 4);
    assert_eq!(
        (fs::read(file(dir.path())).unwrap(), server.mcp_names()),
        before
    );
    assert_eq!(server.get(DEFAULT).etag(), etag);
}

#[test]
fn a_good_edit_is_stored_shown_at_once_and_can_be_rolled_back_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let sources = fs::read(dir.path().join("sources.yaml")).unwrap();
    let original = fs::read(file(dir.path())).unwrap();
    let first = server.get(DEFAULT).expect(200);
    let raw = first.json()["rawYaml"].as_str().unwrap().to_owned();
    let served = server.mcp_names();
    let edited = format!(
        "# An operator was here.\r\n{}\n  - name: added-by-hand\n    deploymentMode: remote\n    endpoint: https://added.example.com/mcp\n",
        raw.trim_end()
    );

    let done = server
        .post_if(
            &format!("{DEFAULT}:apply"),
            &first.etag(),
            &json!({"rawYaml": edited, "message": "one more"}),
        )
        .expect(200);
    let result = done.json();
    assert_eq!(
        result["diff"]["entities"],
        json!({"added": ["added-by-hand"], "changed": [], "removed": []})
    );
    assert_eq!(result["refresh"]["status"], "success");
    assert_eq!(result["changed"], true);
    assert_eq!(
        done.etag(),
        format!("\"{}\"", result["revision"].as_str().unwrap())
    );
    assert!(server.mcp_names().contains(&"added-by-hand".to_owned()));
    server
        .client()
        .get("/api/mcp_catalog/v1alpha1/mcpservers/added-by-hand")
        .expect(200);
    assert_eq!(
        fs::read(file(dir.path())).unwrap(),
        edited.as_bytes(),
        "what was sent is what is on disk"
    );
    assert_eq!(
        fs::read(dir.path().join("sources.yaml")).unwrap(),
        sources,
        "the settings did not change"
    );
    let now = status(&server, DEFAULT);
    assert_eq!(now["revision"], result["revision"]);
    assert_eq!(
        now["entityCount"].as_u64(),
        result["refresh"]["entitiesLoaded"].as_u64()
    );

    // The old ETag is stale.
    let stale = server
        .post_if(
            &format!("{DEFAULT}:apply"),
            &first.etag(),
            &json!({"rawYaml": raw}),
        )
        .expect(412);
    assert_eq!(
        (stale.json()["code"].as_str(), &stale.json()["current"]),
        (Some("version-conflict"), &result["revision"])
    );
    let stale = json!({"rawYaml": raw, "expectedRevision": first.json()["revision"]});
    let stale = server.post(&format!("{DEFAULT}:apply"), &stale).expect(409);
    assert_eq!(stale.json()["current"], result["revision"]);

    let revisions = server
        .get(&format!("{DEFAULT}/revisions"))
        .expect(200)
        .json();
    let to = revisions["items"].as_array().unwrap().last().unwrap()["id"].clone();
    let back = server
        .post_if(
            &format!("{DEFAULT}:rollback"),
            &done.etag(),
            &json!({"revisionId": to}),
        )
        .expect(200);
    assert_eq!(back.json()["rolledBackTo"], to);
    assert_eq!(fs::read(file(dir.path())).unwrap(), original);
    assert_eq!(server.mcp_names(), served);
    let after = server
        .get(&format!("{DEFAULT}/revisions"))
        .expect(200)
        .json();
    assert_eq!(
        after["size"].as_u64().unwrap(),
        revisions["size"].as_u64().unwrap() + 1
    );

    // Delete, and back into being.
    let gone = server.delete_if(DEFAULT, &back.etag()).expect(200).json();
    server.get(DEFAULT).expect(404);
    assert!(!served.is_empty() && server.mcp_names().len() < served.len());
    let history = server
        .get(&format!("{DEFAULT}/revisions"))
        .expect(200)
        .json();
    assert_eq!(history["items"][0]["id"], gone["revision"]);
    let reborn = json!({"revisionId": to, "expectedRevision": null});
    server
        .post(&format!("{DEFAULT}:rollback"), &reborn)
        .expect(200);
    assert_eq!(fs::read(file(dir.path())).unwrap(), original);
    assert_eq!(server.mcp_names(), served);
}

#[test]
fn of_two_concurrent_applies_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    for round in 0..5 {
        let detail = server.get(DEFAULT).expect(200);
        let (etag, raw) = (
            detail.etag(),
            detail.json()["rawYaml"].as_str().unwrap().to_owned(),
        );
        let mut statuses: Vec<u16> = std::thread::scope(|scope| {
            let write = |who: &'static str| {
                let (server, etag, raw) = (&server, &etag, &raw);
                scope.spawn(move || {
                    let body = json!({"rawYaml": format!("{raw}# {who} {round}\n")});
                    server
                        .post_if(&format!("{DEFAULT}:apply"), etag, &body)
                        .status
                })
            };
            let writers = [write("a"), write("b")];
            writers.into_iter().map(|w| w.join().unwrap()).collect()
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412]);
    }
}

#[test]
fn everything_survives_kill_9_and_outside_edits_are_seen() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let detail = server.get(DEFAULT).expect(200);
    let raw = detail.json()["rawYaml"].as_str().unwrap().to_owned();
    let edited = format!("{raw}# kept\n");
    server
        .post_if(
            &format!("{DEFAULT}:apply"),
            &detail.etag(),
            &json!({"rawYaml": edited}),
        )
        .expect(200);
    let before = (
        server.get(DEFAULT).json(),
        server.get(&format!("{DEFAULT}/revisions")).json(),
        server.mcp_names(),
    );
    server.kill();

    let server = Server::start(dir.path());
    let now = server.get(DEFAULT).expect(200).json();
    assert_eq!(
        (&now["rawYaml"], &now["revision"]),
        (&before.0["rawYaml"], &before.0["revision"])
    );
    assert_eq!(now["status"]["lastRefreshStatus"], "success");
    assert_eq!(server.get(&format!("{DEFAULT}/revisions")).json(), before.1);
    assert_eq!(server.mcp_names(), before.2);

    // An editor saves: within a second it is a revision, and served.
    let outside = format!(
        "{edited}  - name: typed-in-an-editor\n    deploymentMode: local\n    image: registry.example.com/x:1\n"
    );
    fs::write(file(dir.path()), &outside).unwrap();
    eventually("the outside edit is served", || {
        server
            .mcp_names()
            .contains(&"typed-in-an-editor".to_owned())
    });
    let newest = server.get(&format!("{DEFAULT}/revisions")).json()["items"][0].clone();
    assert_eq!(
        (newest["author"].as_str(), newest["kind"].as_str()),
        (Some("external"), Some("external"))
    );

    // Garbage: an error with its line, the old entities, the others unharmed, and still ready.
    let served = server.mcp_names();
    fs::write(file(dir.path()), format!("{outside}  - name: [\n")).unwrap();
    eventually("the error shows", || {
        status(&server, DEFAULT)["state"] == "error"
    });
    let broken = status(&server, DEFAULT);
    assert!(
        broken["lastError"].as_str().unwrap().contains("line"),
        "{broken}"
    );
    assert_eq!(broken["revision"], newest["id"]);
    assert_eq!(server.mcp_names(), served);
    assert_eq!(
        status(&server, "/plugins/mcp/sources/mcp-community")["state"],
        "available"
    );
    let ready = server.client().get("/readyz").expect(200).json();
    assert_eq!(ready["components"]["plugins"]["status"], "degraded");
    // A restart does not change that: the last good revision is served.
    server.kill();
    let server = Server::start(dir.path());
    assert_eq!(server.mcp_names(), served);
    assert_eq!(status(&server, DEFAULT)["state"], "error");

    fs::write(file(dir.path()), &outside).unwrap();
    eventually("the repair shows", || {
        status(&server, DEFAULT)["state"] == "available"
    });
    assert_eq!(server.mcp_names(), served);
}

#[test]
fn a_source_can_be_created_changed_and_switched_off_without_touching_its_neighbours() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let before = fs::read_to_string(dir.path().join("sources.yaml")).unwrap();
    let body = json!({
        "source": {"id": "team", "name": "Team", "type": "yaml", "labels": ["x"]},
        "rawYaml": "mcpservers:\n  - {name: mine, deploymentMode: local, image: registry.example.com/m:1}\n",
        "expectedRevision": null
    });
    let created = server
        .post("/plugins/mcp/sources/team:apply", &body)
        .expect(200);
    assert_eq!(created.json()["created"], true);
    server
        .post("/plugins/mcp/sources/team:apply", &body)
        .expect(409);
    assert!(server.mcp_names().contains(&"mine".to_owned()));
    let after = fs::read_to_string(dir.path().join("sources.yaml")).unwrap();
    for line in before.lines() {
        assert!(after.contains(line), "{line} is still there");
    }
    let off = server
        .post_if(
            "/plugins/mcp/sources/team:enable",
            &created.etag(),
            &json!({"enabled": false}),
        )
        .expect(200);
    assert_eq!(off.json()["status"]["state"], "disabled");
    assert!(!server.mcp_names().contains(&"mine".to_owned()));
    let on = server
        .post_if(
            "/plugins/mcp/sources/team:enable",
            &off.etag(),
            &json!({"enabled": true}),
        )
        .expect(200);
    assert!(server.mcp_names().contains(&"mine".to_owned()));
    server
        .delete_if("/plugins/mcp/sources/team", &on.etag())
        .expect(200);
    assert_eq!(
        fs::read_to_string(dir.path().join("sources.yaml")).unwrap(),
        before,
        "as if it had never been"
    );
}

#[test]
fn real_catalogs_load_whole() {
    let Some(data) = shared_data("real catalogs") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "validated-models-catalog",
        "redhat-mcp-servers-catalog",
        "partner-mcp-servers-catalog",
        "community-mcp-servers-catalog",
    ] {
        let name = format!("{name}.yaml");
        fs::copy(
            data.join("odh-catalogs").join(&name),
            dir.path().join(&name),
        )
        .unwrap();
    }
    fs::copy(
        data.join("kf-reg/mcp/mcp-servers.yaml"),
        dir.path().join("kf.yaml"),
    )
    .unwrap();
    let source = |id: &str, file: &str| {
        format!(
            "      - id: {id}\n        name: {id}\n        type: yaml\n        properties: {{yamlCatalogPath: {file}}}\n"
        )
    };
    let sources = format!(
        "catalogs:\n  models:\n    sources:\n{}  mcp:\n    sources:\n{}{}{}{}",
        source("validated", "validated-models-catalog.yaml"),
        source("redhat", "redhat-mcp-servers-catalog.yaml"),
        source("partner", "partner-mcp-servers-catalog.yaml"),
        source("community", "community-mcp-servers-catalog.yaml"),
        source("kf", "kf.yaml"),
    );
    fs::write(dir.path().join("sources.yaml"), sources).unwrap();
    let options = ServerOptions {
        args: vec!["--max-document-bytes".into(), "4194304".into()],
        ..ServerOptions::default()
    };
    let server = Server::start_with(dir.path(), &options);
    assert_eq!(server.model_names().len(), 67);
    let mcp = server.mcp_names();
    assert_eq!(mcp.len(), 3 + 5 + 2 + 6, "{mcp:?}");
    // The large one goes round the whole loop.
    let path = "/plugins/model/sources/validated";
    let detail = server.get(path).expect(200);
    let raw = detail.json()["rawYaml"].as_str().unwrap().to_owned();
    let done = server
        .post_if(
            &format!("{path}:apply"),
            &detail.etag(),
            &json!({"rawYaml": format!("{raw}# edited\n")}),
        )
        .expect(200);
    assert_eq!(done.json()["status"]["entityCount"], 67);
    let original = fs::read(data.join("odh-catalogs/validated-models-catalog.yaml")).unwrap();
    let mut expected = original;
    expected.extend_from_slice(b"# edited\n");
    assert_eq!(
        fs::read(dir.path().join("validated-models-catalog.yaml")).unwrap(),
        expected
    );
    // Under the default limit it is refused, and says why.
    drop(server);
    let server = Server::start(dir.path());
    let status = status(&server, path);
    assert_eq!(status["state"], "error");
    assert!(
        status["lastError"].as_str().unwrap().contains("1048576"),
        "{status}"
    );
}

#[test]
fn sigterm_drains_and_exits_0() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    // An open stream does not hold the server up.
    let mut stream =
        std::net::TcpStream::connect(server.client().base().trim_start_matches("http://")).unwrap();
    std::io::Write::write_all(
        &mut stream,
        b"GET /api/catalog-management/v1alpha1/events HTTP/1.1\r\nHost: x\r\n\r\n",
    )
    .unwrap();
    let mut first = [0u8; 12];
    std::io::Read::read_exact(&mut stream, &mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    server.terminate();
    let status = server.wait();
    assert_eq!(status.code(), Some(0));
}
