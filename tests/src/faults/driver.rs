//! The process that is disturbed.
//!
//! `faults-driver <home> <scenario>` opens the catalog, says `ready` with its threads, and waits for
//! a line on its standard input. Then it makes the change and says `ack <part> <revision>` or `refused
//! <part> <code> <why>` for every part of it, and `served` with what it serves. Another line, when the disturbance is over, makes
//! it say its `heads`, try the later saves, and say how its store is. At the end of the input it
//! closes everything and says `closed`.
//!
//! `faults-driver <directory> full` and `… limited` try changes where there is no room.

use std::io::{self, BufRead as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use catalog_core::ports::SourceConfigStore as _;

use super::home::{Catalog, Home};
use super::look::look;
use super::scenario::{Later, Scenario, Step};

/// A run that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// What a run that hangs exits with.
pub const HANGS: u8 = 99;

/// The driver.
pub fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [root, place] = &args[..] {
        match (Home::at(root).root(), &**place) {
            (root, "full") => {
                super::full::file_system(root);
                return ExitCode::SUCCESS;
            }
            (root, "limited") => {
                super::full::file_size(root);
                return ExitCode::SUCCESS;
            }
            _ => {}
        }
    }
    let (Some(home), Some(scenario)) = (
        args.first().map(Home::at),
        args.get(1).and_then(|name| Scenario::named(name)),
    ) else {
        eprintln!("usage: faults-driver <home> <scenario>");
        return ExitCode::FAILURE;
    };
    let watchdog = std::thread::Builder::new().name("watchdog".to_owned());
    let watching = watchdog.spawn(|| {
        std::thread::sleep(LIMIT);
        std::process::exit(i32::from(HANGS));
    });
    drop(watching.expect("a thread"));
    match super::run(drive(&home, scenario)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn drive(home: &Home, scenario: Scenario) -> Result<(), String> {
    let opening = scenario == Scenario::Open;
    let mut catalog = None;
    if opening {
        // The thread for what blocks is there before anybody watches.
        let _ = tokio::task::spawn_blocking(|| ()).await;
    } else {
        catalog = Some(Catalog::open(home).await?);
        scenario.prepare(home);
    }
    say(&format!("ready {}", threads()))?;
    if !told()? {
        return Ok(());
    }
    if opening {
        match Catalog::open(home).await {
            Ok(opened) => catalog = Some(opened),
            Err(error) => say(&format!("refused 0 open {error}"))?,
        }
    }
    match &catalog {
        Some(catalog) => {
            for (part, result) in scenario.make_all(catalog).await.into_iter().enumerate() {
                say(&match result {
                    Ok(revision) => format!("ack {part} {revision}"),
                    Err(error) => format!("refused {part} {error}"),
                })?;
            }
            say(&format!("served {}", catalog.served()))?;
        }
        None => say("served nothing")?,
    }
    if told()?
        && let Some(catalog) = &catalog
    {
        let heads = look(catalog, home, &mut Vec::new()).await.heads();
        say(&format!("heads {heads}"))?;
        for later in Later::ALL {
            say(&match Step::Later(later, scenario).make(catalog).await {
                Ok(revision) => format!("later ack {revision}"),
                Err(error) => format!("later refused {error}"),
            })?;
        }
        let health = catalog.store.health().await;
        let detail = health.detail.unwrap_or_default();
        say(&format!("health {:?} {detail}", health.state))?;
        while told()? {}
    }
    if let Some(catalog) = catalog {
        catalog.close().await;
    }
    say("closed")
}

fn say(line: &str) -> Result<(), String> {
    let mut out = io::stdout().lock();
    let written = out.write_all(format!("{line}\n").as_bytes());
    let flushed = written.and_then(|()| out.flush());
    flushed.map_err(|e| format!("nobody listens: {e}"))
}

/// Waits for a line; `false` at the end of the input.
fn told() -> Result<bool, String> {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    read.map(|n| n > 0)
        .map_err(|e| format!("nobody speaks: {e}"))
}

/// The threads of this process, as `<id>:<name>`, by id.
fn threads() -> String {
    let mut threads: Vec<(u32, String)> = std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let id = entry.file_name().to_str()?.parse().ok()?;
            let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
            Some((id, name.trim().replace([' ', ':'], "-")))
        })
        .collect();
    threads.sort_unstable();
    let shown = threads.iter().map(|(id, name)| format!("{id}:{name}"));
    shown.collect::<Vec<_>>().join(" ")
}
