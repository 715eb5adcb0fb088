//! What a reading costs, measured in a process of its own.

use std::fs;
use std::process::Command;
use std::time::Instant;

use super::paths::{Route, walk};

const NAME: &str = "CATALOG_ENEMY";
const ROUTE: &str = "CATALOG_ENEMY_ROUTE";
/// Another size than the usual one, to see how costs grow.
const SIZE: &str = "CATALOG_ENEMY_SIZE";

/// What a reading took.
pub struct Cost {
    pub ms: f64,
    pub kib: u64,
}

/// Whether the kernel tells how much memory a process has used since it was last asked to forget it; if
/// not, why.
pub fn cannot_measure() -> Option<String> {
    let known = status("VmHWM").is_some();
    let forgets = fs::write("/proc/self/clear_refs", "5");
    match (known, forgets) {
        (false, _) => Some("there is no /proc/self/status".to_owned()),
        (true, Err(error)) => Some(format!("peaks of memory cannot be forgotten: {error}")),
        (true, Ok(())) => None,
    }
}

/// The name of a child that takes this much memory, which must show.
pub const CONTROL: &str = "control";
pub const CONTROL_KIB: u64 = 48 << 10;

fn status(field: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim_start_matches(':')
        .trim()
        .trim_end_matches("kB")
        .trim()
        .parse()
        .ok()
}

/// The size that was asked for.
pub fn size() -> Option<usize> {
    std::env::var(SIZE).ok()?.parse().ok()
}

/// In a child: makes the text and reads it between two looks at the memory. `false` in a parent.
pub fn child(run: impl FnOnce(&str, Route, &dyn Fn(&[u8], &mut dyn FnMut(&[u8])))) -> bool {
    let (Ok(name), Ok(route)) = (std::env::var(NAME), std::env::var(ROUTE)) else {
        return false;
    };
    let route = Route::ALL
        .into_iter()
        .find(|r| format!("{r:?}") == route)
        .unwrap();
    // Idle is with everything loaded that any reading needs.
    walk(route, b"a: 1\n");
    if name == CONTROL {
        measured(|| {
            drop(std::hint::black_box(vec![
                1u8;
                (CONTROL_KIB << 10) as usize
            ]))
        });
        return true;
    }
    run(&name, route, &|text, read| measured(|| read(text)));
    true
}

/// Prints what some work takes.
fn measured(work: impl FnOnce()) {
    {
        // Forgets the peak so far.
        fs::write("/proc/self/clear_refs", "5").unwrap();
        let idle = status("VmHWM").unwrap();
        let start = Instant::now();
        work();
        let ms = start.elapsed().as_secs_f64() * 1000.0;
        let peak = status("VmHWM").unwrap();
        println!("child: {ms} {}", peak.saturating_sub(idle));
    }
}

/// What the enemy of this name costs on this way.
pub fn cost(test: &str, name: &str, route: Route) -> Cost {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(NAME, name)
        .env(ROUTE, format!("{route:?}"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.split_once("child: "));
    let Some((ms, kib)) = line.and_then(|(_, rest)| rest.split_once(' ')) else {
        panic!(
            "{name}, {route:?}: {text}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    Cost {
        ms: ms.parse().unwrap(),
        kib: kib.parse().unwrap(),
    }
}
