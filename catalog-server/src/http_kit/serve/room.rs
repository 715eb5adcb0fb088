//! Room for everybody: when connections or memory run out, whoever keeps the server waiting gives way to whoever does not.
//!
//! A connection that the server works for is never touched. One that waits for its client (for a request, for the rest of one, or for
//! the client to take its answer) may be closed, the longest wait first. So a client that asks and listens is served however many
//! others hold on to what they have. Where connections are short, one that waits for memory may be closed, too: or everybody would
//! wait behind those that want what there is not.

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

/// Nobody has to go who has waited for less than this: a client may need a moment between connecting and asking, and crowds can fill
/// all places in less. Longer would make everybody wait behind such a crowd: of a thousand places, so many are given away in this.
pub(super) const GRACE: Duration = Duration::from_millis(10);
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

    /// Asks the connections that have waited longest to go, up to this many, for others to come in.
    pub(super) fn free_places(&self, count: usize) {
        self.ask(count, State::waiting_since);
    }

    /// Asks the connection that holds memory and has waited longest for its client to go.
    fn free_memory(&self) {
        self.ask(1, |state| {
            let holds = state.held.load(Ordering::Relaxed) > 0;
            state.waiting_for_client().filter(|_| holds)
        });
    }

    fn ask(&self, count: usize, since: impl Fn(&State) -> Option<u64>) {
        let latest = self.now().saturating_sub(micros(GRACE));
        let places = self.places();
        let waiting = places.values().filter_map(|state| {
            let stays = !state.leaving.load(Ordering::Relaxed);
            let since = since(state).filter(|since| stays && *since <= latest)?;
            Some((since, state))
        });
        let mut waiting: Vec<_> = waiting.collect();
        if (1..waiting.len()).contains(&count) {
            waiting.select_nth_unstable_by_key(count, |(since, _)| *since);
        }
        for (_, longest) in waiting.into_iter().take(count) {
            // Counted first: it may have gone at once.
            self.leaving.fetch_add(1, Ordering::Relaxed);
            longest.leaving.store(true, Ordering::Release);
            longest.asked.notify_one();
        }
    }

    /// How many were asked to go and have not gone yet.
    pub(super) fn leaving(&self) -> usize {
        self.leaving.load(Ordering::Relaxed)
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
    leaving: AtomicBool,
    asked: Notify,
}

impl State {
    fn waiting_for_client(&self) -> Option<u64> {
        earliest([&self.reading, &self.writing])
    }

    fn waiting_since(&self) -> Option<u64> {
        earliest([&self.reading, &self.writing, &self.wanting])
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
        if self.state.leaving.swap(false, Ordering::AcqRel) {
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
        self.0.state.leaving.load(Ordering::Relaxed)
    }

    /// What it waits for has come; somebody else will be asked to go.
    pub(super) fn stays(&self) {
        self.0.stays();
    }

    /// Resolves when this connection has to go: it was asked to, and still waits.
    pub(super) async fn asked_to_leave(&self) {
        loop {
            self.0.state.asked.notified().await;
            if self.is_leaving() && self.0.state.waiting_since().is_some() {
                return;
            }
            self.stays();
        }
    }

    /// Takes this much of the memory that all requests share; `None` when there is none to be had.
    pub(crate) async fn hold(&self, bytes: usize) -> Option<Held> {
        let room = &self.0.room;
        let end = Instant::now() + PATIENCE;
        let mut wanting = None;
        while !room.try_hold(bytes) {
            if bytes > room.max_bytes || Instant::now() > end {
                return None;
            }
            wanting.get_or_insert_with(|| Wanting::begin(&self.0));
            room.free_memory();
            sleep(STEP).await;
        }
        self.0.state.held.fetch_add(bytes, Ordering::Relaxed);
        Some(Held {
            place: self.clone(),
            bytes,
        })
    }
}

/// A connection waits for memory until this is dropped.
struct Wanting<'a>(&'a State);

impl<'a> Wanting<'a> {
    fn begin(entry: &'a Entry) -> Self {
        entry
            .state
            .wanting
            .store(entry.room.now(), Ordering::Relaxed);
        Self(&entry.state)
    }
}

impl Drop for Wanting<'_> {
    fn drop(&mut self) {
        self.0.wanting.store(0, Ordering::Relaxed);
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
        room.free_places(1);
        assert_eq!(room.leaving(), 0);
        for place in &places[1..] {
            sleep(STEP).await;
            place.waits(Side::Reading);
        }
        room.free_places(1);
        assert_eq!(room.leaving(), 0);
        sleep(GRACE).await;
        for expected in [[false, true, false], [false, true, true]] {
            room.free_places(1);
            let asked: Vec<_> = places.iter().map(Place::is_leaving).collect();
            assert_eq!(asked, expected);
        }
        room.free_places(1);
        assert_eq!(room.leaving(), 2);
        assert!(places[1].asked_to_leave().now_or_never().is_some());
        // What it waited for has come.
        places[2].waits_no_more(Side::Reading);
        assert!(places[2].asked_to_leave().now_or_never().is_none());
        assert_eq!(room.leaving(), 1);
        drop(places);
        assert!(room.places().is_empty());
        assert_eq!(room.leaving(), 0);
    }

    #[tokio::test]
    async fn of_many_those_that_wait_longest_go_at_once_and_whoever_is_heard_of_stays() {
        let room = Room::new(0);
        let places: Vec<_> = (0..10).map(|_| room.enter()).collect();
        for place in places.iter().rev() {
            sleep(STEP).await;
            place.waits(Side::Reading);
        }
        sleep(GRACE).await;
        room.free_places(4);
        for (number, place) in places.iter().enumerate() {
            assert_eq!(place.is_leaving(), number >= 6, "{number}");
        }
        places[8].stays();
        assert!(places[8].asked_to_leave().now_or_never().is_none());
        assert!(places[9].asked_to_leave().now_or_never().is_some());
        assert_eq!(room.leaving(), 3);
        room.free_places(100);
        assert_eq!(room.leaving(), 10);
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

    #[tokio::test]
    async fn who_waits_for_memory_leaves_its_place_to_others_but_not_its_memory() {
        let room = Room::new(10);
        let (one, other) = (room.enter(), room.enter());
        let some = one.hold(8).await.unwrap();
        let mut wanting = Box::pin(other.hold(3));
        assert!(wanting.as_mut().now_or_never().is_none());
        sleep(GRACE).await;
        room.free_memory();
        assert_eq!(room.leaving(), 0);
        room.free_places(2);
        assert!(other.is_leaving() && !one.is_leaving());
        assert!(other.asked_to_leave().now_or_never().is_some());
        drop((some, wanting));
        assert!(other.asked_to_leave().now_or_never().is_none());
    }
}
