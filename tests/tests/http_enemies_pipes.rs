//! A server whose standard output and error nobody reads any more.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use catalog_tests::{Client, SOURCE, binary, eventually, matrix};
use serde_json::json;

/// A process that ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts on a new directory, logging everything.
fn start(dir: &std::path::Path) -> Running {
    let mut command = Command::new(binary("catalog-server"));
    command
        .env_clear()
        .args(["--listen", "127.0.0.1:0", "--log-format", "text"])
        .args(["--log-level", "trace", "--data-dir"])
        .arg(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Running(command.spawn().unwrap())
}

#[test]
fn a_server_that_nobody_listens_to_goes_on() {
    let (mut tried, mut violations) = (0, Vec::new());
    for both in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut server = start(dir.path());
        // The greeting of a first start goes nowhere.
        drop(server.0.stdout.take());
        let mut log = BufReader::new(server.0.stderr.take().unwrap());
        let mut line = String::new();
        let base = loop {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "it ended");
            if let Some((_, rest)) = line.split_once("ready at ") {
                break rest
                    .split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .to_owned();
            }
        };
        // Then the log goes nowhere, too; or it is read on by somebody.
        let reader = match both {
            true => {
                drop(log);
                None
            }
            false => Some(std::thread::spawn(move || {
                let _ = log.read_to_end(&mut Vec::new());
            })),
        };
        let client = Client::new(base);
        for n in 0..20 {
            tried += 1;
            let edit = json!({"rawYaml": format!("mcpservers: []\n# {n}\n"), "options": {"confirmRemovals": 99}});
            let apply = format!("{SOURCE}:apply");
            let headers = [("Content-Type", "application/json"), ("If-Match", "*")];
            let body = edit.to_string();
            match client.try_send("POST", &apply, &headers, Some(body.as_bytes())) {
                Ok(answer) if answer.status == 200 => {}
                Ok(answer) => violations.push(format!("edit {n}: {}", answer.status)),
                Err(error) => violations.push(format!("edit {n}: {error}")),
            }
        }
        if let Some(status) = server.0.try_wait().unwrap() {
            violations.push(format!("the server ended with {status}"));
            continue;
        }
        // It still ends as it should.
        let pid = server.0.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        eventually("it stops", || server.0.try_wait().unwrap().is_some());
        let status = server.0.wait().unwrap();
        if !status.success() {
            violations.push(format!("the server stopped with {status}"));
        }
        drop(server);
        reader.into_iter().for_each(|r| r.join().unwrap());
    }
    matrix::row(
        "http: nobody reads what the server prints and logs",
        tried,
        &violations,
    );
}
