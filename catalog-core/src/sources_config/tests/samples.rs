//! The files of real projects.

use std::path::PathBuf;

use super::*;

/// The sources files among the samples, when there are any.
fn samples() -> Vec<SourcesFile> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let mut folders = vec![root];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.contains("sources") && name.ends_with(".yaml") {
                let text = std::fs::read(&path).unwrap();
                let file = SourcesFile::parse(name, &text, &Limits::default()).unwrap();
                // Other files have the word in their names too.
                if !file.entries.is_empty() || file.text.starts_with("catalogs") {
                    found.push(file);
                }
            }
        }
    }
    if found.is_empty() {
        println!("NOT RUN: there are no sample files");
    }
    found
}

#[test]
fn real_files_have_no_findings() {
    for file in samples() {
        assert_eq!(file.findings, [], "{}", file.origin);
        for entry in &file.entries {
            assert_eq!(entry.findings, [], "{}", file.origin);
            assert!(entry.id.is_some() && !entry.superseded, "{}", file.origin);
        }
    }
}

#[test]
fn every_entry_of_real_files_can_be_changed_and_changed_back() {
    let limits = Limits::default();
    for file in samples() {
        for entry in &file.entries {
            let (key, id) = (&entry.config_key, entry.id.as_ref().unwrap());
            let now = merged(std::slice::from_ref(&file), key, id.as_str()).settings;
            // Not every sample names its sources.
            let name = if now.name.is_empty() { "n" } else { &now.name };
            let mut other = now.clone();
            other.name = format!("{name} 2");
            other.enabled = false;
            other.labels.push("more".to_owned());
            other
                .properties
                .insert("extra".to_owned(), json!({"a": [1]}));
            other.excluded_items.insert(0, "*-first".to_owned());
            let there = set_source(std::slice::from_ref(&file), key, id, &other, &limits).unwrap();
            let there = super::file(&there[0].text);
            let (start, end) = (entry.range.start, entry.range.end);
            assert!(
                there.text.starts_with(&file.text[..start]),
                "{}",
                there.text
            );
            let rest = &file.text[end..];
            let rest = rest.find('\n').map_or("", |end| &rest[end..]);
            assert!(there.text.ends_with(rest), "{}", there.text);

            let raw = entry_text(&file, entry);
            let back = restore_entry(&[there], key, id, &raw, &now, &limits).unwrap();
            assert_eq!(back[0].text, *file.text);
        }
    }
}

#[test]
fn every_entry_of_real_files_can_be_removed_and_put_back() {
    let limits = Limits::default();
    for file in samples() {
        for entry in &file.entries {
            let (key, id) = (&entry.config_key, entry.id.as_ref().unwrap());
            let now = merged(std::slice::from_ref(&file), key, id.as_str()).settings;
            let raw = entry_text(&file, entry);
            let gone = remove_source(std::slice::from_ref(&file), key, id, &limits).unwrap();
            let gone = super::file(&gone[0].text);
            assert_eq!(gone.entries.len(), file.entries.len() - 1);
            let back = restore_entry(&[gone], key, id, &raw, &now, &limits).unwrap();
            // It comes back at the end of its list, with an empty line before it where all have one.
            let sorted = |text: &str| {
                let lines = text.lines().filter(|line| !line.is_empty());
                let mut lines: Vec<_> = lines.map(str::to_owned).collect();
                lines.sort_unstable();
                lines
            };
            assert_eq!(sorted(&back[0].text), sorted(&file.text));
        }
    }
}

#[test]
fn every_real_file_takes_a_new_source() {
    let limits = Limits::default();
    let wanted = settings(json!({
        "name": "New", "type": "yaml", "properties": {"yamlCatalogPath": "new.yaml"},
    }));
    for file in samples() {
        for key in ["mcp", "models"] {
            let edits = set_source(
                std::slice::from_ref(&file),
                key,
                &id("new"),
                &wanted,
                &limits,
            )
            .unwrap();
            let gone = files(&[edits[0].text.as_str()]);
            let gone = remove_source(&gone, key, &id("new"), &limits).unwrap();
            assert_eq!(super::file(&gone[0].text).entries.len(), file.entries.len());
        }
    }
}
