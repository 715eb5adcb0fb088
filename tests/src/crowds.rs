//! Clients that hold on to what they have, and crowds of them.

use std::io::Write as _;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use crate::SOURCE;
use crate::raw::{self, connect, get, unplug};

/// A stream without an end.
pub const EVENTS: &str = "/api/catalog-management/v1alpha1/events";

/// Opens a connection and does with it what this kind does.
pub type Open = fn(SocketAddr) -> TcpStream;

/// A connection on which this was sent, if it went.
pub fn sending(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(address);
    let _ = stream.write_all(bytes);
    stream
}

/// What each kind does with a connection.
pub const KINDS: [(&str, Open); 9] = [
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
        let mut stream = raw::connect_from(next_host(), address);
        let _ = stream.write_all(b"GET /livez HTTP/1.1\r\nHos");
        unplug(&stream);
        stream
    }),
];

/// One of many hosts: what is gone without a word keeps its port for minutes, and a host has only so many.
fn next_host() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    Ipv4Addr::new(127, 0, 1, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Clients of one kind.
pub struct Crowd {
    address: SocketAddr,
    open: Open,
    held: Vec<TcpStream>,
    oldest: usize,
}

impl Crowd {
    /// This many, that come as fast as they can.
    pub fn gather(address: SocketAddr, open: Open, count: usize) -> Self {
        Self {
            address,
            open,
            held: (0..count).map(|_| open(address)).collect(),
            oldest: 0,
        }
    }

    /// For so long, each in its turn leaves and comes back, with this pause between two of them, whether the server has sent it away or
    /// not. Answers how many did.
    pub fn come_back(&mut self, lasting: Duration, pause: Duration) -> usize {
        let end = Instant::now() + lasting;
        let mut came = 0;
        while Instant::now() < end {
            self.held[self.oldest] = (self.open)(self.address);
            self.oldest = (self.oldest + 1) % self.held.len();
            came += 1;
            if !pause.is_zero() {
                std::thread::sleep(pause);
            }
        }
        came
    }
}
