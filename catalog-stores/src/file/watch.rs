//! Noticing edits that were made past the store.
//!
//! Files are looked at in an interval rather than watched by the kernel: that works on every file
//! system, network and overlay ones included, and misses neither an atomic replacement nor the
//! swapped links of a mounted ConfigMap.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError, Weak};
use std::time::Duration;

use super::engine::Whose;
use super::fingerprint::Fingerprint;
use super::store::Shared;

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
    let mut last = BTreeMap::new();
    // Nobody ever sends: the channel closes when the store goes.
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(interval) {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        // What is broken must not end the watch without a word.
        let looked = catch_unwind(AssertUnwindSafe(|| look(&shared, &mut last)));
        if looked.is_err() {
            shared.watch_failed();
        }
    }
}

fn look(shared: &Shared, last: &mut BTreeMap<PathBuf, Option<Fingerprint>>) {
    let view = shared.view();
    let changed = view.changed_files();
    // An editor may be in the middle of it: a file is taken when it has not moved for an interval.
    // Each by itself, or one that never rests would hide the others.
    let moves = |(path, print): &(&PathBuf, &Option<Fingerprint>)| last.get(*path) != Some(*print);
    let moving: BTreeSet<PathBuf> = changed
        .iter()
        .filter(moves)
        .map(|(p, _)| p.clone())
        .collect();
    let rests = moving.len() < changed.len();
    *last = changed;
    if rests || view.unsettled || view.is_behind(shared.disk()) || shared.disk().is_pending() {
        let looked = shared.with_engine(|engine| match last.is_empty() {
            true => engine.look_again(),
            false => engine.look(Whose::Resting(&moving)),
        });
        match looked {
            Ok(()) => {}
            Err(error) => tracing::warn!(%error, "the store cannot look at its files"),
        }
    }
    shared.watch_passed();
}
