//! Writes that wait for their turn.
//!
//! Whoever has the turn makes the writes of all that wait, so that they share its cost.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use catalog_core::StoreError;
use catalog_core::model::Revision;
use tokio::sync::oneshot;

use super::batch::Answer;
use super::engine::Engine;
use super::write::Job;

/// The most writes that are made at once: a turn stays short, and what it holds in memory small.
const MOST: usize = 64;

/// A write, and who waits for it.
struct Waiting {
    job: Job,
    answer: oneshot::Sender<Result<Revision, StoreError>>,
}

/// In the order of their arrival.
#[derive(Default)]
pub(super) struct Queue(Mutex<VecDeque<Waiting>>);

impl Queue {
    /// Waits in line.
    pub(super) fn push(&self, job: Job) -> oneshot::Receiver<Result<Revision, StoreError>> {
        let (answer, receiver) = oneshot::channel();
        self.lock().push_back(Waiting { job, answer });
        receiver
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those whose turn it is. A write that nobody waits for any more, and that was not begun, is
    /// not made.
    pub(super) fn take(&self) -> Turn<'_> {
        let mut waiting = self.lock();
        waiting.retain(|one| !one.answer.is_closed());
        let count = waiting.len().min(MOST);
        Turn {
            queue: self,
            waiting: waiting.drain(..count).collect(),
        }
    }
}

/// The writes that are being made.
pub(super) struct Turn<'a> {
    queue: &'a Queue,
    waiting: Vec<Waiting>,
}

impl Turn<'_> {
    /// Makes them; those that have to wait go back to the front of the line. `note` hears why one
    /// of them could not be made before whoever asked for it does.
    pub(super) fn run(&mut self, engine: &mut Engine, note: impl FnOnce(Option<String>)) {
        let jobs: Vec<&Job> = self.waiting.iter().map(|one| &one.job).collect();
        let answers: Vec<Answer> = match jobs.is_empty() {
            true => Vec::new(),
            false => engine.write_all(&jobs),
        };
        note(answers.iter().flatten().find_map(trouble));
        let mut again = Vec::new();
        for (one, answer) in self.waiting.drain(..).zip(answers) {
            match answer {
                // Who asked may be gone.
                Some(answer) => _ = one.answer.send(answer),
                None => again.push(one),
            }
        }
        let mut queue = self.queue.lock();
        for one in again.into_iter().rev() {
            queue.push_front(one);
        }
    }

    /// Answers that nothing could be done.
    pub(super) fn fail(self, error: &StoreError) {
        for one in self.waiting {
            let cause = std::io::Error::other(error.to_string());
            let _ = one
                .answer
                .send(Err(StoreError::unavailable("write", cause)));
        }
    }
}

/// Why an operation failed, when it is the store that is in trouble.
pub(super) fn trouble<T>(result: &Result<T, StoreError>) -> Option<String> {
    match result {
        Err(error @ (StoreError::Unavailable { .. } | StoreError::Corrupt { .. })) => {
            Some(error.to_string())
        }
        _ => None,
    }
}
