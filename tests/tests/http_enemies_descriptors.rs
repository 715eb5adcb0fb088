//! A server with few file descriptors, and one that runs out of them.

use std::net::TcpStream;
use std::time::Duration;

use catalog_tests::bystanders::Bystanders;
use catalog_tests::matrix::{did_not_run, row, tries};
use catalog_tests::raw::{self, connect};
use catalog_tests::{Client, SOURCE, Server, ServerOptions, eventually, process};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;

/// Starts a server that may have no more than this many descriptors.
fn start(limit: u64) -> (Server, tempfile::TempDir) {
    process::raise_descriptors(0);
    let dir = tempfile::tempdir().unwrap();
    let options = ServerOptions::with_descriptors(limit);
    (Server::start_with(dir.path(), &options), dir)
}

/// Changes the document; the status of the answer. On new connections: one that is kept idle is the
/// first to be closed when others need its place.
fn edit(server: &Server, number: u64) -> u16 {
    let client = || Client::new(server.client().base());
    let detail = client().get(SOURCE);
    let Some(text) = detail.json()["rawYaml"].as_str().map(str::to_owned) else {
        return detail.status;
    };
    let edit = json!({"rawYaml": format!("{text}# {number}\n")});
    let etag = detail.etag();
    let apply = format!("{SOURCE}:apply");
    client()
        .post_with(&apply, &[("If-Match", &etag)], &edit)
        .status
}

#[test]
fn connections_leave_the_store_the_descriptors_it_needs() {
    let mut violations = Vec::new();
    let mut tried = 0;
    for limit in [64, 100, 300] {
        let (server, _dir) = start(limit);
        let address = raw::address(server.client());
        let before = process::usage(server.pid());
        let clients = Bystanders::begin(2, address);
        let mut held: Vec<TcpStream> = Vec::new();
        for number in 0..tries(20, 200) {
            held.extend((0..10).map(|_| connect(address)));
            tried += 1;
            let status = edit(&server, number);
            if status != 200 {
                violations.push(format!("{limit} descriptors: an edit is answered {status}"));
            }
        }
        let ready = raw::ask(address, "/readyz").0;
        if ready != 200 {
            violations.push(format!("{limit} descriptors: /readyz answers {ready}"));
        }
        let seen = clients.end();
        tried += seen.asked;
        violations.extend(
            seen.failures
                .iter()
                .map(|f| format!("{limit} descriptors: {f}")),
        );
        if server.log().contains("cannot accept") {
            violations.push(format!("{limit} descriptors: connections took them all"));
        }
        drop(held);
        eventually("descriptors return", || {
            process::usage(server.pid()).fds <= before.fds + 16
        });
    }
    row("http: few file descriptors", tried, &violations);
}

#[test]
fn a_server_without_descriptors_waits_and_recovers() {
    let name = "http: no file descriptors left";
    let (server, _dir) = start(1000);
    let pid = i32::try_from(server.pid()).ok().and_then(Pid::from_raw);
    let set = |limit: u64| {
        let limit = Rlimit {
            current: Some(limit),
            maximum: Some(1000),
        };
        prlimit(pid, Resource::Nofile, limit)
    };
    // Kept open from before: the server can still be asked.
    let kept = server.client().clone();
    kept.get("/livez").expect(200);
    if let Err(error) = set(8) {
        return did_not_run(
            name,
            &format!("the limit of another process cannot be set: {error}"),
        );
    }
    let address = raw::address(server.client());
    let waiting: Vec<TcpStream> = (0..50).map(|_| connect(address)).collect();
    eventually("the server notices", || {
        server.log().contains("cannot accept connections")
    });
    let before = process::usage(server.pid());
    std::thread::sleep(Duration::from_secs(2));
    let spent = process::usage(server.pid()).ticks - before.ticks;
    let mut violations = Vec::new();
    // A server that spins spends all of it.
    if spent > 100 {
        violations.push(format!("{spent} ticks in two seconds of waiting"));
    }
    let lines = server.log().matches("cannot accept connections").count();
    if lines > 20 {
        violations.push(format!("{lines} lines in the log"));
    }
    set(1000).unwrap();
    drop(waiting);
    let edited = edit(&server, 1);
    if edited != 200 {
        violations.push(format!("after it, an edit is answered {edited}"));
    }
    for path in ["/livez", "/readyz"] {
        eventually(path, || raw::ask(address, path).0 == 200);
    }
    row(name, 50, &violations);
}
