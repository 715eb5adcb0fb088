mod check;
mod load;

use super::McpPlugin;
use crate::common::testing::Bench;

fn bench() -> Bench<McpPlugin> {
    Bench::new(McpPlugin::new())
}

fn found(text: &str) -> Vec<String> {
    bench().found(text)
}

const NOTHING: [&str; 0] = [];
