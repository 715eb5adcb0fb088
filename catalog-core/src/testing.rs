//! Shared behaviour suites (feature `testing`): what every store, status repository and plugin must
//! satisfy, whoever wrote it.
//!
//! A suite is a list of named cases; [`store_suite`] runs them all against fresh subjects and panics
//! with the names of those that failed.

mod fixtures;
mod plugin_suite;
mod status_suite;
mod store_suite;

pub use fixtures::{PlainPlugin, accept, content, document, key, meta};
pub use plugin_suite::{PluginSample, plugin_suite};
pub use status_suite::status_suite;
pub use store_suite::{StoreSuiteOptions, store_suite};
