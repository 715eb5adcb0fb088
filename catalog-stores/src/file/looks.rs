//! Looks that readers share.
//!
//! Every reader wants to see what was there when it asked, or later. Those who come while somebody
//! looks do not each send a thread to the disk: the next look is for all of them. Nor does one of them
//! look for the others: it may never be polled again.

use std::mem::{replace, take};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

/// Who waits for a look that finds out a `T`.
#[derive(Debug, Default)]
pub(super) struct Looks<T>(Mutex<State<T>>);

#[derive(Debug)]
struct State<T> {
    waiting: Vec<oneshot::Sender<T>>,
    /// Whether a thread looks, until nobody waits.
    looking: bool,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self {
            waiting: Vec::new(),
            looking: false,
        }
    }
}

/// The thread that looked is gone: it panicked, or the runtime stops.
#[derive(Debug, thiserror::Error)]
#[error("the look at the files came to a bad end")]
pub(super) struct Lost;

impl<T: Copy + Send + 'static> Looks<T> {
    /// Waits for a look that begins from now on. `look` blocks, but for nothing that needs a thread
    /// like its own; it is the same for everybody, and that of whoever came first is used.
    pub(super) async fn next(
        self: &Arc<Self>,
        look: impl Fn() -> T + Send + 'static,
    ) -> Result<T, Lost> {
        let (told, answer) = oneshot::channel();
        let begin = {
            let mut state = self.state();
            state.waiting.push(told);
            !replace(&mut state.looking, true)
        };
        if begin {
            let looking = Looking {
                looks: self.clone(),
                asked: Vec::new(),
                ended: false,
            };
            drop(spawn_blocking(move || looking.run(look)));
        }
        answer.await.map_err(|_| Lost)
    }
}

impl<T> Looks<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to look.
struct Looking<T> {
    looks: Arc<Looks<T>>,
    /// Who is told what the look under way finds.
    asked: Vec<oneshot::Sender<T>>,
    ended: bool,
}

impl<T: Copy> Looking<T> {
    fn run(mut self, look: impl Fn() -> T) {
        while self.is_wanted() {
            let found = look();
            for told in self.asked.drain(..) {
                // Who has given up does not want to know.
                let _ = told.send(found);
            }
        }
    }

    /// Whether somebody waits; if not, the right is given up.
    fn is_wanted(&mut self) -> bool {
        let mut state = self.looks.state();
        self.asked = take(&mut state.waiting);
        self.ended = self.asked.is_empty();
        state.looking = !self.ended;
        !self.ended
    }
}

/// A thread that panics, or never starts, answers nobody; whoever hears of that may begin anew.
impl<T> Drop for Looking<T> {
    fn drop(&mut self) {
        if !self.ended {
            let mut state = self.looks.state();
            state.looking = false;
            self.asked.append(&mut state.waiting);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn readers_share_the_next_look_and_none_sees_an_older_one() {
        let looks = Arc::<Looks<()>>::default();
        let [world, seen, count] = [(); 3].map(|()| Arc::<AtomicU64>::default());
        let read = |at: u64| {
            let (looks, world) = (looks.clone(), world.clone());
            let (seen, count) = (seen.clone(), count.clone());
            async move {
                tokio::time::sleep(Duration::from_millis(at)).await;
                let then = world.fetch_add(1, Ordering::SeqCst) + 1;
                let (found, told) = (world.clone(), seen.clone());
                let look = move || {
                    count.fetch_add(1, Ordering::SeqCst);
                    let found = found.load(Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(20));
                    told.store(found, Ordering::SeqCst);
                };
                looks.next(look).await.unwrap();
                assert!(seen.load(Ordering::SeqCst) >= then);
            }
        };
        join_all((0..200).map(|n| read(n / 4))).await;
        let count = count.load(Ordering::SeqCst);
        assert!((2..100).contains(&count), "{count} looks");
    }

    #[tokio::test]
    async fn a_reader_who_is_never_polled_again_keeps_nobody_waiting() {
        let looks = Arc::<Looks<()>>::default();
        let slow = || std::thread::sleep(Duration::from_millis(20));
        let mut forgotten = Box::pin(looks.next(slow));
        assert!(forgotten.as_mut().now_or_never().is_none());
        looks.next(slow).await.unwrap();
        looks.next(slow).await.unwrap();
    }

    #[tokio::test]
    async fn a_look_that_panics_is_told_and_the_next_one_works() {
        let looks = Arc::<Looks<()>>::default();
        looks.next(|| panic!("made up")).await.unwrap_err();
        tokio::time::timeout(Duration::from_secs(20), looks.next(|| {}))
            .await
            .unwrap()
            .unwrap();
    }
}
