//! Putting in place what the journal has and the files may not: after a crash, a power cut, or an
//! error that stopped a change on its way.
//!
//! When a sync has failed, what is not on the disk may still be read, and syncing it again would
//! only seem to help: then everything that the journal has is written anew.
//!
//! Within the boot that a change was made in, files are what was last written to them, synced or not:
//! of a target, what is neither its old bytes nor its new ones is somebody's edit, and stays. After a
//! power cut a target can be in any state that the journal knows of, be torn, or be gone; anything
//! else is an edit here, too.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering;

use catalog_core::StoreError;
use catalog_core::digest::Digest;

use super::disk::{Disk, Held};
use super::journal::{Entry, Journal, State};
use super::plan::{Plan, Step};
use super::problem::PathProblem;
use super::roots::Spot;
use crate::dir::is_gone;

/// A committed record, read.
struct Change<'a> {
    entry: &'a Entry,
    plan: Plan,
    bytes: &'a [u8],
}

/// What a file is to become, and what it may be on the way there.
#[derive(Default)]
struct Way<'a> {
    /// Digests; `None`: no file.
    states: Vec<Option<String>>,
    /// The bytes that it got at some time.
    bytes: Vec<&'a [u8]>,
    /// The last record that has to do with it.
    last: usize,
}

impl Disk {
    /// Finishes what was cut short after its commit point, and cleans up what was cut short before.
    /// What cannot be finished is taken back if nothing of it is in place, and set aside otherwise.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it can be neither now, and perhaps later.
    pub(super) fn recover(&self) -> Result<(), StoreError> {
        let unavailable = |e| StoreError::unavailable("finish an interrupted change", e);
        self.check_trusted().map_err(unavailable)?;
        self.remove_litter();
        self.catch_up(&mut self.held()).map_err(unavailable)
    }

    fn catch_up(&self, held: &mut Held) -> io::Result<()> {
        self.open_journal(held)?;
        let Some(journal) = &mut held.journal else {
            return Ok(());
        };
        held.distrust = self.distrust();
        let (how, placed) = self.after(journal.epoch, held.distrust.is_some());
        let known = how == After::Crash;
        held.placed = match known {
            true => held.placed.max(placed),
            false => 0,
        };
        if held.placed < journal.tail.number || !known {
            journal.rewind();
        }
        let mut entries = journal.read_on()?;
        for entry in entries.iter().filter(|e| e.state != State::Void) {
            match entry.plan(&self.roots) {
                Ok((plan, _)) if entry.state == State::Committed => {
                    Held::touch(&mut held.unsynced, &plan);
                }
                // All of them are there to be carried out when the store has that directory again.
                Err(error) if error.is_elsewhere() => return Err(io::Error::other(error)),
                _ => {}
            }
        }
        entries.retain(|entry| entry.at.number >= held.placed);
        if entries.is_empty() && known {
            return Ok(());
        }
        self.replay(journal, &entries, how)?;
        held.placed = journal.tail.number;
        self.wrote.store(true, Ordering::Relaxed);
        if !known {
            self.checkpoint_held(held)?;
            self.sweep();
        }
        if let Err(error) = self.announce(held, !entries.is_empty()) {
            tracing::warn!(%error, "other processes cannot be told of a change");
        }
        Ok(())
    }

    /// What the files may have lost, and the number below which the records of this epoch are in
    /// place.
    fn after(&self, epoch: u64, sync_has_failed: bool) -> (After, u64) {
        match self.mark() {
            _ if sync_has_failed => (After::FailedSync, 0),
            Some(mark) if mark.boot == self.boot && mark.epoch == epoch => {
                (After::Crash, mark.next)
            }
            Some(mark) if mark.boot == self.boot => (After::Crash, 0),
            _ => (After::PowerCut, 0),
        }
    }

    /// Whether the files are in the middle of a change, found out without writing. Wants no lock:
    /// what is under way right now counts, too.
    pub(super) fn is_interrupted(&self) -> io::Result<bool> {
        let dir = match self.history_dir() {
            Err(e) if is_gone(&e) => return Ok(false),
            dir => dir?,
        };
        let Some(mut journal) = Journal::open_to_read(&dir)? else {
            return Ok(false);
        };
        let (how, placed) = self.after(journal.epoch, false);
        let mut entries = journal.read_on()?;
        entries.retain(|entry| entry.state == State::Committed && entry.at.number >= placed);
        let mut changes = Vec::new();
        for entry in &entries {
            match entry.plan(&self.roots) {
                Ok((plan, bytes)) => changes.push(Change { entry, plan, bytes }),
                Err(error) if error.is_elsewhere() => return Ok(true),
                // It will be set aside.
                Err(_) => {}
            }
        }
        let ways = ways(&changes);
        for (i, change) in changes.iter().enumerate() {
            for (step, bytes) in change.plan.with_bytes(change.bytes) {
                let Some(way) = ways.get(&step.spot).filter(|way| way.last == i) else {
                    continue;
                };
                let due = match bytes {
                    Some(bytes) => self.is_due(step, bytes, way, how)?,
                    None => self.removal_is_due(step, way, how)?,
                };
                if due {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn open_journal(&self, held: &mut Held) -> io::Result<()> {
        let dir = self.history_dir()?;
        if let Some(journal) = held.journal.take_if(|journal| !journal.is_in(&dir)) {
            tracing::warn!(
                epoch = journal.epoch,
                "the journal is not the one that it was"
            );
        }
        let opened = match &mut held.journal {
            Some(journal) => {
                let epoch = journal.epoch;
                let looked = journal.look();
                if journal.epoch != epoch {
                    held.forget();
                }
                looked
            }
            None => {
                held.forget();
                self.set_aside_old_plan(&dir)?;
                let opened = Journal::open(&dir, self.next_epoch());
                opened.map(|journal| {
                    // What it has is to be durable soon, whoever wrote it.
                    self.wrote.fetch_or(journal.is_some(), Ordering::Relaxed);
                    held.journal = journal;
                })
            }
        };
        match opened {
            Err(e) if e.kind() == io::ErrorKind::InvalidData => {
                tracing::error!("the journal is damaged");
                held.journal = None;
                dir.rename(super::journal::JOURNAL, &self.set_aside_name())
            }
            other => other,
        }
    }

    /// Puts in place what committed records say, as far as it is not; removes what prepared ones
    /// have left.
    fn replay(&self, journal: &Journal, entries: &[Entry], how: After) -> io::Result<()> {
        let mut changes = Vec::new();
        for entry in entries.iter().filter(|entry| entry.state != State::Void) {
            match entry.plan(&self.roots) {
                Ok((plan, _)) if entry.state == State::Prepared => {
                    self.remove_temps(&plan);
                    journal.set(entry.at, State::Void)?;
                }
                Ok((plan, bytes)) => changes.push(Change { entry, plan, bytes }),
                Err(error) => {
                    tracing::error!(%error, "an interrupted change cannot be understood");
                    self.set_aside(journal, entry)?;
                }
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        tracing::info!(
            changes = changes.len(),
            ?how,
            "looking at what was committed last"
        );
        if how != After::PowerCut {
            // Who wrote them may have died before they were durable.
            for change in &changes {
                journal.rewrite(change.entry)?;
            }
            self.sync_or_poison(journal.sync())?;
        }
        let ways = ways(&changes);
        for (i, change) in changes.iter().enumerate() {
            let Err(error) = self.settle(change, i, &ways, how) else {
                continue;
            };
            if self.is_poisoned() {
                return Err(error);
            }
            // Only a change that was interrupted before it was acknowledged may be given up.
            if how == After::Crash && self.is_untouched(&change.plan) {
                tracing::warn!(%error, "an interrupted change is taken back");
                if !self.revoke(journal, change.entry.at, &change.plan) {
                    return Err(error);
                }
            } else if how != After::Crash || may_pass(&error) {
                return Err(error);
            } else {
                tracing::error!(%error, "an interrupted change cannot be finished");
                self.set_aside(journal, change.entry)?;
            }
        }
        for change in &changes {
            self.remove_temps(&change.plan);
        }
        Ok(())
    }

    /// Does what a record says of the files that it is the last one to say something of: all that is
    /// possible, above all the history's part. Gives the first error.
    fn settle(
        &self,
        change: &Change<'_>,
        number: usize,
        ways: &BTreeMap<&Spot, Way<'_>>,
        how: After,
    ) -> io::Result<()> {
        let mut result = Ok(());
        for (step, bytes) in change.plan.with_bytes(change.bytes) {
            let Some(way) = ways.get(&step.spot).filter(|way| way.last == number) else {
                continue;
            };
            let settled = match bytes {
                Some(bytes) => self.settle_file(step, bytes, way, how),
                None => self.settle_removal(step, way, how),
            };
            if let Err(error) = &settled {
                tracing::error!(file = step.spot.split().1, %error, "not in place");
            }
            result = result.and(settled);
        }
        result
    }

    fn settle_file(&self, step: &Step, bytes: &[u8], way: &Way<'_>, how: After) -> io::Result<()> {
        if !self.is_due(step, bytes, way, how)? {
            return Ok(());
        }
        let dir = match how {
            After::Crash => self.roots.dir_of(&step.spot)?,
            After::PowerCut | After::FailedSync => self.make_dir(&step.spot)?,
        };
        // The name that the record knows, so that it goes whatever happens now.
        let temp = step.temp.as_deref().unwrap_or_default();
        dir.remove(temp)?;
        self.write_temp(&dir, step, temp, bytes)?;
        self.take_place(&dir, temp, step.spot.split().1, bytes)
    }

    /// Whether a file is still to be put in its place.
    fn is_due(&self, step: &Step, bytes: &[u8], way: &Way<'_>, how: After) -> io::Result<bool> {
        let now = self.bytes(&step.spot)?;
        if matches!(&now, Found::Bytes(now) if **now == *bytes) {
            // What reads as it should need not be on the disk when a sync has failed.
            return Ok(how == After::FailedSync);
        }
        let power_cut = how != After::Crash;
        let lost = power_cut && matches!(now, Found::Nothing);
        let torn = (power_cut || step.in_place) && way.may_be_torn(&now);
        let due = lost || torn || way.leads_over(&now);
        if !due {
            let file = step.spot.split().1;
            tracing::warn!(file, "changed from outside, and stays so");
        }
        Ok(due)
    }

    fn settle_removal(&self, step: &Step, way: &Way<'_>, how: After) -> io::Result<()> {
        match self.removal_is_due(step, way, how)? {
            true => self.roots.dir_of(&step.spot)?.remove(step.spot.split().1),
            false => Ok(()),
        }
    }

    /// Whether a file is still to be removed.
    fn removal_is_due(&self, step: &Step, way: &Way<'_>, how: After) -> io::Result<bool> {
        if how == After::Crash {
            return self.is_to_go(step);
        }
        let now = self.bytes(&step.spot)?;
        Ok(!matches!(now, Found::Nothing) && (way.leads_over(&now) || way.may_be_torn(&now)))
    }

    fn bytes(&self, spot: &Spot) -> io::Result<Found> {
        match self.roots.read(spot, self.limit_of(spot)) {
            Ok((bytes, _)) => Ok(Found::Bytes(bytes)),
            Err(PathProblem::NotFound) => Ok(Found::Nothing),
            Err(PathProblem::Io(e)) => Err(e),
            Err(_) => Ok(Found::Else),
        }
    }

    /// Keeps a record under a name under which nobody carries it out.
    fn set_aside(&self, journal: &Journal, entry: &Entry) -> io::Result<()> {
        let (dir, name) = (self.history_dir()?, self.set_aside_name());
        let file = dir.create_file(&name, super::disk::RECORD_MODE)?;
        file.write_at(entry.bytes(), 0)?;
        self.sync_or_poison(file.sync().and_then(|()| dir.sync()))?;
        tracing::error!(record = name, "an interrupted change is set aside");
        journal.set(entry.at, State::Void)?;
        self.sync_or_poison(journal.sync())
    }
}

/// What the files may have lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// Only what the last change was about to do.
    Crash,
    /// All that was not synced.
    PowerCut,
    /// The same, and what reads as if it were there need not be on the disk.
    FailedSync,
}

/// What is at a file's place.
enum Found {
    Nothing,
    Bytes(std::sync::Arc<[u8]>),
    /// Too long, or a directory, or worse: not what was there, and not to be replaced.
    Else,
}

impl Way<'_> {
    /// Whether the file is in a state that the journal knows.
    fn leads_over(&self, now: &Found) -> bool {
        match now {
            Found::Nothing => self.states.contains(&None),
            Found::Bytes(now) => {
                let digest = Some(Digest::of(now).to_string());
                self.states.contains(&digest) || self.bytes.iter().any(|bytes| **bytes == **now)
            }
            Found::Else => false,
        }
    }

    /// Whether it may be what is left of one of them: cut short, or with parts that never reached
    /// the disk.
    fn may_be_torn(&self, now: &Found) -> bool {
        let Found::Bytes(now) = now else { return false };
        self.bytes.iter().any(|bytes| {
            let same = |(now, new): (&u8, &u8)| now == new || *now == 0;
            now.len() <= bytes.len() && now.iter().zip(*bytes).all(same)
        })
    }
}

/// Every file that the records have to do with.
fn ways<'a>(changes: &'a [Change<'a>]) -> BTreeMap<&'a Spot, Way<'a>> {
    let mut ways: BTreeMap<&Spot, Way<'_>> = BTreeMap::new();
    for (i, change) in changes.iter().enumerate() {
        for (step, bytes) in change.plan.with_bytes(change.bytes) {
            let way = ways.entry(&step.spot).or_default();
            way.states.push(step.before.clone());
            match bytes {
                Some(bytes) => way.bytes.push(bytes),
                None => way.states.push(None),
            }
            way.last = i;
        }
    }
    ways
}

/// Whether an error may go away by itself, so that the change is still to be finished.
fn may_pass(error: &io::Error) -> bool {
    let gone = is_gone(error);
    !gone
        && !matches!(
            error.kind(),
            io::ErrorKind::ResourceBusy
                | io::ErrorKind::ReadOnlyFilesystem
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::IsADirectory
                | io::ErrorKind::InvalidInput
        )
}
