//! One revision as a file.
//!
//! ```text
//! catalog-revision 1 sha256:<hex of everything below this line>
//! {"revision":{…},"content":12,"entry":"…"}
//! {"name":"…",…}
//! <the raw bytes of the content>
//! ```
//!
//! The third line holds the settings in their canonical form, as they went into the document's
//! digest; it is empty for a tombstone.

use std::fmt;
use std::sync::Arc;

use catalog_core::digest::Digest;
use catalog_core::model::{Revision, RevisionKind, RevisionRecord, SourceDocument, SourceSettings};
use serde::{Deserialize, Serialize};

const MAGIC: &str = "catalog-revision 1 ";

/// A revision with its document and, when there was one, the text of its entry.
#[derive(Clone)]
pub(super) struct Record {
    pub(super) revision: Revision,
    pub(super) document: Option<SourceDocument>,
    /// The entry as the operator had written it.
    pub(super) entry: Option<String>,
    /// The mode of the content's file, so that one that was private is so again when it comes back.
    pub(super) mode: Option<u32>,
}

/// Prints the revision, never document or entry.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("revision", &self.revision.id)
            .finish_non_exhaustive()
    }
}

/// Why a record cannot be taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    #[error("it is not a record of this format")]
    Format,
    #[error("its header cannot be read")]
    Header(#[source] serde_json::Error),
    #[error("its settings cannot be read")]
    Settings(#[source] serde_json::Error),
    #[error("its digest does not fit its bytes")]
    Digest,
}

#[derive(Serialize, Deserialize)]
struct Header {
    revision: Revision,
    /// Bytes of content; absent when there is none, which is not the same as empty content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entry: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<u32>,
}

impl Record {
    /// The bytes of the file.
    ///
    /// # Errors
    /// [`RecordError::Header`], which no revision gives cause for.
    pub(super) fn encode(&self) -> Result<Vec<u8>, RecordError> {
        let content = self.document.as_ref().and_then(|d| d.content.as_deref());
        let header = Header {
            revision: self.revision.clone(),
            content: content.map(|bytes| bytes.len() as u64),
            entry: self.entry.clone(),
            mode: self.mode,
        };
        let mut body = serde_json::to_vec(&header).map_err(RecordError::Header)?;
        body.push(b'\n');
        if let Some(document) = &self.document {
            body.extend_from_slice(document.canonical_settings().as_bytes());
        }
        body.push(b'\n');
        body.extend_from_slice(content.unwrap_or_default());
        let mut bytes = format!("{MAGIC}{}\n", Digest::of(&body)).into_bytes();
        bytes.append(&mut body);
        Ok(bytes)
    }

    /// Reads a file back and checks every byte of it.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let (first, body) = line(bytes).ok_or(RecordError::Format)?;
        let digest = first.strip_prefix(MAGIC.as_bytes());
        let digest = digest.ok_or(RecordError::Format)?;
        if digest != Digest::of(body).to_string().as_bytes() {
            return Err(RecordError::Digest);
        }
        let (header, rest) = line(body).ok_or(RecordError::Format)?;
        let (settings, content) = line(rest).ok_or(RecordError::Format)?;
        let header: Header = serde_json::from_slice(header).map_err(RecordError::Header)?;
        if header.content.unwrap_or_default() != content.len() as u64 {
            return Err(RecordError::Format);
        }
        let content = header.content.map(|_| Arc::<[u8]>::from(content));
        let (digest, document) = if header.revision.kind == RevisionKind::Delete {
            (Digest::of(b""), None)
        } else {
            let digest = match &content {
                Some(content) => Digest::of_parts(&[settings, content]),
                None => Digest::of_parts(&[settings]),
            };
            let settings: SourceSettings =
                serde_json::from_slice(settings).map_err(RecordError::Settings)?;
            (digest, Some(SourceDocument::new(settings, content)))
        };
        if digest.to_string() != header.revision.digest {
            return Err(RecordError::Digest);
        }
        Ok(Self {
            revision: header.revision,
            document,
            entry: header.entry,
            mode: header.mode,
        })
    }

    /// Reads what is known about the revision from the first two lines, without the document.
    pub(super) fn decode_revision(header: &[u8]) -> Result<Revision, RecordError> {
        let header: Header = serde_json::from_slice(header).map_err(RecordError::Header)?;
        Ok(header.revision)
    }

    /// For the port, without the entry's text.
    pub(super) fn into_port(self) -> RevisionRecord {
        RevisionRecord {
            revision: self.revision,
            document: self.document,
        }
    }
}

fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|b| *b == b'\n')?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog_core::model::{Author, ChangeMeta};
    use chrono::DateTime;

    fn record(document: Option<SourceDocument>) -> Record {
        let meta = ChangeMeta {
            author: Author::new("operator"),
            message: Some("two\nlines".to_owned()),
            kind: match document {
                Some(_) => RevisionKind::Apply,
                None => RevisionKind::Delete,
            },
            at: DateTime::from_timestamp(1, 0).unwrap(),
        };
        Record {
            revision: Revision::describe(7, document.as_ref(), &meta),
            document,
            entry: Some("- id: a # comment\n".to_owned()),
            mode: Some(0o640),
        }
    }

    fn document(content: Option<&[u8]>) -> SourceDocument {
        let mut settings = SourceSettings::new("n\nm", "yaml");
        settings.properties = serde_json::json!({"z": 0.1, "a": {"f": 1e-7}, "n": null})
            .as_object()
            .unwrap()
            .clone();
        SourceDocument::new(settings, content.map(Arc::from))
    }

    #[test]
    fn every_document_comes_back() {
        for content in [None, Some(&b""[..]), Some(b"\n"), Some(b"a\r\n\xff\x00\n")] {
            let before = record(Some(document(content)));
            let after = Record::decode(&before.encode().unwrap()).unwrap();
            assert_eq!(after.document, before.document);
            assert_eq!(after.revision, before.revision);
            assert_eq!((after.entry, after.mode), (before.entry, before.mode));
        }
        let tombstone = record(None);
        let after = Record::decode(&tombstone.encode().unwrap()).unwrap();
        assert_eq!((after.document, after.revision), (None, tombstone.revision));
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed() {
        let good = record(Some(document(Some(b"content")))).encode().unwrap();
        for i in 0..good.len() {
            let mut bad = good.clone();
            bad[i] ^= 1;
            assert!(Record::decode(&bad).is_err(), "byte {i}");
        }
        for length in 0..good.len() {
            assert!(Record::decode(&good[..length]).is_err(), "cut at {length}");
        }
    }
}
