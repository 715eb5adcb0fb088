//! A file system that knows what of it is durable.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use super::trace::Event;

/// A change of a file's bytes.
#[derive(Debug, Clone)]
enum DataOp {
    Write(u64, Vec<u8>),
    Truncate(u64),
}

/// A file, whatever its names.
#[derive(Debug, Clone, Default)]
struct Node {
    durable: Vec<u8>,
    pending: Vec<DataOp>,
    /// Grows with every change, and tells one state of the bytes from another.
    version: usize,
}

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Dir,
    File(usize),
}

/// A change of names, in one directory.
#[derive(Debug, Clone)]
enum NameOp {
    Make(PathBuf, Entry),
    Rename(PathBuf, PathBuf, usize),
    Remove(PathBuf),
}

impl NameOp {
    fn dir(&self) -> Option<&Path> {
        match self {
            Self::Make(path, _) | Self::Rename(path, ..) | Self::Remove(path) => path.parent(),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Entry>) {
        match self {
            Self::Make(path, entry) => drop(names.insert(path.clone(), *entry)),
            Self::Remove(path) => drop(names.remove(path)),
            Self::Rename(from, to, node) => {
                // Another file may have the name by now, where changes are out of order.
                if names.get(from) == Some(&Entry::File(*node)) {
                    names.remove(from);
                }
                names.insert(to.clone(), Entry::File(*node));
            }
        }
    }
}

/// What becomes of what was written to a file and not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tear {
    /// All of it is there.
    None,
    /// None of it is.
    Lost,
    /// Half of the writes are there, and half of the one after them.
    Cut,
    /// All is there by its length; the second half of each write reads as zeros.
    Zeroed,
    /// Only the last write is there.
    LastOnly,
    /// All but the first write is there.
    FirstLost,
}

impl Tear {
    /// Everything that can become of it.
    pub const ALL: [Self; 6] = [
        Self::None,
        Self::Lost,
        Self::Cut,
        Self::Zeroed,
        Self::LastOnly,
        Self::FirstLost,
    ];
}

impl Node {
    fn apply(&mut self, op: DataOp) {
        self.pending.push(op);
        self.version += 1;
    }

    fn settle(&mut self, durable: Vec<u8>) {
        self.durable = durable;
        self.pending.clear();
        self.version += 1;
    }

    fn torn(&self, tear: Tear) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        let count = self.pending.len();
        for (i, op) in self.pending.iter().enumerate() {
            let (keep, zeros) = match tear {
                Tear::None => (usize::MAX, false),
                Tear::Lost => (0, false),
                Tear::Cut if i < count / 2 => (usize::MAX, false),
                Tear::Cut if i == count / 2 => (op.len() / 2, false),
                Tear::Cut => (0, false),
                Tear::Zeroed => (op.len() / 2, true),
                Tear::LastOnly => (if i + 1 == count { usize::MAX } else { 0 }, false),
                Tear::FirstLost => (if i == 0 { 0 } else { usize::MAX }, false),
            };
            op.write(&mut bytes, keep, zeros);
        }
        bytes
    }
}

impl DataOp {
    fn len(&self) -> usize {
        match self {
            Self::Write(_, bytes) => bytes.len(),
            Self::Truncate(_) => 2,
        }
    }

    /// Writes so many of its bytes, and zeros for the others if they are to be there by length.
    fn write(&self, file: &mut Vec<u8>, keep: usize, zeros: bool) {
        match self {
            Self::Truncate(length) if keep > 0 => {
                file.resize(usize::try_from(*length).expect("a length"), 0);
            }
            Self::Truncate(_) => {}
            Self::Write(offset, bytes) => {
                let start = usize::try_from(*offset).expect("an offset");
                let keep = keep.min(bytes.len());
                let end = if zeros { bytes.len() } else { keep };
                if end == 0 {
                    return;
                }
                file.resize(file.len().max(start + end), 0);
                file[start..start + end].fill(0);
                file[start..start + keep].copy_from_slice(&bytes[..keep]);
            }
        }
    }
}

/// The file system after some events.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    nodes: Vec<Node>,
    names: BTreeMap<PathBuf, Entry>,
    durable: BTreeMap<PathBuf, Entry>,
    pending: Vec<NameOp>,
}

impl Disk {
    /// One that holds what is below a directory, durably.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn of(root: &Path) -> Self {
        let mut disk = Self::default();
        disk.take(root);
        disk.durable = disk.names.clone();
        disk
    }

    fn take(&mut self, dir: &Path) {
        self.names.insert(dir.to_owned(), Entry::Dir);
        for entry in fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                self.take(&path);
            } else {
                let bytes = fs::read(&path).expect("a file");
                let entry = self.add(bytes);
                self.names.insert(path, entry);
            }
        }
    }

    fn add(&mut self, durable: Vec<u8>) -> Entry {
        self.nodes.push(Node {
            durable,
            ..Node::default()
        });
        Entry::File(self.nodes.len() - 1)
    }

    fn node(&self, path: &Path) -> Option<usize> {
        match self.names.get(path) {
            Some(Entry::File(node)) => Some(*node),
            _ => None,
        }
    }

    fn name(&mut self, op: NameOp) {
        op.apply(&mut self.names);
        self.pending.push(op);
    }

    fn write(&mut self, path: &Path, op: DataOp) {
        if let Some(node) = self.node(path) {
            self.nodes[node].apply(op);
        }
    }

    /// Lets something happen.
    pub fn see(&mut self, event: &Event) {
        match event {
            Event::MakeDir(path) if !self.names.contains_key(path) => {
                self.name(NameOp::Make(path.clone(), Entry::Dir));
            }
            Event::MakeFile(path) if !self.names.contains_key(path) => {
                let entry = self.add(Vec::new());
                self.name(NameOp::Make(path.clone(), entry));
            }
            Event::Write(path, offset, bytes) => {
                self.write(path, DataOp::Write(*offset, bytes.clone()));
            }
            Event::Truncate(path, length) => self.write(path, DataOp::Truncate(*length)),
            Event::Rename(from, to) => {
                if let Some(node) = self.node(from) {
                    self.name(NameOp::Rename(from.clone(), to.clone(), node));
                }
            }
            Event::Remove(path) if self.names.contains_key(path) => {
                self.name(NameOp::Remove(path.clone()));
            }
            Event::SyncFile(path) => {
                if let Some(node) = self.node(path) {
                    let bytes = self.nodes[node].torn(Tear::None);
                    self.nodes[node].settle(bytes);
                }
            }
            Event::SyncDir(dir) => {
                let durable = &mut self.durable;
                self.pending.retain(|op| {
                    let synced = op.dir() == Some(dir);
                    if synced {
                        op.apply(durable);
                    }
                    !synced
                });
            }
            Event::Lost(path) => {
                if let Some(node) = self.node(path) {
                    let bytes = std::mem::take(&mut self.nodes[node].durable);
                    self.nodes[node].settle(bytes);
                }
                self.pending.retain(|op| op.dir() != Some(path));
            }
            Event::Outside(path, bytes) => {
                if let Some(node) = self.node(path) {
                    self.nodes[node].settle(bytes.clone());
                }
                if let Some(dir) = path.parent() {
                    self.see(&Event::SyncDir(dir.to_owned()));
                }
            }
            _ => {}
        }
    }

    /// How many changes of names are not durable.
    pub fn loose_names(&self) -> usize {
        self.pending.len()
    }

    /// The files with bytes that are not durable.
    pub fn loose_files(&self) -> Vec<usize> {
        let loose = |node: &Node| !node.pending.is_empty();
        (0..self.nodes.len())
            .filter(|i| loose(&self.nodes[*i]))
            .collect()
    }

    /// What is found after a power cut.
    pub fn after(&self, loss: &Loss) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let bytes = |node: usize| self.nodes[node].torn(loss.tear(node));
        let names = self.names_after(loss).into_iter();
        let entry = |(path, entry)| match entry {
            Entry::Dir => (path, None),
            Entry::File(node) => (path, Some(bytes(node))),
        };
        names.map(entry).collect()
    }

    /// What tells one such state from another.
    pub fn fingerprint(&self, loss: &Loss, known: &mut Known) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (path, entry) in self.names_after(loss) {
            path.hash(&mut hasher);
            if let Entry::File(node) = entry {
                let (tear, version) = (loss.tear(node), self.nodes[node].version);
                let known = known.entry((node, version, tear));
                let bytes = || self.nodes[node].torn(tear);
                known.or_insert_with(|| digest(&bytes())).hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    fn names_after(&self, loss: &Loss) -> BTreeMap<PathBuf, Entry> {
        let mut names = self.durable.clone();
        for (op, _) in self
            .pending
            .iter()
            .zip(&loss.made)
            .filter(|(_, made)| **made)
        {
            op.apply(&mut names);
        }
        let is_dir =
            |(path, entry): (&PathBuf, &Entry)| (*entry == Entry::Dir).then(|| path.clone());
        let dirs: BTreeSet<PathBuf> = names.iter().filter_map(is_dir).collect();
        let root = dirs.first().cloned().unwrap_or_default();
        // What is in a directory that was lost is lost.
        names.retain(|path, _| {
            let above = path
                .ancestors()
                .skip(1)
                .take_while(|dir| dir.starts_with(&root));
            above.into_iter().all(|dir| dirs.contains(dir))
        });
        names
    }
}

/// Digests of files' bytes, by file, version and tear.
pub type Known = HashMap<(usize, usize, Tear), u64>;

fn digest(bytes: &[u8]) -> u64 {
    // Most of a journal is empty space, and that is told by comparing, which is much quicker.
    const SPACE: [u8; 4096] = [0; 4096];
    let mut hasher = DefaultHasher::new();
    bytes.len().hash(&mut hasher);
    let blocks = bytes.chunks(SPACE.len()).enumerate();
    for block in blocks.filter(|(_, block)| *block != &SPACE[..block.len()]) {
        block.hash(&mut hasher);
    }
    hasher.finish()
}

/// What a power cut does to what is not durable.
#[derive(Debug, Clone)]
pub struct Loss {
    /// Which changes of names are there.
    pub made: Vec<bool>,
    /// What becomes of the files' bytes; the others are there.
    pub tears: BTreeMap<usize, Tear>,
}

impl Loss {
    fn tear(&self, node: usize) -> Tear {
        self.tears.get(&node).copied().unwrap_or(Tear::None)
    }
}
