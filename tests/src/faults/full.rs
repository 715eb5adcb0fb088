//! Trying changes where there is no room for them, in this process: whoever starts it has made the
//! place.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::home::{Catalog, Home};
use super::oracle::Oracle;
use super::scenario::{Later, Scenario, Step};

/// Bytes of the file system that is filled.
pub const SIZE: u64 = 16 << 20;

/// The scenarios that are tried.
const TRIED: [Scenario; 3] = [Scenario::Both, Scenario::Create, Scenario::Delete];

/// Lengths in a row that work before no longer one can fail.
const ENOUGH: u64 = 2;

/// Bytes from one length to the next, besides those around what is written.
const STRIDE: u64 = 97;

/// Leaves every amount of free space, page by page, and tries every change.
pub fn file_system(root: &Path) {
    let page = rustix::param::page_size() as u64;
    let filler = root.join("filler");
    let free = || {
        let stat = rustix::fs::statvfs(root).expect("a file system");
        stat.f_bavail * stat.f_frsize
    };
    try_all(root, page, |bytes| {
        let mut file = fs::File::create(&filler).expect("a file");
        let mut left = free().saturating_sub(bytes);
        let zeros = vec![0; usize::try_from(page).unwrap_or(4096)];
        while left >= page && file.write_all(&zeros).is_ok() {
            left -= page;
        }
        let filler = filler.clone();
        Box::new(move || fs::remove_file(&filler).expect("room"))
    });
}

/// Lets no file grow longer than every length, and tries every change.
pub fn file_size(root: &Path) {
    try_all(root, STRIDE, |bytes| {
        let all = getrlimit(Resource::Fsize);
        let limit = Rlimit {
            current: Some(bytes),
            maximum: all.maximum,
        };
        setrlimit(Resource::Fsize, limit).expect("a limit");
        Box::new(move || setrlimit(Resource::Fsize, all).expect("no limit"))
    });
}

type Undo = Box<dyn FnOnce()>;

fn try_all(root: &Path, step: u64, cramp: impl Fn(u64) -> Undo) {
    let oracle = Oracle::new(root);
    let mut tried = 0;
    for scenario in TRIED {
        let (mut room, mut worked) = (0, 0);
        let quick = crate::matrix::tries(24, 1);
        while worked < ENOUGH && room < 4 << 20 {
            let home = oracle.copy("cramped");
            let (made, wrong) = try_one(&oracle, scenario, &home, || cramp(room));
            for wrong in wrong {
                println!("wrong {}, room for {room} bytes: {wrong}", scenario.name());
            }
            worked = if made { worked + 1 } else { 0 };
            tried += 1;
            room += step * if room < 8 * step { 1 } else { quick };
        }
        println!("{}: works from {room} bytes on", scenario.name());
    }
    println!("tried {tried}");
}

fn try_one(
    oracle: &Oracle,
    scenario: Scenario,
    home: &Home,
    cramp: impl FnOnce() -> Undo,
) -> (bool, Vec<String>) {
    let before = oracle.expected(&[]).heads();
    let after = oracle.expected(&[Step::Change(scenario)]).heads();
    let (made, later, mut wrong) = super::run(attempt(scenario, home, cramp, &before, &after));
    let change: Vec<Step> = made.then_some(Step::Change(scenario)).into_iter().collect();
    let steps = [change, later].concat();
    wrong.extend(oracle.judge(scenario, home, &[steps]));
    (made, wrong)
}

/// Makes the change where there is no room, and the later saves where there is.
async fn attempt(
    scenario: Scenario,
    home: &Home,
    cramp: impl FnOnce() -> Undo,
    before: &str,
    after: &str,
) -> (bool, Vec<Step>, Vec<String>) {
    let catalog = Catalog::open(home).await.expect("a catalog");
    let mut wrong = Vec::new();
    let undo = cramp();
    let answer = scenario.make(&catalog).await;
    let served = catalog.served();
    undo();
    let expected = match &answer {
        Ok(_) => after,
        Err(error) => {
            if !error.starts_with("store-unavailable ") {
                wrong.push(format!("it says {error}"));
            }
            before
        }
    };
    if served != expected {
        wrong.push(format!("served is {served}"));
    }
    let mut later = Vec::new();
    for save in Later::ALL {
        let step = Step::Later(save, scenario);
        match step.make(&catalog).await {
            Ok(_) => later.push(step),
            Err(error) => wrong.push(format!("a later save: {error}")),
        }
    }
    catalog.close().await;
    (answer.is_ok(), later, wrong)
}
