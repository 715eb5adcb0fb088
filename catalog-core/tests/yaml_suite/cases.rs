//! Reading the suite. Its files are YAML themselves, and are read by the front end under test.

use std::path::Path;

use catalog_core::yaml::{Limits, Node, parse};
use serde_json::Value as Json;

/// A case of the suite.
pub struct Case {
    /// `2LFX`, or `MUS6/03` where a file has several.
    pub id: String,
    /// The file's part of the id.
    pub file: String,
    /// What it is about.
    pub name: String,
    /// The text to read.
    pub yaml: String,
    /// Whether it is no YAML.
    pub fails: bool,
    /// The events it stands for.
    pub tree: Option<String>,
    /// What its documents mean; `None` where JSON has no word for it.
    pub json: Option<Vec<Json>>,
}

/// All cases, by id.
pub fn read(folder: &Path) -> Vec<Case> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut cases = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        let document = parse(&text, &Limits::default()).unwrap_or_else(|e| panic!("{file}: {e}"));
        let items = document.root.items();
        let field =
            |item: &Node, key: &str| item.get(key).and_then(Node::as_text).map(str::to_owned);
        let name = field(&items[0], "name").unwrap_or_default();
        // A later case of a file that does not say what it stands for stands for the same as the one before.
        let (mut tree, mut values) = (None, None);
        for (i, item) in items.iter().enumerate() {
            let id = match items.len() {
                1 => file.clone(),
                _ => format!("{file}/{i:02}"),
            };
            if item.get("tree").is_some() {
                tree = field(item, "tree");
                values = field(item, "json").map(|text| json(&text));
            }
            let yaml = field(item, "yaml").unwrap_or_else(|| panic!("{id} has no text"));
            cases.push(Case {
                id,
                file: file.clone(),
                name: name.clone(),
                yaml: decode(&yaml),
                fails: item.get("fail").and_then(Node::as_bool).unwrap_or(false),
                tree: tree.clone(),
                json: values.clone(),
            });
        }
    }
    cases
}

/// The values of a stream of JSON.
fn json(text: &str) -> Vec<Json> {
    let values = serde_json::Deserializer::from_str(text).into_iter();
    values.map(|value| value.unwrap()).collect()
}

/// What cannot be seen is written with these in the suite.
fn decode(text: &str) -> String {
    let text = text.replace('␣', " ");
    let text = text
        .split('»')
        .map(|part| part.trim_end_matches('—'))
        .collect::<Vec<_>>()
        .join("\t");
    let text = text
        .replace('←', "\r")
        .replace('⇔', "\u{feff}")
        .replace('↵', "");
    match text.strip_suffix("∎\n").or(text.strip_suffix('∎')) {
        Some(text) => text.to_owned(),
        None => text,
    }
}
