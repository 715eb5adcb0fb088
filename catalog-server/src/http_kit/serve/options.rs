//! What a server allows its clients.

use std::time::Duration;

/// From the first byte of a request to the end of its headers: one packet for any honest client.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// A client that connects means to ask something.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than the minute that most proxies keep a connection, so that they close it and not we under their next request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// Nearly everything is answered within this. Whoever has closed its connection altogether looks the same, and what it asked for is
/// worked on for so long in vain.
const SENT_ALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client may take nothing of a response before it counts as gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Far more than one operator team needs. Has to leave file descriptors for the store.
const MAX_CONNECTIONS: usize = 1024;
/// Twenty-odd documents of the default size with their envelopes. Nothing an honest client does comes near.
const MAX_HELD_BYTES: usize = 128 * 1024 * 1024;
/// Cookies and tokens fit.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// What hyper keeps room for without an allocation a request.
const MAX_HEADERS: usize = 100;
/// Kubernetes waits 30 s before it kills, and the store has to be closed after this.
const DRAIN: Duration = Duration::from_secs(20);

/// What a server allows its clients, see [`serve`](super::serve()).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServeOptions {
    /// From the first byte of a request to the end of its headers; then the connection is closed.
    pub header_timeout: Duration,
    /// From the start of a connection to its first byte; then it is closed.
    pub first_byte_timeout: Duration,
    /// From when a response was sent altogether to the first byte of the next request; then the connection is closed.
    pub idle_timeout: Duration,
    /// How long what is in flight may be worked on for a client that has closed its sending half, and may or may not be there to
    /// read; then the connection is closed. The answer takes as long as the client takes it.
    pub sent_all_timeout: Duration,
    /// How long a client may take nothing of what is sent to it; then the connection is closed. On Linux that holds for what the
    /// system still has, too: a client that is gone without a word is noticed.
    pub write_timeout: Duration,
    /// How many connections are served at a time. When fewer than a sixteenth of them are free, those that have waited longest for
    /// their clients are closed until an eighth is, but hardly any within a hundredth of a second; requests that wait for memory get 503.
    /// When the server works for all of them, one more waits.
    pub max_connections: usize,
    /// How many bytes of request and response bodies are held in memory at a time, beyond the first 16 KiB of each. When there are
    /// more, connections that wait for their clients give way, and then requests are refused with 503.
    pub max_held_bytes: usize,
    /// The largest request line and headers together, in bytes; more is 431.
    pub max_head_bytes: usize,
    /// How many headers a request may have; more is 431.
    pub max_headers: usize,
    /// How long requests in flight may take after shutdown began; then they are cut off.
    pub drain: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            header_timeout: HEADER_TIMEOUT,
            first_byte_timeout: FIRST_BYTE_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            sent_all_timeout: SENT_ALL_TIMEOUT,
            write_timeout: WRITE_TIMEOUT,
            max_connections: MAX_CONNECTIONS,
            max_held_bytes: MAX_HELD_BYTES,
            max_head_bytes: MAX_HEAD_BYTES,
            max_headers: MAX_HEADERS,
            drain: DRAIN,
        }
    }
}
