//! Honest clients that go on while somebody else misbehaves.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::measure::Times;
use crate::{PATIENCE, SOURCE, raw};

/// What they ask for: a list, an entity, a health probe, and an edit to be checked.
const PATHS: [&str; 3] = [
    "/api/mcp_catalog/v1alpha1/mcpservers",
    "/api/model_catalog/v1alpha1/models?pageSize=5",
    "/livez",
];
/// What nobody should have to wait for an answer.
const BOUND: Duration = Duration::from_secs(2);
/// Between two requests of one of them.
const PAUSE: Duration = Duration::from_millis(5);

/// A client that takes longer than this to ask is late: half of what the server leaves it.
const LATE: Duration = Duration::from_millis(5);

/// Clients that ask, each on a new connection every time, until they are told to stop.
pub struct Bystanders {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<(Vec<Duration>, Vec<String>)>>,
}

/// What became of them.
#[derive(Debug)]
pub struct Seen {
    /// How long each request took, in order of length.
    pub times: Times,
    /// How many there were.
    pub asked: u64,
    /// Those that were not answered as they should have been.
    pub failures: Vec<String>,
}

impl Seen {
    /// What is wrong: who was not answered, and that they were made to wait, when they were. A bound
    /// for a machine that does other things, too: of a hundred requests, one may take longer.
    pub fn complaints(&self) -> Vec<String> {
        let slow = self.times.quantile(0.99);
        let late = (slow > BOUND).then(|| format!("p99 of others is {slow:.2?}"));
        self.failures.iter().cloned().chain(late).collect()
    }
}

impl Bystanders {
    /// Begins with this many.
    pub fn begin(count: usize, address: SocketAddr) -> Self {
        Self::begin_with(count, address, PAUSE)
    }

    /// As [`begin`](Self::begin), with this pause between two requests of one of them.
    pub fn begin_with(count: usize, address: SocketAddr, pause: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let client = |number| {
            let stop = stop.clone();
            std::thread::spawn(move || go_on(number, address, pause, &stop))
        };
        let clients = (0..count).map(client).collect();
        Self { stop, clients }
    }

    /// Ends; answers what they saw.
    ///
    /// # Panics
    /// When none of them asked anything.
    pub fn end(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        let (mut times, mut failures) = (Vec::new(), Vec::new());
        for client in self.clients {
            let (some, failed) = client.join().expect("a client ends");
            times.extend(some);
            failures.extend(failed);
        }
        Seen {
            asked: times.len() as u64,
            times: Times::new(times),
            failures,
        }
    }
}

fn go_on(
    number: usize,
    address: SocketAddr,
    pause: Duration,
    stop: &AtomicBool,
) -> (Vec<Duration>, Vec<String>) {
    let (mut times, mut failures, mut again) = (Vec::new(), Vec::new(), 0);
    for round in number.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let request = match round % 4 {
            3 => {
                let body = r#"{"rawYaml":"mcpservers: []\n"}"#;
                let length = body.len();
                format!(
                    "POST {SOURCE}:validate HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
                )
            }
            read => raw::get(PATHS[read]),
        };
        let begun = Instant::now();
        let mut answered = answer(address, &request);
        // Kept from asking for longer than the server leaves anyone its place: it asks again, as any client would.
        if answered.late && answered.is_none() {
            answered = answer(address, &request);
            again += 1;
        }
        match answered.text {
            Ok(text) if text.starts_with("HTTP/1.1 200") => {}
            Ok(text) => failures.push(format!("answered {:?}", text.get(..60).unwrap_or(&text))),
            Err(error) => failures.push(format!("not answered: {error}")),
        }
        times.push(begun.elapsed());
        std::thread::sleep(pause);
    }
    if again > 1 + times.len() / 50 {
        failures.push(format!("sent away {again} times of {}", times.len()));
    }
    (times, failures)
}

struct Answered {
    text: std::io::Result<String>,
    /// Whether it took this client itself long to ask.
    late: bool,
}

impl Answered {
    /// Whether the connection was closed without a word.
    fn is_none(&self) -> bool {
        match &self.text {
            Ok(text) => text.is_empty(),
            Err(error) => matches!(
                error.kind(),
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
            ),
        }
    }
}

fn answer(address: SocketAddr, request: &str) -> Answered {
    let mut late = false;
    // The server may let it in before it hears of it.
    let connecting = Instant::now();
    let text = TcpStream::connect_timeout(&address, PATIENCE).and_then(|mut stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        let written = stream.write_all(request.as_bytes());
        late = connecting.elapsed() > LATE;
        written?;
        let mut text = String::new();
        match stream.read_to_string(&mut text) {
            Err(error) if text.is_empty() => Err(error),
            Err(error) => Err(std::io::Error::other(format!("cut off: {error}"))),
            Ok(_) => Ok(text),
        }
    });
    Answered { text, late }
}
