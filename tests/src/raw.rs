//! Bytes on a socket, and every answer that comes back: for requests that no client would send.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Client, PATIENCE};

/// An answer as it was on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// Its body.
    pub body: String,
}

impl Reply {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Takes one answer off the front of what was received.
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        *bytes = &bytes[end..];
        let status = head.get(9..12)?.parse().ok()?;
        let mut reply = Self {
            status,
            head,
            body: String::new(),
        };
        let length = reply.header("content-length").and_then(|l| l.parse().ok());
        let body = match length {
            Some(length) => bytes.get(..length).unwrap_or(bytes),
            None if (100..200).contains(&status) => &[],
            // In chunks, or to the end: only the last answer of a connection is read this way.
            None => bytes,
        };
        reply.body = String::from_utf8_lossy(body).into_owned();
        *bytes = &bytes[body.len()..];
        Some(reply)
    }
}

/// The address of a server.
///
/// # Panics
/// When the client's base URL is not one of `http://ip:port`.
pub fn address(client: &Client) -> SocketAddr {
    let base = client.base().trim_start_matches("http://");
    base.parse().expect("an address")
}

/// A connection.
///
/// # Panics
/// When there is none to be had.
pub fn connect(address: SocketAddr) -> TcpStream {
    timed(TcpStream::connect_timeout(&address, PATIENCE).expect("a connection"))
}

fn timed(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream
        .set_write_timeout(Some(PATIENCE))
        .expect("a time-out");
    stream
}

/// A connection from this address of the machine.
///
/// # Panics
/// When there is none to be had.
pub fn connect_from(host: Ipv4Addr, address: SocketAddr) -> TcpStream {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let own = SocketAddr::from((host, 0));
    socket.bind(&own.into()).expect("an address of its own");
    socket
        .connect_timeout(&address.into(), PATIENCE)
        .expect("a connection");
    timed(socket.into())
}

/// From now on nothing reaches this connection, and it says nothing: as if its machine were unplugged.
///
/// # Panics
/// When the system does not let us.
pub fn unplug(stream: &TcpStream) {
    // Of the classic packet filter: take nothing of any packet.
    let drop_all = socket2::SockFilter::new(0x06, 0, 0, 0);
    socket2::SockRef::from(stream)
        .attach_filter(&[drop_all])
        .expect("a filter");
}

/// Sends these bytes and reads every answer until the server closes.
///
/// # Panics
/// When it does not close.
pub fn talk(address: SocketAddr, bytes: &[u8]) -> Vec<Reply> {
    let received = received(address, bytes);
    let mut rest = received.as_slice();
    std::iter::from_fn(|| Reply::take(&mut rest)).collect()
}

/// Sends these bytes and reads whatever comes until the server closes.
///
/// # Panics
/// When it does not close.
pub fn received(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    // A server that refuses may close before it has read all.
    let _ = stream.write_all(bytes);
    let mut received = Vec::new();
    if let Err(error) = stream.read_to_end(&mut received) {
        let late = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        let asked = String::from_utf8_lossy(bytes.get(..200).unwrap_or(bytes));
        assert!(
            !late,
            "the server keeps the connection open after {asked:?}"
        );
    }
    received
}

/// A request without a body, after which the connection ends.
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

/// Asks for `path` on a connection of its own: its status, 0 for none, and how long it took.
pub fn ask(address: SocketAddr, path: &str) -> (u16, Duration) {
    let begun = Instant::now();
    let answer = TcpStream::connect_timeout(&address, PATIENCE).and_then(|mut stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(get(path).as_bytes())?;
        let mut received = Vec::new();
        stream.read_to_end(&mut received)?;
        Ok(received)
    });
    let received = answer.unwrap_or_default();
    let status = Reply::take(&mut received.as_slice()).map_or(0, |reply| reply.status);
    (status, begun.elapsed())
}

/// How a connection was closed, when it was: `true` within this time.
pub fn closes_within(stream: &mut TcpStream, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    let mut space = [0; 4096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        let _ = stream.set_read_timeout(Some(left));
        match stream.read(&mut space) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => {
                return !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
            }
        }
    }
}
