//! Clients that hold on to what they have: each kind in greater numbers than the server has room
//! for, while honest clients go on. Those are all answered, memory stays bounded, and everything
//! that was taken comes back.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use catalog_tests::bystanders::Bystanders;
use catalog_tests::matrix::{full, row, tries};
use catalog_tests::process::{self, Usage};
use catalog_tests::raw::{self, connect, get};
use catalog_tests::{Server, ServerOptions, eventually};
use serde_json::json;

const SOURCE: &str = "/api/catalog-management/v1alpha1/plugins/mcp/sources/mcp-default";
const EVENTS: &str = "/api/catalog-management/v1alpha1/events";
/// Connections that the server has room for.
const ROOM: usize = 1024;
/// What the server holds of bodies, beyond the first 64 KiB of each.
const HELD_KIB: u64 = 128 << 10;
/// What it takes besides: what is read and written of many connections, and what the allocator keeps.
const SLACK_KIB: u64 = 256 << 10;

fn start(options: &ServerOptions) -> (Server, SocketAddr, tempfile::TempDir) {
    process::raise_descriptors();
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_with(dir.path(), options);
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

type Open = fn(SocketAddr) -> TcpStream;

fn sending(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(address);
    let _ = stream.write_all(bytes);
    stream
}

/// What each kind of enemy does with a connection.
const KINDS: [(&str, Open); 8] = [
    ("silent", connect),
    ("half a head", |address| {
        sending(address, b"GET /livez HTTP/1.1\r\nHos")
    }),
    ("half a body", |address| {
        let head =
            format!("POST {SOURCE}:validate HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{{");
        sending(address, head.as_bytes())
    }),
    ("half a chunk", |address| {
        let head = format!(
            "POST {SOURCE}:validate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n{{"
        );
        sending(address, head.as_bytes())
    }),
    ("idle after a request", |address| {
        sending(address, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    }),
    ("reading nothing", |address| {
        sending(
            address,
            "GET /docs HTTP/1.1\r\nHost: x\r\n\r\n".repeat(8).as_bytes(),
        )
    }),
    ("reading no events", |address| {
        sending(address, get(EVENTS).as_bytes())
    }),
    ("half closed", |address| {
        let stream = sending(address, b"GET /livez HTTP/1.1\r\nHost: ");
        let _ = stream.shutdown(Shutdown::Write);
        stream
    }),
];

#[test]
fn honest_clients_are_served_whatever_others_hold_on_to() {
    let (server, address, _dir) = start(&ServerOptions::default());
    let before = process::usage(server.pid());
    let crowd = usize::try_from(tries(1100, 4000)).unwrap();
    let lasting = Duration::from_millis(tries(300, 8000));
    let (mut violations, mut asked) = (Vec::new(), 0);
    for (kind, open) in KINDS {
        let alone = full().then(|| {
            let clients = Bystanders::begin(4, address);
            std::thread::sleep(lasting);
            clients.end().times
        });
        let clients = Bystanders::begin(4, address);
        let mut held: Vec<TcpStream> = (0..crowd).map(|_| open(address)).collect();
        let end = Instant::now() + lasting;
        // Whoever is sent away comes back.
        for oldest in (0..crowd).cycle().take_while(|_| Instant::now() < end) {
            held[oldest] = open(address);
            std::thread::sleep(Duration::from_millis(2));
        }
        let during = process::usage(server.pid());
        let seen = clients.end();
        drop(held);
        asked += seen.asked;
        violations.extend(
            seen.failures
                .iter()
                .map(|failure| format!("{kind}: {failure}")),
        );
        if during.fds > ROOM + before.fds + 64 {
            violations.push(format!("{kind}: {} descriptors", during.fds));
        }
        let peak = during.peak_kib.saturating_sub(before.rss_kib);
        if peak > HELD_KIB + SLACK_KIB {
            violations.push(format!("{kind}: {peak} KiB more"));
        }
        descriptors_return(&server, before);
        if let Some(alone) = alone {
            let ratio =
                seen.times.quantile(0.99).as_secs_f64() / alone.quantile(0.99).as_secs_f64();
            println!(
                "bench: | p99 of others, {crowd} clients {kind} | {:.2?} | {:.2?} | {ratio:.2} | ≤ 2 |",
                seen.times.quantile(0.99),
                alone.quantile(0.99)
            );
        }
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
    let limit = process::raise_descriptors();
    let (server, address, _dir) = start(&ServerOptions::default());
    let before = process::usage(server.pid());
    let count = usize::try_from(limit.saturating_sub(500))
        .unwrap_or(0)
        .min(10_000);
    let clients = Bystanders::begin(4, address);
    let mut held = Vec::with_capacity(count);
    for _ in 0..count {
        held.push(connect(address));
    }
    let during = process::usage(server.pid());
    let seen = clients.end();
    let mut violations = seen.failures;
    if during.fds > ROOM + before.fds + 64 {
        violations.push(format!("{} descriptors", during.fds));
    }
    if count < 2 * ROOM {
        violations.push(format!("only {count} connections may be opened here"));
    }
    drop(held);
    descriptors_return(&server, before);
    println!(
        "{count} connections: {} requests of others, p99 {:.2?}, {} KiB at most",
        seen.asked,
        seen.times.quantile(0.99),
        during.peak_kib
    );
    row("http: 10 000 connections", count as u64, &violations);
}

#[test]
fn bodies_that_do_not_end_take_no_more_memory_than_there_is_for_them() {
    let (server, address, _dir) = start(&ServerOptions::default());
    let before = process::usage(server.pid());
    process::forget_peak(server.pid());
    let size = 3 << 20;
    let mut bytes = format!("POST {SOURCE}:validate HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n{{\"rawYaml\":\"").into_bytes();
    bytes.resize(size, b'x');
    let count = tries(250, 1000);
    let clients = Bystanders::begin(4, address);
    // All but the last bytes, and then nothing more.
    let held: Vec<TcpStream> = (0..count).map(|_| sending(address, &bytes)).collect();
    let during = process::usage(server.pid());
    let mut violations = clients.end().failures;
    let grown = during.peak_kib.saturating_sub(before.rss_kib);
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
    let after = process::usage(server.pid());
    println!(
        "{count} bodies of 3 MiB: {} KiB before, {} at most, {} after",
        before.rss_kib, during.peak_kib, after.rss_kib
    );
    row("http: bodies that do not end, memory", count, &violations);
}

#[test]
fn answers_that_nobody_takes_hold_no_more_memory_than_there_is_for_them() {
    let (server, address, _dir) = start(&ServerOptions::default());
    let entity = |i: usize| {
        format!(
            "- {{name: s{i}, deploymentMode: local, description: {}}}\n",
            "d".repeat(2000)
        )
    };
    let large: String = (0..400).map(entity).collect();
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
    let before = process::usage(server.pid());
    process::forget_peak(server.pid());
    let list = get("/api/mcp_catalog/v1alpha1/mcpservers?pageSize=0");
    let mut violations = Vec::new();
    // More than there is memory for.
    let count = tries(200, 1000);
    for (what, request) in [("documents", get(SOURCE)), ("lists", list)] {
        let held: Vec<TcpStream> = (0..count)
            .map(|_| sending(address, request.as_bytes()))
            .collect();
        // Others are answered after them.
        let clients = Bystanders::begin(2, address);
        std::thread::sleep(Duration::from_millis(500));
        violations.extend(clients.end().failures);
        let during = process::usage(server.pid());
        let grown = during.peak_kib.saturating_sub(before.rss_kib);
        println!(
            "{count} {what} of 0.8 MiB that nobody takes: {} KiB before, {} at most",
            before.rss_kib, during.peak_kib
        );
        if grown > HELD_KIB + SLACK_KIB {
            violations.push(format!("{what}: {grown} KiB more"));
        }
        drop(held);
        descriptors_return(&server, before);
    }
    row(
        "http: answers that nobody takes, memory",
        2 * count,
        &violations,
    );
}

fn first_bytes(stream: &mut TcpStream) -> String {
    let mut space = [0; 1024];
    let read = stream.read(&mut space).unwrap();
    String::from_utf8_lossy(&space[..read]).into_owned()
}

#[test]
fn streams_of_events_are_bounded_and_slow_readers_cost_nothing() {
    let (server, address, _dir) = start(&ServerOptions::default());
    let before = process::usage(server.pid());
    let mut violations = Vec::new();
    let open = |_| {
        let mut stream = sending(address, get(EVENTS).as_bytes());
        let greeting = first_bytes(&mut stream);
        assert!(greeting.starts_with("HTTP/1.1 200"), "{greeting}");
        stream
    };
    let mut held: Vec<TcpStream> = (0..ROOM / 4).map(open).collect();
    let mut more = sending(address, get(EVENTS).as_bytes());
    let status = first_bytes(&mut more);
    if !status.starts_with("HTTP/1.1 503") {
        violations.push(format!("one more: {status:?}"));
    }
    let events = tries(100, 3000);
    for _ in 0..events {
        let refreshed = server.post("/plugins/mcp/sources/mcp-default:refresh", &json!({}));
        if refreshed.status != 200 {
            violations.push(format!("refresh: {}", refreshed.status));
        }
    }
    let grown = process::usage(server.pid())
        .peak_kib
        .saturating_sub(before.rss_kib);
    if grown > 64 << 10 {
        violations.push(format!("{grown} KiB more for {events} events"));
    }
    // Whoever reads now gets every event, or is told to look anew.
    let mut reader = held.remove(0);
    let mut text = String::new();
    let mut space = [0; 65536];
    eventually("the events arrive", || {
        let read = reader.read(&mut space).unwrap_or(0);
        text.push_str(&String::from_utf8_lossy(&space[..read]));
        text.contains("event: resync") || text.matches("event: refreshed").count() as u64 >= events
    });
    drop((reader, held));
    descriptors_return(&server, before);
    let (status, _) = raw::ask(address, "/livez");
    assert_eq!(status, 200);
    row(
        "http: streams of events",
        events + ROOM as u64 / 4,
        &violations,
    );
}
