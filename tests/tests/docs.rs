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

/// The calls that print a row of the name that is their first argument.
const PRINTS: [&str; 4] = [" row(", "::row(", ".done(", "report("];

/// What is the first argument of these calls: names as they are, and those of constants.
fn rows(text: &str) -> BTreeSet<String> {
    let mut rows = BTreeSet::new();
    for call in PRINTS.iter().flat_map(|call| text.split(call).skip(1)) {
        let argument = call.trim_start();
        let name = match argument.strip_prefix('"') {
            Some(literal) => literal.split('"').next(),
            None => {
                let end = argument.find(|c: char| !c.is_ascii_uppercase() && c != '_');
                let constant = &argument[..end.unwrap_or_default()];
                let declared = format!("const {constant}: &str = \"");
                let value = text.split(&declared).nth(1).filter(|_| constant.len() > 1);
                value.and_then(|value| value.split('"').next())
            }
        };
        rows.extend(name.map(str::to_owned));
    }
    rows
}

#[test]
fn every_row_that_a_test_prints_is_on_the_page() {
    let page = std::fs::read_to_string(root().join("docs/fault-matrix.md")).expect("the page");
    let mut texts = Vec::new();
    sources(&root().join("tests/tests"), &mut texts);
    let printed: BTreeSet<String> = texts.iter().flat_map(|text| rows(text)).collect();
    assert!(printed.len() > 50, "{}", printed.len());
    // The first cell of a line: several rows that share it have a `;` between them.
    let cells = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let shown: BTreeSet<&str> = cells.flat_map(|cell| cell.split("; ")).collect();
    let missing: Vec<_> = printed
        .iter()
        .filter(|row| !shown.contains(&***row))
        .collect();
    assert!(missing.is_empty(), "not on the page: {missing:#?}");
}
