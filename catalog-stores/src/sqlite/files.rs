//! The files of a database.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// What every SQLite database begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Device and inode of the file at a path.
pub(super) type FileId = (u64, u64);

/// Which files an open database is in: its own, and its log, which is there as long as somebody has
/// the database open.
pub(super) type Files = (Option<FileId>, Option<FileId>);

/// The files of the database at this path. An empty file is none: an open database never is.
pub(super) fn files_of(path: &Path) -> Files {
    let empty = fs::metadata(path).is_ok_and(|meta| meta.len() == 0);
    let own = file_id(path).filter(|_| !empty);
    (own, file_id(&beside(path, "-wal")))
}

#[cfg(unix)]
pub(super) fn file_id(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
pub(super) fn file_id(path: &Path) -> Option<FileId> {
    path.exists().then_some((0, 0))
}

/// Makes the file, for its owner alone: SQLite would let others read it. Its side files get the same
/// mode. A file that is there has the mode that somebody gave it; what cannot be made, opening tells.
pub(super) fn make_private(path: &Path) {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _ = options.open(path);
}

/// Whether the file says that it is a database. Only for files that nobody in this process has open
/// as one: closing a handle gives up the locks that SQLite holds on the same file.
pub(super) fn looks_like_sqlite(path: &Path) -> bool {
    let begin = || -> io::Result<[u8; 16]> {
        let mut bytes = [0; 16];
        File::open(path)?.read_exact(&mut bytes)?;
        Ok(bytes)
    };
    path.is_file() && begin().is_ok_and(|bytes| bytes == *MAGIC)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Where a damaged database goes: `<file>.damaged`. The one that was there before goes, so that a
/// failing disk is not filled with them.
pub(super) fn aside(path: &Path) -> PathBuf {
    beside(path, ".damaged")
}

/// Sets the database aside, when its file still is the one that was found damaged: another process
/// may have done it just now. `false`: it had.
pub(super) fn set_aside(path: &Path, damaged: FileId) -> io::Result<bool> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    let dir = File::open(parent.unwrap_or(Path::new(".")))?;
    // Of several processes one at a time looks and renames. Goes with the handle.
    dir.lock()?;
    if file_id(path) != Some(damaged) {
        return Ok(false);
    }
    let to = aside(path);
    // The log first: without its database it is of no use, with another one it does harm.
    for (from, to) in [
        (beside(path, "-wal"), beside(&to, "-wal")),
        (path.to_owned(), to),
    ] {
        match fs::rename(from, to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let _ = fs::remove_file(beside(path, "-shm"));
    Ok(true)
}
