//! Declared shapes of documents.
//!
//! A [`Shape`] says what a part of a YAML document must look like. [`check`] walks the located tree
//! and reports everything that differs, each with its place; [`decode`] turns a tree that was
//! checked into JSON with the declared names. A plugin that uses one shape for both cannot accept
//! what it does not load.
//!
//! Shapes are plain constants:
//!
//! ```
//! use catalog_core::shape::{self, Field, Format, Int, Object, Shape, Text};
//! use catalog_core::validation::{Findings, Layer, Path, Place};
//! use catalog_core::yaml::{self, Limits};
//!
//! const NAME: Shape = Shape::Text(Text::new().non_blank().max_chars(255));
//! const HOME: Shape = Shape::Text(Text::new().format(Format::Url(&["https"])));
//!
//! static PROMPT: Object = Object::new(&[
//!     Field::new("name", NAME).required(),
//!     Field::new("homepage", HOME),
//!     Field::new("role", Shape::Text(Text::new().one_of(&["system", "user"]))),
//!     Field::new("variables", Shape::Int(Int::between(0, 100))),
//!     Field::new("tags", Shape::List(&Shape::Text(Text::new()))),
//! ]);
//! static PROMPTS: Shape = Shape::List(&Shape::Object(&PROMPT));
//!
//! let text = "- name: greeting\n  rol: user\n  variables: many\n- role: asistant\n";
//! let document = yaml::parse(text, &Limits::default())?;
//!
//! let mut findings = Findings::new(Layer::Provider, Place::Content);
//! shape::check(&document.root, &PROMPTS, &Path::root().key("prompts"), &mut findings);
//!
//! let lines: Vec<String> = findings.into_vec().iter().map(ToString::to_string).collect();
//! assert_eq!(
//!     lines,
//!     [
//!         "2:3: prompts[0].rol: unknown field \"rol\" (did you mean \"role\"?)",
//!         "3:14: prompts[0].variables: must be a whole number, not text",
//!         "4:3: prompts[1].name: is required",
//!         "4:9: prompts[1].role: must be one of system, user; \"asistant\" is not",
//!     ]
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | code | what it says |
//! |---|---|
//! | `unknown-field` | the mapping has a field that its shape does not know |
//! | `duplicate-field` | a field is given twice, under two of its names |
//! | `required` | a field is missing, null or blank |
//! | `wrong-type` | text where a list is wanted, and the like |
//! | `not-one-of` | a word that is not on the list |
//! | `out-of-range` | a number that is too small or too large |
//! | `bad-format` | a text that is not a URL, a time, … |
//! | `too-long` | a text with too many characters |
//!
//! A message repeats a value only when it is a short word, and never below a key that
//! [`is_sensitive_key`](crate::redaction::is_sensitive_key) knows.
//!
//! ## How scalars are taken
//!
//! Where text is wanted, a plain number is taken as it was written: `version: 1.10` is the text
//! `1.10`. A boolean is not text. Null is the same as no field at all.

mod check;
mod decode;
mod format;
mod trail;
mod types;

#[cfg(test)]
mod tests;

pub use check::{Options, check, check_with};
pub use decode::decode;
pub use format::Format;
pub use types::{Field, Int, Object, Shape, Tagged, Text, Untagged};
