//! Reading the operator's files once, without a history and without writing anything.

use std::time::Duration;

use catalog_core::StoreError;
use catalog_core::model::{Author, ChangeMeta, Revision, RevisionKind};
use catalog_core::ports::StoredSource;
use catalog_core::validation::Finding;

use super::live::{Live, LiveSource};
use super::options::FileStoreOptions;

/// How often files that are in the middle of a change are read again, and after how long.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// What the files say.
#[derive(Debug)]
#[non_exhaustive]
pub struct FilesAsFound {
    /// Every source that they declare, by plugin and id, each with its problems.
    pub sources: Vec<StoredSource>,
    /// What is wrong beyond single sources, such as a sources file that does not parse.
    pub findings: Vec<Finding>,
}

impl FileStoreOptions {
    /// Reads every source as it is now, each as if it were its first revision. Writes nothing, so
    /// that it works on files that may not be written.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the options make no sense or a file or directory is missing;
    /// [`StoreError::Unavailable`] when the files stay in the middle of a change, because whoever
    /// made it was cut short: opening the store finishes it.
    pub async fn read(self) -> Result<FilesAsFound, StoreError> {
        let work = tokio::task::spawn_blocking(move || self.read_now());
        work.await
            .map_err(|e| StoreError::unavailable("read its files", e))?
    }

    fn read_now(&self) -> Result<FilesAsFound, StoreError> {
        self.check()?;
        let (disk, mut reader) = self.disk_and_reader()?;
        let mut tries = 0;
        let Live {
            sources,
            broken,
            parsed,
            ..
        } = loop {
            let generation = disk.generation();
            let live = reader.read(&disk);
            match disk.is_interrupted() {
                Ok(false) if disk.generation() == generation => break live,
                Ok(_) if tries < TRIES => {}
                Ok(_) => return Err(unfinished()),
                // Who may not look at the journal may not, and has the files.
                Err(error) => {
                    tracing::warn!(%error, "the journal cannot be read; a change may be half done");
                    break live;
                }
            }
            tries += 1;
            std::thread::sleep(PAUSE);
        };
        let findings = parsed.config.findings.iter().cloned();
        let meta = ChangeMeta {
            author: Author::system(),
            message: None,
            kind: RevisionKind::Import,
            at: self.now(),
        };
        let found = |(key, live): (_, LiveSource)| {
            let document = live.document(None);
            StoredSource {
                key,
                revision: Revision::describe(1, Some(&document), &meta),
                document,
                origin: live.origin,
                editable: false,
                problems: live.problems,
            }
        };
        Ok(FilesAsFound {
            sources: sources.into_iter().map(found).collect(),
            findings: broken.into_iter().chain(findings).collect(),
        })
    }
}

fn unfinished() -> StoreError {
    let cause = "they are in the middle of a change; if it was cut short, opening the store for \
                 writing finishes it";
    StoreError::unavailable("read its files", std::io::Error::other(cause))
}
