//! What was heard of the files and not looked into yet: a summary, so that it does not grow while
//! somebody writes faster than anybody looks.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use notify::Event;
use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};

/// How long a file that somebody has written to, and not closed, is left to them. Whoever keeps it
/// open for longer than that without writing is not in the middle of a write.
const WRITING: Duration = Duration::from_secs(1);

/// Of so many files at once it is known that somebody is writing to them.
const MAX_OPEN: usize = 4096;

/// So many events within a [`BREATH`] are more than anybody has to hear one by one.
const STORM: u32 = 256;
const BREATH: Duration = Duration::from_millis(2);

/// What is told to the watching thread.
#[derive(Debug, Default)]
pub(super) struct Heard {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Whether it is over.
    pub(super) over: bool,
    /// Whether something happened since this was last taken back.
    pub(super) news: bool,
    /// Files that were written to and not closed yet, and when that was last seen.
    open: HashMap<PathBuf, Instant>,
    /// The directories that are listened to.
    pub(super) dirs: BTreeSet<PathBuf>,
    /// Whether one of them is gone: if it comes back, it is another one.
    pub(super) lost: bool,
    /// Events since then.
    counted: (u32, Option<Instant>),
}

impl Heard {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something happened.
    pub(super) fn note(&self, event: &Event) {
        let mut state = self.state();
        for path in &event.paths {
            state.note(path, event.kind);
        }
        state.news = true;
        let storm = state.count();
        drop(state);
        self.bell.notify_all();
        if storm {
            // What comes meanwhile the kernel sums up.
            std::thread::sleep(BREATH);
        }
    }

    /// It is over.
    pub(super) fn stop(&self) {
        self.state().over = true;
        self.bell.notify_all();
    }

    /// Waits for so long, or until something is told.
    pub(super) fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        time: Duration,
    ) -> MutexGuard<'a, State> {
        let waited = self.bell.wait_timeout(state, time);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl State {
    /// Counts an event. Says whether there are too many of them.
    fn count(&mut self) -> bool {
        let (count, since) = &mut self.counted;
        *count += 1;
        if *count < STORM {
            return false;
        }
        let storm = since.is_some_and(|since| since.elapsed() < BREATH);
        self.counted = (0, Some(Instant::now()));
        storm
    }

    fn note(&mut self, path: &Path, kind: EventKind) {
        match kind {
            EventKind::Modify(ModifyKind::Data(_)) => {
                if let Some(last) = self.open.get_mut(path) {
                    *last = Instant::now();
                } else if self.open.len() < MAX_OPEN {
                    self.open.insert(path.to_owned(), Instant::now());
                }
            }
            EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Modify(ModifyKind::Name(_)) => {
                self.open.remove(path);
            }
            EventKind::Remove(_) => {
                self.open.remove(path);
                self.lost |= self.dirs.remove(path);
            }
            _ => {}
        }
    }

    /// Whether somebody has the file open and has written to it a moment ago.
    pub(super) fn is_being_written(&self, path: &Path) -> bool {
        let last = self.open.get(path);
        last.is_some_and(|last| last.elapsed() < WRITING)
    }

    /// Forgets who has not written for a while. Says whether a directory was lost since the last time.
    pub(super) fn tidy(&mut self) -> bool {
        self.open.retain(|_, last| last.elapsed() < WRITING);
        std::mem::take(&mut self.lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(path: &str) -> Event {
        let kind = EventKind::Modify(ModifyKind::Data(notify::event::DataChange::Any));
        Event::new(kind).add_path(path.into())
    }

    #[test]
    fn a_storm_of_events_takes_no_more_than_its_files() {
        let heard = Heard::default();
        for i in 0..200_000 {
            heard.note(&written(&format!("/{}", i % 10_000)));
        }
        let state = heard.state();
        assert!(state.news && state.is_being_written(Path::new("/0")));
        assert_eq!(state.open.len(), MAX_OPEN);
    }

    #[test]
    fn a_directory_that_is_gone_is_listened_to_anew() {
        let heard = Heard::default();
        heard.state().dirs.insert("/dir".into());
        let gone = EventKind::Remove(notify::event::RemoveKind::Folder);
        heard.note(&Event::new(gone).add_path("/dir".into()));
        assert!(heard.state().lost && heard.state().dirs.is_empty());
    }
}
