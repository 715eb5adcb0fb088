//! Catalogs of any size, for plots of cost against size.

use std::fmt::Write as _;

const WORDS: [&str; 8] = [
    "weather", "files", "tickets", "search", "metrics", "builds", "mail", "maps",
];

/// A content with this many MCP servers, about 400 bytes each, all different.
pub fn many_servers(count: usize) -> String {
    let mut text = String::from("mcpservers:\n");
    for n in 0..count {
        let word = WORDS[n % WORDS.len()];
        let local = n % 3 == 0;
        let _ = write!(
            text,
            "  - name: {word}-server-{n}\n    description: Looks after the {word} of team {n} and \
             answers questions about them in plain words.\n    provider: Team {}\n",
            n % 500,
        );
        let _ = match local {
            true => write!(
                text,
                "    deploymentMode: local\n    transportType: stdio\n    image: registry.example.com/{word}/server:{n}\n"
            ),
            false => write!(
                text,
                "    deploymentMode: remote\n    transportType: http\n    endpoint: https://{word}.example.com/mcp/{n}\n"
            ),
        };
        let _ = write!(
            text,
            "    license: Apache-2.0\n    category: {word}\n    toolCount: {}\n    verified: {}\n",
            n % 40,
            n % 2 == 0,
        );
    }
    text
}
