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
    let mut all = Tally::new("all");
    // A map from names of packages to where their descriptions are: no catalog, and larger than all of them.
    let mut catalogs = Tally::new("all but the index");
    let mut lines = Vec::new();
    for corpus in &corpora {
        for hit in &corpus.hits {
            println!("hit: {}: {hit}", corpus.name);
        }
        let one = Tally::of(corpus);
        all.add(&one);
        if corpus.name != real::INDEX {
            catalogs.add(&one);
        }
        lines.push(one.line());
        violations.extend(one.too_many());
    }
    lines.extend([catalogs.line(), all.line()]);
    println!("{}", lines.join("\n"));
    violations.extend(catalogs.too_many());
    violations.extend(all.too_many());
    matrix::row("credential scan, real catalogs", all.entities, &violations);
    table::check_lines("real", &lines);
}

/// The figures of some real catalogs.
struct Tally {
    name: String,
    files: u64,
    entities: u64,
    hits: u64,
    real: u64,
    wronged: u64,
    altered: u64,
}

impl Tally {
    fn new(name: &str) -> Self {
        Self {
            name: format!("**{name}**"),
            files: 0,
            entities: 0,
            hits: 0,
            real: 0,
            wronged: 0,
            altered: 0,
        }
    }

    fn of(corpus: &real::Corpus) -> Self {
        Self {
            name: corpus.name.clone(),
            files: corpus.files,
            entities: corpus.entities,
            hits: corpus.hits.len() as u64,
            real: corpus.real,
            wronged: corpus.wronged.len() as u64,
            altered: corpus.altered,
        }
    }

    fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.entities += other.entities;
        self.hits += other.hits;
        self.real += other.real;
        self.wronged += other.wronged;
        self.altered += other.altered;
    }

    fn line(&self) -> String {
        let percent = |share: f64| format!("{:.2} %", share * 100.0);
        let wronged = match self.wronged {
            0 => "0".to_owned(),
            n => format!("{n} ({})", percent(Row::share(n, self.entities))),
        };
        let precision = match self.hits {
            0 => "–".to_owned(),
            _ => format!("{} of {}", self.real, self.hits),
        };
        format!(
            "| {} | {} | {} | {} | {precision} | {wronged} | {} |",
            self.name, self.files, self.entities, self.hits, self.altered
        )
    }

    /// What is wrong when one of a hundred entities, or more, is accused of a secret that is none.
    fn too_many(&self) -> Option<String> {
        (self.wronged * 100 >= self.entities).then(|| {
            let Self {
                name,
                wronged,
                entities,
                ..
            } = self;
            format!("{name}: {wronged} of {entities} entities have a false alarm")
        })
    }
}
