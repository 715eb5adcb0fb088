//! What can be wrong with a path.

use std::io;

/// The code of what the file system does not give.
pub(super) const UNREADABLE: &str = "unreadable";

/// Why a path is not one that the store may use, or why the file there cannot be read.
#[derive(Debug)]
pub(super) enum PathProblem {
    /// Empty, or too long, or with control characters, or not text.
    Invalid,
    /// Leads out of the roots.
    Outside,
    /// Belongs to the store: history, a sources file, a file in preparation.
    Reserved,
    /// Its name is not that of a catalog file.
    NotACatalogFile,
    /// Nothing is there.
    NotFound,
    /// A link that leads nowhere is there. Following it later could lead anywhere.
    Dangling,
    /// Something else than a regular file is there.
    NotAFile,
    /// Longer than the limit.
    TooLarge {
        /// Bytes.
        limit: u64,
    },
    /// The file system says no.
    Io(io::Error),
}

impl PathProblem {
    pub(super) fn of(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::NotADirectory => Self::NotAFile,
            io::ErrorKind::InvalidFilename => Self::Invalid,
            // Links in a ring are no file, however often they are asked.
            _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                Self::NotAFile
            }
            _ => Self::Io(error),
        }
    }

    /// What the file system says, when it is that.
    pub(super) fn error_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Io(error) => Some(error.kind()),
            _ => None,
        }
    }

    /// Stable, in kebab-case.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Invalid => "invalid-path",
            Self::Outside => "path-outside-root",
            Self::Reserved => "path-reserved",
            Self::NotACatalogFile => "not-a-catalog-file",
            Self::NotFound | Self::Dangling => "not-found",
            Self::NotAFile => "not-a-file",
            Self::TooLarge { .. } => "too-large",
            Self::Io(_) => UNREADABLE,
        }
    }

    /// For people, about the path as the operator wrote it. Never says more about what is outside
    /// than that it is outside.
    pub(super) fn message(&self, text: &str) -> String {
        match self {
            Self::Invalid => {
                "the path is empty, too long, or has control characters in it".to_owned()
            }
            Self::Outside => format!("{text} leads out of the directories that may hold content"),
            Self::Reserved => format!("{text} belongs to the store itself"),
            Self::NotACatalogFile => format!(
                "{text} is not the name of a catalog file: it must end in .yaml, .yml or .json, and \
                 no part of it may start with a dot"
            ),
            Self::NotFound => format!("there is no file {text}"),
            Self::Dangling => format!("{text} is a link that leads nowhere"),
            Self::NotAFile => format!("{text} is not a regular file"),
            Self::TooLarge { limit } => format!("{text} is longer than {limit} bytes"),
            Self::Io(error) => format!("{text} cannot be read: {}", error.kind()),
        }
    }
}
