//! Trying many things, several at a time.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::matrix;

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

/// So many of them, in their order: the first, the last, and of every even part between these one
/// by chance.
pub fn some<T: Clone>(all: &[T], count: u64, purpose: &str) -> Vec<T> {
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(all.len());
    if count == all.len() {
        return all.to_vec();
    }
    let mut dice = matrix::dice(purpose);
    let (inner, parts) = (all.len() - 2, count.saturating_sub(2));
    let start = |part: usize| 1 + part * inner / parts;
    let mut chosen = vec![0];
    chosen.extend((0..parts).map(|p| start(p) + dice.below(start(p + 1) - start(p))));
    chosen.push(all.len() - 1);
    chosen.truncate(count);
    chosen.into_iter().map(|i| all[i].clone()).collect()
}

/// As [`some`] of cases with names; of those whose name has what `CATALOG_ONLY` says, all.
pub fn some_named<T: Clone>(
    all: &[T],
    count: u64,
    purpose: &str,
    name: impl Fn(&T) -> String,
) -> Vec<T> {
    match std::env::var("CATALOG_ONLY") {
        Ok(only) => {
            let named = all.iter().filter(|case| name(case).contains(&only));
            named.cloned().collect()
        }
        Err(_) => some(all, count, purpose),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_has_the_first_and_the_last_and_as_many_as_were_asked_for() {
        for size in 2..40_usize {
            let all: Vec<usize> = (0..size).collect();
            for count in 2..=size {
                let chosen = some(&all, count as u64, "a test");
                assert!(chosen.windows(2).all(|two| two[0] < two[1]), "{chosen:?}");
                assert_eq!((chosen[0], chosen.len()), (0, count));
                assert_eq!(chosen.last(), all.last());
            }
        }
        assert_eq!(some(&[1], 5, "a test"), [1]);
        assert_eq!(some(&[1, 2, 3], 1, "a test"), [1]);
    }
}
