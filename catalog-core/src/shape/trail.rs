//! The way to the value that is being looked at.

use crate::redaction;
use crate::validation::Path;

/// A path that costs nothing until somebody asks for it: most values have no findings.
#[derive(Clone, Copy)]
pub(super) enum Trail<'a> {
    Start(&'a Path),
    Key(&'a Trail<'a>, &'a str),
    Index(&'a Trail<'a>, usize),
}

impl<'a> Trail<'a> {
    pub(super) fn key(&'a self, key: &'a str) -> Self {
        Self::Key(self, key)
    }

    pub(super) fn index(&'a self, index: usize) -> Self {
        Self::Index(self, index)
    }

    pub(super) fn path(&self) -> Path {
        match self {
            Self::Start(path) => (*path).clone(),
            Self::Key(parent, key) => parent.path().key(*key),
            Self::Index(parent, index) => parent.path().index(*index),
        }
    }

    /// Whether a key on the way says that what is below is a secret.
    pub(super) fn is_sensitive(&self) -> bool {
        match self {
            Self::Start(path) => path.last_key().is_some_and(redaction::is_sensitive_key),
            Self::Key(parent, key) => redaction::is_sensitive_key(key) || parent.is_sensitive(),
            Self::Index(parent, _) => parent.is_sensitive(),
        }
    }
}
