//! What a run of the pipeline says.

use super::{Finding, Layer};

/// What one layer found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerResult {
    /// The layer.
    pub layer: Layer,
    /// Whether it did not run, because a critical layer before it failed.
    pub skipped: bool,
    /// What it found, errors and warnings.
    pub findings: Vec<Finding>,
}

impl LayerResult {
    /// Whether it ran and found no error.
    pub fn is_valid(&self) -> bool {
        !self.skipped && !self.findings.iter().any(Finding::is_error)
    }
}

/// Everything that was found, layer by layer, in the order of the pipeline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValidationReport {
    /// One a layer.
    pub layers: Vec<LayerResult>,
}

impl ValidationReport {
    /// Whether no layer found an error.
    pub fn is_valid(&self) -> bool {
        self.errors().next().is_none()
    }

    /// All findings.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.layers.iter().flat_map(|l| &l.findings)
    }

    /// The errors.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings().filter(|f| f.is_error())
    }

    /// The warnings.
    pub fn warnings(&self) -> impl Iterator<Item = &Finding> {
        self.findings().filter(|f| !f.is_error())
    }
}

/// A document that passed the pipeline. There is no other way to make one.
#[derive(Debug, Clone)]
pub struct Validated<T> {
    value: T,
    warnings: Vec<Finding>,
}

impl<T> Validated<T> {
    pub(super) fn new(value: T, warnings: Vec<Finding>) -> Self {
        Self { value, warnings }
    }

    /// What was validated.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// What somebody should look at nevertheless.
    pub fn warnings(&self) -> &[Finding] {
        &self.warnings
    }

    /// What was validated, by value.
    pub fn into_inner(self) -> T {
        self.value
    }
}
