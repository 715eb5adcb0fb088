//! Directories as handles.
//!
//! A path is looked up component by component below an open root, and no component may be a link.
//! So a directory that is swapped for a link between the check and the use cannot lead a read or a
//! write out of the root.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags};

use crate::seam::{FsChange, Output, Seam};

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
pub(crate) struct Dir {
    fd: OwnedFd,
    path: PathBuf,
    seam: Seam,
}

impl Dir {
    /// Opens a root, whose path has no links in it.
    pub(crate) fn open(seam: &Seam, root: &Path) -> io::Result<Self> {
        Ok(Self {
            fd: rustix::fs::open(root, DIRECTORY, Mode::empty())?,
            path: root.to_owned(),
            seam: seam.clone(),
        })
    }

    /// Opens the directory at `relative` below `root`.
    pub(crate) fn descend(seam: &Seam, root: &Path, relative: &str) -> io::Result<Self> {
        components(relative)?
            .into_iter()
            .try_fold(Self::open(seam, root)?, |dir, name| dir.child(name))
    }

    /// As [`descend`](Self::descend); directories that are missing are made. Making them durable is
    /// the caller's affair.
    pub(crate) fn descend_or_create(
        seam: &Seam,
        root: &Path,
        relative: &str,
        mode: u32,
    ) -> io::Result<Self> {
        components(relative)?
            .into_iter()
            .try_fold(Self::open(seam, root)?, |dir, name| {
                dir.child_or_create(name, mode)
            })
    }

    fn child(&self, name: &str) -> io::Result<Self> {
        Ok(Self {
            fd: rustix::fs::openat(&self.fd, name, DIRECTORY, Mode::empty())?,
            path: self.path.join(name),
            seam: self.seam.clone(),
        })
    }

    /// Opens a directory in this one, and makes it when it is missing.
    pub(crate) fn child_or_create(&self, name: &str, mode: u32) -> io::Result<Self> {
        match self.child(name) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
        let op = || (self.path.join(name), FsChange::MakeDir { mode });
        let made = self.seam.run(op, || {
            let mode = Mode::from_raw_mode(mode);
            Ok(rustix::fs::mkdirat(&self.fd, name, mode)?)
        });
        match made {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
            _ => self.child(name),
        }
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
        let file = match rustix::fs::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(rustix::io::Errno::LOOP) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let regular = file.metadata()?.is_file();
        Ok(regular.then_some(file))
    }

    /// As [`open_file`](Self::open_file), for what is written elsewhere.
    pub(crate) fn open_to_read(&self, name: &str) -> io::Result<Option<Output>> {
        let file = self.open_file(name)?;
        Ok(file.map(|file| Output::new(file, self.path.join(name), self.seam.clone())))
    }

    fn kind(&self, name: &str) -> io::Result<FileType> {
        let stat = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
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
    pub(crate) fn create_file(&self, name: &str, mode: u32) -> io::Result<Output> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let op = || (self.path.join(name), FsChange::MakeFile { mode });
        let mode = Mode::from_raw_mode(mode);
        let fd = self
            .seam
            .open(op, || Ok(rustix::fs::openat(&self.fd, name, flags, mode)?))?;
        Ok(self.output(fd, name))
    }

    /// Opens an existing regular file to be overwritten in place.
    pub(crate) fn open_output(&self, name: &str) -> io::Result<Output> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty())?;
        Ok(self.output(fd, name))
    }

    /// As [`open_output`](Self::open_output); makes it when it is missing.
    pub(crate) fn open_or_create(&self, name: &str, mode: u32) -> io::Result<Output> {
        match self.open_output(name) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let op = || (self.path.join(name), FsChange::MakeFile { mode });
        let mode = Mode::from_raw_mode(mode);
        let fd = self
            .seam
            .open(op, || Ok(rustix::fs::openat(&self.fd, name, flags, mode)?))?;
        Ok(self.output(fd, name))
    }

    fn output(&self, fd: OwnedFd, name: &str) -> Output {
        Output::new(File::from(fd), self.path.join(name), self.seam.clone())
    }

    /// Checks that an existing file can be overwritten, without changing it.
    pub(crate) fn probe_overwrite(&self, name: &str) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        rustix::fs::openat(&self.fd, name, flags, Mode::empty())?;
        Ok(())
    }

    /// Checks that files can come and go here.
    pub(crate) fn probe_change(&self) -> io::Result<()> {
        let access = Access::WRITE_OK | Access::EXEC_OK;
        Ok(rustix::fs::accessat(
            &self.fd,
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
            let found = rustix::fs::statx(&self.fd, name, at, mask);
            found.is_ok_and(|f| f.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = name;
            false
        }
    }

    /// The permission bits of a file; `None` when there is none.
    pub(crate) fn mode(&self, name: &str) -> io::Result<Option<u32>> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat.st_mode & 0o7777)),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// What tells a file from another that has its name later: inode and change time.
    pub(crate) fn identity(&self, name: &str) -> io::Result<Identity> {
        let stat = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok((
            stat.st_ino,
            stat.st_ctime,
            i64::try_from(stat.st_ctime_nsec).unwrap_or_default(),
        ))
    }

    /// Renames within the directory, over whatever is there.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let change = || {
            let to = self.path.join(to);
            (self.path.join(from), FsChange::Rename { to })
        };
        self.seam.run(change, || {
            Ok(rustix::fs::renameat(&self.fd, from, &self.fd, to)?)
        })
    }

    /// Removes a file; it may be gone already.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        let op = || (self.path.join(name), FsChange::Remove);
        let removed = self.seam.run(op, || {
            Ok(rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())?)
        });
        match removed {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    /// Opens a file to make all of it durable. What is no regular file is left alone.
    pub(crate) fn open_to_sync(&self, name: &str) -> io::Result<ToSync> {
        let what = match self.open_file(name) {
            Ok(Some(file)) => What::File(file),
            Ok(None) => What::Nothing,
            // Somebody else's by now; what was written before that still has to be durable.
            #[cfg(target_os = "linux")]
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                What::FileSystem(self.fd.try_clone()?)
            }
            Err(e) => return Err(e),
        };
        Ok(ToSync {
            what,
            path: self.path.join(name),
            seam: self.seam.clone(),
        })
    }

    /// Makes what was renamed, made or removed in it durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let op = || (self.path.clone(), FsChange::SyncDir);
        self.seam.run(op, || Ok(rustix::fs::fsync(&self.fd)?))
    }
}

/// What is to be made durable.
pub(crate) struct ToSync {
    what: What,
    path: PathBuf,
    seam: Seam,
}

enum What {
    Nothing,
    File(File),
    /// All of the file system that this directory is in.
    #[cfg(target_os = "linux")]
    FileSystem(OwnedFd),
}

impl ToSync {
    pub(crate) fn sync(&self) -> io::Result<()> {
        let op = || (self.path.clone(), FsChange::SyncFile);
        match &self.what {
            What::Nothing => Ok(()),
            What::File(file) => self.seam.run(op, || file.sync_all()),
            #[cfg(target_os = "linux")]
            What::FileSystem(fd) => self.seam.run(op, || Ok(rustix::fs::syncfs(fd)?)),
        }
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
        let (root, seam) = (tempfile::tempdir().unwrap(), Seam::default());
        let outside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("link")).unwrap();
        assert!(Dir::descend(&seam, root.path(), "link").is_err());
        assert!(Dir::descend(&seam, root.path(), "../x").is_err());
    }

    #[test]
    fn only_regular_files_open() {
        let (root, seam) = (tempfile::tempdir().unwrap(), Seam::default());
        std::fs::create_dir(root.path().join("d")).unwrap();
        std::os::unix::fs::symlink("d", root.path().join("l")).unwrap();
        std::fs::write(root.path().join("f"), "x").unwrap();
        let dir = Dir::open(&seam, root.path()).unwrap();
        assert!(dir.open_file("d").unwrap().is_none());
        assert!(dir.open_file("l").unwrap().is_none());
        assert!(dir.open_file("f").unwrap().is_some());
        assert!(dir.open_file("missing").is_err());
    }

    #[test]
    fn missing_directories_are_made_on_request_only() {
        let (root, seam) = (tempfile::tempdir().unwrap(), Seam::default());
        assert!(Dir::descend(&seam, root.path(), "a/b").is_err());
        assert!(Dir::descend_or_create(&seam, root.path(), "a/b", 0o755).is_ok());
        assert!(Dir::descend(&seam, root.path(), "a/b").is_ok());
    }
}
