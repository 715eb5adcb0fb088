//! What the fuzz targets do, on the stable compiler: over the seeds, over every input that once
//! found a bug, and over some thousands of random inputs.

// All of it is tests, helpers included.
#![allow(clippy::unwrap_used)]

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

#[path = "../../fuzz/src/lib.rs"]
mod targets;

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 4] = [
    ("yaml", targets::yaml),
    ("redact", targets::redact),
    ("edit", targets::edit),
    ("sources", targets::sources),
];

fn folder(kind: &str, target: &str) -> PathBuf {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    fuzz.join(kind).join(target)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn row(name: &str, tried: u64, violations: &[String]) {
    for violation in violations {
        println!("violation: {name}: {violation}");
    }
    let failed = violations.len();
    println!("matrix: {name}: {tried} tried, {failed} violations");
    assert!(tried > 0 && failed == 0, "{name}: {failed} violations");
}

#[test]
fn every_seed_and_every_input_that_once_found_a_bug_holds() {
    let (mut tried, mut violations) = (0, Vec::new());
    for (name, target) in TARGETS {
        for kind in ["seeds", "regressions"] {
            for file in files(&folder(kind, name)) {
                let input = std::fs::read(&file).unwrap();
                tried += 1;
                if catch_unwind(|| target(&input)).is_err() {
                    violations.push(file.display().to_string());
                }
            }
        }
    }
    row("fuzz regressions", tried, &violations);
}

/// What inputs are made from: `CATALOG_SEED`, or else the time. Rows print it.
fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| match std::env::var("CATALOG_SEED") {
        Ok(seed) => seed.trim().parse().expect("CATALOG_SEED is a number"),
        Err(_) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            now.map_or(1, |time| time.as_secs())
        }
    })
}

/// A generator of pseudo-random numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, of: usize) -> usize {
        (self.next() % of as u64) as usize
    }
}

/// Texts made of what matters to a reader of YAML.
const PIECES: [&str; 68] = [
    "a",
    "b",
    "id",
    "name",
    "password",
    "token",
    ": ",
    ":",
    "- ",
    "-",
    "\n",
    "\n",
    "\n  ",
    "\n    ",
    " ",
    "  ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    ",",
    "&x ",
    "*x",
    "!!int ",
    "!!str ",
    "! ",
    "!x ",
    "|\n",
    ">-\n",
    "|2\n",
    "|+\n",
    "\"",
    "'",
    "# ",
    " #",
    "=",
    "hunter2",
    "12345678",
    "1.10",
    "true",
    "null",
    "~",
    "\\",
    "\\n",
    "\r\n",
    "\r",
    "\t",
    "\u{feff}",
    "é",
    "🦀",
    "\u{85}",
    "\u{2028}",
    "\u{200b}",
    "://",
    "@",
    "eyJhbGciOi",
    "AKIA",
    "Bearer ",
    "***REDACTED***",
    "\"***REDACTED***\"",
    "?",
    "? ",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "catalogs:",
    "sources:",
];

fn input(random: &mut Random) -> Vec<u8> {
    let mut input = Vec::new();
    if random.below(3) > 0 {
        input.push(targets::GENERATE);
    } else {
        for _ in 0..random.below(24) {
            input.extend_from_slice(PIECES[random.below(PIECES.len())].as_bytes());
        }
        input.push(0);
    }
    for _ in 0..random.below(300) {
        input.push(random.next() as u8);
    }
    input
}

fn random_inputs_hold(name: &str) {
    let full = std::env::var_os("CATALOG_FULL").is_some_and(|value| value != "0");
    let tries = if full { 50_000 } else { 600 };
    let (_, target) = TARGETS.into_iter().find(|(n, _)| *n == name).unwrap();
    // Never nothing but zeros, of which only zeros come.
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seed().wrapping_mul(0xd134_2543_de82_ef95) | 1);
    let mut violations = Vec::new();
    for _ in 0..tries {
        let input = input(&mut random);
        if catch_unwind(|| target(&input)).is_err() {
            violations.push(format!("{:?}", input.escape_ascii().to_string()));
            if violations.len() == 10 {
                break;
            }
        }
    }
    violations.extend(refused_too_often(name));
    println!("CATALOG_SEED={} makes the same inputs", seed());
    row(&format!("fuzz {name}, random inputs"), tries, &violations);
}

/// So many of a hundred that can be done are done, at least. What is refused could not be done in
/// place, or not without a doubt; most of what people write can.
const LEAST: [(&str, u64); 8] = [
    ("yaml: a text is read", 60),
    ("redact: an edit of what is shown is taken", 25),
    ("edit: a value is set", 85),
    ("edit: something is removed", 70),
    ("edit: an item is appended", 75),
    ("sources: one is removed", 85),
    ("sources: one is set", 90),
    ("sources: an entry is restored", 45),
];

fn refused_too_often(name: &str) -> Vec<String> {
    let mut violations = Vec::new();
    let tallied = targets::tallied();
    for (what, least) in LEAST {
        if !what.starts_with(name) {
            continue;
        }
        let (asked, made) = tallied.get(what).copied().unwrap_or_default();
        println!("{what}: {made} of {asked}");
        if made == 0 || made * 100 < asked * least {
            violations.push(format!("{what}: {made} of {asked} only"));
        }
    }
    violations
}

#[test]
fn the_yaml_front_end_holds_for_random_inputs() {
    random_inputs_hold("yaml");
}

#[test]
fn the_redactor_and_its_round_trip_hold_for_random_inputs() {
    random_inputs_hold("redact");
}

#[test]
fn the_in_place_editor_holds_for_random_inputs() {
    random_inputs_hold("edit");
}

#[test]
fn the_merge_of_sources_files_holds_for_random_inputs() {
    random_inputs_hold("sources");
}
