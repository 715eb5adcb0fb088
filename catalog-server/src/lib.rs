//! The reference server: settings, wiring and HTTP around [`catalog_core`].
//!
//! Concrete types meet in one place, [`wiring`]. The binary is a handover to [`cli`].

pub mod cli;
mod descriptors;
mod first_start;
pub mod http;
pub mod http_kit;
mod logging;
pub mod settings;
pub mod wiring;
