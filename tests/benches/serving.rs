//! What serving costs over HTTP: lists and entities against a body that never changes, and cost
//! against the number of sources and revisions.
//!
//! The server is the real binary with its default settings. The floor is a server of the same
//! framework on the same accept loop, in a process of its own, that always sends the same bytes.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use catalog_server::http_kit::{ServeOptions, serve};
use catalog_tests::matrix::tries;
use catalog_tests::measure::{Plots, Times, in_turns, row};
use catalog_tests::{Again, Server, load, process, raw};
use poem::endpoint::make_sync;
use poem::{Response, Route};
use serde_json::json;

/// As the server has it: the floor must not be made lower by another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ENTITIES: usize = 25_000;
const PARTS: usize = 5;
const LIST: &str = "/api/mcp_catalog/v1alpha1/mcpservers?pageSize=20";
const MANAGEMENT: &str = "/api/catalog-management/v1alpha1";
/// Set for the process that is the floor: the sizes of its bodies.
const FLOOR: &str = "SERVING_FLOOR";
/// Connections of the load generator. Each sends a request when it has the answer to the one before, as clients do.
const CONNECTIONS: usize = 16;

fn main() {
    if let Ok(sizes) = std::env::var(FLOOR) {
        return floor(&sizes);
    }
    // `cargo test --benches` only wants to know whether it runs.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    serving();
    let mut plots = Plots::default();
    sizes(&mut plots);
    revisions(&mut plots);
    plots.fit();
}

/// Serves bodies of these sizes at `/0`, `/1`, … and says where.
fn floor(sizes: &str) {
    let route = sizes
        .split(',')
        .enumerate()
        .fold(Route::new(), |route, (number, size)| {
            let body: Vec<u8> = vec![b'x'; size.parse().expect("a size")];
            let body = String::from_utf8(body).expect("ASCII");
            let endpoint = make_sync(move |_| {
                Response::builder()
                    .content_type("application/json; charset=UTF-8")
                    .body(body.clone())
            });
            route.at(format!("/{number}"), endpoint)
        });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        println!("{}", listener.local_addr().expect("an address"));
        let (_stop, stop) = tokio::sync::watch::channel(false);
        let _ = serve(listener, route, ServeOptions::default(), stop).await;
    });
}

fn start_floor(sizes: &[usize]) -> Again {
    let sizes: Vec<_> = sizes.iter().map(ToString::to_string).collect();
    Again::serving(FLOOR, &sizes.join(","))
}

/// Sources of this many entities of about 1 KiB together. One document may not have as many values.
fn catalog(dir: &Path, entities: usize) {
    let mut sources = String::from("mcp_catalogs:\n");
    for part in 0..PARTS {
        let mut text = String::from("mcpservers:\n");
        for number in (part..entities).step_by(PARTS) {
            // Not in the order in which they are listed.
            let name = (number * 7919) % entities;
            let _ = write!(
                text,
                "- name: server-{name:05}\n  description: {}\n  deploymentMode: remote\n  endpoint: https://server-{name}.example.com/mcp\n",
                "Does what a server of its kind does, and says so. ".repeat(12)
            );
        }
        std::fs::write(dir.join(format!("{part}.yaml")), text).expect("a content file");
        let _ = writeln!(
            sources,
            "  - {{name: Part {part}, id: part-{part}, type: yaml, enabled: true, properties: {{yamlCatalogPath: {part}.yaml}}}}"
        );
    }
    std::fs::write(dir.join("sources.yaml"), sources).expect("a sources file");
}

/// Sends requests over connections that stay open and reads the answers, all of one size; how long
/// it took.
fn requests(address: SocketAddr, path: &str, count: usize) -> Duration {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let size =
        raw::received(address, raw::get(path).as_bytes()).len() - "connection: close\r\n".len();
    let rounds = count / CONNECTIONS;
    let streams: Vec<TcpStream> = (0..CONNECTIONS).map(|_| raw::connect(address)).collect();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for mut stream in streams {
            let request = &request;
            scope.spawn(move || {
                let mut answer = vec![0; size];
                for _ in 0..rounds {
                    stream.write_all(request.as_bytes()).expect("sent");
                    stream.read_exact(&mut answer).expect("answered");
                    assert!(answer.starts_with(b"HTTP/1.1 200"));
                }
            });
        }
    });
    begun.elapsed()
}

fn serving() {
    let dir = tempfile::tempdir().expect("a directory");
    catalog(dir.path(), ENTITIES);
    let server = Server::start_with(
        dir.path(),
        &catalog_tests::ServerOptions {
            args: ["--max-document-bytes", "100000000"]
                .map(str::to_owned)
                .into(),
            ..Default::default()
        },
    );
    let address = raw::address(server.client());
    let get = "/api/mcp_catalog/v1alpha1/mcpservers/server-12345";
    let paths = [("list(20) over HTTP", LIST), ("get over HTTP", get)];
    let size = |path: &str| server.client().get(path).expect(200).text.len();
    let floor = start_floor(&paths.map(|(_, path)| size(path)));
    let count = usize::try_from(tries(12_800, 64_000)).expect("fits");
    for (number, (name, path)) in paths.into_iter().enumerate() {
        let mut ticks = [0, 0];
        let mut counted = |which: usize, pid: u32, address, path: &str| {
            let before = process::usage(pid).ticks;
            let took = requests(address, path, count);
            ticks[which] += process::usage(pid).ticks - before;
            took
        };
        let counted = std::cell::RefCell::new(&mut counted);
        let rounds = usize::try_from(tries(5, 15)).expect("fits");
        let (floors, works) = in_turns(
            rounds,
            |_| counted.borrow_mut()(0, floor.id(), floor.address(), &format!("/{number}")),
            |_| counted.borrow_mut()(1, server.pid(), address, path),
        );
        #[allow(clippy::cast_precision_loss)]
        let rate = |took: Duration| count as f64 / took.as_secs_f64();
        let told = |times: &Times| {
            format!(
                "{:.0}/s ({:.0}–{:.0})",
                rate(times.median()),
                rate(times.quantile(0.9)),
                rate(times.quantile(0.1))
            )
        };
        let ratio = floors.median().as_secs_f64() / works.median().as_secs_f64();
        row(
            &format!("{name}, 25 000 entities; floor: a static body of the same size"),
            &told(&works),
            &told(&floors),
            ratio,
            "≥ 0.7",
        );
        #[allow(clippy::cast_precision_loss)]
        let micros = ticks.map(|t| t as f64 * 10_000.0 / (count * (rounds + 1)) as f64);
        row(
            &format!("{name}, processor time of the server; floor: that of the static body"),
            &format!("{:.1} µs", micros[1]),
            &format!("{:.1} µs", micros[0]),
            micros[0] / micros[1].max(0.001),
            "≥ 0.7",
        );
    }
}

/// Asks a few times on one connection after the other; the median.
fn asked(server: &Server, path: &str) -> Times {
    let times = (0..9)
        .map(|_| raw::ask(raw::address(server.client()), path).1)
        .collect();
    Times::new(times)
}

fn sizes(plots: &mut Plots) {
    for sources in [
        100,
        1_000,
        usize::try_from(tries(2_000, 10_000)).expect("fits"),
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        load::prepare(dir.path(), sources);
        let server = Server::start(dir.path());
        for (plot, path) in [
            ("list(20) over HTTP by sources", LIST.to_owned()),
            (
                "get a source over HTTP by sources",
                format!("{MANAGEMENT}/plugins/mcp/sources/load-mcp-7"),
            ),
            (
                "list of sources over HTTP",
                format!("{MANAGEMENT}/plugins/mcp/sources"),
            ),
        ] {
            plots.times(plot, sources, &asked(&server, &path));
        }
    }
}

fn revisions(plots: &mut Plots) {
    let dir = tempfile::tempdir().expect("a directory");
    load::prepare(dir.path(), 2);
    let server = Server::start(dir.path());
    let source = "/plugins/mcp/sources/load-mcp-0";
    let mut made = 1;
    for revisions in [10, 100, usize::try_from(tries(500, 10_000)).expect("fits")] {
        let begun = Instant::now();
        let count = revisions - made;
        for number in made..revisions {
            let edit = json!({"rawYaml": format!("# {number}\nmcpservers: [{{name: a, deploymentMode: local}}]\n"), "options": {"confirmRemovals": 9}});
            server
                .post_if(&format!("{source}:apply"), "*", &edit)
                .expect(200);
        }
        made = revisions;
        let each = begun.elapsed() / u32::try_from(count.max(1)).expect("fits");
        plots.time("apply over HTTP by revisions", revisions, each);
        let path = format!("{MANAGEMENT}{source}/revisions");
        plots.times(
            "list of revisions over HTTP",
            revisions,
            &asked(&server, &path),
        );
        let list = server.get(&format!("{source}/revisions")).json();
        let oldest = list["items"]
            .as_array()
            .and_then(|i| i.last()?["id"].as_str())
            .unwrap_or_default()
            .to_owned();
        plots.times(
            "oldest revision over HTTP",
            revisions,
            &asked(&server, &format!("{path}/{oldest}")),
        );
        plots.times(
            "get a source over HTTP by revisions",
            revisions,
            &asked(&server, &format!("{MANAGEMENT}{source}")),
        );
    }
    drop(server);
    let begun = Instant::now();
    let _server = Server::start(dir.path());
    plots.time("start by revisions", made, begun.elapsed());
}
