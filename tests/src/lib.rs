//! What the black-box tests share: the real binary as a process, and an HTTP client.
//!
//! Nothing here knows the server's code; everything goes over HTTP, files and signals, as for a
//! user.

mod again;
pub mod bystanders;
pub mod canary;
mod client;
pub mod crowds;
mod data;
pub mod faults;
pub mod history;
pub mod load;
pub mod matrix;
pub mod measure;
pub mod process;
pub mod raw;
pub mod sample;
mod server;

pub use again::Again;
pub use client::{Answer, Client};
pub use data::shared_data;
pub use server::{Server, ServerOptions, binary};

use std::time::{Duration, Instant};

/// The first source of the sample: where it is in the management API.
pub const SOURCE: &str = "/api/catalog-management/v1alpha1/plugins/mcp/sources/mcp-default";

/// How long a test waits for what should take a second at most: machines are busy, and how fast it
/// is is measured elsewhere.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until the condition holds, asking every few milliseconds.
///
/// # Panics
/// When it does not within [`PATIENCE`].
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
