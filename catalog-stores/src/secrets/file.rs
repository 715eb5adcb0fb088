//! Secrets in files.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use catalog_core::model::SecretRef;
use catalog_core::ports::{SecretError, SecretResolver};
use secrecy::SecretString;
use secrecy::zeroize::Zeroize as _;

use super::refused;
use crate::dir::Dir;
use crate::seam::Seam;

/// The longest secret in bytes: what a Kubernetes secret may hold.
const MAX_SECRET_BYTES: u64 = 1 << 20;

/// Finds `{name, key}` in the file `<root>/<name>/<key>`, and `{namespace, name, key}` in
/// `<root>/<namespace>/<name>/<key>`, as mounted Kubernetes secrets lie. Links are followed as long
/// as they stay below the root, because that is how Kubernetes swaps a secret's version.
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// use catalog_core::{model::SecretRef, ports::SecretResolver as _};
/// use secrecy::ExposeSecret as _;
/// let root = tempfile::tempdir().unwrap();
/// std::fs::create_dir(root.path().join("hub")).unwrap();
/// std::fs::write(root.path().join("hub/token"), "not trimmed \n").unwrap();
///
/// let secrets = catalog_stores::FileSecrets::new(root.path());
/// let reference = SecretRef { name: "hub".into(), namespace: None, key: "token".into() };
/// let value = secrets.resolve(&reference).await.unwrap();
/// assert_eq!(value.expose_secret(), "not trimmed \n");
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct FileSecrets {
    root: PathBuf,
}

impl FileSecrets {
    /// Looks below this directory only.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }
}

#[async_trait]
impl SecretResolver for FileSecrets {
    async fn resolve(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        let (root, reference) = (self.root.clone(), reference.clone());
        let asked = reference.clone();
        tokio::task::spawn_blocking(move || read(&root, &reference))
            .await
            .unwrap_or_else(|_| Err(refused(&asked, "reading was cut short")))
    }
}

/// Whether a part of a reference is a plain file name.
fn plain(part: &str) -> bool {
    !part.is_empty() && !matches!(part, "." | "..") && !part.contains(['/', '\0'])
}

fn read(root: &Path, reference: &SecretRef) -> Result<SecretString, SecretError> {
    let refuse = |reason: &str| refused(reference, reason);
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => refuse("there is no such file"),
        kind => SecretError {
            reference: reference.clone(),
            reason: format!("the file cannot be read: {kind}"),
            retryable: true,
        },
    };
    let mut path = root.to_owned();
    let namespace = reference.namespace.as_deref();
    for part in namespace
        .into_iter()
        .chain([reference.name.as_str(), reference.key.as_str()])
    {
        if !plain(part) {
            return Err(refuse("its parts must be plain file names"));
        }
        path.push(part);
    }
    let root = fs::canonicalize(root).map_err(failed)?;
    let real = fs::canonicalize(&path).map_err(failed)?;
    if !real.starts_with(&root) {
        return Err(refuse("the file is outside of the directory for secrets"));
    }
    // What the links lead to is opened step by step below the root, without following another one:
    // a directory that is swapped for a link meanwhile leads nowhere.
    let below = real.strip_prefix(&root).unwrap_or(&real);
    let (parent, name) = match (below.parent().map(Path::to_str), below.file_name()) {
        (Some(Some(parent)), Some(name)) => (parent, name.to_str()),
        _ => return Err(refuse("it is not a regular file")),
    };
    let Some(name) = name else {
        return Err(refuse("its path is not text"));
    };
    let dir = Dir::descend(&Seam::default(), &root, parent).map_err(failed)?;
    let Some(mut file) = dir.open_file(name).map_err(failed)? else {
        return Err(refuse("it is not a regular file"));
    };
    let opened = file.metadata().map_err(failed)?;
    // Roomy enough that growing leaves no copy behind.
    let room = opened.len().min(MAX_SECRET_BYTES) + 1;
    let mut bytes = Vec::with_capacity(usize::try_from(room).unwrap_or_default());
    let read = file
        .by_ref()
        .take(MAX_SECRET_BYTES + 1)
        .read_to_end(&mut bytes);
    let value = match (read, bytes.len() as u64 <= MAX_SECRET_BYTES) {
        (Err(error), _) => Err(failed(error)),
        (Ok(_), false) => Err(refuse("it is longer than 1 MiB")),
        (Ok(_), true) => match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(SecretString::from(text)),
            Err(_) => Err(refuse("it is not UTF-8")),
        },
    };
    bytes.zeroize();
    value
}
