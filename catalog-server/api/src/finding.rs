//! What validation finds.

use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Enum))]
#[cfg_attr(feature = "openapi", oai(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Severity {
    /// The document is refused.
    Error,
    /// The document is taken, but someone should look.
    Warning,
}

/// One thing that validation has to say, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(rename_all = "camelCase", skip_serializing_if_is_none)
)]
pub struct Finding {
    /// The layer of the pipeline that found it.
    pub layer: String,
    /// How bad it is.
    pub severity: Severity,
    /// A stable code to program against.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// The path of the member, such as `mcpservers[2].transportTyp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The same path as an RFC 6901 pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Line, from 1, in the raw YAML or, for settings, in the source's entry as stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Column, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// What might have been meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

/// How one layer of the pipeline went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
pub struct LayerResult {
    /// The name of the layer.
    pub layer: String,
    /// Whether it found no error.
    pub valid: bool,
    /// Whether it did not run, because an earlier layer stopped the pipeline.
    pub skipped: bool,
    /// Its errors.
    pub errors: Vec<Finding>,
}

/// Everything that validation found, and how each layer went, in the order of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
pub struct ValidationReport {
    /// Whether the document would be taken.
    pub valid: bool,
    /// All errors.
    pub errors: Vec<Finding>,
    /// All warnings.
    pub warnings: Vec<Finding>,
    /// One entry a layer, in the order of the pipeline.
    pub layer_results: Vec<LayerResult>,
}
