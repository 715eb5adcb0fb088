//! Clients that hold on to what they have: each kind in greater numbers than the server has room
//! for, while honest clients go on. Those are all answered, memory stays bounded, and everything
//! that was taken comes back.
//!
//! The quick form is tried on a server that has room for fewer. Its crowds are gone before any
//! time-out: that those are kept is tried in `catalog-server/tests/http_kit`, with shorter ones.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use catalog_tests::bystanders::{Bystanders, Seen};
use catalog_tests::matrix::{did_not_run, full, row, tries};
use catalog_tests::measure::{self, Times};
use catalog_tests::process::{self, Usage};
use catalog_tests::raw::{self, connect, get, unplug};
use catalog_tests::{Server, ServerOptions, eventually};
use serde_json::json;

const SOURCE: &str = "/api/catalog-management/v1alpha1/plugins/mcp/sources/mcp-default";
const EVENTS: &str = "/api/catalog-management/v1alpha1/events";
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
    let script = format!("ulimit -n {} && exec \"$@\"", room().1);
    let options = ServerOptions {
        args: args.iter().map(|&a| a.to_owned()).collect(),
        under: ["sh", "-c", &script, "sh"].map(str::to_owned).into(),
        ..ServerOptions::default()
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

type Open = fn(SocketAddr) -> TcpStream;

fn sending(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(address);
    let _ = stream.write_all(bytes);
    stream
}

/// What each kind of enemy does with a connection.
const KINDS: [(&str, Open); 9] = [
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
    ("gone without a word", |address| {
        let stream = sending(address, b"GET /livez HTTP/1.1\r\nHos");
        unplug(&stream);
        stream
    }),
];

/// What others saw while a crowd of this kind held on for so long, and what the server took up then.
fn beside(
    address: SocketAddr,
    server: &Server,
    open: Open,
    crowd: usize,
    lasting: Duration,
) -> (Seen, Usage) {
    let clients = Bystanders::begin(4, address);
    let mut held: Vec<TcpStream> = (0..crowd).map(|_| open(address)).collect();
    let end = Instant::now() + lasting;
    // Whoever is sent away comes back.
    for oldest in (0..crowd).cycle().take_while(|_| Instant::now() < end) {
        held[oldest] = open(address);
        std::thread::sleep(Duration::from_millis(2));
    }
    let during = process::usage(server.pid());
    (clients.end(), during)
}

/// What others see when nobody holds on.
fn alone(address: SocketAddr, lasting: Duration) -> Times {
    let clients = Bystanders::begin(4, address);
    std::thread::sleep(lasting);
    clients.end().times
}

#[test]
fn honest_clients_are_served_whatever_others_hold_on_to() {
    let (server, address, _dir) = start(&[]);
    let before = process::usage(server.pid());
    let (room, _) = room();
    let crowd = if full() { 4 * room } else { room + room / 4 };
    let (mut violations, mut slower) = (Vec::new(), Vec::new());
    let (mut asked, mut compared) = (0, 0);
    for (kind, open) in KINDS {
        let mut told = |(seen, during): &(Seen, Usage)| {
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
        };
        if full() {
            told(&beside(
                address,
                &server,
                open,
                crowd,
                LONGER_THAN_TIME_OUTS,
            ));
            descriptors_return(&server, before);
            compared += 1;
            slower.extend(ratio_of_waits(kind, |with| {
                let lasting = Duration::from_secs(2);
                match with {
                    false => alone(address, lasting),
                    true => {
                        let seen = beside(address, &server, open, crowd, lasting);
                        told(&seen);
                        descriptors_return(&server, before);
                        seen.0.times
                    }
                }
            }));
        } else {
            told(&beside(
                address,
                &server,
                open,
                crowd,
                Duration::from_millis(300),
            ));
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
    if full() {
        let name = "http: p99 of others within twice of what it is alone";
        row(name, compared, &slower);
    }
}

/// Measures in turns how long others wait without and with a crowd; what is wrong when it is more than
/// twice as long. Medians over the turns, so that one bad moment of the machine decides nothing.
fn ratio_of_waits(kind: &str, mut waits: impl FnMut(bool) -> Times) -> Option<String> {
    let p99 = |times: Times| times.quantile(0.99);
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        without.push(p99(waits(false)));
        with.push(p99(waits(true)));
    }
    let (without, with) = (Times::new(without), Times::new(with));
    let ratio = with.median().as_secs_f64() / without.median().as_secs_f64();
    let name = format!("p99 of others beside clients that are {kind}; floor: alone");
    measure::row(&name, &with.to_string(), &without.to_string(), ratio, "≤ 2");
    (ratio > 2.0).then(|| format!("{kind}: {with} beside it, {without} alone"))
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
