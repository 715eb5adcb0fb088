//! Room for everybody: when connections or memory run out, whoever keeps the server waiting gives way to whoever does not.
//!
//! A connection that the server works for stays. One that waits for its client (for a request, for the rest of one, or for the client
//! to take its answer) may be closed, the longest wait first. So a client that asks and listens is served however many others hold on
//! to what they have. Where connections are short, a request that waits for memory is refused, too: or everybody would wait behind
//! those that want what there is not.

mod memory;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

pub(crate) use memory::Held;

/// Nobody has to go who has waited for less than this, unless nobody else goes: a client may need a moment between connecting and asking, and crowds can fill
/// all places in less. Longer would make everybody wait behind such a crowd: of a thousand places, so many are given away in this.
pub(super) const GRACE: Duration = Duration::from_millis(10);
/// How long others wait for those that have that grace: clients that say a word now and then would keep what they have.
const GRACIOUS: Duration = Duration::from_millis(50);

/// The grace of those that may be asked to go, when somebody has waited this long for one that does.
pub(super) fn grace(waited: Duration) -> Duration {
    match waited > GRACIOUS {
        true => Duration::ZERO,
        false => GRACE,
    }
}

/// The connections of a server and the bytes they hold.
#[derive(Debug)]
pub(super) struct Room {
    begun: Instant,
    max_bytes: usize,
    held: AtomicUsize,
    /// How many bytes are waited for.
    wanted: AtomicUsize,
    /// When memory may be asked for again.
    ask_again: AtomicU64,
    /// How many connections were asked to go and have not gone.
    leaving: AtomicUsize,
    next: AtomicU64,
    places: Mutex<HashMap<u64, Arc<State>>>,
}

impl Room {
    pub(super) fn new(max_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            max_bytes,
            held: AtomicUsize::new(0),
            wanted: AtomicUsize::new(0),
            ask_again: AtomicU64::new(0),
            leaving: AtomicUsize::new(0),
            next: AtomicU64::new(0),
            places: Mutex::default(),
        })
    }

    /// A place for a connection, until it is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> Place {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let state = Arc::<State>::default();
        self.places().insert(id, state.clone());
        Place(Arc::new(Entry {
            id,
            room: self.clone(),
            state,
        }))
    }

    /// Asks the connections that have waited longest to go, up to this many, for others to come in. None that has waited for less
    /// than `grace`.
    pub(super) fn free_places(&self, count: usize, grace: Duration) {
        let places = self.places();
        let mut waiting = self.waiting(&places, grace, State::waiting_since);
        if (1..waiting.len()).contains(&count) {
            waiting.select_nth_unstable_by_key(count, |(since, _)| *since);
        }
        for (since, longest) in waiting.into_iter().take(count) {
            self.ask(longest, since);
        }
    }

    /// Those that may be asked to go, and since when they wait.
    fn waiting<'a>(
        &self,
        places: &'a HashMap<u64, Arc<State>>,
        grace: Duration,
        since: impl Fn(&State) -> Option<u64>,
    ) -> Vec<(u64, &'a State)> {
        let latest = self.now().saturating_sub(micros(grace));
        let waiting = places.values().filter_map(|state| {
            let since = since(state).filter(|since| *since <= latest)?;
            (!state.is_leaving()).then_some((since, &**state))
        });
        waiting.collect()
    }

    /// Only under the lock of all places.
    fn ask(&self, state: &State, since: u64) {
        // Counted first: it may have gone at once.
        self.leaving.fetch_add(1, Ordering::Relaxed);
        state.leaving.store(since, Ordering::Release);
        state.asked.notify_one();
    }

    /// How many were asked to go and have not gone yet.
    pub(super) fn leaving(&self) -> usize {
        self.leaving.load(Ordering::Relaxed)
    }

    fn places(&self) -> MutexGuard<'_, HashMap<u64, Arc<State>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now, as a number that is never 0.
    fn now(&self) -> u64 {
        micros(self.begun.elapsed()).max(1)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What is known of one connection. Times are of [`Room::now`], 0 for none.
#[derive(Debug, Default)]
struct State {
    /// Since when it waits for bytes from its client.
    reading: AtomicU64,
    /// Since when it waits for its client to take bytes.
    writing: AtomicU64,
    /// Since when it waits for memory.
    wanting: AtomicU64,
    held: AtomicUsize,
    /// Which of its waits it was asked to end by going: when that began.
    leaving: AtomicU64,
    asked: Notify,
    /// Whether it ends with the answer under way.
    closing: AtomicBool,
}

impl State {
    fn waiting_for_client(&self) -> Option<u64> {
        earliest([&self.reading, &self.writing])
    }

    fn waiting_since(&self) -> Option<u64> {
        earliest([&self.reading, &self.writing, &self.wanting])
    }

    fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire) > 0
    }
}

fn earliest<const N: usize>(waits: [&AtomicU64; N]) -> Option<u64> {
    let waits = waits.map(|wait| wait.load(Ordering::Relaxed));
    waits.into_iter().filter(|since| *since > 0).min()
}

/// Which way a connection waits for its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Reading,
    Writing,
}

/// A connection's place in the room; in the extensions of its requests.
#[derive(Debug, Clone)]
pub(crate) struct Place(Arc<Entry>);

#[derive(Debug)]
struct Entry {
    id: u64,
    room: Arc<Room>,
    state: Arc<State>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.room.places().remove(&self.id);
        self.stays();
    }
}

impl Entry {
    /// It is not to leave any more.
    fn stays(&self) {
        if self.state.leaving.swap(0, Ordering::AcqRel) > 0 {
            self.room.leaving.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Place {
    fn wait(&self, side: Side) -> &AtomicU64 {
        match side {
            Side::Reading => &self.0.state.reading,
            Side::Writing => &self.0.state.writing,
        }
    }

    /// From now on it waits for its client.
    pub(super) fn waits(&self, side: Side) {
        self.wait(side).store(self.0.room.now(), Ordering::Relaxed);
    }

    /// Whether it waits for its client.
    pub(super) fn is_waiting(&self, side: Side) -> bool {
        self.wait(side).load(Ordering::Relaxed) > 0
    }

    /// It does not wait for its client any more.
    pub(super) fn waits_no_more(&self, side: Side) {
        self.wait(side).store(0, Ordering::Relaxed);
    }

    /// Whether it was asked to go.
    pub(super) fn is_leaving(&self) -> bool {
        self.0.state.is_leaving()
    }

    /// What it waits for has come; somebody else will be asked to go.
    pub(super) fn stays(&self) {
        self.0.stays();
    }

    /// Whether it ends with the answer under way, so that another gets its place.
    pub(super) fn is_closing(&self) -> bool {
        self.0.state.closing.load(Ordering::Relaxed)
    }

    /// Resolves when this connection has to go: it was asked to, and still waits for its client as it did then.
    pub(super) async fn asked_to_leave(&self) {
        let Entry { state, .. } = &*self.0;
        loop {
            state.asked.notified().await;
            let asked = state.leaving.load(Ordering::Acquire);
            let is = |wait: &AtomicU64| asked > 0 && wait.load(Ordering::Relaxed) == asked;
            if is(&state.reading) || is(&state.writing) {
                return;
            }
            // Whoever waits for memory sees it there.
            if !is(&state.wanting) {
                self.stays();
            }
        }
    }
}
