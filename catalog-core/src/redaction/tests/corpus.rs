//! Runs over real catalogs, where they are at hand.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::redaction::{
    redact_text, redact_value, redact_yaml, restore_yaml, scan_value, scan_yaml, tree,
};
use crate::yaml::parse;

fn files(folder: &Path, extension: &str, out: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for path in entries.flatten().map(|e| e.path()) {
        if path.is_dir() {
            files(&path, extension, out);
        } else if path.extension().is_some_and(|e| e == extension) {
            out.push(path);
        }
    }
}

fn data() -> Option<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if !data.is_dir() {
        println!("did not run: no real catalogs at hand");
        return None;
    }
    Some(data)
}

/// Entities by the way they are told apart in practice: maps with a name in a top-level list.
fn entities(value: &Value) -> usize {
    let count = |items: &Vec<Value>| items.iter().filter(|i| i.get("name").is_some()).count();
    match value {
        Value::Array(items) => count(items),
        Value::Object(map) => map.values().filter_map(Value::as_array).map(count).sum(),
        _ => 0,
    }
}

fn prose_hits(value: &Value, hits: &mut Vec<String>) {
    tree::walk(value, &mut |trail, leaf| {
        if redact_text(&leaf.text) != *leaf.text {
            hits.push(tree::path(trail).to_string());
        }
    });
}

#[test]
fn real_catalogs_have_hardly_a_hit_and_survive_the_round_trip() {
    let Some(data) = data() else { return };
    let mut paths = Vec::new();
    for folder in ["kf-reg", "kubeflow", "odh-catalogs"] {
        files(&data.join(folder), "yaml", &mut paths);
    }
    let (mut read, mut hits, mut prose, mut total) = (0, 0, Vec::new(), 0);
    let (mut bytes, mut redacting) = (0, Duration::ZERO);
    for path in &paths {
        let Ok(text) = std::fs::read_to_string(path) else {
            continue;
        };
        let started = Instant::now();
        let shown = redact_yaml(&text);
        redacting += started.elapsed();
        bytes += text.len();
        assert!(
            restore_yaml(&shown, Some(&text)) == Ok(text.clone()),
            "{path:?}"
        );
        let Ok(document) = parse(&text, &crate::redaction::limits(&text)) else {
            println!("no YAML of one document: {path:?}");
            continue;
        };
        read += 1;
        let value = document.root.to_json();
        total += entities(&value);
        prose_hits(&value, &mut prose);
        for hit in scan_yaml(&document) {
            println!("{path:?} {:?} {} {}", hit.position, hit.path, hit.kind);
            hits += 1;
        }
        for (ours, theirs) in text.lines().zip(shown.lines()).filter(|(a, b)| a != b) {
            println!("- {ours}\n+ {theirs}");
        }
    }
    println!(
        "{read} YAML files ({bytes} bytes in {redacting:?}), {total} entities, {hits} hits, {} in prose",
        prose.len()
    );
    assert!(hits * 100 <= total + 100, "{hits} hits in {total} entities");
}

#[test]
fn the_official_seed_has_only_its_known_credential() {
    let Some(data) = data() else { return };
    let mut paths = Vec::new();
    files(&data.join("mcp-official-seed"), "json", &mut paths);
    for path in paths {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let Ok(value) = serde_json::from_str::<Value>(&text) else {
            continue;
        };
        let hits = scan_value(&value);
        let mut prose = Vec::new();
        prose_hits(&value, &mut prose);
        println!(
            "{path:?}: {} entities, {} hits, prose {prose:?}",
            entities(&value),
            hits.len()
        );
        for hit in &hits {
            println!(
                "{} {} {:?}",
                hit.path,
                hit.kind,
                value.pointer(&hit.path.pointer())
            );
        }
        let shown = redact_value(&value);
        assert_eq!(redact_value(&shown), shown);
        let hit: std::collections::HashSet<String> = hits
            .iter()
            .map(|h| {
                h.path
                    .to_string()
                    .split('.')
                    .next()
                    .unwrap_or("")
                    .to_owned()
            })
            .collect();
        assert!(hit.len() * 100 <= entities(&value) + 100, "{hit:?}");
    }
}

/// The texts of the YAML test suite, whose tests show invisible characters as symbols.
#[test]
fn the_yaml_test_suite_survives_the_round_trip() {
    let Some(data) = data() else { return };
    let mut paths = Vec::new();
    files(&data.join("yaml-test-suite"), "yaml", &mut paths);
    let (mut all, mut readable, mut hidden) = (0, 0, 0);
    for path in paths {
        let Some(tests) = std::fs::read_to_string(&path)
            .ok()
            .and_then(|t| parse(&t, &crate::redaction::limits(&t)).ok())
        else {
            continue;
        };
        for test in tests.root.items() {
            let Some(text) = test.get("yaml").and_then(|n| n.as_text()) else {
                continue;
            };
            let text = ["——»", "———»", "—»", "»"]
                .iter()
                .fold(text.to_owned(), |t, s| t.replace(s, "\t"));
            let text = text
                .replace('␣', " ")
                .replace('↵', "")
                .replace("∎\n", "")
                .replace('←', "\r");
            let indented: String = text.lines().map(|l| format!("  {l}\n")).collect();
            for text in [
                text.clone(),
                format!("credentials:\n{indented}"),
                format!("credentials:\n{indented}a: 1\n"),
            ] {
                let shown = redact_yaml(&text);
                assert!(
                    restore_yaml(&shown, Some(&text)) == Ok(text.clone()),
                    "{path:?}"
                );
                all += 1;
                if parse(&text, &crate::redaction::limits(&text)).is_ok() {
                    readable += 1;
                    assert!(
                        parse(&shown, &crate::redaction::limits(&shown)).is_ok(),
                        "{text}\n{shown}"
                    );
                    if shown == "\"***REDACTED***\"\n" && text.trim() != shown.trim() {
                        println!("nothing to show of:\n{text}");
                        hidden += 1;
                    }
                }
            }
        }
    }
    println!("{all} texts, {readable} of them YAML of one document, {hidden} not shown at all");
    // An alias to a key, as the value of a sensitive key.
    assert!(hidden <= 6, "{hidden}");
}
