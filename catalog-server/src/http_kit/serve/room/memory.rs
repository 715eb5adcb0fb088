//! The memory that all requests share.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{Entry, Place, Room, State, grace, micros};

/// How long a request waits for memory: others end in the meantime, or are made to.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// How often it looks again; closing a connection takes far less.
pub(super) const STEP: Duration = Duration::from_millis(2);

impl Room {
    /// Asks connections that hold memory to go, those first that have waited longest for their clients, until what is free and what they
    /// hold is as much as is wanted. Once for all who want some.
    pub(super) fn free_memory(&self) {
        let now = self.now();
        let next = |again: u64| (now >= again).then_some(now + micros(STEP));
        let first = self
            .ask_again
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        if first.is_err() {
            return;
        }
        let places = self.places();
        let held = |state: &State| state.held.load(Ordering::Relaxed);
        let wanting =
            |state: &State| Some(state.wanting.load(Ordering::Relaxed)).filter(|w| *w > 0);
        let oldest = places.values().filter_map(|state| wanting(state)).min();
        let waited = now.saturating_sub(oldest.unwrap_or(now));
        let grace = grace(Duration::from_micros(waited));
        let leaving = places.values().filter(|state| state.is_leaving());
        let free = self
            .max_bytes
            .saturating_sub(self.held.load(Ordering::Relaxed));
        let mut coming = free + leaving.map(|state| held(state)).sum::<usize>();
        let wanted = self.wanted.load(Ordering::Relaxed);
        let holds = |state: &State| state.waiting_for_client().filter(|_| held(state) > 0);
        let mut waiting = self.waiting(&places, grace, holds);
        waiting.sort_unstable_by_key(|(since, _)| *since);
        for (since, longest) in waiting {
            if coming >= wanted {
                return;
            }
            coming += held(longest);
            self.ask(longest, since);
        }
        // All who hold some want more: whoever came last is told to try again.
        if coming < wanted && grace.is_zero() {
            let holds = |state: &State| wanting(state).filter(|_| held(state) > 0);
            let waiting = self.waiting(&places, Duration::ZERO, holds);
            if let Some((since, last)) = waiting.into_iter().max_by_key(|(since, _)| *since) {
                self.ask(last, since);
            }
        }
    }

    fn try_hold(&self, bytes: usize) -> bool {
        let fits = |held: usize| held.checked_add(bytes).filter(|all| *all <= self.max_bytes);
        self.held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .is_ok()
    }
}

impl Place {
    /// Takes this much of the memory that all requests share; `None` when there is none to be had, or others need the place.
    pub(crate) async fn hold(&self, bytes: usize) -> Option<Held> {
        let room = &self.0.room;
        let mut wanting = None;
        while !room.try_hold(bytes) {
            if bytes > room.max_bytes {
                return None;
            }
            let wanting = wanting.get_or_insert_with(|| Wanting::begin(&self.0, bytes));
            if wanting.is_asked_to_leave() {
                self.0.state.closing.store(true, Ordering::Relaxed);
                return None;
            }
            if wanting.begun.elapsed() > PATIENCE {
                return None;
            }
            room.free_memory();
            sleep(STEP).await;
        }
        self.0.state.held.fetch_add(bytes, Ordering::Relaxed);
        Some(Held {
            entry: self.0.clone(),
            bytes,
        })
    }
}

/// A connection waits for memory until this is dropped.
struct Wanting<'a> {
    begun: Instant,
    entry: &'a Entry,
    bytes: usize,
}

impl<'a> Wanting<'a> {
    fn begin(entry: &'a Entry, bytes: usize) -> Self {
        let Entry { room, state, .. } = entry;
        room.wanted.fetch_add(bytes, Ordering::Relaxed);
        state.wanting.store(room.now(), Ordering::Relaxed);
        Self {
            begun: Instant::now(),
            entry,
            bytes,
        }
    }

    fn is_asked_to_leave(&self) -> bool {
        let State {
            wanting, leaving, ..
        } = &*self.entry.state;
        leaving.load(Ordering::Acquire) == wanting.load(Ordering::Relaxed)
    }
}

impl Drop for Wanting<'_> {
    fn drop(&mut self) {
        let Entry { room, state, .. } = self.entry;
        room.wanted.fetch_sub(self.bytes, Ordering::Relaxed);
        state.wanting.store(0, Ordering::Relaxed);
        self.entry.stays();
    }
}

/// A share of the memory, given back when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    entry: Arc<Entry>,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        let Entry { room, state, .. } = &*self.entry;
        state.held.fetch_sub(self.bytes, Ordering::Relaxed);
        room.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
