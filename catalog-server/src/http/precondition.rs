//! What a write says it expects: `If-Match`, `If-None-Match` (RFC 9110 §13) or a member of the body.

use catalog_api::Expected;
use catalog_core::model::{Expect, RevisionId};
use poem::http::StatusCode;

use crate::http_kit::ApiError;

/// Where the expectation was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Header,
    Body,
}

/// An expectation, and where it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Precondition {
    pub(super) expect: Expect,
    pub(super) by: By,
}

/// Reads the expectation of a write.
///
/// # Errors
/// 428 when there is none, 400 when it makes no sense.
pub(super) fn precondition(
    if_match: Option<&str>,
    if_none_match: Option<&str>,
    body: &Expected,
) -> Result<Precondition, ApiError> {
    let header = match (if_match, if_none_match) {
        (None, None) => None,
        (Some(tag), None) => Some(matching(tag)?),
        (None, Some(tag)) if tag.trim() == "*" => Some(Expect::Absent),
        (None, Some(_)) => {
            return Err(ApiError::malformed("If-None-Match can only be * here"));
        }
        (Some(_), Some(_)) => {
            return Err(ApiError::malformed(
                "If-Match and If-None-Match exclude each other",
            ));
        }
    };
    let body = match body {
        Expected::Absent => Some(Expect::Absent),
        Expected::Revision(id) => Some(Expect::Revision(revision_or_none(id))),
        _ => None,
    };
    match (header, body) {
        (Some(header), Some(body)) if header != body => Err(ApiError::malformed(
            "the header and expectedRevision expect different revisions",
        )),
        (Some(expect), _) => Ok(Precondition {
            expect,
            by: By::Header,
        }),
        (None, Some(expect)) => Ok(Precondition {
            expect,
            by: By::Body,
        }),
        (None, None) => Err(ApiError::new(
            StatusCode::PRECONDITION_REQUIRED,
            "precondition-required",
        )
        .detail(
            "say what you expect: If-Match: \"<revision>\", If-None-Match: * for a new source, \
             or expectedRevision in the body",
        )),
    }
}

fn matching(tag: &str) -> Result<Expect, ApiError> {
    let tag = tag.trim();
    if tag == "*" {
        return Ok(Expect::Present);
    }
    let inner = tag.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    match inner {
        Some(id) if !id.contains('"') => Ok(Expect::Revision(revision_or_none(id))),
        _ => Err(ApiError::malformed(
            "If-Match must be one quoted revision, such as \"3-9f86d081884c\", or *",
        )),
    }
}

/// The revision of this id, or one that no source ever has: what cannot be an id matches nothing.
fn revision_or_none(id: &str) -> RevisionId {
    let none = || RevisionId::new(u64::MAX, &catalog_core::digest::Digest::of(b""));
    id.parse().unwrap_or_else(|_| none())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3-9f86d081884c";

    fn read(
        if_match: Option<&str>,
        if_none_match: Option<&str>,
        body: Expected,
    ) -> Result<Precondition, u16> {
        precondition(if_match, if_none_match, &body).map_err(|e| e.problem().status)
    }

    #[test]
    fn a_write_must_say_what_it_expects() {
        assert_eq!(read(None, None, Expected::Unstated), Err(428));
    }

    #[test]
    fn every_way_to_say_it_is_understood() {
        let revision = Expect::Revision(ID.parse().unwrap());
        let quoted = format!("\"{ID}\"");
        for (if_match, if_none_match, body, expect, by) in [
            (
                Some(quoted.as_str()),
                None,
                Expected::Unstated,
                revision.clone(),
                By::Header,
            ),
            (
                Some("*"),
                None,
                Expected::Unstated,
                Expect::Present,
                By::Header,
            ),
            (
                None,
                Some("*"),
                Expected::Unstated,
                Expect::Absent,
                By::Header,
            ),
            (None, None, Expected::Absent, Expect::Absent, By::Body),
            (
                None,
                None,
                Expected::Revision(ID.into()),
                revision.clone(),
                By::Body,
            ),
            (
                Some(quoted.as_str()),
                None,
                Expected::Revision(ID.into()),
                revision,
                By::Header,
            ),
        ] {
            assert_eq!(
                read(if_match, if_none_match, body),
                Ok(Precondition { expect, by })
            );
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for (if_match, if_none_match, body) in [
            (Some(ID), None, Expected::Unstated),
            (Some("W/\"3-9f86d081884c\""), None, Expected::Unstated),
            (Some("\"a\", \"b\""), None, Expected::Unstated),
            (None, Some("\"x\""), Expected::Unstated),
            (Some("*"), Some("*"), Expected::Unstated),
            (Some("\"3-9f86d081884c\""), None, Expected::Absent),
        ] {
            assert_eq!(read(if_match, if_none_match, body), Err(400));
        }
    }

    #[test]
    fn what_is_no_revision_matches_none() {
        let Ok(Precondition { expect, .. }) = read(Some("\"latest\""), None, Expected::Unstated)
        else {
            panic!("it is well-formed");
        };
        assert!(!expect.holds(Some(&ID.parse().unwrap())) && !expect.holds(None));
    }
}
