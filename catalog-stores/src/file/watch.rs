//! Noticing edits that were made past the store.
//!
//! What is true is what a look at the files says (`stat`): that works on every file system, network
//! and overlay ones included, and misses neither an atomic replacement nor the swapped links of a
//! mounted ConfigMap. The kernel's notifications only make the next look come sooner, where they
//! exist.

mod heard;
mod notifications;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use heard::Heard;
use notifications::Notifications;

use super::engine::Whose;
use super::fingerprint::Fingerprint;
use super::store::Shared;

/// How long after a notification the files are looked at: what comes in one go is seen in one go.
const SOON: Duration = Duration::from_millis(5);

/// How long opening waits until notifications are listened to: whoever edits files without end right
/// now would keep it waiting for ever.
const LISTENING: Duration = Duration::from_millis(200);

/// One part in so many of the time is what looking by itself may take, when there are so many files
/// that a look takes long.
const SHARE: u32 = 20;

/// The same of looking because of notifications: somebody may be writing all the time.
const SHARE_OF_EVENTS: u32 = 4;

/// When to look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How often.
    pub(super) interval: Duration,
    /// How long a file must not have moved before it is taken.
    pub(super) rest: Duration,
    /// Whether notifications are listened to.
    pub(super) notifications: bool,
}

/// The thread that looks at the files. Stops when it is told to or when this is dropped.
#[derive(Debug)]
pub(super) struct Poller(Arc<Heard>);

impl Poller {
    /// Starts looking. `shared` is not kept alive.
    pub(super) fn start(shared: &Arc<Shared>, pace: Pace) -> std::io::Result<Self> {
        let heard = Arc::<Heard>::default();
        let mut notifications = match pace.notifications {
            true => Notifications::new(heard.clone()),
            false => Notifications::none(heard.clone()),
        };
        // Now, so that whoever begins to write after this is heard.
        notifications.watch(&shared.view(), shared.disk());
        notifications.settle(LISTENING);
        let shared = Arc::downgrade(shared);
        let watch = Watch {
            notifications,
            heard: heard.clone(),
            pace,
            changed: BTreeMap::new(),
            cost: Duration::ZERO,
        };
        std::thread::Builder::new()
            .name("catalog-file-watch".to_owned())
            .spawn(move || watch.run(&shared))?;
        Ok(Self(heard))
    }

    /// Stops looking. A look that is under way ends first, without being waited for.
    pub(super) fn stop(&self) {
        self.0.stop();
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Watch {
    notifications: Notifications,
    heard: Arc<Heard>,
    pace: Pace,
    /// The files that differ from what is known: what they look like, and since when.
    changed: BTreeMap<PathBuf, (Option<Fingerprint>, Instant)>,
    /// How long it took to look at all of them.
    cost: Duration,
}

impl Watch {
    fn run(mut self, shared: &Weak<Shared>) {
        // Soon, because somebody may have written between the store's own look and its listening.
        let mut wait = match self.notifications.exist() {
            true => self.pace.interval.min(SOON),
            false => self.pace.interval,
        };
        while self.wait(wait, shared) {
            let Some(shared) = shared.upgrade() else {
                return;
            };
            // What is broken must not end the watch without a word.
            let looked = catch_unwind(AssertUnwindSafe(|| self.look(&shared)));
            let moving = looked.unwrap_or_else(|_| {
                shared.watch_failed();
                false
            });
            let Pace { interval, rest, .. } = self.pace;
            let pause = match moving && self.notifications.exist() {
                true => rest.min(interval),
                false => interval,
            };
            wait = pause.max(self.cost * SHARE);
        }
    }

    /// Waits for so long, or until shortly after something happened, or somebody else has committed
    /// something, which costs next to nothing to see. `false`: it is over.
    fn wait(&self, time: Duration, shared: &Weak<Shared>) -> bool {
        let start = Instant::now();
        let (mut end, soonest) = (start + time, start + self.cost * SHARE_OF_EVENTS);
        let mut glance = start + self.pace.interval;
        let heard = self.heard.clone();
        let mut state = heard.state();
        loop {
            if state.over {
                return false;
            }
            let now = Instant::now();
            if std::mem::take(&mut state.news) {
                end = end.min(soonest.max(now + SOON));
            }
            if now >= end {
                return true;
            }
            if now < glance {
                state = heard.wait(state, end.min(glance) - now);
                continue;
            }
            drop(state);
            let Some(shared) = shared.upgrade() else {
                return false;
            };
            if shared.view().is_behind(shared.disk()) {
                return true;
            }
            glance = Instant::now() + self.pace.interval;
            state = heard.state();
        }
    }

    /// Looks at the files, and takes what has come to rest. Says whether something has not yet.
    fn look(&mut self, shared: &Shared) -> bool {
        let view = shared.view();
        let now = Instant::now();
        let since = |path: &PathBuf, print: &Option<Fingerprint>| match self.changed.get(path) {
            Some((before, since)) if before == print => *since,
            _ => now,
        };
        let found = view.changed_files();
        self.cost = now.elapsed();
        let changed = found.into_iter().map(|(path, print)| {
            let since = since(&path, &print);
            (path, (print, since))
        });
        let changed: BTreeMap<_, _> = changed.collect();
        // An editor may be in the middle of it: a file is taken when it has not moved for a while.
        // Each by itself, or one that never rests would hide the others.
        let heard = self.heard.state();
        let moves = |(path, (_, since)): &(&PathBuf, &(_, Instant))| {
            now - *since < self.pace.rest || heard.is_being_written(path)
        };
        let moving: BTreeSet<PathBuf> = changed
            .iter()
            .filter(moves)
            .map(|(path, _)| path.clone())
            .collect();
        drop(heard);
        let rests = moving.len() < changed.len();
        self.changed = changed;
        if rests || view.unsettled || view.is_behind(shared.disk()) || shared.disk().is_pending() {
            let looked = shared.with_engine(|engine| match rests {
                true => engine.look(Whose::Resting(&moving)),
                false => engine.look_again(&moving),
            });
            if let Err(error) = looked {
                tracing::warn!(%error, "the store cannot look at its files");
            }
        }
        self.notifications.watch(&shared.view(), shared.disk());
        shared.watch_passed();
        !moving.is_empty() || shared.view().unsettled
    }
}
