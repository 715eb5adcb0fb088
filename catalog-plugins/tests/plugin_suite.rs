//! The behaviour that every plugin must have.
#![cfg(all(feature = "mcp", feature = "model"))]

use catalog_core::testing::{PluginSample, plugin_suite};
use catalog_plugins::{McpPlugin, ModelPlugin};

fn sample(valid: &str, names: &[&str], invalid: &str) -> PluginSample {
    PluginSample {
        valid: valid.to_owned(),
        names: names.iter().map(|n| (*n).to_owned()).collect(),
        invalid: invalid.to_owned(),
    }
}

#[tokio::test]
async fn mcp_servers_of_the_19_field_format_pass_the_suite() {
    let sample = sample(
        "mcpservers:\n- {name: a, deploymentMode: local}\n\
         - {name: b, deploymentMode: remote, endpoint: 'https://example.com'}\n",
        &["a", "b"],
        "mcpservers:\n- {name: a, deploymentMode: local}\n- {name: b, deploymentMode: hybrid}\n",
    );
    plugin_suite(&McpPlugin::new(), &sample).await;
}

#[tokio::test]
async fn mcp_servers_of_the_public_format_pass_the_suite() {
    let sample = sample(
        "source: here\nmcp_servers:\n- {name: a, version: '1'}\n- {name: b, tools: [{name: t}]}\n",
        &["a", "b"],
        "mcp_servers:\n- {name: a}\n- {name: b, deploymentMode: remote}\n",
    );
    plugin_suite(&McpPlugin::new(), &sample).await;
}

#[tokio::test]
async fn models_pass_the_suite() {
    let sample = sample(
        "models:\n- {name: a/1}\n- {name: b, artifacts: [{uri: 'oci://example.com/b'}]}\n",
        &["a/1", "b"],
        "models:\n- {name: a}\n- {name: b, artifacts: [{uri: nowhere}]}\n",
    );
    plugin_suite(&ModelPlugin::new(), &sample).await;
}
