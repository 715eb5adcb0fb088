//! How long hostile YAML takes until it is refused, on every way on which it comes in.
//! `cargo bench -p catalog-tests --bench refusals`

#[allow(dead_code)]
#[path = "../tests/yaml_enemies/corpus.rs"]
mod corpus;
#[allow(dead_code)]
#[path = "../tests/yaml_enemies/paths.rs"]
mod paths;

use std::time::Duration;

use catalog_core::yaml::{Limits, parse_bytes};
use catalog_tests::matrix::tries;
use catalog_tests::measure::{Times, row, time};
use corpus::{Want, enemies};
use paths::{Route, refuse};

/// What a refusal may take.
const REACH: Duration = Duration::from_millis(50);

fn main() {
    // `cargo test --benches` runs this, too, without measuring.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let rounds = tries(3, 11);
    for route in [Route::FrontEnd, Route::Mcp, Route::Model, Route::Sources] {
        let (mut slowest, mut count) = (None::<(Times, &str)>, 0);
        for enemy in enemies().iter().filter(|e| e.want != Want::Take) {
            let text = (enemy.make)(enemy.size);
            let times = (0..rounds).map(|_| time(|| refuse(route, &text)));
            let times = Times::new(times.collect());
            if times.median() > Duration::from_millis(10) {
                println!("{route:?}: {}: {times}", enemy.name);
            }
            count += 1;
            if slowest
                .as_ref()
                .is_none_or(|(most, _)| times.median() > most.median())
            {
                slowest = Some((times, enemy.name));
            }
        }
        let (times, name) = slowest.expect("there are some");
        told(
            &format!("{}; the slowest of {count}: {name}", route.row()),
            &times,
        );
    }
    let text: String = (0..1_000_000).map(|i| format!("k{i}: 1\n")).collect();
    let limits = Limits::for_documents(text.len());
    let over = || assert!(parse_bytes(text.as_bytes(), &limits).is_err());
    let times = Times::new((0..rounds).map(|_| time(over)).collect());
    let name = "a million keys under a limit of 11 MiB, which is ten times the usual one";
    row(
        name,
        &times.to_string(),
        "–",
        times.median().as_secs_f64() / REACH.as_secs_f64(),
        "–",
    );
}

fn told(name: &str, times: &Times) {
    let ratio = times.median().as_secs_f64() / REACH.as_secs_f64();
    row(
        &format!("refuse {name}"),
        &times.to_string(),
        "50 ms",
        ratio,
        "≤ 50 ms",
    );
}
