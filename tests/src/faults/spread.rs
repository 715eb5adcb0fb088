//! Trying many things, several at a time.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs at a time: they wait for their processes most of the time.
pub const WORKERS: usize = 4;

/// A directory for homes that come and go, in memory where that is possible: what is on disk does
/// not matter to a process that is killed, and syncs to a real disk are slow.
///
/// # Panics
/// When none can be made.
pub fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let dir = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir());
    dir.expect("a directory")
}

/// So many of them, evenly spread.
pub fn some<T: Clone>(all: &[T], count: u64) -> Vec<T> {
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(all.len());
    let nth = |i: usize| all[i * all.len() / count].clone();
    (0..count).map(nth).collect()
}

/// Runs the work for every item, several at a time, each with the number of its worker; the answers
/// in no order.
pub fn each<T: Sync, A: Send>(items: &[T], work: impl Fn(usize, &T) -> A + Sync) -> Vec<A> {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (next, work) = (&next, &work);
        let worker = |worker| {
            scope.spawn(move || {
                let mut answers = Vec::new();
                while let Some(item) = items.get(next.fetch_add(1, Ordering::SeqCst)) {
                    answers.push(work(worker, item));
                }
                answers
            })
        };
        let workers: Vec<_> = (0..WORKERS).map(worker).collect();
        let answers = workers.into_iter().map(|w| w.join());
        answers.flat_map(|a| a.expect("a worker")).collect()
    })
}
