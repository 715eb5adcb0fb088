//! What the documents say of tests and rows is true.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .to_owned()
}

/// The text of every Rust file of the workspace.
fn sources(dir: &Path, texts: &mut Vec<String>) {
    let entries = std::fs::read_dir(dir).expect("a directory");
    for entry in entries.map(|entry| entry.expect("an entry").path()) {
        let name = entry.file_name().and_then(|n| n.to_str()).unwrap_or("");
        if entry.is_dir() && !name.starts_with('.') && name != "target" {
            sources(&entry, texts);
        } else if name.ends_with(".rs") && name != "docs.rs" {
            texts.push(std::fs::read_to_string(&entry).expect("a text"));
        }
    }
}

/// What is in backquotes and can only be the name of a function.
fn names(text: &str) -> BTreeSet<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let is_name = |s: &&str| {
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        s.len() > 14 && s.contains('_') && s.chars().all(word)
    };
    quoted.filter(is_name).collect()
}

#[test]
fn every_test_that_the_fault_matrix_names_is_there() {
    let page = std::fs::read_to_string(root().join("docs/fault-matrix.md")).expect("the page");
    let mut texts = Vec::new();
    sources(&root(), &mut texts);
    let names = names(&page);
    assert!(names.len() > 100, "{}", names.len());
    let missing: Vec<_> = names
        .into_iter()
        .filter(|name| {
            !texts
                .iter()
                .any(|text| text.contains(&format!("fn {name}(")))
        })
        .collect();
    assert!(missing.is_empty(), "not in the tree: {missing:?}");
}

#[test]
fn every_row_that_a_test_prints_is_on_the_page() {
    let page = std::fs::read_to_string(root().join("docs/fault-matrix.md")).expect("the page");
    let mut texts = Vec::new();
    sources(&root().join("tests/tests"), &mut texts);
    let mut rows = BTreeSet::new();
    for text in &texts {
        for call in text.split("row(").skip(1) {
            let call = call.trim_start();
            if let Some(name) = call.strip_prefix('"').and_then(|s| s.split('"').next()) {
                rows.insert(name.to_owned());
            }
        }
    }
    assert!(rows.len() > 30, "{}", rows.len());
    // Several rows of one kind share a line of the page.
    let shown = |row: &str| {
        let kind = row.split([':', ',']).next().unwrap_or(row);
        page.contains(row) || page.contains(kind)
    };
    let missing: Vec<_> = rows.iter().filter(|row| !shown(row)).collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
}
