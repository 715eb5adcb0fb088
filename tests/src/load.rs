//! Load: clients that read and write without waiting for each other, and a ledger of what they
//! were told, so that nothing that was acknowledged can get lost unseen.

mod ledger;
mod work;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::measure::Times;
use crate::{Client, Server};

pub use ledger::Ledger;
use work::Worker;

/// How much load.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// How many clients.
    pub clients: usize,
    /// How many sources, half of them of each plugin.
    pub sources: usize,
    /// For how long.
    pub lasting: Duration,
}

/// What was done, by operation.
#[derive(Debug, Default)]
pub struct Done {
    /// How long each took.
    pub times: BTreeMap<&'static str, Vec<Duration>>,
    /// Answers that should not have been.
    pub failures: Vec<String>,
    /// Writes that somebody else was quicker with: no failure, tried again with what is there now.
    pub conflicts: u64,
}

impl Done {
    fn add(&mut self, other: Self) {
        for (operation, times) in other.times {
            self.times.entry(operation).or_default().extend(times);
        }
        self.failures.extend(other.failures);
        self.conflicts += other.conflicts;
    }

    /// How many requests were answered.
    pub fn requests(&self) -> u64 {
        self.times.values().map(|times| times.len() as u64).sum()
    }

    /// Prints throughput, and the middle and the slowest hundredth of each operation.
    pub fn print(&self, lasting: Duration) {
        for (operation, times) in &self.times {
            let count = times.len();
            let rate = f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / lasting.as_secs_f64();
            let times = Times::new(times.clone());
            println!(
                "load: {operation}: {count}, {rate:.0}/s, p50 {:.2?}, p99 {:.2?}",
                times.median(),
                times.quantile(0.99)
            );
        }
        println!("load: {} writes met a conflict", self.conflicts);
    }
}

/// Writes the sources of a load into an empty directory.
///
/// # Panics
/// When it cannot.
pub fn prepare(dir: &Path, sources: usize) {
    let mut config = String::new();
    for (section, list) in [("mcp", "mcp_catalogs"), ("model", "model_catalogs")] {
        let _ = writeln!(config, "{list}:");
        for number in 0..sources / 2 {
            let id = work::id(section, number);
            let file = format!("{id}.yaml");
            let _ = writeln!(
                config,
                "  - name: {id}\n    id: {id}\n    type: yaml\n    enabled: true\n    properties:\n      yamlCatalogPath: {file}"
            );
            std::fs::write(
                dir.join(file),
                work::document(section, number, 0, work::FIRST_ENTITIES),
            )
            .expect("a content file");
        }
    }
    std::fs::write(dir.join("sources.yaml"), config).expect("a sources file");
}

/// Puts a server under load; answers what was done. What has to be true of the server now is in the
/// ledger, which goes on from load to load.
///
/// # Panics
/// When a client panics.
pub fn run(server: &Server, load: Load, ledger: &Arc<Ledger>) -> Done {
    let stop = Arc::new(AtomicBool::new(false));
    let worker = |number: usize| {
        let client = Client::new(server.client().base());
        let (ledger, stop) = (ledger.clone(), stop.clone());
        std::thread::spawn(move || {
            let mut worker = Worker::new(number, load, client, ledger);
            while !stop.load(Ordering::Relaxed) {
                worker.step();
            }
            worker.done
        })
    };
    let workers: Vec<_> = (0..load.clients).map(worker).collect();
    let end = Instant::now() + load.lasting;
    while let left = end.saturating_duration_since(Instant::now())
        && !left.is_zero()
    {
        std::thread::sleep(left.min(Duration::from_millis(100)));
    }
    stop.store(true, Ordering::Relaxed);
    let mut done = Done::default();
    for worker in workers {
        done.add(worker.join().expect("a client ends"));
    }
    done
}
