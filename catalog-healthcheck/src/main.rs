//! `catalog-healthcheck URL`: one GET for a container's health check, and an exit code that says how it went.
//!
//! 0 for an answer of 2xx, 1 for anything else with one line on standard error, 2 for wrong usage. It follows no redirect, speaks no
//! TLS and depends on nothing but std: it has to be small and to work in an image that holds nothing else.

use std::{
    fmt::{self, Write as _},
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    process::ExitCode,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// From the start to the answer, looking up the name and every address tried included. Health checks are run with a limit of their
/// own; this one is below the usual ones, so that there is a message.
const LIMIT: Duration = Duration::from_secs(5);
/// A status line has no business being longer.
const MAX_STATUS_LINE: u64 = 1024;

const USAGE: &str = "usage: catalog-healthcheck URL    (http://host[:port][/path])";
const HELP: &str = "\
Asks URL once and exits 0 if the answer is 2xx, 1 if it is anything else, 2 on wrong usage.

usage: catalog-healthcheck URL

  URL         http://host[:port][/path]; host is a name, an IPv4 address or [an IPv6 address]
  --help      show this
  --version   show the version";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(argument), None) = (arguments.next(), arguments.next()) else {
        return wrong_usage("exactly one URL is needed");
    };
    match argument.to_str() {
        Some("--help" | "-h") => show(HELP),
        Some("--version" | "-V") => {
            show(concat!("catalog-healthcheck ", env!("CARGO_PKG_VERSION")))
        }
        Some(url) => match Target::parse(url) {
            Ok(target) => check(target),
            Err(reason) => wrong_usage(reason),
        },
        None => wrong_usage("the URL is not text"),
    }
}

fn check(target: Target) -> ExitCode {
    match within_limit(target) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&format!("catalog-healthcheck: {failure}"));
            ExitCode::from(1)
        }
    }
}

/// Probes in a thread, because looking up a name cannot be given a limit. A thread that is late ends with the process.
fn within_limit(target: Target) -> Result<(), Failure> {
    let deadline = Instant::now() + LIMIT;
    let (sender, receiver) = mpsc::channel();
    let probe = move || {
        // Nobody listens any more when the limit has passed; then nothing is left to say.
        let _ = sender.send(target.probe(deadline));
    };
    thread::Builder::new().spawn(probe).map_err(Failure::Io)?;
    receiver.recv_timeout(LIMIT).unwrap_or(Err(Failure::Late))
}

/// Why a check failed.
enum Failure {
    Status(u16),
    NotHttp,
    Late,
    NoAddress,
    Io(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "the answer is {status}"),
            Self::NotHttp => f.write_str("the answer is not HTTP"),
            Self::Late => write!(f, "no answer within {} s", LIMIT.as_secs()),
            Self::NoAddress => f.write_str("the host has no address"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // What a socket with a limit reports depends on the platform.
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::Late,
            _ => Self::Io(error),
        }
    }
}

/// What to ask whom.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    /// As in the URL and the `Host` header, IPv6 addresses in brackets.
    host: String,
    port: u16,
    path: String,
}

impl Target {
    fn parse(url: &str) -> Result<Self, &'static str> {
        // Whatever is not plain ASCII, blanks and line ends first of all, would end up in the request as it is.
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("the URL has characters that a URL cannot have");
        }
        let rest = match url.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some(_) => return Err("only http:// is supported"),
            None => return Err("the URL does not begin with http://"),
        };
        let rest = rest.split('#').next().unwrap_or(rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err("user and password in a URL are not supported");
        }
        let port_at = match authority.find(']') {
            Some(bracket) => bracket + 1,
            None => authority.find(':').unwrap_or(authority.len()),
        };
        let (host, port) = authority.split_at(port_at);
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let valid = match bare {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && !host.contains(['[', ']', '\\']),
        };
        if !valid {
            return Err("the URL has no valid host");
        }
        let port = match port.strip_prefix(':').unwrap_or(port) {
            "" => 80,
            // `parse` alone would take a sign.
            digits if port.starts_with(':') && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().unwrap_or(0)
            }
            _ => 0,
        };
        if port == 0 {
            return Err("the URL has no valid port");
        }
        let mut full_path = String::new();
        if !path.starts_with('/') {
            full_path.push('/');
        }
        full_path.push_str(path);
        Ok(Self {
            host: host.to_owned(),
            port,
            path: full_path,
        })
    }

    fn probe(&self, deadline: Instant) -> Result<(), Failure> {
        let stream = self.connect(deadline)?;
        self.ask(stream, deadline)
    }

    /// Tries every address of the host in turn, each for its share of the time that is left.
    fn connect(&self, deadline: Instant) -> Result<TcpStream, Failure> {
        let host = self.host.trim_matches(['[', ']']);
        let addresses: Vec<SocketAddr> = (host, self.port).to_socket_addrs()?.collect();
        let mut failure = Failure::NoAddress;
        for (tried, address) in addresses.iter().enumerate() {
            // One address that swallows packets must not use up the time of the next.
            let share =
                left(deadline)? / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            if share.is_zero() {
                return Err(Failure::Late);
            }
            match TcpStream::connect_timeout(address, share) {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = error.into(),
            }
        }
        Err(failure)
    }

    fn ask(&self, mut stream: TcpStream, deadline: Instant) -> Result<(), Failure> {
        let Self { host, port, path } = self;
        let mut request = String::new();
        // Writing to a string cannot fail.
        let _ = write!(
            request,
            "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: catalog-healthcheck\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        );
        stream.set_write_timeout(Some(left(deadline)?))?;
        stream.write_all(request.as_bytes())?;
        let mut line = Vec::new();
        let mut byte = [0];
        let mut bounded = stream.try_clone()?.take(MAX_STATUS_LINE);
        // Byte by byte: the line is short, and nothing after it is of interest.
        loop {
            stream.set_read_timeout(Some(left(deadline)?))?;
            match bounded.read(&mut byte) {
                Ok(0) => break,
                Ok(_) if byte[0] == b'\n' => break,
                Ok(_) => line.push(byte[0]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        match status(&line) {
            Some(200..=299) => Ok(()),
            Some(status) => Err(Failure::Status(status)),
            None => Err(Failure::NotHttp),
        }
    }
}

/// The time that is left, never zero: a limit of zero is no limit to a socket.
fn left(deadline: Instant) -> Result<Duration, Failure> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(Failure::Late),
        left => Ok(left),
    }
}

/// The status in `HTTP/1.1 200 OK`.
fn status(line: &[u8]) -> Option<u16> {
    let line = line.strip_prefix(b"HTTP/1.")?;
    let [minor, b' ', digits @ ..] = line else {
        return None;
    };
    let (digits, after) = digits.split_at_checked(3)?;
    let ended = matches!(after.first(), None | Some(b' ' | b'\r'));
    let valid = minor.is_ascii_digit() && ended && digits.iter().all(u8::is_ascii_digit);
    let status = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (valid && status >= 100).then_some(status)
}

fn wrong_usage(reason: &str) -> ExitCode {
    complain(&format!("catalog-healthcheck: {reason}\n{USAGE}"));
    ExitCode::from(2)
}

/// Standard error may be closed, and `eprintln!` panics then; the exit code says it all the same.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn show(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (url, host, port, path) in [
            ("http://localhost", "localhost", 80, "/"),
            ("HTTP://h:8080/readyz", "h", 8080, "/readyz"),
            ("http://127.0.0.1:1/a/b?c=d#e", "127.0.0.1", 1, "/a/b?c=d"),
            ("http://h?x", "h", 80, "/?x"),
            ("http://[::1]/x", "[::1]", 80, "/x"),
            ("http://[::1]:65535", "[::1]", 65535, "/"),
            ("http://h:/x", "h", 80, "/x"),
        ] {
            let target = Target {
                host: host.to_owned(),
                port,
                path: path.to_owned(),
            };
            assert_eq!(Target::parse(url), Ok(target), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for url in [
            "",
            "localhost",
            "https://h",
            "ftp://h",
            "http://",
            "http:///x",
            "http://:80",
            "http://h:0",
            "http://h:65536",
            "http://h:x",
            "http://h:+80",
            "http://h:80:80",
            "http://[::1",
            "http://[::1]80",
            "http://[x]",
            "http://::1",
            "http://u:p@h",
            "http://h/a b",
            "http://h/\r\nX: y",
            "http://ü",
        ] {
            assert!(Target::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn only_a_status_line_has_a_status() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r"), Some(200));
        assert_eq!(status(b"HTTP/1.0 503"), Some(503));
        for bad in [
            "",
            "HTTP/1.1",
            "HTTP/1.1 20",
            "HTTP/1.1 2000 x",
            "HTTP/2 200",
            "SSH-2.0-x",
            "HTTP/1.1 099 x",
            "HTTP/1.x 200 OK",
        ] {
            assert_eq!(status(bad.as_bytes()), None, "{bad}");
        }
    }
}
