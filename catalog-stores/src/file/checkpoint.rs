//! Making what the journal has durable in its places, so that the journal can begin anew.
//!
//! It is done when the journal is long, when nobody has written for a while, and when the store is
//! closed. Most of it is done while others write on, so that nobody has to wait but for what was
//! written meanwhile.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use catalog_core::StoreError;

use super::disk::{Disk, Held, Touched};
use super::roots::Spot;
use crate::dir::{Dir, is_gone};

/// When its records are longer than this it is time that the journal begins anew: long enough that
/// a file that is written again and again is synced once for many writes, and a record that is dropped
/// from the history meanwhile not at all; short enough to be read again in milliseconds.
pub(super) const LONG: u64 = 16 << 20;

/// When they are longer than this, whoever writes has to wait for it.
pub(super) const TOO_LONG: u64 = 64 << 20;

/// How often what was written during a sync is synced, too, before writers have to wait for the rest.
const ROUNDS: usize = 5;

/// So few files are synced while writers wait.
const FEW: usize = 20;

/// So many syncs are under way at once: the file system makes them one.
const SYNCS: usize = 8;

impl Held {
    /// Whether the journal's records are longer than this.
    pub(super) fn is_longer_than(&self, bytes: u64) -> bool {
        self.journal.as_ref().is_some_and(|j| j.used() > bytes)
    }
}

impl Disk {
    /// Makes durable what was committed so far, while others write on.
    pub(super) fn sync_ahead(&self) -> Result<(), StoreError> {
        for _ in 0..ROUNDS {
            let batch = {
                let mut held = self.held();
                if held.unsynced.len() <= FEW {
                    break;
                }
                let batch = std::mem::take(&mut held.unsynced);
                held.syncing.clone_from(&batch);
                batch
            };
            let synced = self.sync_touched(&batch);
            let mut held = self.held();
            match &synced {
                Ok(()) => held.syncing.clear(),
                Err(_) => held.not_synced(),
            }
            drop(held);
            synced.map_err(settling)?;
        }
        Ok(())
    }

    /// Makes everything that was committed durable in its place, and begins the journal anew. Wants
    /// the lock.
    pub(super) fn settle_down(&self) -> Result<(), StoreError> {
        self.recover()?;
        self.checkpoint_held(&mut self.held()).map_err(settling)
    }

    pub(super) fn checkpoint_held(&self, held: &mut Held) -> io::Result<()> {
        self.check_trusted()?;
        let placed = held.placed;
        let Some(journal) = &held.journal else {
            return Ok(());
        };
        if placed < journal.tail.number {
            // What is not in place yet is nowhere but in the journal.
            return Ok(());
        }
        if journal.used() == 0 {
            return self.trust(held);
        }
        // Whoever syncs some of it right now may not be done.
        held.not_synced();
        self.sync_touched(&held.unsynced)?;
        if self.distrust() != held.distrust {
            // Another process's sync has failed. What it was about may be what this one found synced.
            return Err(io::Error::other(
                "another process could not make a change durable",
            ));
        }
        let Some(journal) = &mut held.journal else {
            return Ok(());
        };
        journal.restart()?;
        self.sync_or_poison(journal.sync())?;
        if let Err(error) = journal.trim() {
            tracing::warn!(%error, "the journal stays as long as it is");
        }
        held.forget();
        if let Err(error) = self.trust(held) {
            tracing::warn!(%error, "what was mended once will be mended again");
        }
        if let Err(error) = self.announce(held, false) {
            tracing::warn!(%error, "other processes cannot be told of a checkpoint");
        }
        Ok(())
    }

    fn sync_touched(&self, touched: &Touched) -> io::Result<()> {
        let there = touched.iter().filter(|(_, there)| **there);
        let files: Vec<&Spot> = there.map(|(spot, _)| spot).collect();
        let dirs: BTreeSet<PathBuf> = touched
            .keys()
            .flat_map(|spot| self.dirs_to_sync(spot))
            .collect();
        let dirs: Vec<PathBuf> = dirs.into_iter().collect();
        self.sync_all(&files, |spot| self.sync_file(spot))
            .and_then(|()| self.sync_all(&dirs, |dir| self.sync_dir(dir)))
    }

    /// Syncs several at once, and in their order when a test looks on.
    fn sync_all<T: Sync>(
        &self,
        all: &[T],
        sync: impl Fn(&T) -> io::Result<()> + Sync,
    ) -> io::Result<()> {
        if all.len() < 2 || self.roots.seam().is_hooked() {
            return all.iter().try_for_each(sync);
        }
        let next = AtomicUsize::new(0);
        let work = || -> io::Result<()> {
            while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                sync(one)?;
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let work = &work;
            // Without helpers it takes longer.
            let spawn = |_| std::thread::Builder::new().spawn_scoped(scope, work).ok();
            let helpers: Vec<_> = (1..SYNCS.min(all.len())).filter_map(spawn).collect();
            let panicked = |_| Err(io::Error::other("a sync has panicked"));
            let results = helpers.into_iter();
            let own = work();
            results
                .map(|helper| helper.join().unwrap_or_else(panicked))
                .fold(own, io::Result::and)
        })
    }

    fn sync_file(&self, spot: &Spot) -> io::Result<()> {
        let dir = self.roots.dir_of(spot);
        let opened = dir.and_then(|dir| dir.open_to_sync(spot.split().1));
        match opened {
            Ok(file) => self.sync_or_poison(file.sync()),
            // Removed from outside or dropped from the history meanwhile.
            Err(e) if is_gone(&e) => Ok(()),
            Err(e) => Err(e),
        }
    }

    pub(super) fn sync_dir(&self, path: &Path) -> io::Result<()> {
        match Dir::open(self.roots.seam(), path) {
            Ok(dir) => self.sync_or_poison(dir.sync())?,
            // Removed from outside meanwhile: there is nothing to make durable.
            Err(e) if is_gone(&e) => return Ok(()),
            Err(e) => return Err(e),
        }
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        synced.insert(path.to_owned());
        Ok(())
    }

    /// The directory of a file, and those above whose own entry may not be durable yet: whoever
    /// made them need not have been this process.
    fn dirs_to_sync(&self, spot: &Spot) -> Vec<PathBuf> {
        let synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        let dirs = self.dirs_of(spot).into_iter().enumerate();
        dirs.filter(|(depth, dir)| *depth == 0 || !synced.contains(dir))
            .map(|(_, dir)| dir)
            .collect()
    }
}

fn settling(error: io::Error) -> StoreError {
    StoreError::unavailable("make what was written durable in its place", error)
}
