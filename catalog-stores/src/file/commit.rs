//! Changing several files as one, and several changes at once.
//!
//! 1. A record of the change, with all new bytes, goes into the journal as prepared.
//! 2. Every new file is written beside its target: a disk that is full or read-only is noticed here.
//! 3. Every target is checked: it can be written or removed, and is as it was read.
//! 4. The record becomes a committed one and the journal is synced: the commit point.
//! 5. Every new file is renamed over its target, and a mark says up to where the journal is in place.
//!
//! Nothing but the journal is synced on the way. What a crash or a power cut undoes of the rest, the
//! journal has, until a [checkpoint](super::checkpoint) has made all of it durable. A crash before 4
//! leaves the old state and, in the prepared record, the names of what has to be cleaned up; one after
//! it is rolled forward by whoever takes the lock next (see [`replay`](super::replay)). An error after
//! it is rolled back as long as nothing is in place, and forward after that.
//!
//! Changes that were worked out on the same state and touch different files share one sync. Each has
//! its own record and its own answer.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use catalog_core::StoreError;

use super::checkpoint::{LONG, TOO_LONG};
use super::disk::{Disk, Held};
use super::journal::{Journal, Position, State};
use super::plan::{Plan, Step};
use super::roots::Spot;

/// The new state of one file.
pub(super) struct Change {
    pub(super) spot: Spot,
    /// `None` removes the file.
    pub(super) bytes: Option<Arc<[u8]>>,
    /// What the file holds now, as it was read; `None`: there is none.
    pub(super) before: Option<Arc<[u8]>>,
    /// The mode that a new file gets; `None`: the usual one. An existing one keeps its own.
    pub(super) mode: Option<u32>,
}

/// Prints sizes: the bytes may be secret.
impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("spot", &self.spot)
            .field("bytes", &self.bytes.as_ref().map(|b| b.len()))
            .finish_non_exhaustive()
    }
}

/// Why a change was not made, or not for certain.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommitError {
    /// A target is not what it was when the change was made up. Nothing has changed.
    #[error("a file was changed meanwhile")]
    Overtaken,
    /// Nothing has changed. `step`: the change that cannot be made, when it is one of them.
    #[error("the change cannot be prepared")]
    Prepare {
        step: Option<usize>,
        source: io::Error,
    },
    /// After the commit point.
    #[error("the change cannot be finished")]
    Finish(#[source] io::Error),
}

impl From<CommitError> for StoreError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Finish(e) => Self::unavailable("finish the change", e),
            CommitError::Prepare { source, .. } => Self::unavailable("prepare the change", source),
            CommitError::Overtaken => Self::unavailable("make the change", error),
        }
    }
}

/// An error of one step, or of none in particular.
type StepError = (Option<usize>, io::Error);

/// A change up to the commit point.
struct Prepared<'a> {
    plan: Plan,
    changes: &'a [Change],
    at: Position,
}

impl Disk {
    /// Makes all changes or none. Says whether somebody else's bytes have won over one of them in
    /// the last moment; they stay, and those of the change are in the history.
    pub(super) fn commit(&self, changes: &[Change]) -> Result<bool, CommitError> {
        let answers = self.commit_all(&[changes]);
        answers.into_iter().next().unwrap_or(Ok(false))
    }

    /// Makes each of these or not, whatever becomes of the others. No two touch the same file.
    pub(super) fn commit_all(&self, groups: &[&[Change]]) -> Vec<Result<bool, CommitError>> {
        let mut answers: Vec<_> = groups.iter().map(|_| Ok(false)).collect();
        let mut held = self.held();
        let mut prepared = Vec::new();
        for (i, changes) in groups.iter().enumerate() {
            if changes.is_empty() {
                continue;
            }
            match self.prepare(&mut held, changes) {
                Ok(group) => prepared.push((i, group)),
                Err(error) => answers[i] = Err(error),
            }
        }
        let Held {
            journal,
            placed,
            unsynced,
            ..
        } = &mut *held;
        let Some(journal) = journal.as_mut().filter(|_| !prepared.is_empty()) else {
            return answers;
        };
        if let Err(error) = self.decide(journal, &prepared) {
            for (i, group) in &prepared {
                self.remove_temps(&group.plan);
                let source = io::Error::new(error.kind(), error.to_string());
                answers[*i] = Err(CommitError::Prepare { step: None, source });
            }
            return answers;
        }
        self.wrote.store(true, Ordering::Relaxed);
        let mut in_place = true;
        for (i, group) in &prepared {
            Held::touch(unsynced, &group.plan);
            answers[*i] = self.finish(group).map_err(|error| {
                in_place &= self.take_back(journal, group);
                CommitError::Finish(error)
            });
            if in_place {
                *placed = group.at.number + 1;
            }
        }
        if let Err(error) = self.announce(&held, true) {
            // Others would notice later, and this process looks at everything again.
            tracing::warn!(%error, "other processes cannot be told of a change");
        }
        self.long
            .fetch_or(held.is_longer_than(LONG), Ordering::Relaxed);
        if held.is_longer_than(TOO_LONG)
            && let Err(error) = self.checkpoint_held(&mut held)
        {
            tracing::error!(%error, "what was committed cannot be made durable in its places");
        }
        answers
    }

    /// Whether a change would get as far as the commit point, found out without writing.
    pub(super) fn probe(&self, changes: &[Change]) -> Result<(), StoreError> {
        let unavailable = |e| StoreError::unavailable("prepare the change", e);
        self.check_trusted().map_err(unavailable)?;
        for change in changes {
            match self.roots.dir_of(&change.spot) {
                Ok(dir) => dir.probe_change().map_err(unavailable)?,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(unavailable(e)),
            }
        }
        Ok(())
    }

    /// Everything up to the commit point. Leaves nothing when it fails.
    fn prepare<'a>(
        &self,
        held: &mut Held,
        changes: &'a [Change],
    ) -> Result<Prepared<'a>, CommitError> {
        let whole = |source| CommitError::Prepare { step: None, source };
        self.check_trusted().map_err(whole)?;
        let mut plan = Plan::of(changes);
        for (i, (step, change)) in plan.steps.iter_mut().zip(changes).enumerate() {
            self.look_at(step, change)
                .map_err(|e| prepare_error((Some(i), e)))?;
        }
        let body = plan.encode(changes, &self.roots);
        let body = body.map_err(|e| whole(io::Error::other(e)))?;
        let at = self.append(held, &body).map_err(whole)?;
        let group = Prepared { plan, changes, at };
        let written = self.write_temps(&group).map_err(prepare_error);
        let checked = written.and_then(|()| match self.is_unchanged(changes) {
            Ok(true) => Ok(()),
            Ok(false) => Err(CommitError::Overtaken),
            Err(source) => Err(whole(source)),
        });
        match checked {
            Ok(()) => Ok(group),
            Err(error) => {
                self.remove_temps(&group.plan);
                let dropped = held.journal.as_mut().map(|journal| journal.drop_from(at));
                if let Some(Err(error)) = dropped {
                    tracing::warn!(%error, "the record of a failed change is still there");
                }
                Err(error)
            }
        }
    }

    /// Notes what has to be known of a target before anything is written.
    fn look_at(&self, step: &mut Step, change: &Change) -> io::Result<()> {
        let name = step.spot.split().1;
        let dir = match self.roots.dir_of(&step.spot) {
            // It will be made.
            Err(e) if e.kind() == io::ErrorKind::NotFound && change.bytes.is_some() => {
                return Ok(());
            }
            other => other?,
        };
        if change.bytes.is_some() {
            if let Some(mode) = dir.mode(name)? {
                step.mode = Some(mode);
                step.in_place = dir.is_mount(name);
            }
            return Ok(());
        }
        dir.probe_change()?;
        if dir.is_mount(name) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        step.identity = Some(dir.identity(name)?);
        Ok(())
    }

    /// Writes a record that decides nothing yet.
    fn append(&self, held: &mut Held, body: &[u8]) -> io::Result<Position> {
        if held.journal.is_none() {
            held.journal = Some(Journal::create(&self.history_dir()?, self.next_epoch())?);
            held.forget();
            // The history's own directory may have been made just now, by whomever.
            if let Some(parent) = self.roots.history().parent() {
                self.sync_dir(parent)?;
            }
        }
        let journal = held.journal.as_mut().ok_or(io::ErrorKind::NotFound)?;
        match journal.prepare(body) {
            // There is room in the journal once what it holds is durable elsewhere. A record of the
            // same batch has to stay.
            Err(e) if e.kind() == io::ErrorKind::StorageFull && held.placed > 0 => {
                if held.placed < journal.tail.number {
                    return Err(e);
                }
                self.checkpoint_held(held)?;
                let journal = held.journal.as_mut().ok_or(io::ErrorKind::NotFound)?;
                journal.prepare(body)
            }
            other => other,
        }
    }

    fn write_temps(&self, group: &Prepared<'_>) -> Result<(), StepError> {
        let steps = group.plan.steps.iter().zip(group.changes).enumerate();
        for (i, (step, change)) in steps {
            if let (Some(temp), Some(bytes)) = (&step.temp, &change.bytes) {
                self.make_dir(&step.spot)
                    .and_then(|dir| self.write_temp(&dir, step, temp, bytes))
                    .map_err(|e| (Some(i), e))?;
            }
        }
        Ok(())
    }

    /// The commit point of all of them.
    fn decide(&self, journal: &mut Journal, prepared: &[(usize, Prepared<'_>)]) -> io::Result<()> {
        let first = prepared.first().map(|(_, group)| group.at);
        let set = |(_, group): &(usize, Prepared<'_>)| journal.set(group.at, State::Committed);
        let decided = match prepared.iter().try_for_each(set) {
            Ok(()) => self.sync_or_poison(journal.sync()),
            error => error,
        };
        if decided.is_err()
            && let Some(Err(error)) = first.map(|at| journal.drop_from(at))
        {
            tracing::error!(%error, "the record of a failed change is still there");
        }
        decided
    }

    /// Puts everything in place. Says whether a target was changed from outside since it was checked.
    fn finish(&self, group: &Prepared<'_>) -> io::Result<bool> {
        let mut overtaken = false;
        for (step, change) in group.plan.steps.iter().zip(group.changes) {
            overtaken |= match (&step.temp, &change.bytes) {
                (Some(temp), Some(bytes)) => self.install(step, temp, change, bytes)?,
                _ => self.remove(step)?,
            };
        }
        Ok(overtaken)
    }

    /// Makes a change that nothing is in place of one that was never committed; `false` when
    /// something is, or the journal cannot say so.
    fn take_back(&self, journal: &Journal, group: &Prepared<'_>) -> bool {
        if self.is_poisoned() || !self.is_untouched(&group.plan) {
            return false;
        }
        self.revoke(journal, group.at, &group.plan)
    }

    /// Makes a committed record count for nothing.
    pub(super) fn revoke(&self, journal: &Journal, at: Position, plan: &Plan) -> bool {
        let void = journal.set(at, State::Void);
        let void = void.and_then(|()| self.sync_or_poison(journal.sync()));
        match void {
            Ok(()) => self.remove_temps(plan),
            Err(error) => {
                tracing::warn!(%error, "a failed change cannot be taken back");
                return false;
            }
        }
        true
    }
}

fn prepare_error((step, source): StepError) -> CommitError {
    // A disk that is full or read-only is nobody's fault in particular.
    let general = matches!(
        source.kind(),
        io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::ReadOnlyFilesystem
    );
    let step = step.filter(|_| !general);
    CommitError::Prepare { step, source }
}
