//! The YAML test suite through the front end: what it accepts and refuses, and what that means.
//!
//! Where we differ from the suite, a rule of ours says why, and the case itself must show that the
//! rule applies: the table of differences in `docs/yaml.md` is checked to be exactly what happens.

// All of it is tests, helpers included.
#![allow(clippy::unwrap_used)]

mod yaml_suite {
    pub mod cases;
    pub mod compare;
    pub mod table;
}

use std::path::PathBuf;

use yaml_suite::cases::{self, Case};
use yaml_suite::compare::{Outcome, outcome};
use yaml_suite::table;

/// Files of the suite; some hold several cases.
const FILES: usize = 351;

fn suite() -> Option<Vec<Case>> {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/yaml-test-suite/src");
    if folder.is_dir() {
        return Some(cases::read(&folder));
    }
    let required = std::env::var_os("CATALOG_REQUIRE_DATA").is_some();
    assert!(!required, "the real data is required");
    println!("matrix: yaml test suite: did not run: the suite is not there");
    None
}

#[test]
fn every_case_of_the_suite_agrees_or_its_difference_has_a_reason() {
    let Some(cases) = suite() else { return };
    let mut files: Vec<_> = cases.iter().map(|case| &case.file).collect();
    files.dedup();
    assert_eq!(files.len(), FILES);

    let outcomes: Vec<(&Case, Outcome)> = cases.iter().map(|case| (case, outcome(case))).collect();
    let mut violations: Vec<String> = outcomes
        .iter()
        .filter_map(|(case, outcome)| match outcome {
            Outcome::Unexplained(why) => Some(format!("{} ({}): {why}", case.id, case.name)),
            _ => None,
        })
        .collect();
    let count = |wanted: fn(&Outcome) -> bool| outcomes.iter().filter(|(_, o)| wanted(o)).count();
    println!(
        "{} files, {} cases: {} as the suite says, {} refused by a rule of ours, {} known differences",
        files.len(),
        cases.len(),
        count(|o| matches!(o, Outcome::Agrees(_))),
        count(|o| matches!(o, Outcome::Rule(_))),
        count(|o| matches!(o, Outcome::Known)),
    );
    if let Err(difference) = table::check(&outcomes) {
        violations.push(difference);
    }
    for violation in &violations {
        println!("violation: yaml test suite: {violation}");
    }
    println!(
        "matrix: yaml test suite: {} tried, {} violations",
        cases.len(),
        violations.len()
    );
    assert!(violations.is_empty());
}
