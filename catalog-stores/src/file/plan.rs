//! What a record of the journal says: every file of a change, with its new bytes.

use catalog_core::digest::Digest;
use serde::{Deserialize, Serialize};

use super::commit::Change;
use super::place::temp_name;
use super::roots::{Address, Roots, Spot, TEMP_PREFIX};
use crate::dir::Identity;

const FORMAT: u32 = 3;

/// Every file of a change.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Plan<S = Spot> {
    format: u32,
    pub(super) steps: Vec<Step<S>>,
}

/// One file of a change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Step<S = Spot> {
    /// The target.
    pub(super) spot: S,
    /// The prepared file's name, in the target's directory; `None` removes the target.
    pub(super) temp: Option<String>,
    /// How many bytes the target gets. They follow those of the steps before.
    #[serde(default)]
    length: usize,
    /// Digest of the bytes that the target had when the change was made up; `None`: no file.
    pub(super) before: Option<String>,
    /// The mode of a file that is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) mode: Option<u32>,
    /// For a removal: what tells the file that goes from one that takes its name later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) identity: Option<Identity>,
    /// Whether the target cannot be replaced, only overwritten: a crash may leave half of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) in_place: bool,
}

/// A plan that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlanError {
    #[error("it is no plan")]
    Json(#[from] serde_json::Error),
    #[error("it has format {0}, which this version does not know")]
    Format(u32),
    #[error("it is cut short")]
    Short,
    #[error("it has a file that no record may have")]
    Invalid,
    #[error("it changes {0}, which is below none of the directories of this store")]
    Elsewhere(String),
}

impl PlanError {
    /// Whether the store only lacks a directory that the plan was made with.
    pub(super) fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Elsewhere(_))
    }
}

impl<S> Step<S> {
    /// The same of another target.
    fn with_spot<T>(self, spot: T) -> Step<T> {
        let Self {
            temp,
            length,
            before,
            mode,
            identity,
            in_place,
            ..
        } = self;
        Step {
            spot,
            temp,
            length,
            before,
            mode,
            identity,
            in_place,
        }
    }

    /// A prepared file is one of ours, beside its target.
    fn is_valid(&self) -> bool {
        let temp = self.temp.as_deref().unwrap_or(TEMP_PREFIX);
        temp.starts_with(TEMP_PREFIX) && !temp.contains(['/', '\0'])
    }
}

impl Plan {
    pub(super) fn of(changes: &[Change]) -> Self {
        let step = |change: &Change| Step {
            spot: change.spot.clone(),
            temp: change.bytes.as_ref().map(|_| temp_name()),
            length: change.bytes.as_ref().map_or(0, |bytes| bytes.len()),
            before: change.before.as_deref().map(|b| Digest::of(b).to_string()),
            mode: change.mode,
            identity: None,
            in_place: false,
        };
        Self {
            format: FORMAT,
            steps: changes.iter().map(step).collect(),
        }
    }

    /// The plan and all new bytes.
    pub(super) fn encode(&self, changes: &[Change], roots: &Roots) -> Result<Vec<u8>, PlanError> {
        let steps = self.steps.iter();
        let steps = steps.map(|step| step.clone().with_spot(roots.address(&step.spot)));
        let json = serde_json::to_vec(&Plan {
            format: self.format,
            steps: steps.collect(),
        })?;
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(&json);
        for change in changes {
            bytes.extend_from_slice(change.bytes.as_deref().unwrap_or_default());
        }
        Ok(bytes)
    }

    /// The plan, and the new bytes of all steps.
    ///
    /// # Errors
    /// Also when one of its files is not this store's: nothing of it may be carried out then.
    pub(super) fn decode<'a>(
        bytes: &'a [u8],
        roots: &Roots,
    ) -> Result<(Self, &'a [u8]), PlanError> {
        let (length, rest) = bytes.split_first_chunk().ok_or(PlanError::Short)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| PlanError::Short)?;
        let (json, rest) = rest.split_at_checked(length).ok_or(PlanError::Short)?;
        let plan: Plan<Address> = serde_json::from_slice(json)?;
        if plan.format != FORMAT {
            return Err(PlanError::Format(plan.format));
        }
        if plan.steps.iter().map(|step| step.length).sum::<usize>() != rest.len() {
            return Err(PlanError::Short);
        }
        let found = |step: Step<Address>| {
            if !step.is_valid() {
                return Err(PlanError::Invalid);
            }
            let spot = roots.spot(&step.spot);
            let spot = spot.ok_or_else(|| PlanError::Elsewhere(step.spot.to_string()))?;
            Ok(step.with_spot(spot))
        };
        let steps: Result<_, _> = plan.steps.into_iter().map(found).collect();
        let format = plan.format;
        Ok((
            Self {
                format,
                steps: steps?,
            },
            rest,
        ))
    }

    /// Every step with the bytes that its target gets; `None`: the target goes.
    pub(super) fn with_bytes<'a>(
        &'a self,
        mut bytes: &'a [u8],
    ) -> impl Iterator<Item = (&'a Step, Option<&'a [u8]>)> {
        self.steps.iter().map(move |step| {
            let (own, rest) = bytes.split_at(step.length.min(bytes.len()));
            bytes = rest;
            (step, step.temp.as_ref().map(|_| own))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seam::Seam;

    /// What a record says that somebody has made up.
    fn told(step: serde_json::Value) -> Result<String, PlanError> {
        let (dir, content) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let history = dir.path().join(".history");
        std::fs::create_dir(&history).unwrap();
        let dirs = [dir.path().to_owned()];
        let content = [dirs[0].clone(), content.path().to_owned()];
        let roots = Roots::new(&content, &dirs, &history, Seam::default()).unwrap();
        let json = serde_json::json!({"format": FORMAT, "steps": [step]}).to_string();
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(json.as_bytes());
        let (plan, _) = Plan::decode(&bytes, &roots)?;
        let real = roots.real(&plan.steps[0].spot);
        let below = real.strip_prefix(std::fs::canonicalize(dir.path()).unwrap());
        Ok(below.unwrap().display().to_string())
    }

    #[test]
    fn a_record_changes_nothing_outside_of_the_directories_of_the_store() {
        let at = |root: &str, path: &str| serde_json::json!({"spot": {"root": root, "path": path}});
        assert_eq!(told(at("", "a/b.yaml")).unwrap(), "a/b.yaml");
        assert!(matches!(
            told(at("../elsewhere", "b.yaml")),
            Err(PlanError::Elsewhere(_))
        ));
        assert!(matches!(
            told(at("/", "b.yaml")),
            Err(PlanError::Elsewhere(_))
        ));
        for path in ["../b.yaml", "a/../../b.yaml", "/etc/b.yaml", ".", ""] {
            assert!(told(at("", path)).is_err(), "{path}");
        }
        for temp in ["b", ".catalog-tmp-/../../b", "../.catalog-tmp-1"] {
            let mut step = at("", "b.yaml");
            step["temp"] = temp.into();
            assert!(matches!(told(step), Err(PlanError::Invalid)), "{temp}");
        }
    }
}
