//! How long others wait beside a crowd that holds on to more connections than there are, against how long they wait when nobody does.
//!
//! The crowd comes from the same machine, so part of what it costs is what it takes of the processors to be one. How much is seen at a
//! bare server beside the same crowd: it holds whatever comes, sends always the same bytes, and limits nothing.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use catalog_tests::bystanders::Bystanders;
use catalog_tests::crowds::{Crowd, KINDS, Open};
use catalog_tests::matrix::{full, tries};
use catalog_tests::measure::{Times, row};
use catalog_tests::{Server, ServerOptions, process, raw};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Set for the process that is the bare server.
const BARE: &str = "CROWDS_BARE";
/// The connections that the server has room for, and four times as many clients.
const ROOM: usize = 1024;
const CROWD: usize = 4 * ROOM;
const CLIENTS: usize = 4;
/// How long it takes until a crowd that has come is let in, or one that has gone is gone.
const SETTLE: Duration = Duration::from_millis(800);
/// Between two of a crowd that come back, when it holds on: 500 a second.
const PAUSE: Duration = Duration::from_millis(2);
/// Those that come back as fast as they can, too. Of those that are gone without a word the system would keep too many.
const FLOODS: [&str; 3] = ["silent", "half a head", "reading nothing"];

fn main() {
    process::raise_descriptors(12_000);
    if std::env::var(BARE).is_ok() {
        return serve_bare();
    }
    // `cargo test --benches` only wants to know whether it runs.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let only = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let dir = tempfile::tempdir().expect("a directory");
    let under = ["sh", "-c", "ulimit -n 4096 && exec \"$@\"", "sh"];
    let options = ServerOptions {
        under: under.map(str::to_owned).into(),
        ..ServerOptions::default()
    };
    let server = Server::start_with(dir.path(), &options);
    let address = raw::address(server.client());
    let bare = Bare::start();
    for (kind, open) in KINDS {
        if only.as_ref().is_some_and(|only| !kind.contains(only)) {
            continue;
        }
        let (alone, beside) = waits(address, open, PAUSE);
        let name = format!("p99 of others beside 4 096 clients that hold on: {kind}");
        compare(&name, &alone, &beside, "≤ 2");
        if full() {
            let (alone, beside) = waits(bare.address, open, PAUSE);
            compare("the same, a bare server", &alone, &beside, "–");
        }
        if FLOODS.contains(&kind) {
            let (alone, beside) = waits(address, open, Duration::ZERO);
            let name = format!("p99 of others beside 4 096 that come back without pause: {kind}");
            compare(&name, &alone, &beside, "–");
            let (alone, beside) = waits(bare.address, open, Duration::ZERO);
            compare("the same, a bare server", &alone, &beside, "–");
        }
    }
}

fn compare(name: &str, alone: &Times, beside: &Times, reach: &str) {
    let ratio = beside.median().as_secs_f64() / alone.median().as_secs_f64();
    row(name, &beside.to_string(), &alone.to_string(), ratio, reach);
}

/// The 99th percentiles of what others wait, in turns without and with a crowd that is there before they come.
fn waits(address: SocketAddr, open: Open, pause: Duration) -> (Times, Times) {
    let p99 = |stay: &mut dyn FnMut()| {
        let clients = Bystanders::begin(CLIENTS, address);
        stay();
        let seen = clients.end();
        assert_eq!(seen.failures, Vec::<String>::new());
        seen.times.quantile(0.99)
    };
    // How long others are looked at, each time.
    let lasting = Duration::from_millis(tries(1000, 2000));
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..tries(3, 7) {
        alone.push(p99(&mut || std::thread::sleep(lasting)));
        let mut crowd = Crowd::gather(address, open, CROWD);
        std::thread::sleep(SETTLE);
        beside.push(p99(&mut || crowd.come_back(lasting, pause)));
        drop(crowd);
        std::thread::sleep(SETTLE);
    }
    (Times::new(alone), Times::new(beside))
}

/// Answers whatever ends like a request, holds everything else, and says where.
fn serve_bare() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(any).expect("a port");
        let listener = socket.listen(4096).expect("a listener");
        println!("{}", listener.local_addr().expect("an address"));
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut read = Vec::new();
                while matches!(stream.read_buf(&mut read).await, Ok(1..)) {
                    let close = b"Connection: close";
                    let ended = read.ends_with(b"\r\n\r\n") || read.ends_with(b"}");
                    if ended && read.windows(close.len()).any(|part| part == close) {
                        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                        let _ = stream.write_all(answer.as_bytes()).await;
                        break;
                    }
                }
            });
        }
    });
}

struct Bare {
    child: Child,
    address: SocketAddr,
}

impl Bare {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().expect("our own path"))
            .env(BARE, "1")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the bare server starts");
        let mut line = String::new();
        let mut out = std::io::BufReader::new(child.stdout.take().expect("a pipe"));
        std::io::BufRead::read_line(&mut out, &mut line).expect("a line");
        let address = line.trim().parse().expect("an address");
        Self { child, address }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
