//! What the fault matrix is made of: one line for every row, printed by the test that tried it.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::canary::Dice;

/// How much is tried: the quick form in everyday test runs, the whole of it when asked for.
///
/// `CATALOG_FULL=1` asks for it.
pub fn full() -> bool {
    std::env::var_os("CATALOG_FULL").is_some_and(|value| value != "0" && !value.is_empty())
}

/// `quick`, or `whole` when everything is to be tried.
pub fn tries(quick: u64, whole: u64) -> u64 {
    if full() { whole } else { quick }
}

static SEED: OnceLock<u64> = OnceLock::new();

/// What everything that is chosen by chance is chosen from: `CATALOG_SEED`, or else the time, so
/// that what one run leaves out another tries. Rows print it: with it, the same is chosen again.
///
/// # Panics
/// When `CATALOG_SEED` is no number.
pub fn seed() -> u64 {
    *SEED.get_or_init(|| match std::env::var("CATALOG_SEED") {
        Ok(seed) => seed.trim().parse().expect("CATALOG_SEED is a number"),
        Err(_) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            now.map_or(0, |time| time.as_secs())
        }
    })
}

/// Dice for one purpose: what is thrown for another does not change what they show.
pub fn dice(purpose: &str) -> Dice {
    let salt = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| {
        (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    Dice::new(seed().wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt)
}

/// What is wrong when less than this share of what was to be done was done: a test whose faults do
/// not happen proves nothing.
pub fn short_of(percent: u64, done: u64, chosen: u64, what: &str) -> Option<String> {
    println!("{what}: {done} of {chosen}");
    let enough = done.saturating_mul(100) >= chosen.saturating_mul(percent);
    (!enough).then(|| format!("{what}: {done} of {chosen} only"))
}

/// Prints a row and fails when there were violations, or when nothing was tried.
///
/// # Panics
/// When there is a violation: each is printed before. When nothing was tried: a row that cannot
/// fail proves nothing.
pub fn row(name: &str, tried: u64, violations: &[String]) {
    for violation in violations {
        println!("violation: {name}: {violation}");
    }
    let seed = SEED.get().map(|seed| format!(", seed {seed}"));
    println!(
        "matrix: {name}: {tried} tried, {} violations{}",
        violations.len(),
        seed.unwrap_or_default()
    );
    assert!(tried > 0, "{name}: nothing was tried");
    assert!(
        violations.is_empty(),
        "{name}: {} violations",
        violations.len()
    );
}

/// Says that a row could not be tried here.
///
/// # Panics
/// Where everything has to be tried: with `CATALOG_REQUIRE_ALL`, or `CI` unless that is `0`.
pub fn did_not_run(name: &str, why: &str) {
    println!("matrix: {name}: did not run: {why}");
    assert!(!required(), "{name}: did not run: {why}");
}

fn required() -> bool {
    let names = ["CATALOG_REQUIRE_ALL", "CI"];
    let asked = names.into_iter().find_map(std::env::var_os);
    asked.is_some_and(|value| value != "0" && value != "false" && !value.is_empty())
}
