//! The lock that stores on the same directory share, across processes.

use std::fs::TryLockError;
use std::time::{Duration, Instant};

use catalog_core::StoreError;

use super::disk::{Disk, RECORD_MODE};
use crate::seam::Output;

/// The file that whoever changes anything has locked.
const LOCK: &str = "lock";

/// How long a store waits for another process. Writes take milliseconds; who holds the lock for
/// this long hangs, and waiting longer would make this process hang too.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(2);

/// The lock is held while this lives.
#[derive(Debug)]
pub(super) struct Locked(#[allow(dead_code, reason = "the lock goes with the handle")] Output);

/// Takes the lock, and makes its file when there is none.
///
/// Each call opens the file anew: the lock belongs to the handle, so two stores in one process
/// exclude each other as two processes do.
///
/// # Errors
/// [`StoreError::Unavailable`] when somebody else does not let go of it.
pub(super) fn lock(disk: &Disk) -> Result<Locked, StoreError> {
    let failed = |e: std::io::Error| StoreError::unavailable("lock its history", e);
    let opened = disk.history_dir();
    let opened = opened.and_then(|dir| dir.open_or_create(LOCK, RECORD_MODE));
    let file = opened.map_err(failed)?;
    let start = Instant::now();
    loop {
        match file.file().try_lock() {
            Ok(()) => return Ok(Locked(file)),
            Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {
                std::thread::sleep(PAUSE);
            }
            Err(TryLockError::WouldBlock) => {
                let held = "another process does not let go of the lock";
                return Err(failed(std::io::Error::other(held)));
            }
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::roots::Roots;
    use crate::seam::Seam;

    fn disk(dir: &std::path::Path) -> Disk {
        let roots = Roots::new(&[], &[], dir, Seam::default()).unwrap();
        Disk::new(roots, 0, 0, None)
    }

    #[test]
    fn two_handles_exclude_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let disk = disk(dir.path());
        let held = lock(&disk).unwrap();
        let waiting = std::thread::spawn(move || lock(&disk).map(|_| Instant::now()).unwrap());
        std::thread::sleep(Duration::from_millis(30));
        let released = Instant::now();
        drop(held);
        assert!(waiting.join().unwrap() >= released);
    }
}
