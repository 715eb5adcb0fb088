//! System calls of a change that fail, once or from then on.

use std::path::Path;

use catalog_tests::faults::traced::{Driver, Ended, Point, READS, WRITES, points};
use catalog_tests::faults::{Home, Later, Oracle, Scenario, Step, each, scratch, some};
use catalog_tests::matrix;

/// Cases of one scenario in the quick form.
const QUICK: u64 = 22;
/// Scenarios in the quick form.
const QUICK_SCENARIOS: [Scenario; 3] = [Scenario::Both, Scenario::Create, Scenario::Delete];
/// How often a call is waited for that is made by another thread in some runs.
const TRIES: usize = 3;
/// Calls in a row that are interrupted: none is for ever.
const INTERRUPTIONS: usize = 4;

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_faults-driver"))
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fault {
    error: &'static str,
    lasts: bool,
}

#[derive(Debug, Clone)]
struct Case {
    scenario: Scenario,
    point: Point,
    fault: Fault,
}

/// The errors that a call can fail with.
fn errors(point: &Point) -> Vec<&'static str> {
    let mut errors = vec!["EIO"];
    let call = &*point.call;
    let changes = point.changes() && !matches!(call, "flock" | "fcntl");
    if changes {
        errors.extend(["ENOSPC", "EDQUOT"]);
        if !call.starts_with("write") && !call.starts_with("pwrite") && !call.ends_with("sync") {
            errors.push("EROFS");
        }
    }
    if call.starts_with("open") {
        errors.push("EMFILE");
    }
    let waits = ["open", "read", "pread", "write", "pwrite", "f"];
    if waits.iter().any(|prefix| call.starts_with(prefix)) {
        errors.push("EINTR");
    }
    errors
}

fn cases(scenario: Scenario, home: &Home) -> std::io::Result<Vec<Case>> {
    let points = points(program(), home, scenario, &format!("{WRITES},{READS}"))?;
    // The first thread speaks with this one; what does not concern the home is no disk's fault.
    let is_first = |p: &Point| {
        p.thread
            .as_ref()
            .is_some_and(|(name, _)| name == "faults-driver")
    };
    // Of what is asked with `fcntl`, only a lock can fail for a reason outside of the program.
    let is_asked = |p: &Point| p.call == "fcntl" && !p.changes();
    let points = points
        .into_iter()
        .filter(|p| !is_first(p) && !is_asked(p) && p.is_below(home));
    let mut cases = Vec::new();
    for point in points {
        for error in errors(&point) {
            for lasts in [false, true] {
                let fault = Fault { error, lasts };
                let point = point.clone();
                cases.push(Case {
                    scenario,
                    point,
                    fault,
                });
            }
        }
    }
    Ok(cases)
}

impl Case {
    fn spoil(&self) -> String {
        let Fault { error, lasts } = self.fault;
        let nth = self.point.nth;
        let when = match (lasts, error) {
            (false, _) => format!("{nth}"),
            (true, "EINTR") => format!("{nth}..{}", nth + INTERRUPTIONS),
            (true, _) => format!("{nth}+"),
        };
        self.point.spoil(&format!("error={error}:when={when}"))
    }

    /// Makes the call fail while the change is made, and lets go of the driver before the later
    /// saves. `None`: the thread was not there.
    fn run(&self, home: &Home) -> Option<Ended> {
        let mut driver = Driver::start(program(), home, self.scenario).expect("a driver");
        let only = format!("trace={}", self.point.call);
        let options = ["-e", &only, "-e", &self.spoil(), "-o", "/dev/null"];
        let tracer = driver.attach(self.point.thread.as_ref(), &options).ok()?;
        driver.go();
        let alive = driver.until("served").expect("an answer");
        tracer.detach().expect("strace ends");
        if alive {
            driver.go();
            driver.until("health").expect("an answer");
        }
        Some(driver.end().expect("an end"))
    }

    /// Whether a change that was committed, and half of it in place, was given up because the file
    /// system had become read-only, and stays so for all that the store can know.
    fn is_set_aside(&self, ended: &Ended) -> bool {
        let health = ended.line("health ").unwrap_or_default();
        self.fault.lasts && self.fault.error == "EROFS" && health.contains("journal.failed")
    }

    /// What is wrong with how a driver ended and what it left.
    fn judge(&self, oracle: &Oracle, home: &Home, ended: &Ended) -> Vec<String> {
        let mut wrong = Vec::new();
        if ended.line("closed").is_none() || ended.complaints.contains("panicked") {
            let (status, tail) = (ended.status, ended.complaints.lines().next_back());
            wrong.push(format!("it ended with {status}: {tail:?}"));
        }
        let acknowledged = ended.acknowledged();
        let steps = |change: bool| match change {
            true => vec![Step::Change(self.scenario)],
            false => Vec::new(),
        };
        let refused = |why: Option<&str>| match why {
            Some(why) if why.starts_with("store-unavailable ") || why.starts_with("open ") => None,
            other => Some(format!(
                "the answer was neither a revision nor that: {other:?}"
            )),
        };
        if acknowledged.is_none() {
            wrong.extend(refused(ended.line("refused ")));
        }
        // An error after the commit point leaves open whether the change is made.
        let changes = match (self.scenario, acknowledged) {
            (Scenario::Open, _) => vec![false],
            (_, None) => vec![false, true],
            (_, Some(_)) => vec![true],
        };
        let served = ended.line("served ").unwrap_or_default();
        let is_served = |change: &bool| oracle.expected(&steps(*change)).heads() == served;
        if served != "nothing" && !changes.iter().any(is_served) {
            wrong.push(format!("served is {served}"));
        }
        let later: Vec<&str> = ended.lines("later ").collect();
        let healthy = ended
            .line("health ")
            .is_some_and(|h| h.starts_with("Healthy"));
        let mut made = Vec::new();
        for (save, answer) in Later::ALL.into_iter().zip(&later) {
            match answer.strip_prefix("ack ") {
                Some(_) => made.push(Step::Later(save, self.scenario)),
                // That is allowed to a store only that cannot trust its disk any more, and says so.
                None if !healthy => wrong.extend(refused(answer.strip_prefix("refused "))),
                None => wrong.push(format!("a later save: {answer}")),
            }
        }
        if later.len() != Later::ALL.len() && served != "nothing" {
            wrong.push("no later saves".to_owned());
        }
        if self.is_set_aside(ended) {
            // That is what it says it does; the history has the change, somebody has to look.
            if acknowledged.is_some() || !later.iter().all(|answer| answer.starts_with("ack ")) {
                wrong.push(format!("set aside, and {later:?}"));
            }
            return wrong;
        }
        if made.len() == Later::ALL.len() && !healthy {
            let health = ended.line("health ");
            wrong.push(format!("saves work, and it says {health:?}"));
        }
        // What somebody wrote by hand is there and taken at the latest now.
        let changes = match self.scenario {
            Scenario::External => vec![true],
            _ => changes,
        };
        let done = changes
            .into_iter()
            .map(|c| [steps(c), made.clone()].concat());
        let done: Vec<Vec<Step>> = done.collect();
        wrong.extend(oracle.judge(self.scenario, home, &done));
        wrong
    }
}

#[test]
fn a_system_call_that_fails_is_reported_or_does_no_harm_and_later_saves_work() {
    const NAME: &str = "an error at every system call of a change";
    let scratch = scratch();
    let oracle = Oracle::new(scratch.path());
    let scenarios = match matrix::full() {
        true => [&Scenario::CHANGES[..], &[Scenario::Open]].concat(),
        false => QUICK_SCENARIOS.to_vec(),
    };
    let mut all = Vec::new();
    for scenario in scenarios {
        let cases = match cases(scenario, &oracle.copy("counted")) {
            Ok(cases) => cases,
            Err(error) => return matrix::did_not_run(NAME, &error.to_string()),
        };
        let chosen = some(&cases, matrix::tries(QUICK, u64::MAX));
        println!(
            "{}: {} of {} cases",
            scenario.name(),
            chosen.len(),
            cases.len()
        );
        all.extend(chosen);
    }
    let answers = each(&all, |worker, case| {
        let mut wrong = Vec::new();
        for _ in 0..TRIES {
            let home = oracle.copy(&format!("failing-{worker}"));
            let Some(ended) = case.run(&home) else {
                continue;
            };
            wrong = case.judge(&oracle, &home, &ended);
            break;
        }
        let Case {
            scenario,
            point,
            fault,
        } = case;
        let Fault { error, lasts } = fault;
        let lasts = if *lasts { ", and on" } else { "" };
        let what = format!("{}, {error}{lasts} at {point}", scenario.name());
        wrong
            .iter()
            .map(|wrong| format!("{what}: {wrong}"))
            .collect::<Vec<_>>()
    });
    matrix::row(NAME, all.len() as u64, &answers.concat());
}
