//! The walk.

use super::trail::Trail;
use super::types::{Field, Int, Object, Shape, Tagged, Text, Untagged};
use crate::redaction;
use crate::validation::{Finding, Findings, Path, Severity, did_you_mean};
use crate::yaml::{Node, Position, Value};

/// Longer values are free text, which a message must not repeat.
const LONGEST_ECHO: usize = 40;

/// How severe findings of some codes are.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Options {
    /// Of `unknown-field`.
    pub unknown_fields: Severity,
    /// Of `required`.
    pub missing_fields: Severity,
}

impl Options {
    /// Everything is an error.
    pub const STRICT: Self = Self {
        unknown_fields: Severity::Error,
        missing_fields: Severity::Error,
    };

    /// Unknown fields are warnings.
    pub const fn allow_unknown_fields(mut self) -> Self {
        self.unknown_fields = Severity::Warning;
        self
    }

    /// Missing fields are warnings.
    pub const fn allow_missing_fields(mut self) -> Self {
        self.missing_fields = Severity::Warning;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::STRICT
    }
}

/// Reports everything in which `node` differs from `shape`. `path` is the way to `node`.
pub fn check(node: &Node, shape: &Shape, path: &Path, findings: &mut Findings) {
    check_with(node, shape, &Options::STRICT, path, findings);
}

/// As [`check`], with some findings turned into warnings.
///
/// ```
/// use catalog_core::shape::{self, Field, Object, Options, Shape, Text};
/// use catalog_core::validation::{Findings, Layer, Path, Place};
/// use catalog_core::yaml::{self, Limits};
///
/// static MODEL: Object = Object::new(&[
///     Field::new("name", Shape::Text(Text::new().non_blank())).required(),
/// ]);
/// let document = yaml::parse("name: granite\nnewerField: 1\n", &Limits::default())?;
/// let mut findings = Findings::new(Layer::Provider, Place::Content);
/// let tolerant = Options::STRICT.allow_unknown_fields();
/// shape::check_with(&document.root, &Shape::Object(&MODEL), &tolerant, &Path::root(), &mut findings);
/// assert!(!findings.has_errors());
/// assert_eq!(findings.as_slice().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn check_with(
    node: &Node,
    shape: &Shape,
    options: &Options,
    path: &Path,
    findings: &mut Findings,
) {
    let mut walk = Walk {
        options: *options,
        findings,
    };
    walk.value(node, shape, &Trail::Start(path));
}

struct Walk<'f> {
    options: Options,
    findings: &'f mut Findings,
}

impl Walk<'_> {
    fn report(
        &mut self,
        severity: Severity,
        trail: &Trail<'_>,
        position: Position,
        code: &'static str,
        message: impl Into<String>,
    ) -> &mut Finding {
        match severity {
            Severity::Error => self.findings.error(&trail.path(), position, code, message),
            Severity::Warning => self
                .findings
                .warning(&trail.path(), position, code, message),
        }
    }

    fn value(&mut self, node: &Node, shape: &Shape, trail: &Trail<'_>) {
        match shape {
            Shape::Any => {}
            Shape::Bool if matches!(node.value, Value::Bool(_)) => {}
            Shape::Number if matches!(node.value, Value::Int(_) | Value::Float(_)) => {}
            Shape::Scalar if !node.is_collection() && !node.is_null() => {}
            Shape::Text(text) => match node.as_text() {
                Some(value) => self.text(node, value, text, trail),
                None => self.wrong_type(node, shape, trail),
            },
            Shape::Int(int) => self.int(node, int, shape, trail),
            Shape::List(item) => match &node.value {
                Value::List(_, nodes) => {
                    for (i, node) in nodes.iter().enumerate() {
                        self.value(node, item, &trail.index(i));
                    }
                }
                _ => self.wrong_type(node, shape, trail),
            },
            Shape::Map(item) if matches!(node.value, Value::Map(..)) => {
                for entry in node.entries().iter().filter(|e| !e.value.is_null()) {
                    self.value(&entry.value, item, &trail.key(&entry.key));
                }
            }
            Shape::Object(object) if matches!(node.value, Value::Map(..)) => {
                self.object(node, object, None, trail);
            }
            Shape::Tagged(tagged) if matches!(node.value, Value::Map(..)) => {
                self.tagged(node, tagged, trail);
            }
            Shape::ScalarOr(_) if !node.is_collection() && !node.is_null() => {}
            Shape::ScalarOr(other) if node.is_collection() => self.value(node, other, trail),
            _ => self.wrong_type(node, shape, trail),
        }
    }

    fn wrong_type(&mut self, node: &Node, shape: &Shape, trail: &Trail<'_>) {
        let message = format!("must be {}, not {}", shape.wanted(), node.kind());
        self.report(Severity::Error, trail, node.place(), "wrong-type", message)
            .suggestion = conversion(node, shape);
    }

    fn text(&mut self, node: &Node, value: &str, text: &Text, trail: &Trail<'_>) {
        let severity = if text.advisory {
            Severity::Warning
        } else {
            Severity::Error
        };
        let at = node.place();
        if text.non_blank && value.trim().is_empty() {
            let severity = self.options.missing_fields;
            self.report(severity, trail, at, "required", "must not be blank");
            return;
        }
        if let Some(max) = text.max_chars
            && value.chars().count() > max
        {
            let message = format!("must have at most {max} characters");
            self.report(severity, trail, at, "too-long", message);
        }
        if let Some(wanted) = text.format.violation(value) {
            let message = format!("must be {wanted}");
            self.report(severity, trail, at, "bad-format", message);
        }
        if !text.one_of.is_empty() && text.listed(value).is_none() {
            let mut message = format!("must be one of {}", text.one_of.join(", "));
            if is_short_word(value) && !trail.is_sensitive() {
                message.push_str(&format!("; {value:?} is not"));
            }
            let suggestion = did_you_mean(value, text.one_of.iter().copied());
            self.report(severity, trail, at, "not-one-of", message)
                .suggestion = suggestion;
        }
    }

    fn int(&mut self, node: &Node, int: &Int, shape: &Shape, trail: &Trail<'_>) {
        // A whole number that is too large for an integer arrives as a float.
        let huge = matches!(node.value, Value::Float(f) if f.fract() == 0.0 && f.abs() >= 9e18);
        match node.as_int() {
            Some(value) if (int.min..=int.max).contains(&value) => {}
            None if !huge => self.wrong_type(node, shape, trail),
            _ => {
                let message = format!("must be from {} to {}", int.min, int.max);
                self.report(
                    Severity::Error,
                    trail,
                    node.place(),
                    "out-of-range",
                    message,
                );
            }
        }
    }

    fn object(&mut self, node: &Node, object: &Object, of: Option<&Tagged>, trail: &Trail<'_>) {
        for entry in node.entries() {
            if self.findings.is_full() {
                return;
            }
            let trail = trail.key(&entry.key);
            match object.field(&entry.key) {
                Some(field) if field.ignored || entry.value.is_null() => {}
                Some(field) => self.value(&entry.value, &field.shape, &trail),
                None if object.open || of.is_some_and(|t| t.tag == &*entry.key) => {}
                None => {
                    let severity = self.options.unknown_fields;
                    let message = format!("unknown field {:?}", redaction::redact_key(&entry.key));
                    let suggestion = unknown_field_suggestion(&entry.key, object, of);
                    let at = entry.key_span.position;
                    self.report(severity, &trail, at, "unknown-field", message)
                        .suggestion = suggestion;
                }
            }
        }
        for field in object.fields {
            self.presence(node, field, trail);
        }
    }

    /// That the field is there when it must be, and only once.
    fn presence(&mut self, node: &Node, field: &Field, trail: &Trail<'_>) {
        let mut given = node
            .entries()
            .iter()
            .filter(|e| !e.value.is_null() && field.answers_to(&e.key));
        let (first, second) = (given.next(), given.next());
        match (first, second) {
            (None, _) if field.required => {
                // A null that stands for the field is the better place to look at.
                let at = node
                    .entry(field.name)
                    .map_or(node.place(), |e| e.value.place());
                let severity = self.options.missing_fields;
                let trail = trail.key(field.name);
                self.report(severity, &trail, at, "required", "is required");
            }
            (Some(first), Some(second)) => {
                let message = format!("means the same as {:?}; give one of them", &*first.key);
                self.report(
                    Severity::Error,
                    &trail.key(&second.key),
                    second.key_span.position,
                    "duplicate-field",
                    message,
                );
            }
            _ => {}
        }
    }

    fn tagged(&mut self, node: &Node, tagged: &Tagged, trail: &Trail<'_>) {
        let tag = node.entry(tagged.tag).filter(|e| !e.value.is_null());
        let variant = match tag.map(|e| (e, e.value.as_text())) {
            Some((_, Some(word))) => tagged.variant(word),
            Some((entry, None)) => {
                let shape = Shape::Text(Text::new());
                self.wrong_type(&entry.value, &shape, &trail.key(tagged.tag));
                return;
            }
            None => tagged.of_untagged(node),
        };
        match (variant, tag) {
            (Some((name, object)), tag) => {
                if tag.is_none() && matches!(tagged.untagged, Untagged::Infer) {
                    let message = format!("is missing; taken as {name} from the other fields");
                    let trail = trail.key(tagged.tag);
                    self.report(Severity::Warning, &trail, node.place(), "required", message);
                }
                self.object(node, object, Some(tagged), trail);
            }
            (None, Some(entry)) => {
                let message = format!("must be one of {}", tagged.words().join(", "));
                let word = entry.value.as_text().unwrap_or_default();
                let suggestion = did_you_mean(word, tagged.words());
                self.report(
                    Severity::Error,
                    &trail.key(tagged.tag),
                    entry.value.place(),
                    "not-one-of",
                    message,
                )
                .suggestion = suggestion;
            }
            (None, None) => {
                let message = format!("is required: one of {}", tagged.words().join(", "));
                let trail = trail.key(tagged.tag);
                self.report(Severity::Error, &trail, node.place(), "required", message);
            }
        }
    }
}

/// A word that somebody picked from a list, not a sentence and not a key.
fn is_short_word(value: &str) -> bool {
    value.chars().count() <= LONGEST_ECHO
        && value
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+' | ' '))
}

fn unknown_field_suggestion(key: &str, object: &Object, of: Option<&Tagged>) -> Option<String> {
    if let Some(tagged) = of
        && let Some((name, _)) = tagged.variants.iter().find(|(_, o)| o.field(key).is_some())
    {
        return Some(format!("did you mean {} {name:?}?", tagged.tag));
    }
    let names = object.fields.iter().map(|f| f.name);
    did_you_mean(key, names.chain(of.map(|t| t.tag)))
}

/// How to write what was probably meant.
fn conversion(node: &Node, shape: &Shape) -> Option<String> {
    let text = match &node.value {
        Value::Text(text) => text.trim().to_ascii_lowercase(),
        Value::Bool(_) if matches!(shape, Shape::Text(_)) => {
            return Some("put it in quotes".to_owned());
        }
        _ => return None,
    };
    match shape {
        // What YAML 1.1 took as booleans, people still write.
        Shape::Bool if matches!(&*text, "yes" | "y" | "on" | "true") => {
            Some("did you mean true?".to_owned())
        }
        Shape::Bool if matches!(&*text, "no" | "n" | "off" | "false") => {
            Some("did you mean false?".to_owned())
        }
        Shape::Int(_) if text.parse::<i64>().is_ok() => Some("leave out the quotes".to_owned()),
        Shape::Number if text.parse::<f64>().is_ok_and(f64::is_finite) => {
            Some("leave out the quotes".to_owned())
        }
        Shape::List(_) => Some("write it as a list: [ … ]".to_owned()),
        _ => None,
    }
}
