//! How well credentials are told from other text: over a labelled set and over real catalogs.
//!
//! The figures are in `docs/secrets.md`, and this keeps them true: `UPDATE_SNAPSHOTS=1` renews them.

#[path = "secrets_scan/labelled.rs"]
mod labelled;
#[path = "secrets_scan/real.rs"]
mod real;
#[path = "secrets_scan/table.rs"]
mod table;

use catalog_tests::matrix;
use table::{Row, Table};

/// The share of credentials that must be found, and of findings that must be credentials.
const FLOOR: f64 = 0.98;

#[test]
fn the_scan_finds_the_labelled_credentials_and_little_else() {
    let mut table = Table::default();
    for case in labelled::positives() {
        let seen = case.seen();
        if !(seen.found && seen.hidden && seen.hidden_json && seen.hidden_broken) {
            println!("missed: {}: {seen:?}\n{}", case.kind, case.text);
        }
        table.row(&case.kind).positive(seen);
    }
    for case in labelled::negatives() {
        let seen = case.seen();
        if seen.found {
            println!("false alarm: {}: {}", case.kind, case.text);
        }
        table.row(&case.kind).negative(seen);
    }
    let total = table.total();
    println!("{}", table.markdown());
    let mut low = Vec::new();
    for (what, share) in [
        ("precision of the scan", total.precision()),
        (
            "recall of the scan",
            Row::share(total.found, total.positives),
        ),
        ("hidden in YAML", Row::share(total.hidden, total.positives)),
        (
            "hidden in JSON",
            Row::share(total.hidden_json, total.positives),
        ),
        (
            "hidden in broken YAML",
            Row::share(total.hidden_broken, total.positives),
        ),
    ] {
        println!("report: {what}: {:.2} %", share * 100.0);
        if share < FLOOR {
            low.push(format!("{what} is {share:.4}, the floor is {FLOOR}"));
        }
    }
    matrix::row(
        "credential scan, labelled set",
        total.positives + total.negatives,
        &low,
    );
    table.check_published("labelled");
}

#[test]
fn the_scan_raises_hardly_a_false_alarm_in_real_catalogs() {
    let Some(corpora) = real::corpora() else {
        matrix::did_not_run("credential scan, real catalogs", "no real catalogs at hand");
        return;
    };
    let mut violations = Vec::new();
    let (mut entities, mut alarms) = (0, 0);
    let mut lines = Vec::new();
    for corpus in &corpora {
        for hit in &corpus.hits {
            println!("hit: {}: {hit}", corpus.name);
        }
        entities += corpus.entities;
        alarms += corpus.hits.len() as u64;
        lines.push(format!(
            "| {} | {} | {} | {} | {} |",
            corpus.name,
            corpus.files,
            corpus.entities,
            corpus.hits.len(),
            corpus.altered
        ));
    }
    println!("{}", lines.join("\n"));
    println!("report: {alarms} hits in {entities} real entities");
    if alarms * 100 >= entities {
        violations.push(format!("{alarms} hits in {entities} entities"));
    }
    matrix::row("credential scan, real catalogs", entities, &violations);
    table::check_lines("real", &lines);
}
