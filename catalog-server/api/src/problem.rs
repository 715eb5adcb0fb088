//! How errors are told: RFC 9457 problem details.

use serde::{Deserialize, Serialize};

use crate::Finding;

/// The `type` of every problem: no page describes it, the `code` says which it is.
pub const PROBLEM_TYPE: &str = "about:blank";

/// Why a request was not done. Sent as `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(rename_all = "camelCase", skip_serializing_if_is_none)
)]
pub struct Problem {
    /// Always [`PROBLEM_TYPE`].
    #[serde(rename = "type", default = "blank")]
    #[cfg_attr(feature = "openapi", oai(rename = "type"))]
    pub kind: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// A sentence for people; left out when there is nothing that may be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// A stable code to program against.
    pub code: String,
    /// This occurrence: `urn:request:` and the request's id, which is in the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// What is wrong with the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<Vec<Finding>>,
    /// What is wrong with the request body, member by member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<MemberError>>,
    /// The revision that is stored now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// The limit that was passed, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The size that passed the limit, in bytes, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<u64>,
    /// The entities that would be removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removals: Option<Vec<String>>,
    /// After how many seconds it is worth to try again; also in the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem that says no more than status and code.
    #[must_use]
    pub fn new(status: u16, title: impl Into<String>, code: impl Into<String>) -> Self {
        Self {
            kind: blank(),
            title: title.into(),
            status,
            detail: None,
            code: code.into(),
            instance: None,
            findings: None,
            errors: None,
            current: None,
            limit: None,
            actual: None,
            removals: None,
            retry_after: None,
        }
    }
}

fn blank() -> String {
    PROBLEM_TYPE.to_owned()
}

/// One member of a request body that is wrong. Names the member, never its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(rename_all = "camelCase", skip_serializing_if_is_none)
)]
pub struct MemberError {
    /// Where, as an RFC 6901 pointer into the body.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
    /// What might have been meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}
