//! The asset types that come with catalog management, one cargo feature each.
//!
//! | feature | plugin | content |
//! |---|---|---|
//! | `mcp` | [`McpPlugin`] | MCP servers: `mcpservers`, its alias `servers`, or the public format `mcp_servers` |
//! | `model` | [`ModelPlugin`] | machine-learning models with their artifacts: `models` |
//!
//! Both declare the shape of their entries with [`catalog_core::shape`] and use it for checking
//! *and* for loading, so that what passes validation loads. They are also examples of how to write
//! a plugin of one's own.
//!
#![cfg_attr(
    feature = "mcp",
    doc = r#"
```
use catalog_core::ports::{CatalogPlugin, ContentContext};
use catalog_core::validation::{Findings, Layer, Place};
use catalog_core::yaml::{self, Limits};
use catalog_core::{SourceKey, SourceSettings};
use catalog_plugins::McpPlugin;

let text = "mcpservers:\n  - name: weather\n    deploymentMode: local\n    transportTyp: stdio\n";
let content = yaml::parse(text, &Limits::default())?;
let key = SourceKey::parse("mcp", "tools")?;
let settings = SourceSettings::new("Tools", "yaml");

let mut findings = Findings::new(Layer::Provider, Place::Content);
let context = ContentContext::new(&key, &settings, &content);
McpPlugin::new().validate_content(context, &mut findings);
assert_eq!(
    findings.into_vec()[0].to_string(),
    "4:5: mcpservers[0].transportTyp: unknown field \"transportTyp\" \
     (did you mean \"transportType\"?)",
);
# Ok::<(), Box<dyn std::error::Error>>(())
```
"#
)]

#[cfg(any(feature = "mcp", feature = "model"))]
mod common;
#[cfg(feature = "mcp")]
pub mod mcp;
#[cfg(feature = "model")]
pub mod model;

#[cfg(feature = "mcp")]
pub use mcp::McpPlugin;
#[cfg(feature = "model")]
pub use model::ModelPlugin;
