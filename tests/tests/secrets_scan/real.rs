//! Real catalogs: nobody published a credential in them, so what is found is a false alarm.

use std::path::{Path, PathBuf};

use catalog_core::redaction::{redact_value, scan_value, scan_yaml};
use catalog_core::yaml::{Limits, parse};
use catalog_tests::shared_data;
use serde_json::Value;

/// What was seen in a folder of real catalogs.
#[derive(Debug, Default)]
pub struct Corpus {
    pub name: String,
    pub files: u64,
    pub entities: u64,
    /// What the scan warns of, with its place.
    pub hits: Vec<String>,
    /// Values that are shown otherwise than they are.
    pub altered: u64,
}

/// All of them; `None` when they are not at hand.
pub fn corpora() -> Option<Vec<Corpus>> {
    let data = shared_data("the credential scan of real catalogs")?;
    let folders = [
        "kf-reg",
        "kubeflow",
        "odh-catalogs",
        "mcp-official-seed",
        "toolsdk-mcp",
    ];
    Some(folders.iter().map(|name| corpus(&data, name)).collect())
}

fn corpus(data: &Path, name: &str) -> Corpus {
    let mut corpus = Corpus {
        name: name.to_owned(),
        ..Corpus::default()
    };
    let mut paths = Vec::new();
    files(&data.join(name), &mut paths);
    paths.sort();
    for path in paths {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        corpus.files += 1;
        let shown = path
            .strip_prefix(data)
            .unwrap_or(&path)
            .display()
            .to_string();
        if path.extension().is_some_and(|e| e == "json") {
            let value: Value = serde_json::from_str(&text).unwrap_or_default();
            let hits = scan_value(&value);
            let told = hits
                .iter()
                .map(|h| format!("{shown}: {} {}", h.path, h.kind));
            corpus.hits.extend(told);
            corpus.count(&value);
            continue;
        }
        // Manifests are several documents in a file.
        for part in text.split("\n---") {
            let limits = Limits::default().with_max_bytes(4 << 20);
            let Ok(document) = parse(part, &limits) else {
                println!("not read: {shown}");
                continue;
            };
            let hits = scan_yaml(&document);
            let told = hits
                .iter()
                .map(|h| format!("{shown}: {} {}", h.path, h.kind));
            corpus.hits.extend(told);
            corpus.count(&document.root.to_json());
        }
    }
    corpus
}

impl Corpus {
    fn count(&mut self, value: &Value) {
        self.entities += entities(value);
        self.altered += altered(value, &redact_value(value));
    }
}

fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
    {
        if path.is_dir() {
            files(&path, out);
        } else if path
            .extension()
            .is_some_and(|e| e == "json" || e == "yaml" || e == "yml")
        {
            out.push(path);
        }
    }
}

/// Maps in a list at the top or one level below it; of a map of maps, those.
fn entities(value: &Value) -> u64 {
    let maps = |items: &[Value]| items.iter().filter(|i| i.is_object()).count() as u64;
    match value {
        Value::Array(items) => maps(items),
        Value::Object(map) if map.len() > 100 => {
            map.values().filter(|v| v.is_object()).count() as u64
        }
        Value::Object(map) => map
            .values()
            .filter_map(Value::as_array)
            .map(|a| maps(a))
            .sum(),
        _ => 0,
    }
}

fn altered(before: &Value, after: &Value) -> u64 {
    match (before, after) {
        (Value::Array(a), Value::Array(b)) => a.iter().zip(b).map(|(a, b)| altered(a, b)).sum(),
        (Value::Object(a), Value::Object(b)) => {
            a.values().zip(b.values()).map(|(a, b)| altered(a, b)).sum()
        }
        (a, b) => u64::from(a != b),
    }
}
