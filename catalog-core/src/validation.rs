//! The validation pipeline.
//!
//! Five layers run in a fixed order: `yaml_parse` (critical: a failure stops the run),
//! `strict_fields`, `semantic`, `security_warnings` (warnings only) and `provider` (the plugin's
//! own). Each reports all its findings. Only [`Pipeline::run`] makes a [`Validated`] document.

mod finding;
mod invisible;
mod layers;
mod pipeline;
mod report;
mod suggest;

pub(crate) use finding::MAX_FINDINGS;
pub use finding::{Finding, Findings, Layer, Path, PathSegment, Place, Severity};
pub use invisible::has_invisible;
pub(crate) use invisible::is_invisible;
pub use pipeline::{LayerContext, Pipeline, Run, ValidationLayer};
pub use report::{LayerResult, Validated, ValidationReport};
pub use suggest::did_you_mean;
