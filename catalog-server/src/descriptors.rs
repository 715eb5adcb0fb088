//! Who may have how many of the process's file descriptors.
//!
//! A connection costs one, and so does every file of the store and the database. Were connections to take them all, an edit that was
//! accepted could not be written down; so they get what the others leave.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the store and the database need at most: a lock, a file and a directory for each of [`MAX_WORKERS`], the connections and
/// logs of the database, and the process's own few.
const RESERVED: usize = 256;
/// What they need when next to nobody asks for anything: as much of a small limit is kept as can be.
const LEAST_RESERVED: usize = 48;
/// How many calls that block run at a time; more wait. Enough to group the waits of a disk, few enough that what they are working on
/// fits into memory.
const MAX_WORKERS: usize = 64;
/// Fewer would wait for each other.
const MIN_WORKERS: usize = 4;
/// What one such call opens at a time.
const PER_WORKER: usize = 3;
/// Where there is no limit at all.
const UNLIMITED: usize = 1 << 20;

/// How the file descriptors are shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Descriptors {
    /// How many connections may be open.
    pub(crate) connections: usize,
    /// How many calls may block, each with files open.
    pub(crate) workers: usize,
}

impl Descriptors {
    /// Raises the limit as far as the system allows, and shares out what there is.
    pub(crate) fn claim() -> Self {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let raised = Rlimit {
            current: maximum,
            maximum,
        };
        // Where it may not be raised, what there is has to do.
        let limit = match setrlimit(Resource::Nofile, raised) {
            Ok(()) => maximum,
            Err(_) => current,
        };
        Self::of(limit.map_or(UNLIMITED, |limit| {
            usize::try_from(limit).unwrap_or(UNLIMITED)
        }))
    }

    fn of(limit: usize) -> Self {
        let least = LEAST_RESERVED.min(limit / 4 * 3);
        let reserved = RESERVED.min(limit / 2).max(least);
        Self {
            connections: limit - reserved,
            workers: (reserved / 2 / PER_WORKER).clamp(MIN_WORKERS, MAX_WORKERS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_always_has_its_share() {
        for limit in [32, 64, 100, 256, 1024, 20_000, UNLIMITED] {
            let Descriptors {
                connections,
                workers,
            } = Descriptors::of(limit);
            assert!(connections >= limit / 4, "{limit}");
            assert!(workers * PER_WORKER + connections < limit, "{limit}");
        }
    }
}
