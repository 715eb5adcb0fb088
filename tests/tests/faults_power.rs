//! Power cuts: what was not synced is lost, in part or in whole, in any order.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use catalog_tests::faults::power::{Disk, Event, Fate, Recorder, State, Sync, Trace, states};
use catalog_tests::faults::{
    Catalog, Home, Oracle, Scenario, Step, WORKERS, each, main_text, options, outcomes, run,
    scratch, some,
};
use catalog_tests::matrix;

/// States in the quick form.
const QUICK: u64 = 24;
/// States in the quick form where every write is cut short.
const QUICK_CUT: u64 = 10;
/// The same in the whole form.
const WHOLE_CUT: u64 = 4_000;
/// Syncs that fail, one at a time, in the quick form.
const QUICK_SYNCS: u64 = 8;
/// States in the whole form: more would take hours and show the same.
const WHOLE: u64 = 20_000;

/// What is done, one after the other. The store is closed and opened again in between.
const STEPS: &[Scenario] = &[
    Scenario::Content,
    Scenario::Both,
    Scenario::Create,
    Scenario::Four,
    Scenario::Delete,
    Scenario::RollBack,
    Scenario::Settle,
    Scenario::External,
    Scenario::Enable,
];
/// What is done to files that no store has seen.
const FIRST_STEPS: &[Scenario] = &[Scenario::Content, Scenario::Four, Scenario::Create];
/// The store is opened anew before this one.
const REOPENED: usize = 3;

/// What was recorded of a run.
struct Recorded {
    steps: &'static [Scenario],
    home: Home,
    start: Disk,
    trace: Trace,
}

/// Makes the steps on a copy of the template of this name; stops after the second that is refused.
fn record(
    oracle: &Oracle,
    name: &str,
    recorder: &Recorder,
    steps: &'static [Scenario],
) -> Recorded {
    let home = oracle.copy(name);
    let start = Disk::of(home.root());
    let open = || Catalog::open_with(&home, options(&home).hook(recorder.hook()));
    run(async {
        // A disk that fails may not let it open.
        let Ok(mut catalog) = open().await else {
            return;
        };
        let mut refused = 0;
        for (i, scenario) in steps.iter().copied().enumerate() {
            if i == REOPENED {
                catalog.close().await;
                catalog = match open().await {
                    Ok(catalog) => catalog,
                    Err(_) => return,
                };
            }
            let first = parts(&steps[..i]).len();
            let own = first..first + scenario.parts().len();
            own.clone()
                .for_each(|part| recorder.note(Event::Begun(part)));
            if scenario == Scenario::External {
                scenario.prepare(&home);
                let path = home.catalog().join("main.yaml");
                recorder.note(Event::Outside(path, main_text(99).into_bytes()));
                // It is there, whatever becomes of us.
                recorder.note(Event::Ended(first, true));
            }
            for (part, made) in own.zip(scenario.make_all(&catalog).await) {
                recorder.note(Event::Ended(part, made.is_ok()));
                refused += usize::from(made.is_err());
            }
            if refused >= 2 {
                break;
            }
        }
        catalog.close().await;
    });
    let trace = recorder.trace();
    Recorded {
        steps,
        home,
        start,
        trace,
    }
}

/// As [`record`], once for every worker, each in a place of its own.
fn record_all(
    oracle: &Oracle,
    recorder: impl Fn() -> Recorder,
    steps: &'static [Scenario],
) -> Vec<Recorded> {
    let name = |worker| format!("recorded-{worker}");
    let record = |worker| record(oracle, &name(worker), &recorder(), steps);
    (0..WORKERS).map(record).collect()
}

/// What may be found after so many events: every step that was acknowledged, and each of the others
/// that were begun, or not.
fn allowed(trace: &[Event], steps: &[Scenario], point: usize) -> Vec<Vec<Step>> {
    let (mut begun, mut acknowledged) = (BTreeSet::new(), BTreeSet::new());
    for event in &trace[..point] {
        match event {
            Event::Begun(step) => drop(begun.insert(*step)),
            Event::Ended(step, true) => drop(acknowledged.insert(*step)),
            _ => {}
        }
    }
    let parts = parts(steps);
    let begun = begun.into_iter();
    outcomes(begun.map(|part| (parts[part], acknowledged.contains(&part))))
}

/// The step that a part is of.
fn scenario_of(steps: &[Scenario], part: usize) -> Scenario {
    let of = steps.iter().flat_map(|s| vec![*s; s.parts().len()]);
    of.into_iter().nth(part).unwrap_or(steps[0])
}

/// Everything that is made or not whatever becomes of the rest, in order.
fn parts(steps: &[Scenario]) -> Vec<Step> {
    steps.iter().flat_map(|scenario| scenario.parts()).collect()
}

impl Recorded {
    /// What a power cut may leave after so many events, for each of these numbers. What is alike in
    /// all recordings of a kind has the same number.
    fn states(&self, points: &[usize]) -> Vec<State> {
        let allowed = |point| allowed(&self.trace, self.steps, point);
        states(&self.start, &self.trace, points, allowed)
    }

    fn points(&self) -> Vec<usize> {
        (0..=self.trace.len()).collect()
    }

    /// Opens the catalog after a power cut: what is wrong with it.
    fn judge(&self, oracle: &Oracle, state: &State) -> Vec<String> {
        state.write(&self.start, &self.trace, self.home.root());
        let allowed = allowed(&self.trace, self.steps, state.point);
        let last = self.trace[..state.point].iter().rev();
        let last = last.clone().find_map(|event| match event {
            Event::Begun(part) => Some(scenario_of(self.steps, *part)),
            _ => None,
        });
        let last = last.unwrap_or(self.steps[0]);
        let wrong = oracle.judge_after_power_cut(last, &self.home, &allowed);
        let before = &self.trace[state.point.saturating_sub(3)..state.point];
        let before: Vec<String> = before.iter().map(|e| format!("{e:?}")).collect();
        let what = format!("after {} ({})", before.join(", "), state.what);
        wrong
            .iter()
            .map(|wrong| format!("{what}: {wrong}"))
            .collect()
    }
}

#[test]
fn a_power_cut_at_any_moment_leaves_everything_that_was_acknowledged() {
    let (mut tried, mut wrong) = (0, Vec::new());
    for steps in [STEPS, FIRST_STEPS] {
        let scratch = scratch();
        let oracle = match steps == STEPS {
            true => Oracle::new(scratch.path()),
            false => Oracle::young(scratch.path()),
        };
        let recorded = record_all(&oracle, Recorder::new, steps);
        let points = some(
            &recorded[0].points(),
            matrix::tries(QUICK, u64::MAX),
            "points",
        );
        let states = recorded[0].states(&points);
        let chosen = some(&states, matrix::tries(QUICK, WHOLE), "states");
        let (events, states) = (recorded[0].trace.len(), states.len());
        println!(
            "{events} operations, {states} states, {} tried",
            chosen.len()
        );
        let judge = |worker: usize, state: &State| recorded[worker].judge(&oracle, state);
        wrong.extend(each(&chosen, judge).concat());
        tried += chosen.len() as u64;
    }
    matrix::row("a power cut at every operation", tried, &wrong);
}

/// Moments from the last one on among which one must show that a kind of sync is forgotten.
const LAST: usize = 60;

/// A kernel may write less than it was asked to, and say so.
#[test]
fn writes_that_are_cut_short_are_gone_on_with_and_survive_a_power_cut() {
    let scratch = scratch();
    let oracle = Oracle::young(scratch.path());
    let cutting = || Recorder::new().cutting();
    let recorded = record_all(&oracle, cutting, FIRST_STEPS);
    let (first, mut wrong) = (&recorded[0], Vec::new());
    let is = |event: &Event, ended| matches!(event, Event::Ended(_, ok) if *ok == ended);
    let ended = |ok| first.trace.iter().filter(|event| is(event, ok)).count();
    if (ended(true), ended(false)) != (parts(FIRST_STEPS).len(), 0) {
        wrong.push(format!("{} were refused", ended(false)));
    }
    let writes = |recorded: &Recorded| {
        let trace = recorded.trace.iter();
        trace.filter(|e| matches!(e, Event::Write(..))).count()
    };
    let whole = writes(&record(&oracle, "whole", &Recorder::new(), FIRST_STEPS));
    println!("{} writes for {whole}", writes(first));
    assert!(writes(first) > 2 * whole, "hardly a write was cut short");
    // What is there when nothing is lost is looked at first.
    let all = first.trace.len();
    let mut points = some(
        &first.points(),
        matrix::tries(QUICK_CUT, u64::MAX),
        "cut points",
    );
    points.push(all);
    let mut chosen = first.states(&points);
    let last = chosen.iter().position(|state| state.point == all);
    let last = last.map(|at| chosen.remove(at));
    chosen = some(&chosen, matrix::tries(QUICK_CUT, WHOLE_CUT), "cut states");
    chosen.extend(last);
    let judge = |worker: usize, state: &State| recorded[worker].judge(&oracle, state);
    wrong.extend(each(&chosen, judge).concat());
    matrix::row(
        "a power cut where every write is cut short",
        chosen.len() as u64,
        &wrong,
    );
}

/// Every kind of sync that a store makes.
const KINDS: [&str; 6] = [
    "of the journal",
    "of records",
    "of the operator's files",
    "of the directory of the journal",
    "of the directories of records",
    "of the operator's directories",
];

/// What a sync is of, in words: a program that forgets one forgets all of its kind.
fn kind(sync: &Sync) -> &'static str {
    let is_record = |path: &Path| path.components().any(|part| part.as_os_str() == ".history");
    match sync {
        Sync::File(path) if path.ends_with(".history/journal") => "of the journal",
        Sync::File(path) if is_record(path) => "of records",
        Sync::File(_) => "of the operator's files",
        Sync::Dir(path) if path.ends_with(".history") => "of the directory of the journal",
        Sync::Dir(path) if is_record(path) => "of the directories of records",
        Sync::Dir(_) => "of the operator's directories",
    }
}

/// A store that forgets syncs of one kind loses something in some power cut: or the power cuts that
/// are tried would prove nothing, or the sync would be for nothing.
#[test]
fn every_kind_of_sync_is_missed_when_it_is_forgotten() {
    let scratch = scratch();
    let oracle = Oracle::young(scratch.path());
    let kinds = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = kinds.clone();
    let recorder = Recorder::judging(move |_, sync| {
        seen.lock().expect("a lock").insert(kind(sync));
        Fate::Made
    });
    record(&oracle, "kinds", &recorder, FIRST_STEPS);
    let kinds = kinds.lock().expect("a lock").clone();
    // A sync that the store does not even try must not be missing here unseen.
    assert_eq!(kinds, BTreeSet::from(KINDS));
    let mut unnoticed = Vec::new();
    for forgotten in &kinds {
        let forgotten = *forgotten;
        let recorder = Recorder::judging(move |_, sync| match kind(sync) == forgotten {
            true => Fate::Forgotten,
            false => Fate::Made,
        });
        let recorded = record(&oracle, "forgetful", &recorder, FIRST_STEPS);
        // The last moments are those after which most is missing.
        let last: Vec<usize> = recorded.points().into_iter().rev().take(LAST).collect();
        let mut states = recorded.states(&last).into_iter().rev();
        let mut tried = 0;
        let found = states.any(|state| {
            tried += 1;
            !recorded.judge(&oracle, &state).is_empty()
        });
        println!("syncs {forgotten} forgotten: {tried} states until it shows");
        if !found {
            unnoticed.push(format!("syncs {forgotten} can be forgotten"));
        }
    }
    matrix::row(
        "a kind of sync that is forgotten is missed",
        kinds.len() as u64,
        &unnoticed,
    );
}

/// What a sync that failed was to make durable is never made durable by the next one: the kernel
/// tells of it once. Whatever the store acknowledges afterwards must not rest on it.
#[test]
fn after_a_sync_that_failed_nothing_is_acknowledged_that_a_power_cut_takes_back() {
    let scratch = scratch();
    let oracle = Oracle::young(scratch.path());
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    let counting = Recorder::judging(move |number, _| {
        seen.store(number + 1, Ordering::SeqCst);
        Fate::Made
    });
    record(&oracle, "counted", &counting, FIRST_STEPS);
    let syncs: Vec<usize> = (0..count.load(Ordering::SeqCst)).collect();
    let chosen = some(&syncs, matrix::tries(QUICK_SYNCS, u64::MAX), "syncs");
    println!("{} of {} syncs fail", chosen.len(), syncs.len());
    let answers = each(&chosen, |worker, failing| {
        let failing = *failing;
        let recorder = Recorder::judging(move |number, _| match number == failing {
            true => Fate::Fails,
            false => Fate::Made,
        });
        let name = format!("failing-{worker}");
        let recorded = record(&oracle, &name, &recorder, FIRST_STEPS);
        let failed = recorded
            .trace
            .iter()
            .position(|e| matches!(e, Event::Lost(_)));
        let mut points = recorded.points();
        points.retain(|point| Some(*point) > failed);
        let points = some(&points, matrix::tries(2, u64::MAX), "after a failed sync");
        let states = recorded.states(&points);
        let chosen = some(&states, matrix::tries(2, 40), "after a failed sync");
        let wrong = chosen
            .iter()
            .flat_map(|state| recorded.judge(&oracle, state));
        let wrong = wrong.map(|wrong| format!("sync {failing} failed, {wrong}"));
        (chosen.len() as u64, wrong.collect::<Vec<_>>())
    });
    let tried = answers.iter().map(|(tried, _)| tried).sum();
    let wrong: Vec<String> = answers.into_iter().flat_map(|(_, wrong)| wrong).collect();
    matrix::row("a power cut after a sync that failed", tried, &wrong);
}
