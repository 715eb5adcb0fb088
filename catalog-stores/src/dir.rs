//! Directories as handles.
//!
//! A path is looked up component by component below an open root, and no component may be a link.
//! So a directory that is swapped for a link between the check and the use cannot lead a read or a
//! write out of the root.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags};

/// Flags for every directory: no link at the last component, nothing inherited by children.
const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Inode, and change time in seconds and nanoseconds.
pub(crate) type Identity = (u64, i64, i64);

/// Whether the error says that the directory or file is not there any more, or that something else
/// has taken its place on the way.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    ) || error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

/// An open directory.
#[derive(Debug)]
pub(crate) struct Dir(OwnedFd);

impl Dir {
    /// Opens a root, whose path has no links in it.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::open(root, DIRECTORY, Mode::empty())?))
    }

    /// Opens the directory at `relative` below `root`.
    pub(crate) fn descend(root: &Path, relative: &str) -> io::Result<Self> {
        components(relative)?
            .into_iter()
            .try_fold(Self::open(root)?, |dir, name| dir.child(name))
    }

    /// As [`descend`](Self::descend); directories that are missing are made. Making them durable is
    /// the caller's affair.
    pub(crate) fn descend_or_create(root: &Path, relative: &str, mode: u32) -> io::Result<Self> {
        components(relative)?
            .into_iter()
            .try_fold(Self::open(root)?, |dir, name| match dir.child(name) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    match rustix::fs::mkdirat(&dir.0, name, Mode::from_raw_mode(mode)) {
                        Ok(()) | Err(rustix::io::Errno::EXIST) => dir.child(name),
                        Err(e) => Err(e.into()),
                    }
                }
                other => other,
            })
    }

    fn child(&self, name: &str) -> io::Result<Self> {
        let fd = rustix::fs::openat(&self.0, name, DIRECTORY, Mode::empty())?;
        Ok(Self(fd))
    }

    /// Opens a regular file for reading. `None`: something else has that name.
    ///
    /// The kind is checked before, because opening a device can have effects, and again through
    /// the handle, because the name may have changed hands. Opening never waits for the other end
    /// of a FIFO.
    pub(crate) fn open_file(&self, name: &str) -> io::Result<Option<File>> {
        if self.kind(name)? != FileType::RegularFile {
            return Ok(None);
        }
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.0, name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(rustix::io::Errno::LOOP) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let regular = file.metadata()?.is_file();
        Ok(regular.then_some(file))
    }

    fn kind(&self, name: &str) -> io::Result<FileType> {
        let stat = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(FileType::from_raw_mode(stat.st_mode))
    }

    /// Whether anything has that name.
    pub(crate) fn has(&self, name: &str) -> io::Result<bool> {
        match self.kind(name) {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Makes a file that must not exist yet.
    pub(crate) fn create_file(&self, name: &str, mode: u32) -> io::Result<File> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.0, name, flags, Mode::from_raw_mode(mode))?;
        Ok(File::from(fd))
    }

    /// Opens an existing regular file to be overwritten in place.
    pub(crate) fn overwrite_file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.0, name, flags, Mode::empty())?;
        Ok(File::from(fd))
    }

    /// Checks that an existing file can be overwritten, without changing it.
    pub(crate) fn probe_overwrite(&self, name: &str) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        rustix::fs::openat(&self.0, name, flags, Mode::empty())?;
        Ok(())
    }

    /// Checks that files can come and go here.
    pub(crate) fn probe_change(&self) -> io::Result<()> {
        let access = Access::WRITE_OK | Access::EXEC_OK;
        Ok(rustix::fs::accessat(
            &self.0,
            ".",
            access,
            AtFlags::empty(),
        )?)
    }

    /// Whether the name is a mount of its own, which can be neither replaced nor removed. Where the
    /// kernel does not tell, the attempt will.
    pub(crate) fn is_mount(&self, name: &str) -> bool {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{StatxAttributes, StatxFlags};
            let (at, mask) = (AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty());
            let found = rustix::fs::statx(&self.0, name, at, mask);
            found.is_ok_and(|f| f.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = name;
            false
        }
    }

    /// What tells a file from another that has its name later: inode and change time.
    pub(crate) fn identity(&self, name: &str) -> io::Result<Identity> {
        let stat = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok((
            stat.st_ino,
            stat.st_ctime,
            i64::try_from(stat.st_ctime_nsec).unwrap_or_default(),
        ))
    }

    /// Renames within the directory, over whatever is there.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?)
    }

    /// Removes a file; it may be gone already.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Makes what was renamed, made or removed in it durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }
}

/// The components of a relative path, each a plain name.
fn components(relative: &str) -> io::Result<Vec<&str>> {
    Path::new(relative)
        .components()
        .map(|component| match component {
            Component::Normal(name) => name.to_str().ok_or(io::ErrorKind::InvalidInput),
            _ => Err(io::ErrorKind::InvalidInput),
        })
        .map(|name| name.map_err(io::Error::from))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_on_the_way_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("link")).unwrap();
        assert!(Dir::descend(root.path(), "link").is_err());
        assert!(Dir::descend(root.path(), "../x").is_err());
    }

    #[test]
    fn only_regular_files_open() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("d")).unwrap();
        std::os::unix::fs::symlink("d", root.path().join("l")).unwrap();
        std::fs::write(root.path().join("f"), "x").unwrap();
        let dir = Dir::open(root.path()).unwrap();
        assert!(dir.open_file("d").unwrap().is_none());
        assert!(dir.open_file("l").unwrap().is_none());
        assert!(dir.open_file("f").unwrap().is_some());
        assert!(dir.open_file("missing").is_err());
    }

    #[test]
    fn missing_directories_are_made_on_request_only() {
        let root = tempfile::tempdir().unwrap();
        assert!(Dir::descend(root.path(), "a/b").is_err());
        assert!(Dir::descend_or_create(root.path(), "a/b", 0o755).is_ok());
        assert!(Dir::descend(root.path(), "a/b").is_ok());
    }
}
