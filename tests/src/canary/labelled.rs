//! The labelled set: what is a credential and what is none.
//!
//! It is a text of sections. Bodies of credentials are not in it, only how they look (`⟦an36⟧`): what
//! is committed is no live token, and looks like none.

/// A line of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The section: what kind of credential this is, or is easily taken for.
    pub kind: String,
    /// The line, with line breaks where it says `␤`.
    pub pattern: String,
}

/// The lines of all sections: `[kind]` and what follows it. Lines that start with `#!` are comments.
///
/// # Panics
/// When a line stands in no section.
pub fn sections(text: &str) -> Vec<Sample> {
    let mut kind = None;
    let mut samples = Vec::new();
    for line in text.lines() {
        let name = line.strip_prefix("[[").and_then(|l| l.strip_suffix("]]"));
        if let Some(name) = name {
            kind = Some(name.to_owned());
        } else if !line.trim().is_empty() && !line.starts_with("#!") {
            samples.push(Sample {
                kind: kind.clone().expect("a section before its lines"),
                pattern: line.replace('␤', "\n"),
            });
        }
    }
    samples
}
