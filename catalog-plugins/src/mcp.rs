//! MCP servers.
//!
//! Content has one list, in one of two formats:
//!
//! | key | format |
//! |---|---|
//! | `mcpservers` | the 19 fields of the management API's `McpServer` |
//! | `servers` | the same; a field that is missing is a warning instead of an error |
//! | `mcp_servers` | the public catalog format: tools, artifacts, endpoints, runtime metadata |
//!
//! `source` may say in free text where the content comes from.
//!
//! Both formats are served in one shape: what the public format does not say but implies, such as
//! `toolCount`, `endpoint` and `verified`, is filled in.

mod flat;
mod plugin;
mod public;
mod render;
mod runtime;
mod words;

#[cfg(test)]
mod tests;

pub use plugin::McpPlugin;
