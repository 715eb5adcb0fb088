//! Clients that hold on to what they have: each kind in greater numbers than the server has room
//! for, while honest clients go on. Those are all answered, memory stays bounded, and everything
//! that was taken comes back.
//!
//! The quick form is tried on a server that has room for fewer. Its crowds are gone before any
//! time-out: that those are kept is tried in `catalog-server/tests/http_kit`, with shorter ones.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use catalog_tests::bystanders::{Bystanders, Seen};
use catalog_tests::crowds::{Crowd, EVENTS, KINDS, Open, sending};
use catalog_tests::matrix::{did_not_run, full, row, tries};
use catalog_tests::process::{self, Usage};
use catalog_tests::raw::{self, connect, get};
use catalog_tests::{SOURCE, Server, ServerOptions, eventually};
use serde_json::json;

/// What the server holds of bodies, beyond the first 16 KiB of each.
const HELD_KIB: u64 = 128 << 10;
/// What it takes besides: what is read and written of many connections, and what the allocator keeps.
const SLACK_KIB: u64 = 128 << 10;
/// No time-out of the server but those of a write and of an idle connection is longer.
const LONGER_THAN_TIME_OUTS: Duration = Duration::from_secs(12);

/// How many connections the server has room for, and how many descriptors make it so.
fn room() -> (usize, u64) {
    match full() {
        true => (1024, 4096),
        false => (200, 400),
    }
}

fn start(args: &[&str]) -> (Server, SocketAddr, tempfile::TempDir) {
    process::raise_descriptors(12_000);
    let dir = tempfile::tempdir().unwrap();
    let options = ServerOptions {
        args: args.iter().map(|&a| a.to_owned()).collect(),
        ..ServerOptions::with_descriptors(room().1)
    };
    let server = Server::start_with(dir.path(), &options);
    let address = raw::address(server.client());
    // Whatever is made when it is first used has been made.
    let warm = Bystanders::begin(4, address);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(warm.end().failures, Vec::<String>::new());
    (server, address, dir)
}

/// Descriptors are back where they were.
fn descriptors_return(server: &Server, before: Usage) {
    // The database may open another connection or two meanwhile.
    eventually("descriptors return", || {
        process::usage(server.pid()).fds <= before.fds + 16
    });
}

/// What others saw while a crowd of this kind came and held on for so long, and what the server took up then.
fn beside(
    address: SocketAddr,
    server: &Server,
    open: Open,
    crowd: usize,
    lasting: Duration,
) -> (Seen, Usage) {
    let clients = Bystanders::begin(4, address);
    let mut crowd = Crowd::gather(address, open, crowd);
    crowd.come_back(lasting, Duration::from_millis(2));
    let during = process::usage(server.pid());
    (clients.end(), during)
}

#[test]
fn honest_clients_are_served_whatever_others_hold_on_to() {
    let (server, address, _dir) = start(&[]);
    let before = process::usage(server.pid());
    let (room, _) = room();
    let crowd = if full() { 4 * room } else { room + room / 4 };
    let lasting = match full() {
        true => LONGER_THAN_TIME_OUTS,
        false => Duration::from_millis(300),
    };
    let (mut violations, mut asked) = (Vec::new(), 0);
    for (kind, open) in KINDS {
        let (seen, during) = beside(address, &server, open, crowd, lasting);
        asked += seen.asked;
        let complaints = seen.complaints();
        violations.extend(complaints.iter().map(|c| format!("{kind}: {c}")));
        if during.fds > room + before.fds + 64 {
            violations.push(format!("{kind}: {} descriptors", during.fds));
        }
        let peak = during.peak_kib.saturating_sub(before.rss_kib);
        if peak > HELD_KIB + SLACK_KIB {
            violations.push(format!("{kind}: {peak} KiB more"));
        }
        descriptors_return(&server, before);
    }
    let after = process::usage(server.pid());
    println!(
        "RSS in KiB: {} before, {} after, {} at most",
        before.rss_kib, after.rss_kib, after.peak_kib
    );
    row(
        "http: clients that hold on, others are answered",
        asked,
        &violations,
    );
}

#[test]
fn ten_thousand_connections_leave_room_for_others() {
    let name = "http: 10 000 connections";
    let count = tries(600, 10_000);
    let limit = process::raise_descriptors(12_000);
    if limit < count + 500 {
        return did_not_run(name, &format!("only {limit} files may be open here"));
    }
    let (server, address, _dir) = start(&[]);
    let (room, _) = room();
    let before = process::usage(server.pid());
    let clients = Bystanders::begin(4, address);
    // While they come, the system's own queue of connections is full at times, and whoever finds it so tries
    // again after a second or three: others are answered then, if late.
    let held: Vec<TcpStream> = (0..count).map(|_| connect(address)).collect();
    let mut violations = clients.end().failures;
    let clients = Bystanders::begin(4, address);
    std::thread::sleep(Duration::from_millis(tries(300, 5000)));
    let during = process::usage(server.pid());
    let seen = clients.end();
    violations.extend(seen.complaints());
    if during.fds > room + before.fds + 64 {
        violations.push(format!("{} descriptors", during.fds));
    }
    drop(held);
    descriptors_return(&server, before);
    println!(
        "{count} connections: {} requests of others, p99 {:.2?}, {} KiB at most",
        seen.asked,
        seen.times.quantile(0.99),
        during.peak_kib
    );
    row(name, count, &violations);
}

/// What the server took more than before since its peak was forgotten.
fn grown(server: &Server, before: Usage) -> u64 {
    let during = process::usage(server.pid());
    during.peak_kib.saturating_sub(before.rss_kib)
}

#[test]
fn bodies_that_do_not_end_take_no_more_memory_than_there_is_for_them() {
    let name = "http: bodies that do not end, memory";
    let (server, address, _dir) = start(&[]);
    let before = process::usage(server.pid());
    if let Err(error) = process::forget_peak(server.pid()) {
        return did_not_run(name, &format!("peaks cannot be measured: {error}"));
    }
    let size = 3 << 20;
    let mut bytes = format!("POST {SOURCE}:validate HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n{{\"rawYaml\":\"").into_bytes();
    bytes.resize(size, b'x');
    let count = tries(180, 1000);
    // Were all of them kept, it would show.
    assert!(count * (size as u64 >> 10) > HELD_KIB + SLACK_KIB);
    let clients = Bystanders::begin(4, address);
    // All but the last bytes, and then nothing more.
    let held: Vec<TcpStream> = (0..count).map(|_| sending(address, &bytes)).collect();
    let grown = grown(&server, before);
    let mut violations = clients.end().complaints();
    if grown > HELD_KIB + SLACK_KIB {
        violations.push(format!("{grown} KiB more"));
    }
    drop(held);
    descriptors_return(&server, before);
    // An edit of the largest size goes through again.
    let large = json!({"rawYaml": format!("mcpservers: []\n# {}\n", "x".repeat(1 << 19))});
    server
        .post("/plugins/mcp/sources/mcp-default:validate", &large)
        .expect(200);
    println!("{count} bodies of 3 MiB: {grown} KiB more");
    row(name, count, &violations);
}

#[test]
fn answers_that_nobody_takes_hold_no_more_memory_than_there_is_for_them() {
    let name = "http: answers that nobody takes, memory";
    let (server, address, _dir) = start(&["--max-document-bytes", "4194304"]);
    let entity = |i: usize| {
        format!(
            "- {{name: s{i}, deploymentMode: local, description: {}}}\n",
            "d".repeat(20_000)
        )
    };
    let large: String = (0..170).map(entity).collect();
    let etag = server.get("/plugins/mcp/sources/mcp-default").etag();
    let edit =
        json!({"rawYaml": format!("mcpservers:\n{large}"), "options": {"confirmRemovals": 9}});
    let applied = server.post_if("/plugins/mcp/sources/mcp-default:apply", &etag, &edit);
    assert_eq!(
        applied.status,
        200,
        "{}",
        applied.text.get(..300).unwrap_or_default()
    );
    let list = "/api/mcp_catalog/v1alpha1/mcpservers?pageSize=10000";
    let (mut violations, mut tried) = (Vec::new(), 0);
    for (what, path, count) in [
        ("lists", list, tries(150, 1000)),
        ("documents", SOURCE, tries(150, 600)),
    ] {
        let size = server.client().get(path).expect(200).text.len() as u64 >> 10;
        // Were all of them kept, it would show.
        assert!(count * size > HELD_KIB + SLACK_KIB, "{what} of {size} KiB");
        let before = process::usage(server.pid());
        if let Err(error) = process::forget_peak(server.pid()) {
            return did_not_run(name, &format!("peaks cannot be measured: {error}"));
        }
        let held: Vec<TcpStream> = (0..count)
            .map(|_| sending(address, get(path).as_bytes()))
            .collect();
        // Others are answered after them.
        let clients = Bystanders::begin(2, address);
        std::thread::sleep(Duration::from_millis(500));
        violations.extend(clients.end().complaints());
        let grown = grown(&server, before);
        println!("{count} {what} of {size} KiB that nobody takes: {grown} KiB more");
        if grown > HELD_KIB + SLACK_KIB {
            violations.push(format!("{what}: {grown} KiB more"));
        }
        tried += count;
        drop(held);
        descriptors_return(&server, before);
    }
    row(name, tried, &violations);
}

fn first_bytes(stream: &mut TcpStream) -> String {
    let mut space = [0; 1024];
    let read = stream.read(&mut space).unwrap();
    String::from_utf8_lossy(&space[..read]).into_owned()
}

/// In the quick form, their number and that nothing is missed; in the whole, also what events cost that
/// nobody reads: it takes a thousand until the system's own buffers are full.
#[test]
fn streams_of_events_are_bounded_and_slow_readers_cost_nothing() {
    let (server, address, _dir) = start(&[]);
    let before = process::usage(server.pid());
    let mut violations = Vec::new();
    let streams = room().0 / 4;
    let open = |_| {
        let mut stream = sending(address, get(EVENTS).as_bytes());
        let greeting = first_bytes(&mut stream);
        assert!(greeting.starts_with("HTTP/1.1 200"), "{greeting}");
        stream
    };
    let mut held: Vec<TcpStream> = (0..streams).map(open).collect();
    let mut more = sending(address, get(EVENTS).as_bytes());
    let status = first_bytes(&mut more);
    if !status.starts_with("HTTP/1.1 503") {
        violations.push(format!("one more: {status:?}"));
    }
    let events = tries(100, 6000);
    for _ in 0..events {
        let refreshed = server.post("/plugins/mcp/sources/mcp-default:refresh", &json!({}));
        if refreshed.status != 200 {
            violations.push(format!("refresh: {}", refreshed.status));
        }
    }
    let grown = grown(&server, before);
    println!("{streams} streams that nobody reads, {events} events: {grown} KiB more");
    if grown > 64 << 10 {
        violations.push(format!("{grown} KiB more for {events} events"));
    }
    // Whoever reads now gets every event, or is told to look anew, or has been given up.
    let mut reader = held.remove(0);
    let mut text = String::new();
    let mut space = [0; 65536];
    eventually("the events arrive", || {
        let read = reader.read(&mut space).unwrap_or(0);
        text.push_str(&String::from_utf8_lossy(&space[..read]));
        text.contains("event: resync")
            || text.matches("event: refreshed").count() as u64 >= events
            || (full() && read == 0)
    });
    drop((reader, held));
    descriptors_return(&server, before);
    let (status, _) = raw::ask(address, "/livez");
    assert_eq!(status, 200);
    row(
        "http: streams of events",
        events + streams as u64,
        &violations,
    );
}
