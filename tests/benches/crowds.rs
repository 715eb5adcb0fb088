//! How long others wait beside a crowd that wants to hold on to four times the connections there are, against how long they wait when
//! nobody does: when the crowd is there, while it comes, and when it comes back again and again without pause.
//!
//! The crowd comes from the same machine, so part of what it costs is what it takes of the processors to be one. How much is seen at a
//! bare server beside the same crowd: it holds whatever comes for as long as that stays, limits nothing, and sends the same bytes
//! whatever it is asked, as many of them as the server does.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use catalog_tests::bystanders::Bystanders;
use catalog_tests::crowds::{Crowd, KINDS, Open};
use catalog_tests::matrix::{full, tries};
use catalog_tests::measure::{Times, compare};
use catalog_tests::{Again, Server, ServerOptions, process, raw};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Set for the process that is the bare server.
const BARE: &str = "CROWDS_BARE";
/// The connections that the server has room for, and four times as many clients.
const ROOM: usize = 1024;
const CROWD: usize = 4 * ROOM;
const CLIENTS: usize = 4;
/// How long it takes until a crowd that has gone is gone, and one that was let in has what it gets.
const SETTLE: Duration = Duration::from_millis(500);
/// Between two of a crowd that come back, when it holds on: 500 a second.
const PAUSE: Duration = Duration::from_millis(2);
/// Those whose coming is looked at in the quick form, too, and who come back as fast as they can. Of those that are gone without a
/// word the system would keep too many.
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
    let server = Server::start_with(dir.path(), &ServerOptions::with_descriptors(4096));
    let address = raw::address(server.client());
    let bare = Again::serving(BARE, "1");
    for (kind, open) in KINDS {
        if only.as_ref().is_some_and(|only| !kind.contains(only)) {
            continue;
        }
        let both = |name: &str, reach: &str, with_bare: bool, how: How| {
            let seen = waits(address, open, how);
            seen.tell(&format!("p99 of others, {name}: {kind}"), reach);
            if with_bare {
                waits(bare.address(), open, how).tell("the same, a bare server", "–");
            }
        };
        let floods = FLOODS.contains(&kind);
        both("4 096 hold on", "≤ 2", full(), How::HoldOn);
        if floods || full() {
            both("while 4 096 come", "–", true, How::Come);
        }
        if floods {
            both("4 096 come back without pause", "–", true, How::Flood);
        }
    }
}

/// What the crowd does while others are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// It is there, and some come back.
    HoldOn,
    /// It comes, as fast as it can, and then it is there.
    Come,
    /// It comes back as fast as it can.
    Flood,
}

/// 99th percentiles of what others wait, alone and beside the crowd, and how many of it came a second.
struct Seen {
    times: (Times, Times),
    came: usize,
}

impl Seen {
    fn tell(&self, name: &str, reach: &str) {
        let name = format!("{name} ({} come a second)", self.came);
        compare(&name, &self.times, reach);
    }
}

/// What others wait, in turns without and with a crowd.
fn waits(address: SocketAddr, open: Open, how: How) -> Seen {
    let p99 = |stay: &mut dyn FnMut()| {
        let clients = Bystanders::begin(CLIENTS, address);
        stay();
        let seen = clients.end();
        assert_eq!(seen.failures, Vec::<String>::new());
        seen.times.quantile(0.99)
    };
    // How long others are looked at, each time.
    let lasting = Duration::from_millis(tries(800, 2000));
    let (mut alone, mut beside, mut came) = (Vec::new(), Vec::new(), 0);
    for _ in 0..tries(3, 7) {
        alone.push(p99(&mut || std::thread::sleep(lasting)));
        let gather = || Crowd::gather(address, open, CROWD);
        let mut crowd = (how != How::Come).then(gather);
        if crowd.is_some() {
            // Whoever comes after it is let in after it.
            assert_eq!(raw::ask(address, "/livez").0, 200);
            std::thread::sleep(SETTLE);
        }
        beside.push(p99(&mut || {
            let begun = Instant::now();
            if how == How::Come {
                came += CROWD;
            }
            let crowd = crowd.get_or_insert_with(gather);
            let pause = if how == How::Flood {
                Duration::ZERO
            } else {
                PAUSE
            };
            came += crowd.come_back(lasting.saturating_sub(begun.elapsed()), pause);
        }));
        drop(crowd);
        std::thread::sleep(SETTLE);
    }
    Seen {
        came: came * 1000 / (beside.len() * lasting.as_millis() as usize),
        times: (Times::new(alone), Times::new(beside)),
    }
}

/// Answers whatever ends like a request, holds everything else, and says where.
fn serve_bare() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = catalog_server::http_kit::listen(any).expect("a port");
        println!("{}", listener.local_addr().expect("an address"));
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_bare(stream));
        }
    });
}

/// As many bytes as the API page has, to whoever asks for that.
static PAGE: [u8; 1_600_000] = [b'x'; 1_600_000];

async fn answer_bare(mut stream: TcpStream) -> std::io::Result<()> {
    let mut read = Vec::new();
    while stream.read_buf(&mut read).await? > 0 {
        let whole = read.ends_with(b"\r\n\r\n") || read.ends_with(b"}");
        if !whole {
            continue;
        }
        let has = |part: &[u8]| read.windows(part.len()).any(|found| found == part);
        let (page, close) = (has(b"GET /docs "), has(b"Connection: close"));
        let streams = has(b"/events ");
        let body: &[u8] = if page { &PAGE } else { b"ok" };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body).await?;
        if close && !streams {
            return Ok(());
        }
        read.clear();
    }
    Ok(())
}
