//! Many clients at a time, on many sources: no answer of 5xx, no write that was acknowledged gets
//! lost, and everything that was taken comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use catalog_tests::load::{self, Ledger, Load};
use catalog_tests::matrix::{row, tries};
use catalog_tests::{Server, eventually, process};

fn load_of(lasting: Duration) -> Load {
    Load {
        clients: 64,
        sources: usize::try_from(tries(20, 200)).unwrap(),
        lasting,
    }
}

/// What the server holds when nobody asks anything: descriptors and memory.
fn settled(server: &Server, fds: usize) -> process::Usage {
    eventually("descriptors return", || {
        process::usage(server.pid()).fds <= fds
    });
    process::usage(server.pid())
}

#[test]
fn under_load_nothing_fails_and_nothing_acknowledged_is_lost() {
    let load = load_of(Duration::from_secs(tries(4, 60)));
    let dir = tempfile::tempdir().unwrap();
    load::prepare(dir.path(), load.sources);
    let server = Server::start(dir.path());
    let ledger = Arc::new(Ledger::default());
    // The first round makes what is made once.
    let first = Load {
        lasting: load.lasting / 4,
        ..load
    };
    let mut violations = load::run(&server, first, &ledger).failures;
    let before = process::usage(server.pid());
    let done = load::run(&server, load, &ledger);
    done.print(load.lasting);
    violations.extend(done.failures);
    violations.extend(ledger.check(&server));
    println!("load: {} writes acknowledged", ledger.writes());
    assert!(ledger.writes() > 0);
    let after = settled(&server, before.fds + 16);
    println!(
        "load: {} KiB before, {} after; {} descriptors before, {} after",
        before.rss_kib, after.rss_kib, before.fds, after.fds
    );
    // What the allocator keeps differs from run to run; a leak of a kilobyte a request would be more.
    let slack = 16 * 1024 + before.rss_kib / 2;
    if after.rss_kib > before.rss_kib + slack {
        violations.push(format!(
            "memory grew from {} to {} KiB",
            before.rss_kib, after.rss_kib
        ));
    }
    // What was acknowledged is there after a restart, too.
    drop(server);
    let server = Server::start(dir.path());
    violations.extend(
        ledger
            .check(&server)
            .into_iter()
            .map(|lie| format!("after a restart: {lie}")),
    );
    row(
        "load: 64 clients on many sources",
        done.times.values().map(|t| t.len() as u64).sum(),
        &violations,
    );
}

/// `CATALOG_SOAK_SECONDS=7200 cargo test --release -p catalog-tests --test load -- --nocapture soak`
#[test]
fn a_soak_that_is_asked_for_shows_no_slope() {
    let Some(seconds) = std::env::var("CATALOG_SOAK_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok())
    else {
        println!("CATALOG_SOAK_SECONDS says for how long to soak; not set, not done");
        return;
    };
    let whole = Duration::from_secs(seconds);
    let round = (whole / 20).max(Duration::from_secs(1));
    let load = load_of(round);
    let dir = tempfile::tempdir().unwrap();
    load::prepare(dir.path(), load.sources);
    let server = Server::start(dir.path());
    let begun = Instant::now();
    let ledger = Arc::new(Ledger::default());
    let (mut points, mut requests) = (Vec::new(), 0);
    let mut violations = Vec::new();
    while begun.elapsed() < whole {
        let done = load::run(&server, load, &ledger);
        requests += done.requests();
        violations.extend(done.failures);
        violations.extend(ledger.check(&server));
        let usage = settled(&server, usize::MAX);
        let at = begun.elapsed().as_secs_f64();
        println!(
            "soak: {at:.0} s: {requests} requests, {} KiB, {} descriptors",
            usage.rss_kib, usage.fds
        );
        points.push((at, usage));
    }
    // The first quarter fills what is filled once.
    let later = &points[points.len() / 4..];
    let hour =
        |of: fn(&process::Usage) -> f64| 3600.0 * slope(later.iter().map(|(at, u)| (*at, of(u))));
    #[allow(clippy::cast_precision_loss)]
    let (memory, descriptors) = (hour(|u| u.rss_kib as f64), hour(|u| u.fds as f64));
    println!("soak: {memory:+.0} KiB and {descriptors:+.2} descriptors an hour");
    // The second quarter against the last one: what grows for ever has grown.
    let quarter = points.len() / 4;
    let middle = |of: Figure, part: &[(f64, process::Usage)]| {
        let mut all: Vec<u64> = part.iter().map(|(_, usage)| of(usage)).collect();
        all.sort_unstable();
        all[all.len() / 2]
    };
    let (early, late) = (
        &points[quarter..2 * quarter],
        &points[points.len() - quarter..],
    );
    let of: [(&str, Figure, u64); 2] = [
        ("KiB", |usage| usage.rss_kib, SLACK_KIB),
        ("descriptors", |usage| usage.fds as u64, SLACK_FDS),
    ];
    for (what, of, slack) in of {
        let (early, late) = (middle(of, early), middle(of, late));
        println!("soak: {early} {what} in the second quarter, {late} in the last one");
        if late > early + early / 10 + slack {
            violations.push(format!("{what} grew from {early} to {late}"));
        }
    }
    println!("soak: {} writes acknowledged", ledger.writes());
    drop(server);
    let server = Server::start(dir.path());
    let lies = ledger.check(&server).into_iter();
    violations.extend(lies.map(|lie| format!("after a restart: {lie}")));
    row("load: soak", requests, &violations);
}

/// One figure of what a process takes up.
type Figure = fn(&process::Usage) -> u64;

/// What the allocator and the moment make of memory and descriptors, whatever is done.
const SLACK_KIB: u64 = 8 * 1024;
const SLACK_FDS: u64 = 16;

/// The slope of the line that is closest to these points.
fn slope(points: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let count = points.clone().fold(0.0, |count, _| count + 1.0);
    let sum = points
        .clone()
        .fold((0.0, 0.0), |(x, y), (a, b)| (x + a, y + b));
    let (x, y) = (sum.0 / count, sum.1 / count);
    let (over, under) = points.fold((0.0, 0.0), |(over, under), (a, b)| {
        (over + (a - x) * (b - y), under + (a - x) * (a - x))
    });
    if under > 0.0 { over / under } else { 0.0 }
}
