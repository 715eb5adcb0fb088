//! System calls of a change that fail, once or from then on.

use std::path::Path;

use catalog_tests::faults::traced::{Driver, Ended, Point, READS, TRIES, Until, WRITES, points};
use catalog_tests::faults::{Home, Later, Oracle, Scenario, Step, each, scratch, some_named};
use catalog_tests::matrix;

/// Cases of one scenario in the quick form.
const QUICK: u64 = 14;
/// Scenarios in the quick form.
const QUICK_SCENARIOS: [Scenario; 5] = [
    Scenario::Both,
    Scenario::Create,
    Scenario::Delete,
    Scenario::Settle,
    Scenario::Four,
];
/// So many of a hundred calls that were chosen have to fail. Those that do not are made by another
/// thread, or come one earlier or later, every time.
const ENOUGH: u64 = 90;
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
    let call = &*point.call;
    // To give up a lock does not touch the disk, and waits for nothing.
    if point.arguments.contains("F_UNLCK") || point.arguments.contains("LOCK_UN") {
        return Vec::new();
    }
    let mut errors = vec!["EIO"];
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
    let calls = format!("{WRITES},{READS}");
    let points = points(program(), home, scenario, &calls, Until::Answered)?;
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
        // If locks failed for good, those that are held could not be given up.
        let lasting: &[bool] = match matches!(&*point.call, "fcntl" | "flock") {
            true => &[false],
            false => &[false, true],
        };
        for error in errors(&point) {
            for &lasts in lasting {
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
    fn what(&self) -> String {
        let Fault { error, lasts } = self.fault;
        let lasts = if lasts { ", and on" } else { "" };
        format!("{}, {error}{lasts} at {}", self.scenario.name(), self.point)
    }

    /// Tries it: what is wrong. `None`: the call was never made.
    fn attempt(&self, oracle: &Oracle, worker: usize) -> Option<Vec<String>> {
        for attempt in 0..TRIES {
            let home = oracle.copy(&format!("failing-{worker}"));
            let case = Self {
                point: self.point.near(attempt),
                ..self.clone()
            };
            if let Some(ended) = case.run(&home) {
                let what = case.what();
                let wrong = case.judge(oracle, &home, &ended).into_iter();
                return Some(wrong.map(|wrong| format!("{what}: {wrong}")).collect());
            }
        }
        println!("not made again: {}", self.what());
        None
    }

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
    /// saves. `None`: the call was not made, so that nothing has failed.
    fn run(&self, home: &Home) -> Option<Ended> {
        let mut driver = Driver::start(program(), home, self.scenario).expect("a driver");
        let only = format!("trace={}", self.point.call);
        let options = ["-e", &only, "-e", &self.spoil()];
        let tracer = driver.attach(self.point.thread.as_ref(), &options, home.trace());
        let tracer = tracer.ok()?;
        driver.go();
        let alive = driver.until("served").expect("an answer");
        let has_failed = tracer.detach().expect("strace ends").contains("(INJECTED)");
        if alive {
            driver.go();
            driver.until("health").expect("an answer");
        }
        let ended = driver.end().expect("an end");
        has_failed.then_some(ended)
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
            let told = ended.complaints.lines();
            let told: Vec<&str> = told
                .skip_while(|line| !line.contains("panicked"))
                .take(2)
                .collect();
            let status = ended.status;
            wrong.push(format!("it ended with {status}: {told:?}"));
        }
        let refused = |why: Option<&str>| match why {
            Some(why) if why.starts_with("store-unavailable ") || why.starts_with("open ") => None,
            other => Some(format!(
                "the answer was neither a revision nor that: {other:?}"
            )),
        };
        let parts = 0..self.scenario.parts().len();
        for part in parts
            .clone()
            .filter(|part| ended.acknowledged(*part).is_none())
        {
            wrong.extend(refused(ended.refused(part)));
        }
        // An error after the commit point leaves open whether the change is made.
        let changes = match self.scenario {
            Scenario::Open => vec![Vec::new()],
            scenario => scenario.outcomes(|part| ended.acknowledged(part).is_some()),
        };
        let served = ended.line("served ").unwrap_or_default();
        let is_served = |change: &Vec<Step>| oracle.expected(change).heads() == served;
        // Nobody waits for what several wrote to be shown; where it cannot be read, it is not yet.
        let shown = match self.scenario {
            Scenario::Four => self.scenario.outcomes(|_| false),
            _ => changes.clone(),
        };
        if served != "nothing" && !shown.iter().any(is_served) {
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
            // That is what it says it does with what it has not acknowledged; the history has the
            // change, somebody has to look. The others are made.
            let heads = ended.line("heads ").unwrap_or_default();
            let made = parts.clone().filter_map(|part| ended.acknowledged(part));
            let (made, lost): (Vec<_>, Vec<_>) =
                made.partition(|revision| heads.contains(&format!("={revision}/")));
            let refused = parts.len() > made.len();
            if !refused || !lost.is_empty() || !later.iter().all(|a| a.starts_with("ack ")) {
                wrong.push(format!("set aside, {lost:?} lost, and {later:?}"));
            }
            return wrong;
        }
        if made.len() == Later::ALL.len() && !healthy {
            let health = ended.line("health ");
            wrong.push(format!("saves work, and it says {health:?}"));
        }
        // What somebody wrote by hand is there and taken at the latest now.
        let changes = match self.scenario {
            Scenario::External => self.scenario.outcomes(|_| true),
            _ => changes,
        };
        let done = changes
            .into_iter()
            .map(|change| [change, made.clone()].concat());
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
    let (mut injected, mut chosen, mut wrong) = (0, 0, Vec::new());
    for scenario in scenarios {
        let cases = match cases(scenario, &oracle.copy("counted")) {
            Ok(cases) => cases,
            Err(error) => return matrix::did_not_run(NAME, &error.to_string()),
        };
        let (name, all) = (scenario.name(), cases.len());
        let cases = some_named(&cases, matrix::tries(QUICK, u64::MAX), name, Case::what);
        let answers = each(&cases, |worker, case| case.attempt(&oracle, worker));
        let failed = answers.iter().flatten().count() as u64;
        println!("{name}: {failed} of {} calls failed, of {all}", cases.len());
        injected += failed;
        chosen += cases.len() as u64;
        wrong.extend(answers.into_iter().flatten().flatten());
    }
    wrong.extend(matrix::short_of(
        ENOUGH,
        injected,
        chosen,
        "failed that were to fail",
    ));
    matrix::row(NAME, injected, &wrong);
}
