//! Every change of the file system, in one place.
//!
//! What the file store makes, writes, syncs, renames or removes goes through a [`Seam`]. A test can
//! put a hook there, which sees each operation before it is made and decides what becomes of it: so
//! crashes, failing disks and power cuts are tried at every single operation, without naming any.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;

/// One operation, before it is made.
pub struct FsOp<'a> {
    /// The whole path of what is changed, without links.
    pub path: PathBuf,
    /// How it is changed.
    pub change: FsChange<'a>,
}

/// How the file system is changed.
pub enum FsChange<'a> {
    /// A directory is made.
    MakeDir {
        /// Its mode, before the process's mask.
        mode: u32,
    },
    /// A file is made, empty. It was not there before.
    MakeFile {
        /// Its mode, before the process's mask.
        mode: u32,
    },
    /// Bytes are written.
    Write {
        /// Where in the file.
        offset: u64,
        /// What is written.
        bytes: &'a [u8],
    },
    /// The file gets this length.
    Truncate {
        /// Bytes.
        length: u64,
    },
    /// The file's bytes and length are made durable.
    SyncFile,
    /// The names in the directory are made durable.
    SyncDir,
    /// The file gets another name, over whatever has it.
    Rename {
        /// The whole new path.
        to: PathBuf,
    },
    /// The file goes.
    Remove,
    /// The file's mode is set.
    SetMode {
        /// Permission bits.
        mode: u32,
    },
    /// The file's owner is set.
    SetOwner {
        /// `None`: it stays.
        uid: Option<u32>,
        /// `None`: it stays.
        gid: Option<u32>,
    },
}

/// Prints sizes: the bytes may be secret.
impl fmt::Debug for FsOp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.change {
            FsChange::MakeDir { mode } => write!(f, "make directory {path} ({mode:o})"),
            FsChange::MakeFile { mode } => write!(f, "make file {path} ({mode:o})"),
            FsChange::Write { offset, bytes } => {
                write!(f, "write {path}: {} bytes at {offset}", bytes.len())
            }
            FsChange::Truncate { length } => write!(f, "truncate {path} to {length}"),
            FsChange::SyncFile => write!(f, "sync file {path}"),
            FsChange::SyncDir => write!(f, "sync directory {path}"),
            FsChange::Rename { to } => write!(f, "rename {path} to {}", to.display()),
            FsChange::Remove => write!(f, "remove {path}"),
            FsChange::SetMode { mode } => write!(f, "set mode of {path} to {mode:o}"),
            FsChange::SetOwner { uid, gid } => write!(f, "set owner of {path} to {uid:?}:{gid:?}"),
        }
    }
}

/// What becomes of an operation.
#[derive(Debug)]
pub enum FsAnswer {
    /// It is made.
    Go,
    /// It fails, and changes nothing.
    Fail(io::Error),
    /// Of a write, only so many bytes are written, as a kernel may do. Other operations are made.
    Short(usize),
    /// It is left out and reported as made. What has to give a handle is made nevertheless.
    Skip,
}

/// Decides on every operation.
pub type FsHook = Arc<dyn Fn(&FsOp<'_>) -> FsAnswer + Send + Sync>;

/// The way to the file system.
#[derive(Clone, Default)]
pub(crate) struct Seam(Option<FsHook>);

impl fmt::Debug for Seam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "hooked" } else { "plain" })
    }
}

impl Seam {
    pub(crate) fn new(hook: Option<FsHook>) -> Self {
        Self(hook)
    }

    /// Whether somebody looks on.
    pub(crate) fn is_hooked(&self) -> bool {
        self.0.is_some()
    }

    /// Makes an operation that gives nothing back. `op` is asked for only when there is a hook.
    pub(crate) fn run<'a>(
        &self,
        op: impl FnOnce() -> (PathBuf, FsChange<'a>),
        make: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        match self.ask(op) {
            None | Some(FsAnswer::Go | FsAnswer::Short(_)) => make(),
            Some(FsAnswer::Skip) => Ok(()),
            Some(FsAnswer::Fail(error)) => Err(error),
        }
    }

    /// Makes an operation that gives a handle.
    pub(crate) fn open<'a, T>(
        &self,
        op: impl FnOnce() -> (PathBuf, FsChange<'a>),
        make: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        match self.ask(op) {
            Some(FsAnswer::Fail(error)) => Err(error),
            _ => make(),
        }
    }

    fn ask<'a>(&self, op: impl FnOnce() -> (PathBuf, FsChange<'a>)) -> Option<FsAnswer> {
        let hook = self.0.as_ref()?;
        let (path, change) = op();
        Some(hook(&FsOp { path, change }))
    }
}

/// A file that is open for writing.
#[derive(Debug)]
pub(crate) struct Output {
    file: File,
    path: PathBuf,
    seam: Seam,
}

impl Output {
    pub(crate) fn new(file: File, path: PathBuf, seam: Seam) -> Self {
        Self { file, path, seam }
    }

    /// Its handle, to be read from and asked for metadata.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Writes all of it at this place.
    pub(crate) fn write_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let op = || (self.path.clone(), FsChange::Write { offset, bytes });
            let written = match self.seam.ask(op) {
                Some(FsAnswer::Fail(error)) => Err(error),
                Some(FsAnswer::Skip) => Ok(bytes.len()),
                Some(FsAnswer::Short(n)) => {
                    self.file.write_at(&bytes[..n.min(bytes.len())], offset)
                }
                None | Some(FsAnswer::Go) => self.file.write_at(bytes, offset),
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    bytes = &bytes[n..];
                    offset += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Gives it this length.
    pub(crate) fn truncate(&self, length: u64) -> io::Result<()> {
        let op = || (self.path.clone(), FsChange::Truncate { length });
        self.seam.run(op, || self.file.set_len(length))
    }

    /// Makes all of it durable, mode and owner included.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let op = || (self.path.clone(), FsChange::SyncFile);
        self.seam.run(op, || self.file.sync_all())
    }

    /// Makes its bytes and its length durable.
    pub(crate) fn sync_data(&self) -> io::Result<()> {
        let op = || (self.path.clone(), FsChange::SyncFile);
        self.seam.run(op, || self.file.sync_data())
    }

    pub(crate) fn set_mode(&self, mode: u32) -> io::Result<()> {
        let op = || (self.path.clone(), FsChange::SetMode { mode });
        let mode = fs::Permissions::from_mode(mode);
        self.seam.run(op, || self.file.set_permissions(mode))
    }

    pub(crate) fn set_owner(&self, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
        let op = || (self.path.clone(), FsChange::SetOwner { uid, gid });
        self.seam
            .run(op, || std::os::unix::fs::fchown(&self.file, uid, gid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(answer: impl Fn(&FsOp<'_>) -> FsAnswer + Send + Sync + 'static) -> (File, Output) {
        let file = tempfile::tempfile().unwrap();
        let seam = Seam::new(Some(Arc::new(answer)));
        let output = Output::new(file.try_clone().unwrap(), PathBuf::from("/x"), seam);
        (file, output)
    }

    #[test]
    fn a_short_write_is_gone_on_with() {
        let (file, output) = output(|_| FsAnswer::Short(3));
        output.write_at(b"0123456789", 2).unwrap();
        let mut found = [0; 12];
        file.read_exact_at(&mut found, 0).unwrap();
        assert_eq!(&found, b"\0\x000123456789");
    }

    #[test]
    fn what_is_left_out_counts_as_made() {
        let (file, output) = output(|_| FsAnswer::Skip);
        output.write_at(b"0123456789", 0).unwrap();
        output.truncate(100).unwrap();
        output.sync().unwrap();
        assert_eq!(file.metadata().unwrap().len(), 0);
    }

    #[test]
    fn what_prints_an_operation_prints_no_bytes() {
        let op = FsOp {
            path: PathBuf::from("/x"),
            change: FsChange::Write {
                offset: 1,
                bytes: b"canary",
            },
        };
        assert_eq!(format!("{op:?}"), "write /x: 6 bytes at 1");
    }
}
