//! Making what was committed durable in its places when nobody is writing, or it has become much.

use std::sync::Weak;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::store::Shared;

/// What was written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wrote {
    /// Something.
    Some,
    /// So much that it is time.
    Much,
}

/// Starts the thread that does it. `wrote` hears of every write, and ends with the store, which is
/// not kept alive.
pub(super) fn start(
    shared: Weak<Shared>,
    wrote: Receiver<Wrote>,
    idle: Duration,
) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name("catalog-file-sync".to_owned());
    thread.spawn(move || run(&shared, &wrote, idle)).map(drop)
}

fn run(shared: &Weak<Shared>, wrote: &Receiver<Wrote>, idle: Duration) {
    while let Ok(mut told) = wrote.recv() {
        while let Wrote::Some = told {
            match wrote.recv_timeout(idle) {
                Ok(more) => told = more,
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let done = shared.disk().sync_ahead();
        let done = done.and_then(|()| shared.with_engine(|engine| engine.disk.settle_down()));
        if let Err(error) = done {
            tracing::warn!(%error, "the journal goes on");
        }
    }
}
