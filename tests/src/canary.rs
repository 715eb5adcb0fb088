//! Made-up secrets, and the search for them in everything that leaves a process.
//!
//! A canary is a secret with a random body. Nothing but a leak brings eight consecutive characters of
//! it to anywhere, so that is what is looked for, in every usual encoding.

mod dice;
mod encodings;
mod labelled;
mod search;

pub use dice::Dice;
pub use encodings::{Encoding, base64};
pub use labelled::{Sample, sections};
pub use search::{Hit, Search};

/// A secret that must not be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// What it is and where it was put, for the report.
    pub what: String,
    /// The secret as it is written.
    pub text: String,
    /// The parts of it that are random, and so stand nowhere else.
    pub bodies: Vec<String>,
}

impl Canary {
    /// From a pattern: `ghp_⟦an36⟧` is `ghp_` and 36 random letters and digits.
    pub fn new(what: impl Into<String>, pattern: &str, dice: &mut Dice) -> Self {
        let (text, bodies) = dice.fill(pattern);
        Self {
            what: what.into(),
            text,
            bodies,
        }
    }
}

impl Canary {
    /// Whether eight characters of it in a row stand in a text (or all, of a shorter one), as they
    /// are or as JSON and YAML quote them.
    pub fn remains_in(&self, text: &str) -> bool {
        let forms = [Encoding::Plain, Encoding::Json, Encoding::SingleQuoted];
        self.bodies.iter().any(|body| {
            forms.into_iter().any(|form| {
                form.of(body).iter().any(|written| {
                    let length = form.window().min(written.len());
                    let mut parts = written.windows(length.max(1));
                    parts.any(|part| std::str::from_utf8(part).is_ok_and(|p| text.contains(p)))
                })
            })
        })
    }
}
