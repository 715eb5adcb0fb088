//! A process that is killed at every system call of a change, and of mending what that left.

use std::path::{Path, PathBuf};

use catalog_tests::faults::traced::{Driver, Ended, Point, TRIES, Until, WRITES, points};
use catalog_tests::faults::{Home, Oracle, Scenario, each, scratch, some, some_named};
use catalog_tests::matrix;

/// So many of a hundred runs have to be killed at the call that was chosen. Those that are not have
/// made it in another thread, or one more or less before it, every time.
const ENOUGH: u64 = 93;
/// Points of one change in the quick form.
const QUICK: u64 = 7;
/// Homes that a killed change has left, and points of opening each, in the quick form.
const QUICK_CRASHED: u64 = 3;
const QUICK_OPENING: u64 = 5;
/// Such homes in the whole form.
const CRASHED: u64 = 24;

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_faults-driver"))
}

/// A run that is killed.
struct Case {
    scenario: Scenario,
    point: Point,
    /// The change that was killed before, when this is about opening what it left.
    after: Option<(Scenario, Point)>,
}

/// A home that a killed process has left.
struct Left {
    case: usize,
    /// A copy, to be counted in. To be opened it is made anew: a copy has other inodes.
    copy: Home,
}

/// Kills the driver at the call. `None`: the call was not made.
fn kill(home: &Home, scenario: Scenario, point: &Point) -> Option<Ended> {
    let mut driver = Driver::start(program(), home, scenario).expect("a driver");
    let only = format!("trace={}", point.call);
    let spoil = point.spoil(&format!("signal=KILL:when={}", point.nth));
    let options = ["-e", &only, "-e", &spoil];
    // How many threads there are differs from run to run.
    let tracer = driver.attach(point.thread.as_ref(), &options, home.trace());
    let tracer = tracer.ok()?;
    driver.go();
    let ended = driver.end().expect("an end");
    tracer.wait().expect("strace ends");
    ended.was_killed().then_some(ended)
}

impl Case {
    /// As [`Point::near`].
    fn near(&self, attempt: usize) -> Self {
        let after = self.after.as_ref();
        Self {
            scenario: self.scenario,
            point: self.point.near(attempt),
            after: after.map(|(scenario, point)| (*scenario, point.near(attempt))),
        }
    }

    /// Kills the driver, and says what is wrong with what is left; a copy of that goes to `copy`.
    /// `None`: the call was not made.
    fn run(&self, oracle: &Oracle, home: &Home, copy: &Path) -> Option<(Home, Vec<String>)> {
        let before = match &self.after {
            Some((scenario, point)) => Some(kill(home, *scenario, point)?),
            None => None,
        };
        let ended = kill(home, self.scenario, &self.point)?;
        let copy = home.copy_to(copy);
        let scenario = self.after.as_ref().map_or(self.scenario, |(s, _)| *s);
        let change = before.as_ref().unwrap_or(&ended);
        // What somebody wrote by hand is there, whoever dies.
        let by_hand = scenario == Scenario::External;
        let allowed = scenario.outcomes(|part| by_hand || change.acknowledged(part).is_some());
        let wrong = oracle.judge(scenario, home, &allowed);
        Some((copy, wrong))
    }

    fn what(&self) -> String {
        let first = self.after.as_ref();
        let first = first.map(|(s, point)| format!(" after {} killed at {point}", s.name()));
        let first = first.unwrap_or_default();
        format!("{}{first}, {}", self.scenario.name(), self.point)
    }
}

/// Tries all cases and prints their row; answers what they left.
fn row(name: &str, oracle: &Oracle, scratch: &Path, cases: &[Case]) -> Vec<Left> {
    let numbers: Vec<usize> = (0..cases.len()).collect();
    let answers = each(&numbers, |worker, number| {
        let case = &cases[*number];
        for attempt in 0..TRIES {
            let home = oracle.copy(&format!("killed-{worker}"));
            let copy = scratch.join(format!("left-{number}"));
            let case = case.near(attempt);
            if let Some((copy, wrong)) = case.run(oracle, &home, &copy) {
                let wrong = wrong.into_iter().map(|w| format!("{}: {w}", case.what()));
                let left = Left {
                    case: *number,
                    copy,
                };
                return (Some(left), wrong.collect());
            }
        }
        println!("not made again: {}", case.what());
        (None, Vec::new())
    });
    let tried = answers.iter().filter(|(left, _)| left.is_some()).count() as u64;
    let mut wrong: Vec<String> = answers.iter().flat_map(|(_, w)| w.clone()).collect();
    let chosen = cases.len() as u64;
    wrong.extend(matrix::short_of(
        ENOUGH,
        tried,
        chosen,
        "killed where they were to be",
    ));
    matrix::row(name, tried, &wrong);
    answers.into_iter().filter_map(|(left, _)| left).collect()
}

#[test]
fn a_catalog_killed_at_any_system_call_is_as_before_or_as_after() {
    const CHANGE: &str = "killed at every system call of a change";
    const RECOVERY: &str = "killed at every system call of a recovery";
    let scratch = scratch();
    let dir: PathBuf = scratch.path().to_owned();
    let oracle = Oracle::new(&dir);
    let mut cases = Vec::new();
    for scenario in Scenario::CHANGES {
        let home = oracle.copy("counted");
        let points = match points(program(), &home, scenario, WRITES, Until::Closed) {
            Ok(points) => points,
            Err(error) => {
                matrix::did_not_run(CHANGE, &error.to_string());
                return matrix::did_not_run(RECOVERY, &error.to_string());
            }
        };
        let points: Vec<Point> = points.into_iter().filter(Point::changes).collect();
        let chosen = some_named(
            &points,
            matrix::tries(QUICK, u64::MAX),
            scenario.name(),
            |point| format!("{}, {point}", scenario.name()),
        );
        println!(
            "{}: {} of {} calls",
            scenario.name(),
            chosen.len(),
            points.len()
        );
        cases.extend(chosen.into_iter().map(|point| Case {
            scenario,
            point,
            after: None,
        }));
    }
    let left = row(CHANGE, &oracle, &dir, &cases);

    // Where opening has to mend something, it makes more calls than elsewhere.
    let opening = |home: &Home| -> Vec<Point> {
        let points =
            points(program(), home, Scenario::Open, WRITES, Until::Closed).expect("a trace");
        points.into_iter().filter(Point::changes).collect()
    };
    let usual = opening(&oracle.copy("counted")).len();
    let counted = each(&left, |worker, left| {
        let home = left.copy.copy_to(&dir.join(format!("killed-{worker}")));
        (left.case, opening(&home))
    });
    let mut mended: Vec<_> = counted
        .into_iter()
        .filter(|(_, p)| p.len() > usual)
        .collect();
    mended.sort_by_key(|(case, _)| *case);
    println!("{} of what was left has to be mended", mended.len());
    let mut again = Vec::new();
    for (case, points) in some(&mended, matrix::tries(QUICK_CRASHED, CRASHED), "crashed") {
        let what = cases[case].what();
        let chosen = some(&points, matrix::tries(QUICK_OPENING, u64::MAX), &what);
        again.extend(chosen.into_iter().map(|point| Case {
            scenario: Scenario::Open,
            point,
            after: Some((cases[case].scenario, cases[case].point.clone())),
        }));
    }
    row(RECOVERY, &oracle, &dir, &again);
}
