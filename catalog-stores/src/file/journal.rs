//! The file that decides what was committed.
//!
//! ```text
//! block 0, block 1   slots: one says which epoch the journal is in, the other is that of the last one
//! block 2 …          records, each from the start of a block on, one after the other
//! ```
//!
//! A record has a state (prepared, committed or void), its epoch, its number, a part of the checksum
//! of the record before it, and a checksum of its own. Reading ends at the first that is not the next
//! of this epoch, so that nothing has to be erased: an epoch begins by writing its number into its
//! slot, and its records overwrite those of the last one. The space is there already, which is why
//! making a record durable costs one write and one sync.

use std::io;
use std::os::unix::fs::FileExt as _;

use sha2::{Digest as _, Sha256};

use super::disk::RECORD_MODE;
use super::plan::{Plan, PlanError};
use super::roots::Roots;
use crate::dir::Dir;
use crate::seam::Output;

/// Its name in the history's directory.
pub(super) const JOURNAL: &str = "journal";

/// What a disk writes as a whole, at most: no record shares one with another.
const BLOCK: u64 = 4096;

/// Where the first record starts.
const START: u64 = 2 * BLOCK;

/// The file grows by so many bytes at once.
const GROWTH: u64 = 1 << 20;

/// The most bytes that the file keeps when an epoch ends: a large record may have made it grow.
const KEPT: u64 = 24 << 20;

const SLOT_MAGIC: &[u8; 8] = b"catjrnl1";
const SLOT_BYTES: usize = 48;
const HEADER_BYTES: usize = 72;

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Written, and its new files beside their targets; nothing is decided.
    Prepared,
    /// To be put in place.
    Committed,
    /// Counts for nothing.
    Void,
}

impl State {
    const ALL: [Self; 3] = [Self::Prepared, Self::Committed, Self::Void];

    fn word(self) -> &'static [u8; 8] {
        match self {
            Self::Prepared => b"catprep1",
            Self::Committed => b"catcomm1",
            Self::Void => b"catvoid1",
        }
    }

    fn of(word: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// Where a record is, or the next one will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) offset: u64,
    /// Of the record in its epoch, from 0.
    pub(super) number: u64,
    /// Part of the checksum of the record before.
    chain: [u8; 8],
}

const FIRST: Position = Position {
    offset: START,
    number: 0,
    chain: [0; 8],
};

/// A record.
pub(super) struct Entry {
    pub(super) at: Position,
    pub(super) state: State,
    /// As it is written, from the header on.
    bytes: Vec<u8>,
}

impl Entry {
    /// What was to be done.
    ///
    /// # Errors
    /// Written by another version, or for other directories: its bytes are those that were written.
    pub(super) fn plan(&self, roots: &Roots) -> Result<(Plan, &[u8]), PlanError> {
        Plan::decode(&self.bytes[HEADER_BYTES..], roots)
    }

    /// All of it, to be set aside.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn next(&self) -> Position {
        let length = self.bytes.len() as u64;
        let mut chain = [0; 8];
        chain.copy_from_slice(&self.bytes[40..48]);
        Position {
            offset: self.at.offset + length.next_multiple_of(BLOCK),
            number: self.at.number + 1,
            chain,
        }
    }
}

/// The journal as far as this process knows it.
pub(super) struct Journal {
    file: Output,
    inode: u64,
    pub(super) epoch: u64,
    /// Where the next record goes.
    pub(super) tail: Position,
}

impl Journal {
    /// Opens it; `None` when there is none. One that was never used begins with this epoch.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when it has records and nothing says of which epoch.
    pub(super) fn open(dir: &Dir, first: u64) -> io::Result<Option<Self>> {
        match dir.open_output(JOURNAL) {
            Ok(file) => Self::of(file, dir, first).map(Some),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Opens it only to be read; `None` when there is none, or nothing in it.
    pub(super) fn open_to_read(dir: &Dir) -> io::Result<Option<Self>> {
        let file = match dir.open_to_read(JOURNAL) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(None),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let mut journal = Self {
            file,
            inode: 0,
            epoch: 0,
            tail: FIRST,
        };
        let epoch = journal.read_epoch()?;
        journal.epoch = epoch.unwrap_or_default();
        Ok(epoch.map(|_| journal))
    }

    /// Makes an empty one, whose first epoch is this. It is durable with its first record.
    pub(super) fn create(dir: &Dir, epoch: u64) -> io::Result<Self> {
        let file = dir.create_file(JOURNAL, RECORD_MODE)?;
        dir.sync()?;
        Self::of(file, dir, epoch)
    }

    fn of(file: Output, dir: &Dir, first: u64) -> io::Result<Self> {
        let mut journal = Self {
            file,
            inode: dir.identity(JOURNAL)?.0,
            epoch: 0,
            tail: FIRST,
        };
        match journal.read_epoch()? {
            Some(epoch) => journal.epoch = epoch,
            // What was never synced, a power cut may leave in any state.
            None if journal.entry(FIRST, None)?.is_none() => {
                journal.begin(first)?;
                // Once, and before there is a record: after a power cut, one without its epoch would
                // be damage, and what it says of files to be cleaned up lost.
                journal.sync()?;
            }
            None => return Err(io::ErrorKind::InvalidData.into()),
        }
        Ok(journal)
    }

    /// Whether it still is the file of that name.
    pub(super) fn is_in(&self, dir: &Dir) -> bool {
        dir.identity(JOURNAL)
            .is_ok_and(|found| found.0 == self.inode)
    }

    /// Takes note of another process's new epoch.
    pub(super) fn look(&mut self) -> io::Result<()> {
        match self.read_epoch()? {
            Some(epoch) if epoch == self.epoch => {}
            Some(epoch) => (self.epoch, self.tail) = (epoch, FIRST),
            None => return Err(io::ErrorKind::InvalidData.into()),
        }
        Ok(())
    }

    /// Goes back to the first record.
    pub(super) fn rewind(&mut self) {
        self.tail = FIRST;
    }

    /// The records from the tail on, which is moved behind them.
    pub(super) fn read_on(&mut self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        while let Some(entry) = self.entry(self.tail, Some(self.epoch))? {
            self.tail = entry.next();
            entries.push(entry);
        }
        Ok(entries)
    }

    /// Whether a record follows that this process has not read.
    pub(super) fn has_more(&self) -> bool {
        let mut word = [0; 32];
        let found = self.read_at(&mut word, self.tail.offset);
        found.is_ok_and(|whole| {
            whole
                && State::of(&word[..8]).is_some()
                && word[8..16] == self.epoch.to_le_bytes()
                && word[16..24] == self.tail.number.to_le_bytes()
                && word[24..] == self.tail.chain
        })
    }

    /// Bytes from the first record to the tail.
    pub(super) fn used(&self) -> u64 {
        self.tail.offset - START
    }

    /// Writes a record that decides nothing yet, behind the last one.
    pub(super) fn prepare(&mut self, body: &[u8]) -> io::Result<Position> {
        let at = self.tail;
        let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
        bytes.extend_from_slice(State::Prepared.word());
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        bytes.extend_from_slice(&at.number.to_le_bytes());
        bytes.extend_from_slice(&at.chain);
        bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
        let checksum = checksum(&bytes[8..40], body);
        bytes.extend_from_slice(&checksum);
        bytes.extend_from_slice(body);
        let end = at.offset + bytes.len() as u64;
        let size = self.file.file().metadata()?.len();
        if let Err(error) = self.file.write_at(&bytes, at.offset) {
            // What is there of it is no record, and need not look like the start of one.
            let _ = self.file.write_at(&[0; 8], at.offset);
            return Err(error);
        }
        if end > size {
            // So that the records to come are written where something is already.
            let zeros = vec![0; usize::try_from(end.next_multiple_of(GROWTH) - end).unwrap_or(0)];
            if let Err(error) = self.file.write_at(&zeros, end) {
                tracing::debug!(%error, "the journal has no room to spare");
            }
        }
        let entry = Entry {
            at,
            state: State::Prepared,
            bytes,
        };
        self.tail = entry.next();
        Ok(at)
    }

    /// Changes the state of a record.
    pub(super) fn set(&self, at: Position, state: State) -> io::Result<()> {
        self.file.write_at(state.word(), at.offset)
    }

    /// Drops the records from there on, which nothing was decided by.
    pub(super) fn drop_from(&mut self, at: Position) -> io::Result<()> {
        self.file.write_at(&[0; 8], at.offset)?;
        self.tail = at;
        Ok(())
    }

    /// Writes a record once more. What the kernel once failed to write it may hold for written.
    pub(super) fn rewrite(&self, entry: &Entry) -> io::Result<()> {
        self.file.write_at(&entry.bytes, entry.at.offset)
    }

    /// Makes what was written durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Starts the next epoch: what the records say is durable in its places. To be synced.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        self.begin(self.epoch + 1)
    }

    /// Gives space back. Only in an epoch that is durable and has no records yet: of the one before,
    /// a power cut could otherwise bring back the first records without the last.
    pub(super) fn trim(&self) -> io::Result<()> {
        match self.file.file().metadata()?.len() > KEPT {
            true => self.file.truncate(GROWTH),
            false => Ok(()),
        }
    }

    fn begin(&mut self, epoch: u64) -> io::Result<()> {
        let mut slot = Vec::with_capacity(SLOT_BYTES);
        slot.extend_from_slice(SLOT_MAGIC);
        slot.extend_from_slice(&epoch.to_le_bytes());
        let checksum = checksum(&slot, &[]);
        slot.extend_from_slice(&checksum);
        self.file.write_at(&slot, epoch % 2 * BLOCK)?;
        (self.epoch, self.tail) = (epoch, FIRST);
        Ok(())
    }

    fn read_epoch(&self) -> io::Result<Option<u64>> {
        let mut newest = None;
        for offset in [0, BLOCK] {
            let mut slot = [0; SLOT_BYTES];
            let whole = self.read_at(&mut slot, offset)?;
            if whole && slot[..8] == *SLOT_MAGIC && slot[16..] == checksum(&slot[..16], &[]) {
                newest = newest.max(Some(number(&slot[8..16])));
            }
        }
        Ok(newest)
    }

    /// The record at that place, of that epoch or of any; `None` when there is none.
    fn entry(&self, at: Position, epoch: Option<u64>) -> io::Result<Option<Entry>> {
        let mut header = [0; HEADER_BYTES];
        if !self.read_at(&mut header, at.offset)? {
            return Ok(None);
        }
        let right = epoch.is_none_or(|epoch| epoch == number(&header[8..16]))
            && number(&header[16..24]) == at.number
            && header[24..32] == at.chain;
        let (Some(state), true) = (State::of(&header[..8]), right) else {
            return Ok(None);
        };
        let length = number(&header[32..40]);
        let size = self.file.file().metadata()?.len();
        if length > size.saturating_sub(at.offset) {
            return Ok(None);
        }
        let mut bytes = header.to_vec();
        bytes.resize(HEADER_BYTES + usize::try_from(length).unwrap_or(0), 0);
        let body = at.offset + HEADER_BYTES as u64;
        if !self.read_at(&mut bytes[HEADER_BYTES..], body)?
            || header[40..] != checksum(&header[8..40], &bytes[HEADER_BYTES..])
        {
            return Ok(None);
        }
        Ok(Some(Entry { at, state, bytes }))
    }

    /// Whether so many bytes are there.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<bool> {
        match self.file.file().read_exact_at(bytes, offset) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(e) => Err(e),
        }
    }
}

fn checksum(head: &[u8], body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(head);
    hash.update(body);
    hash.finalize().into()
}

fn number(bytes: &[u8]) -> u64 {
    let mut found = [0; 8];
    found.copy_from_slice(bytes);
    u64::from_le_bytes(found)
}

#[cfg(test)]
mod tests;
