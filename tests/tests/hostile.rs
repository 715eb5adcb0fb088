//! Input that is out to do harm: each is refused with a clear error or accepted as documented,
//! nothing is lost, and the server goes on.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use catalog_tests::{Server, eventually};
use serde_json::{Value, json};

const SOURCE: &str = "/plugins/mcp/sources/mcp-default";

fn tree(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let below = tree(&path)
                .into_iter()
                .map(|(n, b)| (format!("{name}/{n}"), b));
            files.extend(below);
        } else if !name.starts_with("catalog.db") {
            files.push((name, fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

fn nested(levels: usize) -> String {
    (0..levels)
        .map(|i| format!("{}k:\n", "  ".repeat(i)))
        .collect()
}

fn bomb() -> String {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for i in 1..9 {
        text += &format!(
            "a{i}: &a{i} [{}]\n",
            vec![format!("*a{}", i - 1); 10].join(",")
        );
    }
    text
}

#[test]
fn hostile_content_is_refused_and_changes_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let detail = server.get(SOURCE).expect(200);
    let raw = detail.json()["rawYaml"].as_str().unwrap().to_owned();
    let before = tree(dir.path());
    for (what, text, status, code) in [
        (
            "a 2 MiB body",
            "#".repeat(2 << 20),
            413,
            "document-too-large",
        ),
        ("40 levels", nested(40), 422, "too-deep"),
        ("20000 levels", "[".repeat(20_000), 422, "too-deep"),
        ("an alias bomb", bomb(), 422, "too-many-nodes"),
        ("a NUL", format!("{raw}# \u{0}\n"), 422, "control-character"),
        (
            "an escape sequence",
            format!("{raw}# \u{1b}[2J\n"),
            422,
            "control-character",
        ),
        (
            "two documents",
            format!("{raw}---\n{raw}"),
            422,
            "multiple-documents",
        ),
        (
            "a duplicate key",
            "mcpservers: []\nmcpservers: []\n".to_owned(),
            422,
            "duplicate-key",
        ),
        (
            "a merge key",
            "mcpservers:\n  - &a {name: a, deploymentMode: local}\n  - <<: *a\n".to_owned(),
            422,
            "merge-key",
        ),
        (
            "a tag",
            "mcpservers: !!python/object []\n".to_owned(),
            422,
            "tag",
        ),
        ("nothing", String::new(), 422, "wrong-type"),
        (
            "a number that is none",
            "mcpservers: [{name: a, deploymentMode: local, image: x, toolCount: 1e999}]\n"
                .to_owned(),
            422,
            "number-out-of-range",
        ),
    ] {
        let answer = server.post_if(
            &format!("{SOURCE}:apply"),
            &detail.etag(),
            &json!({"rawYaml": text}),
        );
        assert_eq!(answer.status, status, "{what}: {}", answer.text);
        let body = answer.json();
        let found = body["findings"].as_array().cloned().unwrap_or_default();
        let codes: Vec<_> = found
            .iter()
            .map(|f| f["code"].clone())
            .chain([body["code"].clone()])
            .collect();
        assert!(codes.contains(&Value::from(code)), "{what}: {body}");
        if status == 422 {
            let at = found.iter().find(|f| f["code"] == code).unwrap();
            assert!(
                at["line"].is_u64() && at["column"].is_u64(),
                "{what} has a place: {at}"
            );
        }
    }
    assert_eq!(tree(dir.path()), before);
    server.get(SOURCE).expect(200);
}

#[test]
fn crlf_and_a_byte_order_mark_are_kept_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let detail = server.get(SOURCE).expect(200);
    let text = "\u{feff}mcpservers:\r\n  - name: a\r\n    deploymentMode: local\r\n    image: registry.example.com/a:1\r\n";
    server
        .post_if(
            &format!("{SOURCE}:apply"),
            &detail.etag(),
            &json!({"rawYaml": text}),
        )
        .expect(200);
    assert_eq!(
        fs::read(dir.path().join("mcp-servers.yaml")).unwrap(),
        text.as_bytes()
    );
    assert_eq!(server.get(SOURCE).json()["rawYaml"], text);
}

#[test]
fn bytes_that_are_no_text_are_an_error_with_a_place_and_the_old_entities_stay() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let served = server.mcp_names();
    fs::write(
        dir.path().join("mcp-servers.yaml"),
        b"mcpservers: []\n# \xff\xfe\n",
    )
    .unwrap();
    eventually("the error shows", || {
        server.get(SOURCE).json()["status"]["state"] == "error"
    });
    let status = server.get(SOURCE).json()["status"].clone();
    assert!(
        status["lastError"].as_str().unwrap().contains("line 2"),
        "{status}"
    );
    assert_eq!(server.mcp_names(), served);
}

/// A source that names `path` for its content, created through the API.
fn naming(server: &Server, path: &str) -> catalog_tests::Answer {
    let body = json!({
        "source": {"name": "X", "type": "yaml", "properties": {"yamlCatalogPath": path}},
        "rawYaml": "mcpservers: []\n",
        "expectedRevision": null
    });
    server.post("/plugins/mcp/sources/x:apply", &body)
}

#[test]
fn nothing_outside_the_root_is_written() {
    let outside = tempfile::tempdir().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    std::os::unix::fs::symlink(outside.path(), dir.path().join("link")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("target"), dir.path().join("leaf.yaml"))
        .unwrap();
    fs::create_dir(dir.path().join("folder")).unwrap();
    let name = outside.path().file_name().unwrap().to_str().unwrap();
    let before = tree(dir.path().join("folder").as_path());
    for path in [
        format!("{}/x.yaml", outside.path().display()),
        format!("../{name}/x.yaml"),
        format!("folder/../../{name}/x.yaml"),
        "link/x.yaml".to_owned(),
        "leaf.yaml".to_owned(),
        "/etc/passwd".to_owned(),
        "/proc/self/environ".to_owned(),
        "folder".to_owned(),
        "a\u{0}b".to_owned(),
        "a\nb.yaml".to_owned(),
        ".history/x.yaml".to_owned(),
        String::new(),
    ] {
        let answer = naming(&server, &path);
        assert!(
            matches!(answer.status, 400 | 422),
            "{path:?}: {} {}",
            answer.status,
            answer.text
        );
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    assert_eq!(tree(dir.path().join("folder").as_path()), before);
    server.get("/plugins/mcp/sources/x").expect(404);
}

/// A source that names `path`, declared in `sources.yaml` by hand.
fn declared(dir: &Path, id: &str, path: &str) {
    let file = dir.join("sources.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let entry = format!(
        "    sources:\n      - {{id: {id}, name: X, type: yaml, properties: {{yamlCatalogPath: \"{path}\"}}}}\n"
    );
    fs::write(&file, text.replacen("    sources:\n", &entry, 1)).unwrap();
}

#[test]
fn nothing_outside_the_root_is_read() {
    let outside = tempfile::tempdir().unwrap();
    let secret = "mcpservers: [{name: canary-outside, deploymentMode: local, image: x}]\n";
    fs::write(outside.path().join("x.yaml"), secret).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let served = server.mcp_names();
    std::os::unix::fs::symlink(outside.path().join("x.yaml"), dir.path().join("leaf.yaml"))
        .unwrap();
    let fifo = Command::new("mkfifo")
        .arg(dir.path().join("fifo"))
        .status()
        .unwrap();
    assert!(fifo.success());
    fs::create_dir(dir.path().join("folder")).unwrap();
    let paths = [
        ("absolute", format!("{}/x.yaml", outside.path().display())),
        ("symlink", "leaf.yaml".to_owned()),
        ("fifo", "fifo".to_owned()),
        ("folder", "folder".to_owned()),
        ("device", "/dev/zero".to_owned()),
        ("proc", "/proc/self/environ".to_owned()),
        ("missing", "nothing.yaml".to_owned()),
    ];
    for (id, path) in &paths {
        declared(dir.path(), id, path);
    }
    eventually("the last source shows", || {
        server.get("/plugins/mcp/sources/missing").status == 200
    });
    for (id, path) in &paths {
        let source = format!("/plugins/mcp/sources/{id}");
        eventually(path, || {
            server.get(&source).json()["status"]["state"] == "error"
        });
        let detail = server.get(&source);
        assert!(
            !detail.text.contains("canary-outside"),
            "{path}: {}",
            detail.text
        );
        assert!(detail.json()["status"]["lastError"].is_string());
    }
    assert_eq!(server.mcp_names(), served);
    server.client().get("/readyz").expect(200);
}

#[test]
fn a_sources_file_that_does_not_parse_takes_nothing_down() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let file = dir.path().join("sources.yaml");
    let good = fs::read_to_string(&file).unwrap();
    let (mcp, models) = (server.mcp_names(), server.model_names());
    fs::write(&file, "catalogs: [\n").unwrap();
    eventually("the error shows", || {
        server.get(SOURCE).json()["status"]["state"] == "error"
    });
    assert_eq!(
        (server.mcp_names(), server.model_names()),
        (mcp.clone(), models)
    );
    let detail = server.get(SOURCE).expect(200);
    let answer = server.post_if(
        &format!("{SOURCE}:enable"),
        &detail.etag(),
        &json!({"enabled": false}),
    );
    assert!(answer.status >= 400, "{}", answer.text);
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        "catalogs: [\n",
        "an operator's file is not overwritten"
    );
    server.client().get("/readyz").expect(200);
    fs::write(&file, &good).unwrap();
    eventually("the repair shows", || {
        server.get(SOURCE).json()["status"]["state"] == "available"
    });
    assert_eq!(server.mcp_names(), mcp);
}

#[test]
fn what_the_store_would_refuse_is_said_beforehand() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    for path in ["../x.yaml", "catalog.db", "NOTES.md", "mcp-servers.yaml"] {
        let source = json!({"name": "X", "type": "yaml", "properties": {"yamlCatalogPath": path}});
        let document = json!({"source": source, "rawYaml": "mcpservers: []\n"});
        let report = server
            .post("/plugins/mcp/sources/x:validate", &document)
            .expect(200)
            .json();
        assert_eq!(report["valid"], false, "{path}: {report}");
        for dry_run in [true, false] {
            let mut body = document.clone();
            body["expectedRevision"] = Value::Null;
            body["options"] = json!({"dryRun": dry_run});
            let answer = server
                .post("/plugins/mcp/sources/x:apply", &body)
                .expect(422)
                .json();
            assert_eq!(
                answer["findings"][0]["code"], "refused-by-store",
                "{path}: {answer}"
            );
        }
    }
    assert!(
        fs::read(dir.path().join("catalog.db"))
            .unwrap()
            .starts_with(b"SQLite format 3")
    );
    server.get("/plugins/mcp/sources/x").expect(404);
}

#[test]
fn a_restart_with_files_out_of_reach_serves_what_was_served() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let served = (server.mcp_names(), server.model_names());
    let sources = dir.path().join("sources.yaml");
    let good = fs::read(&sources).unwrap();
    fs::write(&sources, "catalogs: [\n").unwrap();
    server.kill();
    let server = Server::start(dir.path());
    assert_eq!((server.mcp_names(), server.model_names()), served);
    fs::write(&sources, good).unwrap();
    fs::remove_file(dir.path().join("models.yaml")).unwrap();
    eventually("the missing file shows", || {
        let detail = server.get("/plugins/model/sources/models-default").json();
        detail["status"]["state"] == "error"
    });
    assert_eq!((server.mcp_names(), server.model_names()), served);
    server.kill();
    let server = Server::start(dir.path());
    assert_eq!((server.mcp_names(), server.model_names()), served);
}

#[test]
fn an_emptied_sources_file_or_a_slip_in_it_deletes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let served = server.mcp_names();
    let sources = dir.path().join("sources.yaml");
    let good = fs::read_to_string(&sources).unwrap();
    for bad in [
        String::new(),
        "# nothing yet\n".to_owned(),
        good.replace("      - id: mcp-default", "      - id: Not An Id"),
        good.replace(
            "    sources:\n      # `id`",
            "    sources: {}\n      # `id`",
        ),
    ] {
        fs::write(&sources, &bad).unwrap();
        std::thread::sleep(Duration::from_millis(1500));
        assert_eq!(server.mcp_names(), served, "{bad:.200}");
        let history = server
            .get(&format!("{SOURCE}/revisions"))
            .expect(200)
            .json();
        assert_eq!(history["items"][0]["kind"], "import", "{history}");
    }
    fs::write(&sources, &good).unwrap();
    eventually("the repair shows", || {
        server.get(SOURCE).json()["status"]["state"] == "available"
    });
}

#[test]
fn a_file_that_is_written_slowly_costs_no_history() {
    use std::io::Write as _;
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let detail = server.get(SOURCE).expect(200);
    let raw = detail.json()["rawYaml"].as_str().unwrap().to_owned();
    let body = json!({"rawYaml": format!("{raw}# through the API\n")});
    let applied = server
        .post_if(&format!("{SOURCE}:apply"), &detail.etag(), &body)
        .expect(200)
        .json();
    let mut file = fs::File::create(dir.path().join("mcp-servers.yaml")).unwrap();
    let text = format!("{raw}# slowly\n");
    for chunk in text.as_bytes().chunks(text.len() / 24) {
        file.write_all(chunk).unwrap();
        std::thread::sleep(Duration::from_millis(120));
        server.get(SOURCE).expect(200);
    }
    drop(file);
    eventually("the edit is there", || {
        server.get(SOURCE).json()["rawYaml"] == text
    });
    let history = server
        .get(&format!("{SOURCE}/revisions"))
        .expect(200)
        .json();
    let ids: Vec<_> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["id"])
        .collect();
    assert!(ids.contains(&&applied["revision"]), "{history}");
    assert!(ids.len() <= 6, "{} revisions of one edit", ids.len());
}
