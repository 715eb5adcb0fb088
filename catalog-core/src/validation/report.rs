//! What a run of the pipeline says.

use super::{Finding, Layer, Path};
use crate::error::StoreError;

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

    /// Adds a finding to its layer's.
    pub fn add(&mut self, finding: Finding) {
        match self.layers.iter_mut().find(|l| l.layer == finding.layer) {
            Some(layer) => layer.findings.push(finding),
            None => self.layers.push(LayerResult {
                layer: finding.layer.clone(),
                skipped: false,
                findings: vec![finding],
            }),
        }
    }

    /// Adds what a store has against a document.
    ///
    /// # Errors
    /// The error itself when it says nothing about the document.
    pub fn refuse(&mut self, error: StoreError) -> Result<(), StoreError> {
        let (code, field) = match &error {
            StoreError::Refused { field, .. } => ("refused-by-store", field.clone()),
            StoreError::TooLarge { .. } => ("too-large", None),
            _ => return Err(error),
        };
        let path = field
            .iter()
            .flat_map(|f| f.split('.'))
            .fold(Path::root(), |p, key| p.key(key));
        self.add(Finding::error(Layer::Provider, code, error.to_string()).at(path));
        Ok(())
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
