//! Room for everybody: when connections or memory run out, whoever keeps the server waiting gives way to whoever does not.
//!
//! A connection that the server works for is never touched. One that waits for its client (for a request, for the rest of one, or for
//! the client to take its answer) may be closed, the longest wait first. So a client that asks and listens is served however many
//! others hold on to what they have.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

/// How long a request waits for memory: others end in the meantime, or are made to.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it looks again; closing a connection takes far less.
const STEP: Duration = Duration::from_millis(2);

/// The connections of a server and the bytes they hold.
#[derive(Debug)]
pub(super) struct Room {
    begun: Instant,
    max_bytes: usize,
    held: AtomicUsize,
    next: AtomicU64,
    places: Mutex<HashMap<u64, Arc<State>>>,
}

impl Room {
    pub(super) fn new(max_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            max_bytes,
            held: AtomicUsize::new(0),
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

    /// Asks the connection that has waited longest for its client to go; of those that hold memory, if that is what is short.
    /// Answers whether there was one.
    pub(super) fn make_room(&self, holding: bool) -> bool {
        let places = self.places();
        let waiting = places.values().filter_map(|state| {
            let may = !state.leaving.load(Ordering::Relaxed)
                && (!holding || state.held.load(Ordering::Relaxed) > 0);
            Some((state.waiting_since().filter(|_| may)?, state))
        });
        let Some((_, longest)) = waiting.min_by_key(|(since, _)| *since) else {
            return false;
        };
        longest.leaving.store(true, Ordering::Relaxed);
        longest.asked.notify_one();
        true
    }

    fn places(&self) -> MutexGuard<'_, HashMap<u64, Arc<State>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_hold(&self, bytes: usize) -> bool {
        let fits = |held: usize| held.checked_add(bytes).filter(|all| *all <= self.max_bytes);
        self.held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .is_ok()
    }

    /// Now, as a number that is never 0.
    fn now(&self) -> u64 {
        let micros = self.begun.elapsed().as_micros();
        u64::try_from(micros).unwrap_or(u64::MAX).max(1)
    }
}

/// What is known of one connection. Times are of [`Room::now`], 0 for none.
#[derive(Debug, Default)]
struct State {
    /// Since when it waits for bytes from its client.
    reading: AtomicU64,
    /// Since when it waits for its client to take bytes.
    writing: AtomicU64,
    held: AtomicUsize,
    leaving: AtomicBool,
    asked: Notify,
}

impl State {
    fn waiting_since(&self) -> Option<u64> {
        let waits = [&self.reading, &self.writing].map(|wait| wait.load(Ordering::Relaxed));
        waits.into_iter().filter(|since| *since > 0).min()
    }
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

    /// Resolves when this connection has to go: it was asked to, and still waits.
    pub(super) async fn asked_to_leave(&self) {
        loop {
            self.0.state.asked.notified().await;
            if self.0.state.waiting_since().is_some() {
                return;
            }
            // What it waited for came meanwhile; somebody else will be asked.
            self.0.state.leaving.store(false, Ordering::Relaxed);
        }
    }

    /// Takes this much of the memory that all requests share; `None` when there is none to be had.
    pub(crate) async fn hold(&self, bytes: usize) -> Option<Held> {
        let room = &self.0.room;
        let end = Instant::now() + PATIENCE;
        while !room.try_hold(bytes) {
            if bytes > room.max_bytes || Instant::now() > end {
                return None;
            }
            room.make_room(true);
            sleep(STEP).await;
        }
        self.0.state.held.fetch_add(bytes, Ordering::Relaxed);
        Some(Held {
            place: self.clone(),
            bytes,
        })
    }
}

/// A share of the memory, given back when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    place: Place,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        let Entry { room, state, .. } = &*self.place.0;
        state.held.fetch_sub(self.bytes, Ordering::Relaxed);
        room.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn the_longest_wait_goes_first_and_work_stays() {
        let room = Room::new(0);
        let places: Vec<_> = (0..3).map(|_| room.enter()).collect();
        assert!(!room.make_room(false));
        for place in &places[1..] {
            sleep(STEP).await;
            place.waits(Side::Reading);
        }
        for expected in [[false, true, false], [false, true, true]] {
            assert!(room.make_room(false));
            let asked: Vec<_> = places
                .iter()
                .map(|p| p.0.state.leaving.load(Ordering::Relaxed))
                .collect();
            assert_eq!(asked, expected);
        }
        assert!(!room.make_room(false));
        assert!(places[1].asked_to_leave().now_or_never().is_some());
        // What it waited for has come.
        places[2].waits_no_more(Side::Reading);
        assert!(places[2].asked_to_leave().now_or_never().is_none());
        drop(places);
        assert!(room.places().is_empty());
    }

    #[tokio::test]
    async fn memory_is_shared_and_comes_back() {
        let room = Room::new(10);
        let (one, other) = (room.enter(), room.enter());
        let some = one.hold(8).await.unwrap();
        assert!(other.hold(3).await.is_none());
        assert!(other.hold(11).await.is_none());
        assert!(other.hold(2).await.is_some());
        drop(some);
        assert!(other.hold(10).await.is_some());
        assert_eq!(room.held.load(Ordering::Relaxed), 0);
    }
}
