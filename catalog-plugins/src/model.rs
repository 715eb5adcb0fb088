//! Machine-learning models.
//!
//! Content is `models`, a list, and perhaps `source`, free text about where it comes from. A model
//! has the fields of the public `CatalogModel`, its `artifacts`, and what vendors ship besides:
//! `labels`, `servingConfig`, `validatedTasks` and `version`.
//!
//! A field that is not known is an error when it is written, and a warning when it is loaded: a
//! catalog from a newer vendor still loads, without that field.
//!
//! Artifacts are not part of an entity's JSON. They are rendered once too, as a JSON list, and kept
//! in [`Entity::parts`](catalog_core::model::Entity::parts) under [`ARTIFACTS`].

mod license;
mod plugin;
mod render;
mod shapes;

#[cfg(test)]
mod tests;

pub use plugin::ModelPlugin;

/// The part of an entity that holds its artifacts.
pub const ARTIFACTS: &str = "artifacts";
