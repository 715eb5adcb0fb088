//! The lock that stores on the same directory share, across processes.

use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use catalog_core::StoreError;

/// How long a store waits for another process. Writes take milliseconds; who holds the lock for
/// this long hangs, and waiting longer would make this process hang too.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(2);

/// The lock is held while this lives.
#[derive(Debug)]
pub(super) struct Locked(#[allow(dead_code, reason = "the lock goes with the handle")] File);

/// Takes the lock, and makes its file when there is none.
///
/// Each call opens the file anew: the lock belongs to the handle, so two stores in one process
/// exclude each other as two processes do.
///
/// # Errors
/// [`StoreError::Unavailable`] when somebody else does not let go of it.
pub(super) fn lock(path: &Path) -> Result<Locked, StoreError> {
    let failed = |e: std::io::Error| StoreError::unavailable("lock its history", e);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
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

    #[test]
    fn two_handles_exclude_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = lock(&path).unwrap();
        let waiting = std::thread::spawn({
            let path = path.clone();
            move || lock(&path).map(|_| Instant::now()).unwrap()
        });
        std::thread::sleep(Duration::from_millis(30));
        let released = Instant::now();
        drop(held);
        assert!(waiting.join().unwrap() >= released);
    }
}
