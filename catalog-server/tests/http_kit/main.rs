//! The HTTP plumbing, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod bodies;
mod connections;
mod errors;
mod routes;
mod support;
