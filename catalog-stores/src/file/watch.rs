//! Noticing edits that were made past the store.
//!
//! Files are looked at in an interval rather than watched by the kernel: that works on every file
//! system, network and overlay ones included, and misses neither an atomic replacement nor the
//! swapped links of a mounted ConfigMap.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError, Weak};
use std::time::Duration;

use super::engine::Engine;
use super::fingerprint::Fingerprint;
use super::store::Shared;
use super::view::Glance;

/// The thread that looks at the files. Stops when it is told to or when this is dropped.
#[derive(Debug)]
pub(super) struct Poller(Mutex<Option<Sender<()>>>);

impl Poller {
    /// Starts looking. `shared` is not kept alive.
    pub(super) fn start(shared: Weak<Shared>, interval: Duration) -> std::io::Result<Self> {
        let (sender, stopped) = channel();
        std::thread::Builder::new()
            .name("catalog-file-watch".to_owned())
            .spawn(move || run(&shared, &stopped, interval))?;
        Ok(Self(Mutex::new(Some(sender))))
    }

    /// Stops looking. A look that is under way ends first, without being waited for.
    pub(super) fn stop(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn run(shared: &Weak<Shared>, stopped: &Receiver<()>, interval: Duration) {
    // What the files looked like the last time, when they differed from what is known.
    let mut pending: Option<Vec<Option<Fingerprint>>> = None;
    // Nobody ever sends: the channel closes when the store goes.
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(interval) {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let due = match shared.view().glance(shared.disk()) {
            Glance::Current => {
                pending = None;
                false
            }
            Glance::Commit => true,
            // An editor may be in the middle of it: taken when nothing has moved for an interval.
            Glance::Edited(prints) => {
                let stable = pending.as_ref() == Some(&prints);
                pending = Some(prints);
                stable
            }
        };
        if due {
            pending = None;
            if let Err(error) = shared.with_engine(Engine::sync) {
                tracing::warn!(%error, "the store cannot look at its files");
            }
        }
    }
}
