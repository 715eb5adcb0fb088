//! Catalog management as a library: model, validation, ports and use cases.
//!
//! Operators publish *catalogs* (MCP servers, ML models) from *sources*. This crate makes editing a
//! source safe: validate, persist with a revision, refresh, show, roll back. It does no I/O of its
//! own; stores, status repositories, plugins and secret resolvers are passed in through the
//! [`ports`].
//!
//! Start with [`CatalogService`].

pub mod digest;
pub mod error;
pub mod health;
pub mod model;
pub mod ports;
pub mod redaction;
pub mod service;
pub mod shape;
pub mod sources_config;
#[cfg(feature = "testing")]
pub mod testing;
pub mod validation;
pub mod yaml;

pub use error::{CatalogError, StoreError};
pub use model::{
    Author, ChangeMeta, Edit, Expect, PluginName, Revision, RevisionId, RevisionKind,
    SettingsPatch, SourceDocument, SourceId, SourceKey, SourceSettings,
};
pub use service::{ApplyOptions, CatalogService, CatalogServiceBuilder, Running};
