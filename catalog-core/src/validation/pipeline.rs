//! The run of the layers.

use std::fmt;
use std::sync::Arc;

use super::layers;
use super::{Finding, Layer, LayerResult, Severity, Validated, ValidationReport};
use crate::model::{SourceDocument, SourceKey};
use crate::ports::CatalogPlugin;
use crate::yaml::{self, Limits};

/// What a layer looks at.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct LayerContext<'a> {
    /// The source.
    pub key: &'a SourceKey,
    /// What is to be stored.
    pub document: &'a SourceDocument,
    /// Its content, parsed; `None` when it has none.
    pub content: Option<&'a yaml::Document>,
    /// The plugin of the source.
    pub plugin: &'a dyn CatalogPlugin,
}

/// A layer that an embedder adds behind the standard ones.
///
/// ```
/// use catalog_core::validation::{Finding, Layer, LayerContext, ValidationLayer};
///
/// struct NamesAreShort;
///
/// impl ValidationLayer for NamesAreShort {
///     fn layer(&self) -> Layer {
///         Layer::Custom("short_names".into())
///     }
///     fn check(&self, context: LayerContext<'_>) -> Vec<Finding> {
///         let long = context.document.settings.name.chars().count() > 20;
///         let finding = || Finding::error(self.layer(), "long-name", "at most 20 characters");
///         long.then(finding).into_iter().collect()
///     }
/// }
/// ```
pub trait ValidationLayer: Send + Sync {
    /// The layer that its findings carry.
    fn layer(&self) -> Layer;
    /// Everything it finds.
    fn check(&self, context: LayerContext<'_>) -> Vec<Finding>;
}

/// What a run yields.
#[derive(Debug)]
pub struct Run {
    /// Everything that was found.
    pub report: ValidationReport,
    /// The document, when it is acceptable.
    pub validated: Option<Validated<SourceDocument>>,
    /// The document, when it is not acceptable.
    refused: Option<SourceDocument>,
    /// The content as it was read: who loads the document needs not read it again.
    pub(crate) content: Option<yaml::Document>,
}

impl Run {
    /// Takes what was found as warnings. For changes that make nothing worse, such as switching a
    /// source off.
    pub(crate) fn tolerate(&mut self) {
        for finding in self.report.layers.iter_mut().flat_map(|l| &mut l.findings) {
            finding.severity = Severity::Warning;
        }
        if let Some(document) = self.refused.take() {
            let warnings = self.report.warnings().cloned().collect();
            self.validated = Some(Validated::new(document, warnings));
        }
    }
}

/// The layers in their order.
#[derive(Clone, Default)]
pub struct Pipeline {
    limits: Limits,
    custom: Vec<Arc<dyn ValidationLayer>>,
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let custom: Vec<_> = self.custom.iter().map(|l| l.layer()).collect();
        f.debug_struct("Pipeline")
            .field("custom", &custom)
            .finish_non_exhaustive()
    }
}

impl Pipeline {
    /// The standard layers, with these limits for content.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            custom: Vec::new(),
        }
    }

    /// The same pipeline with one more layer at its end.
    pub fn with_layer(mut self, layer: Arc<dyn ValidationLayer>) -> Self {
        self.custom.push(layer);
        self
    }

    /// Whether there are standard layers only, which look at nothing but the document.
    pub(crate) fn is_standard(&self) -> bool {
        self.custom.is_empty()
    }

    /// The limits for content.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Runs every layer. `known` are findings from before, such as markers that stand for nothing;
    /// they are reported by the layer they carry.
    pub fn run(
        &self,
        key: &SourceKey,
        document: SourceDocument,
        plugin: &dyn CatalogPlugin,
        known: Vec<Finding>,
    ) -> Run {
        let mut report = ValidationReport::default();
        let (content, mut issues) = layers::parse(&document, &self.limits);
        take(&known, &Layer::YamlParse, &mut issues);
        let broken = issues.iter().any(Finding::is_error);
        report.layers.push(LayerResult {
            layer: Layer::YamlParse,
            skipped: false,
            findings: issues,
        });

        let context = LayerContext {
            key,
            document: &document,
            content: content.as_ref(),
            plugin,
        };
        let standard: [(Layer, Check); 4] = [
            (Layer::StrictFields, layers::strict_fields),
            (Layer::Semantic, layers::semantic),
            (Layer::SecurityWarnings, layers::security_warnings),
            (Layer::Provider, layers::provider),
        ];
        for (layer, check) in standard {
            let findings = if broken {
                Vec::new()
            } else {
                let mut findings = check(context);
                take(&known, &layer, &mut findings);
                findings
            };
            report.layers.push(LayerResult {
                layer,
                skipped: broken,
                findings,
            });
        }
        for custom in &self.custom {
            let findings = if broken {
                Vec::new()
            } else {
                custom.check(context)
            };
            report.layers.push(LayerResult {
                layer: custom.layer(),
                skipped: broken,
                findings,
            });
        }
        for finding in report.layers.iter_mut().flat_map(|l| &mut l.findings) {
            if finding.layer == Layer::SecurityWarnings {
                finding.severity = Severity::Warning;
            }
        }
        let (validated, refused) = match report.is_valid() {
            true => {
                let warnings = report.warnings().cloned().collect();
                (Some(Validated::new(document, warnings)), None)
            }
            false => (None, Some(document)),
        };
        Run {
            report,
            validated,
            refused,
            content,
        }
    }
}

/// A standard layer's check.
type Check = fn(LayerContext<'_>) -> Vec<Finding>;

/// Adds the findings that this layer is known to have.
fn take(known: &[Finding], layer: &Layer, findings: &mut Vec<Finding>) {
    findings.extend(known.iter().filter(|f| f.layer == *layer).cloned());
}

#[cfg(any(test, feature = "testing"))]
impl Validated<SourceDocument> {
    /// Takes a document as it is. Stores are tested with documents that no plugin would know.
    pub(crate) fn unchecked(document: SourceDocument) -> Self {
        Self::new(document, Vec::new())
    }
}
