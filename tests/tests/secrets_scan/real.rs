//! Real catalogs, and what the scan finds in them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use catalog_core::redaction::{Hit, redact_value, scan_value, scan_yaml};
use catalog_core::validation::Path;
use catalog_core::yaml::{Limits, parse};
use catalog_tests::shared_data;
use serde_json::Value;

/// The hits that are somebody's passwords, if harmless ones: each was read. All others count as false
/// alarms, so that a new one does until it was read, too.
const REAL: [(&str, &str); 5] = [
    // The password of a local database, and it again in the database's URL.
    (
        "kf-reg/deploy/docker-compose.catalog.yaml",
        "services.postgres.environment.POSTGRES_PASSWORD",
    ),
    (
        "kf-reg/deploy/docker-compose.catalog.yaml",
        "services.catalog-server.command[3]",
    ),
    // A user and a password of a local database, three times: nothing about them says example.
    (
        "mcp-official-seed/seed_2025_05_16.json",
        "[312].packages[0].package_arguments[0].value",
    ),
    (
        "mcp-official-seed/seed_2025_05_16.json",
        "[312].packages[0].package_arguments[0].default",
    ),
    (
        "mcp-official-seed/seed_2025_05_16.json",
        "[312].packages[0].package_arguments[0].value_hint",
    ),
];

/// What was seen in a folder of real catalogs.
#[derive(Debug, Default)]
pub struct Corpus {
    pub name: String,
    pub files: u64,
    pub entities: u64,
    /// What the scan warns of, with its place.
    pub hits: Vec<String>,
    /// How many of these are credentials.
    pub real: u64,
    /// The entities with a false alarm, each once.
    pub wronged: BTreeSet<String>,
    /// Values that are shown otherwise than they are.
    pub altered: u64,
}

/// What is no catalog.
pub const INDEX: &str = "toolsdk-mcp";

/// All of them; `None` when they are not at hand.
pub fn corpora() -> Option<Vec<Corpus>> {
    let data = shared_data("the credential scan of real catalogs")?;
    let folders = [
        "kf-reg",
        "kubeflow",
        "odh-catalogs",
        "mcp-official-seed",
        INDEX,
    ];
    Some(folders.iter().map(|name| corpus(&data, name)).collect())
}

fn corpus(data: &std::path::Path, name: &str) -> Corpus {
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
            corpus.take(&shown, &value, scan_value(&value));
            continue;
        }
        // Manifests are several documents in a file.
        for part in text.split("\n---") {
            let limits = Limits::default().with_max_bytes(4 << 20);
            let Ok(document) = parse(part, &limits) else {
                println!("not read: {shown}");
                continue;
            };
            corpus.take(&shown, &document.root.to_json(), scan_yaml(&document));
        }
    }
    corpus
}

impl Corpus {
    /// Takes in what was found in a file.
    fn take(&mut self, file: &str, value: &Value, hits: Vec<Hit>) {
        for Hit { path, kind, .. } in hits {
            let place = format!("{file}: {path}");
            let real = REAL.contains(&(file, &path.to_string()));
            let verdict = if real { "real" } else { "false" };
            self.hits.push(format!("{place} {kind}, {verdict}"));
            if real {
                self.real += 1;
            } else {
                self.wronged
                    .insert(format!("{file}: {}", entity(value, &path)));
            }
        }
        self.entities += entities(value);
        self.altered += altered(value, &redact_value(value));
    }
}

fn files(folder: &std::path::Path, out: &mut Vec<PathBuf>) {
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

/// The entity that a place is in, as [`entities`] counts them; the file itself for what is in none.
fn entity(value: &Value, path: &Path) -> String {
    let depth = match value {
        Value::Object(map) if map.len() <= 100 => 2,
        _ => 1,
    };
    let path: Vec<String> = path
        .segments()
        .iter()
        .take(depth)
        .map(|s| format!("{s:?}"))
        .collect();
    path.join("/")
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
