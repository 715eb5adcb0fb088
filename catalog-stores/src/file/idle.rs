//! Making what was committed durable in its places when nobody is writing.

use std::sync::Weak;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::store::Shared;

/// Starts the thread that does it. `wrote` hears of every write, and ends with the store, which is
/// not kept alive.
pub(super) fn start(
    shared: Weak<Shared>,
    wrote: Receiver<()>,
    idle: Duration,
) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name("catalog-file-sync".to_owned());
    thread.spawn(move || run(&shared, &wrote, idle)).map(drop)
}

fn run(shared: &Weak<Shared>, wrote: &Receiver<()>, idle: Duration) {
    while wrote.recv().is_ok() {
        loop {
            match wrote.recv_timeout(idle) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        let Some(shared) = shared.upgrade() else {
            return;
        };
        if let Err(error) = shared.with_engine(|engine| engine.disk.settle_down()) {
            tracing::warn!(%error, "the journal goes on");
        }
    }
}
