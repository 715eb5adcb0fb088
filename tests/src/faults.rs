//! Making everything go wrong under one change of a catalog, and checking what is left.
//!
//! A [`Scenario`] is one change of a small [`Home`]: its files, their history, its status database.
//! A driver process makes the change (see [`driver`]) while [`traced`] kills it at a system call or
//! makes the call fail. What is left is opened anew, and an [`Oracle`] says what is wrong with it.

pub mod driver;
pub mod full;
mod home;
mod look;
mod oracle;
pub mod power;
mod scenario;
mod spread;
pub mod traced;

pub use home::{Catalog, DATABASE, Home, SOURCES, main_text, options};
pub use look::{Look, SourceLook, look};
pub use oracle::Oracle;
pub use scenario::{Later, Scenario, Step, Writer, outcomes};
pub use spread::{WORKERS, each, scratch, some, some_named};

/// Runs work that awaits, on one thread and one more for what blocks, so that runs are repeatable.
///
/// # Panics
/// When there is no runtime to be had.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        // Longer than any run: the thread that is watched must be the one that works.
        .thread_keep_alive(std::time::Duration::from_secs(3600))
        .build()
        .expect("a runtime")
        .block_on(work)
}
