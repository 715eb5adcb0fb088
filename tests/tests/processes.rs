//! Several processes, the command line, and the probe.

use std::fs;
use std::process::Command;
use std::time::Duration;

use catalog_tests::{Server, ServerOptions, binary, eventually};
use serde_json::json;

const SOURCE: &str = "/plugins/mcp/sources/mcp-default";

#[test]
fn two_servers_on_one_directory_work_together() {
    let dir = tempfile::tempdir().unwrap();
    let one = Server::start(dir.path());
    let two = Server::start(dir.path());
    // An edit through either is seen through the other.
    for (writer, reader, name) in [(&one, &two, "from-one"), (&two, &one, "from-two")] {
        let detail = writer.get(SOURCE).expect(200);
        let raw = detail.json()["rawYaml"].as_str().unwrap().to_owned();
        let text = format!(
            "{}\n  - {{name: {name}, deploymentMode: local, image: registry.example.com/x:1}}\n",
            raw.trim_end()
        );
        let done = writer
            .post_if(
                &format!("{SOURCE}:apply"),
                &detail.etag(),
                &json!({"rawYaml": text}),
            )
            .expect(200);
        eventually("the other server serves it", || {
            reader.mcp_names().contains(&name.to_owned())
        });
        assert_eq!(reader.get(SOURCE).etag(), done.etag());
        assert_eq!(reader.mcp_names(), writer.mcp_names());
    }
    // Of edits through both at once, one wins each time; none is lost or doubled.
    let mut wins = 0;
    for round in 0..10 {
        let etag = one.get(SOURCE).etag();
        let results: Vec<_> = std::thread::scope(|scope| {
            let write = |server: &'static str| {
                let (target, etag) = (if server == "one" { &one } else { &two }, &etag);
                scope.spawn(move || {
                    let patch = json!({"source": {"labels": [format!("{server}-{round}")]}});
                    target
                        .post_if(&format!("{SOURCE}:apply"), etag, &patch)
                        .status
                })
            };
            let writers = [write("one"), write("two")];
            writers.into_iter().map(|w| w.join().unwrap()).collect()
        });
        assert!(
            results.iter().all(|s| matches!(s, 200 | 412)),
            "{results:?}"
        );
        wins += results.iter().filter(|s| **s == 200).count();
    }
    assert_eq!(wins, 10);
    let history = one.get(&format!("{SOURCE}/revisions")).json();
    let kinds: Vec<_> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["kind"].clone())
        .collect();
    assert!(
        !kinds.contains(&json!("external")),
        "nothing was mistaken for an outside edit: {kinds:?}"
    );
}

#[test]
fn killed_in_the_middle_of_edits_it_comes_back_with_every_answer_it_gave() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..8 {
        let server = Server::start(dir.path());
        let (client, pid) = (server.client().clone(), server.pid());
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(40 + round * 7));
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        });
        let path = format!("/api/catalog-management/v1alpha1{SOURCE}");
        let mut acknowledged = None;
        for i in 0.. {
            // Settings and content change together.
            let Ok(detail) = client.try_send("GET", &path, &[], None) else {
                break;
            };
            let name = format!("round {round} edit {i}");
            let text = format!(
                "# {name}\nmcpservers:\n  - {{name: a, deploymentMode: local, image: registry.example.com/a:1}}\n"
            );
            let body = json!({"source": {"name": name}, "rawYaml": text, "options": {"confirmRemovals": 1000}}).to_string();
            let etag = detail.etag();
            let headers = [
                ("If-Match", etag.as_str()),
                ("Content-Type", "application/json"),
            ];
            match client.try_send(
                "POST",
                &format!("{path}:apply"),
                &headers,
                Some(body.as_bytes()),
            ) {
                Ok(answer) => {
                    acknowledged = Some((answer.expect(200).json()["revision"].clone(), name))
                }
                Err(_) => break,
            }
        }
        killer.join().unwrap();
        drop(server);
        let server = Server::start(dir.path());
        let now = server.get(SOURCE).expect(200).json();
        let (name, raw) = (
            now["source"]["name"].as_str().unwrap(),
            now["rawYaml"].as_str().unwrap(),
        );
        if name.starts_with("round") {
            assert!(
                raw.starts_with(&format!("# {name}\n")),
                "settings and content belong together: {name} {raw}"
            );
        }
        let history = server
            .get(&format!("{SOURCE}/revisions"))
            .expect(200)
            .json();
        let items = history["items"].as_array().unwrap();
        assert_eq!(items[0]["id"], now["revision"]);
        assert!(items.iter().all(|r| r["kind"] != "external"), "{history}");
        if let Some((revision, _)) = acknowledged {
            assert!(
                items.iter().any(|r| r["id"] == revision),
                "{revision} was acknowledged"
            );
        }
        for revision in items {
            let id = revision["id"].as_str().unwrap();
            server.get(&format!("{SOURCE}/revisions/{id}")).expect(200);
        }
        let stray: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .filter_map(|e| {
                let name = e.unwrap().file_name().to_string_lossy().into_owned();
                name.contains("tmp").then_some(name)
            })
            .collect();
        assert!(stray.is_empty(), "{stray:?}");
    }
}

#[test]
fn wrong_settings_are_one_line_that_names_them() {
    let dir = tempfile::tempdir().unwrap();
    for (args, named) in [
        (vec!["--max-document-bytes", "many"], "--max-document-bytes"),
        (vec!["--config-store", "cloud"], "--config-store"),
        (vec!["--db-dsn", "mysql://u:canary@h/d"], "--db-dsn"),
        (vec!["--sources", "/nowhere/sources.yaml"], "--sources"),
        (vec!["--log-level", "=,="], "--log-level"),
        (vec!["--log-level", "nonsense"], "--log-level"),
        (
            vec!["--max-document-bytes", "0"],
            "CATALOG_MAX_DOCUMENT_BYTES",
        ),
        (vec!["--secrets-dir", "/nowhere"], "--secrets-dir"),
        (vec!["--content-root", "/nowhere"], "--content-root"),
        (vec!["--nonsense"], "--nonsense"),
    ] {
        let options = ServerOptions {
            args: args.iter().map(|a| (*a).to_owned()).collect(),
            ..ServerOptions::default()
        };
        let Err((status, log)) = Server::try_start(dir.path(), &options) else {
            panic!("{args:?} should not start");
        };
        assert_eq!(status.code(), Some(2), "{args:?}: {log}");
        let lines: Vec<_> = log.lines().filter(|l| !l.starts_with('{')).collect();
        assert_eq!(lines.len(), 1, "{args:?}: {log}");
        assert!(lines[0].contains(named), "{log}");
        assert!(!log.contains("canary"), "{log}");
    }
}

#[test]
fn check_names_every_finding_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    drop(Server::start(dir.path()));
    let check = || {
        Command::new(binary("catalog-server"))
            .env_clear()
            .args(["check", "--data-dir"])
            .arg(dir.path())
            .output()
            .unwrap()
    };
    let good = check();
    assert!(
        good.status.success(),
        "{}",
        String::from_utf8_lossy(&good.stdout)
    );
    fs::write(
        dir.path().join("mcp-servers.yaml"),
        "mcpservers:\n  - name: a\n    deploymentMode: nowhere\n",
    )
    .unwrap();
    let bad = check();
    assert_eq!(bad.status.code(), Some(1));
    let text = String::from_utf8_lossy(&bad.stdout).into_owned();
    assert!(
        text.lines()
            .any(|l| l.contains("mcp-servers.yaml:3:21: error")),
        "{text}"
    );
}

#[test]
fn migrate_checks_and_migrates() {
    let dir = tempfile::tempdir().unwrap();
    let migrate = |args: &[&str]| {
        let mut command = Command::new(binary("catalog-server"));
        command
            .env_clear()
            .arg("migrate")
            .args(args)
            .arg("--data-dir")
            .arg(dir.path());
        command.status().unwrap().code()
    };
    assert_eq!(migrate(&["--check"]), Some(1));
    assert_eq!(migrate(&[]), Some(0));
    assert_eq!(migrate(&["--check"]), Some(0));
}

#[test]
fn the_probe_tells_ready_from_not() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let url = format!("{}/readyz", server.client().base());
    let probe = |url: &str| {
        Command::new(binary("catalog-healthcheck"))
            .arg(url)
            .output()
            .unwrap()
            .status
            .code()
    };
    assert_eq!(probe(&url), Some(0));
    assert_eq!(
        probe(&format!("{}/nothing", server.client().base())),
        Some(1)
    );
    server.kill();
    assert_eq!(probe(&url), Some(1));
}

#[test]
fn sources_files_are_found_relative_to_the_working_directory() {
    let dir = tempfile::tempdir().unwrap();
    drop(Server::start(dir.path()));
    for path in ["sources.yaml", "./sources.yaml"] {
        let mut check = Command::new(binary("catalog-server"));
        let check = check
            .env_clear()
            .current_dir(dir.path())
            .args(["check", "--sources", path]);
        let output = check.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && text.contains("4 sources, 0 errors"),
            "{path}: {text}"
        );
    }
}

#[test]
fn without_a_store_changes_are_served_and_no_file_changes() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["--config-store", "none", "--db-dsn", "none"];
    let options = ServerOptions {
        args: args.map(str::to_owned).to_vec(),
        ..ServerOptions::default()
    };
    let server = Server::start_with(dir.path(), &options);
    let before = fs::read(dir.path().join("mcp-servers.yaml")).unwrap();
    let etag = server.get(SOURCE).expect(200).etag();
    let text =
        "mcpservers:\n  - {name: only, deploymentMode: local, image: registry.example.com/o:1}\n";
    server
        .post_if(&format!("{SOURCE}:apply"), &etag, &json!({"rawYaml": text}))
        .expect(200);
    server
        .client()
        .get("/api/mcp_catalog/v1alpha1/mcpservers/only")
        .expect(200);
    assert_eq!(
        fs::read(dir.path().join("mcp-servers.yaml")).unwrap(),
        before
    );
    assert!(!dir.path().join(".history").exists());
    assert!(!dir.path().join("catalog.db").exists());
}
