//! One thing that validation found.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use crate::redaction;
use crate::yaml::Position;

/// A layer of the pipeline. The five standard ones come in this order; an embedder's own layers run
/// after them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// The content is YAML within limits. Critical.
    YamlParse,
    /// No unknown field.
    StrictFields,
    /// Ids, names, types and patterns make sense.
    Semantic,
    /// Credentials in plain sight. Warnings only.
    SecurityWarnings,
    /// The plugin's own checks.
    Provider,
    /// An embedder's layer.
    Custom(Cow<'static, str>),
}

impl Layer {
    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::YamlParse => "yaml_parse",
            Self::StrictFields => "strict_fields",
            Self::Semantic => "semantic",
            Self::SecurityWarnings => "security_warnings",
            Self::Provider => "provider",
            Self::Custom(name) => name,
        }
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The document is not accepted.
    Error,
    /// The document is accepted; somebody should look.
    Warning,
}

/// Which text a finding's line and column refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The source's entry.
    Settings,
    /// The source's content (`rawYaml`).
    Content,
}

/// A step into a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathSegment {
    /// A key of a mapping.
    Key(Arc<str>),
    /// An index of a list, from 0.
    Index(usize),
}

/// The way from the root of a tree to a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path(Vec<PathSegment>);

impl Path {
    /// The root.
    pub fn root() -> Self {
        Self::default()
    }

    /// The same path as people may see it: keys cut to a readable length, without credentials.
    pub fn shown(&self) -> Self {
        let shown = |segment: &PathSegment| match segment {
            PathSegment::Key(key) => PathSegment::Key(redaction::redact_key(key).into()),
            PathSegment::Index(index) => PathSegment::Index(*index),
        };
        Self(self.0.iter().map(shown).collect())
    }

    /// The path to this key below.
    pub fn key(&self, key: impl Into<Arc<str>>) -> Self {
        let mut path = self.clone();
        path.0.push(PathSegment::Key(key.into()));
        path
    }

    /// The path to this item below.
    pub fn index(&self, index: usize) -> Self {
        let mut path = self.clone();
        path.0.push(PathSegment::Index(index));
        path
    }

    /// The same path below this key of an outer tree; an empty key stands for no key.
    pub fn below(&self, key: &str) -> Self {
        if key.is_empty() {
            return self.clone();
        }
        let mut segments = vec![PathSegment::Key(key.into())];
        segments.extend(self.0.iter().cloned());
        Self(segments)
    }

    /// The steps.
    pub fn segments(&self) -> &[PathSegment] {
        &self.0
    }

    /// The last key, when the last step is one.
    pub fn last_key(&self) -> Option<&str> {
        match self.0.last() {
            Some(PathSegment::Key(key)) => Some(key),
            _ => None,
        }
    }

    /// As a JSON pointer (RFC 6901).
    pub fn pointer(&self) -> String {
        self.0.iter().fold(String::new(), |mut out, segment| {
            out.push('/');
            match segment {
                PathSegment::Key(key) => out.push_str(&key.replace('~', "~0").replace('/', "~1")),
                PathSegment::Index(index) => {
                    let _ = write!(out, "{index}");
                }
            }
            out
        })
    }
}

/// As people write it: `mcpservers[2].transportType`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            match segment {
                PathSegment::Key(key) if i == 0 => f.write_str(key)?,
                PathSegment::Key(key) => write!(f, ".{key}")?,
                PathSegment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// One thing that validation found, with its place. Messages never carry a value that may be a
/// secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Who found it.
    pub layer: Layer,
    /// How bad it is.
    pub severity: Severity,
    /// Stable, in kebab-case.
    pub code: Cow<'static, str>,
    /// For people.
    pub message: String,
    /// The text that path and position refer to.
    pub place: Place,
    /// Where in the tree.
    pub path: Path,
    /// Where in the text.
    pub position: Option<Position>,
    /// What to write instead.
    pub suggestion: Option<String>,
}

impl Finding {
    /// An error.
    pub fn error(layer: Layer, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            layer,
            severity: Severity::Error,
            code: Cow::Borrowed(code),
            // The last line of defence: whatever a caller put in, a credential does not get out.
            message: redaction::redact_text(&message.into()),
            place: Place::Settings,
            path: Path::root(),
            position: None,
            suggestion: None,
        }
    }

    /// A warning.
    pub fn warning(layer: Layer, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(layer, code, message)
        }
    }

    /// The same finding in the content.
    pub fn in_content(mut self) -> Self {
        self.place = Place::Content;
        self
    }

    /// The same finding at this path.
    pub fn at(mut self, path: Path) -> Self {
        self.path = path.shown();
        self
    }

    /// The same finding at this place of the text.
    pub fn on(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }

    /// The same finding with a suggestion.
    pub fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// `12:3: mcpservers[0].deploymentMode: must be one of …`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column }) = self.position {
            write!(f, "{line}:{column}: ")?;
        }
        if !self.path.segments().is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if let Some(suggestion) = &self.suggestion {
            write!(f, " ({suggestion})")?;
        }
        Ok(())
    }
}

/// Collects the findings of one layer about one text.
#[derive(Debug)]
pub struct Findings {
    layer: Layer,
    place: Place,
    found: Vec<Finding>,
    /// What is written to once the list is full.
    overflow: Option<Box<Finding>>,
}

/// Findings that one layer lists about one text: more are no help to anybody.
pub(crate) const MAX_FINDINGS: usize = 500;

impl Findings {
    /// Nothing found yet.
    pub fn new(layer: Layer, place: Place) -> Self {
        Self {
            layer,
            place,
            found: Vec::new(),
            overflow: None,
        }
    }

    fn push(&mut self, finding: Finding, path: &Path, position: Option<Position>) -> &mut Finding {
        let finding = Finding {
            place: self.place,
            position,
            ..finding.at(path.clone())
        };
        if self.found.len() < MAX_FINDINGS {
            self.found.push(finding);
            let last = self.found.len() - 1;
            return &mut self.found[last];
        }
        if self.found.len() == MAX_FINDINGS {
            let message = format!("more than {MAX_FINDINGS} findings; mend these first");
            let full = Finding::warning(self.layer.clone(), "too-many-findings", message);
            self.found.push(Finding {
                place: self.place,
                position,
                ..full
            });
        }
        // An error counts although it is not listed.
        if finding.is_error()
            && let Some(full) = self.found.last_mut()
        {
            full.severity = Severity::Error;
        }
        self.overflow.insert(Box::new(finding))
    }

    /// Whether no more findings are listed: looking for more is of no use.
    pub fn is_full(&self) -> bool {
        self.found.len() > MAX_FINDINGS
    }

    /// Adds an error; the returned finding can be given a suggestion.
    pub fn error(
        &mut self,
        path: &Path,
        position: impl Into<Option<Position>>,
        code: &'static str,
        message: impl Into<String>,
    ) -> &mut Finding {
        let finding = Finding::error(self.layer.clone(), code, message);
        self.push(finding, path, position.into())
    }

    /// Adds a warning; the returned finding can be given a suggestion.
    pub fn warning(
        &mut self,
        path: &Path,
        position: impl Into<Option<Position>>,
        code: &'static str,
        message: impl Into<String>,
    ) -> &mut Finding {
        let finding = Finding::warning(self.layer.clone(), code, message);
        self.push(finding, path, position.into())
    }

    /// Adds what somebody else found.
    pub fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.found.extend(findings);
    }

    /// What was found, in the order it was found.
    pub fn as_slice(&self) -> &[Finding] {
        &self.found
    }

    /// Mutable access, to turn severities around.
    pub fn as_mut_slice(&mut self) -> &mut [Finding] {
        &mut self.found
    }

    /// Whether an error was found.
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(Finding::is_error)
    }

    /// What was found, in order of place in the text.
    pub fn into_vec(mut self) -> Vec<Finding> {
        self.found.sort_by_key(|f| f.position);
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_people_write_it_and_as_a_pointer() {
        let path = Path::root().key("mcpservers").index(2).key("a/b~c");
        assert_eq!(path.to_string(), "mcpservers[2].a/b~c");
        assert_eq!(path.pointer(), "/mcpservers/2/a~1b~0c");
    }
}
