//! The figures of a run, as they are published.

use std::collections::BTreeMap;
use std::path::Path;

use super::labelled::Seen;

/// The figures of one kind.
#[derive(Debug, Clone, Copy, Default)]
pub struct Row {
    pub positives: u64,
    /// The scan warns.
    pub found: u64,
    /// Nothing of it is left in YAML, JSON, and YAML that cannot be parsed.
    pub hidden: u64,
    pub hidden_json: u64,
    pub hidden_broken: u64,
    pub negatives: u64,
    /// The scan warns of what is none.
    pub alarms: u64,
}

impl Row {
    pub fn positive(&mut self, seen: Seen) {
        self.positives += 1;
        self.found += u64::from(seen.found);
        self.hidden += u64::from(seen.hidden);
        self.hidden_json += u64::from(seen.hidden_json);
        self.hidden_broken += u64::from(seen.hidden_broken);
    }

    pub fn negative(&mut self, seen: Seen) {
        self.negatives += 1;
        self.alarms += u64::from(seen.found);
    }

    #[allow(clippy::cast_precision_loss)]
    pub fn share(part: u64, whole: u64) -> f64 {
        if whole == 0 {
            1.0
        } else {
            part as f64 / whole as f64
        }
    }

    /// Of what the scan warns of, the share that are credentials.
    pub fn precision(&self) -> f64 {
        Self::share(self.found, self.found + self.alarms)
    }

    fn add(&mut self, other: &Self) {
        self.positives += other.positives;
        self.found += other.found;
        self.hidden += other.hidden;
        self.hidden_json += other.hidden_json;
        self.hidden_broken += other.hidden_broken;
        self.negatives += other.negatives;
        self.alarms += other.alarms;
    }

    fn line(&self, kind: &str) -> String {
        if self.negatives > 0 && self.positives == 0 {
            return format!(
                "| *none:* {kind} | {} | {} | | | |",
                self.negatives, self.alarms
            );
        }
        let percent = |part| {
            let share = Self::share(part, self.positives) * 100.0;
            // Rounded down: what is published is never better than what was seen.
            format!("{:.1} %", (share * 10.0).floor() / 10.0)
        };
        format!(
            "| {kind} | {} | {} | {} | {} | {} |",
            self.positives,
            percent(self.found),
            percent(self.hidden),
            percent(self.hidden_json),
            percent(self.hidden_broken)
        )
    }
}

/// The figures by kind.
#[derive(Debug, Default)]
pub struct Table(BTreeMap<String, Row>);

impl Table {
    pub fn row(&mut self, kind: &str) -> &mut Row {
        self.0.entry(kind.to_owned()).or_default()
    }

    pub fn total(&self) -> Row {
        let mut total = Row::default();
        self.0.values().for_each(|row| total.add(row));
        total
    }

    fn lines(&self) -> Vec<String> {
        let positives = self.0.iter().filter(|(_, r)| r.positives > 0);
        let negatives = self.0.iter().filter(|(_, r)| r.positives == 0);
        let mut lines: Vec<String> = positives.chain(negatives).map(|(k, r)| r.line(k)).collect();
        let total = self.total();
        lines.push(total.line("**all credentials**"));
        lines.push(format!(
            "| **all others** | {} | {} | | | |",
            total.negatives, total.alarms
        ));
        lines.push(format!(
            "| **precision**: of what the scan warns of, credentials | {} | {:.1} % | | | |",
            total.found + total.alarms,
            (total.precision() * 1000.0).floor() / 10.0
        ));
        lines
    }

    pub fn markdown(&self) -> String {
        self.lines().join("\n")
    }

    /// Fails when other figures are published.
    pub fn check_published(&self, mark: &str) {
        check_lines(mark, &self.lines());
    }
}

/// Fails when other lines stand in the document, after the table's head below this mark; renews them when
/// asked for.
pub fn check_lines(mark: &str, lines: &[String]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/secrets.md");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let begin = format!("<!-- figures: {mark} -->\n");
    let Some((before, rest)) = text.split_once(&begin) else {
        panic!("docs/secrets.md has no figures called {mark}");
    };
    let (published, after) = rest
        .split_once("<!-- end -->")
        .expect("an end of the figures");
    let mut head = published.lines().take(2).collect::<Vec<_>>().join("\n");
    head.push('\n');
    let wanted = format!("{head}{}\n", lines.join("\n"));
    if wanted == published {
        return;
    }
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, format!("{before}{begin}{wanted}<!-- end -->{after}"))
            .expect("the document is written");
        return;
    }
    panic!("docs/secrets.md has other figures; UPDATE_SNAPSHOTS=1 renews them:\n{wanted}");
}
