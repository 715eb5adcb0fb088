//! Noticing that a file is not the one that was read.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a file must have been left alone before its fingerprint is trusted. The kernel stamps
/// files with a clock that ticks every few milliseconds: two writes within a tick leave the same
/// stamp, so bytes that were read right after a change have to be read once more. It is also how
/// long an editor is given to finish what it is writing.
pub(super) const SETTLE: Duration = Duration::from_millis(50);

/// How far a file server's clock may be ahead of ours while both are in order.
const SKEW: Duration = Duration::from_secs(2);

/// What tells one state of a file from another without reading it. The inode catches a file that
/// was replaced, the change time one whose modification time was set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint {
    dev: u64,
    ino: u64,
    size: u64,
    mode: u32,
    modified: (i64, i64),
    changed: (i64, i64),
    /// Whether it is that of a path itself, not of what the path leads to.
    link: bool,
}

impl Fingerprint {
    /// From a handle's or a path's metadata.
    pub(super) fn of(meta: &Metadata) -> Self {
        Self {
            dev: meta.dev(),
            ino: meta.ino(),
            size: meta.size(),
            mode: meta.mode(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
            link: false,
        }
    }

    /// Of what the path leads to, links followed; `None` when that is nothing.
    pub(super) fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|meta| Self::of(&meta))
    }

    /// Of the path itself, a link at its end not followed.
    pub(super) fn of_link(path: &Path) -> Option<Self> {
        let meta = std::fs::symlink_metadata(path).ok()?;
        Some(Self {
            link: true,
            ..Self::of(&meta)
        })
    }

    /// Whether it is that of a path itself.
    pub(super) fn is_link(&self) -> bool {
        self.link
    }

    /// Whether the file has been left alone for long enough. `now` must have been taken after the
    /// fingerprint. A change time that is somewhat later than that is a clock that is not quite in
    /// step; one that is far in the future counts as settled, or the file never would be.
    pub(super) fn settled(&self, now: SystemTime) -> bool {
        let (Ok(seconds), Ok(nanos)) =
            (u64::try_from(self.changed.0), u32::try_from(self.changed.1))
        else {
            return true;
        };
        let changed = UNIX_EPOCH + Duration::new(seconds, nanos);
        match now.duration_since(changed) {
            Ok(age) => age >= SETTLE,
            Err(ahead) => ahead.duration() > SKEW,
        }
    }

    /// Bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The permission bits.
    pub(super) fn mode(&self) -> u32 {
        self.mode & 0o7777
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_that_sets_the_modification_time_back_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "aa").unwrap();
        let before = Fingerprint::at(&path).unwrap();
        let mtime = std::fs::metadata(&path).unwrap().modified().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        std::fs::write(&path, "bb").unwrap();
        std::fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(mtime)
            .unwrap();
        assert_ne!(Fingerprint::at(&path).unwrap(), before);
    }

    #[test]
    fn a_fresh_file_is_not_settled_until_it_was_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "a").unwrap();
        let print = Fingerprint::at(&path).unwrap();
        assert!(!print.settled(SystemTime::now()));
        assert!(print.settled(SystemTime::now() + SETTLE * 2));
    }

    #[test]
    fn a_clock_that_is_a_little_ahead_does_not_make_a_fresh_file_settled() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "a").unwrap();
        let print = Fingerprint::at(&path).unwrap();
        let now = SystemTime::now();
        assert!(!print.settled(now - SETTLE));
        assert!(
            print.settled(now - SKEW * 2),
            "far ahead, it never would be"
        );
    }
}
