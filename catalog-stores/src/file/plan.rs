//! The write-ahead record: what a commit is about to do.

use std::io;

use catalog_core::digest::Digest;
use serde::{Deserialize, Serialize};

use super::commit::{Change, temp_name};
use super::roots::Spot;
use crate::dir::Identity;

/// Format 1 named roots by number.
const FORMAT: u32 = 2;

/// Every file of a commit.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    format: u32,
    pub(super) steps: Vec<Step>,
}

/// One file of a commit.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Step {
    /// The target.
    pub(super) spot: Spot,
    /// The prepared file's name, in the target's directory; `None` removes the target.
    pub(super) temp: Option<String>,
    /// Digest of the target's new bytes.
    pub(super) digest: Option<String>,
    /// Digest of the bytes that the target had when the commit was made up; `None`: no file.
    pub(super) before: Option<String>,
    /// For a removal: what tells the file that goes from one that takes its name later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) identity: Option<Identity>,
}

/// A plan that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlanError {
    #[error("it is no plan")]
    Json(#[from] serde_json::Error),
    #[error("it has format {0}, which this version does not know")]
    Format(u32),
}

impl Plan {
    pub(super) fn of(changes: &[Change]) -> Self {
        let step = |change: &Change| Step {
            spot: change.spot.clone(),
            temp: change.bytes.as_ref().map(|_| temp_name()),
            digest: change.bytes.as_ref().map(|b| Digest::of(b).to_string()),
            before: change.before.as_deref().map(|b| Digest::of(b).to_string()),
            identity: None,
        };
        Self {
            format: FORMAT,
            steps: changes.iter().map(step).collect(),
        }
    }

    pub(super) fn encode(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, PlanError> {
        let plan: Self = serde_json::from_slice(bytes)?;
        match plan.format {
            FORMAT => Ok(plan),
            other => Err(PlanError::Format(other)),
        }
    }
}
