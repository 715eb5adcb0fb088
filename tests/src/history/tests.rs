//! A checker that accepts everything proves nothing: each sort of broken history is found.

use super::*;

fn call(client: &str, sent: u64, answered: u64, op: Op) -> Call {
    Call {
        client: client.to_owned(),
        key: "k".to_owned(),
        sent,
        answered,
        op,
    }
}

fn read(version: u64, content: &str) -> Op {
    Op::Read {
        version,
        content: content.to_owned(),
    }
}

fn write(expected: u64, content: &str, end: End) -> Op {
    Op::Write {
        expected: Some(expected),
        content: content.to_owned(),
        end,
    }
}

fn record(contents: &[&str]) -> Record {
    let recorded = |content: &&str| Recorded {
        content: Some((*content).to_owned()),
        outside: content.starts_with("outside"),
    };
    (1..).zip(contents.iter().map(recorded)).collect()
}

#[track_caller]
fn wrong(calls: &[Call], contents: &[&str], what: &str) {
    let found = check("k", calls, &record(contents));
    assert!(found.iter().any(|f| f.contains(what)), "{found:?}");
}

#[test]
fn what_can_have_happened_is_accepted() {
    let calls = [
        call("a", 0, 10, write(1, "a2", End::Done(2))),
        // At the same time: before or after, both are possible.
        call("b", 1, 9, read(1, "one")),
        call("c", 1, 9, read(2, "a2")),
        call("d", 1, 9, write(1, "d2", End::Conflict(2))),
        call("d", 11, 12, write(2, "d3", End::Done(3))),
        // An outside edit has no times.
        call("b", 13, 14, read(4, "outside")),
        // The answer never came, and it happened, seen while its client still waited.
        call("e", 15, 16, write(4, "e5", End::Unknown)),
        call("b", 40, 41, read(5, "e5")),
        // The answer never came, and it did not happen.
        call("e", 42, 43, write(5, "e6", End::Unknown)),
        call("b", 44, 45, read(5, "e5")),
        call("e", 46, 47, write(5, "e6", End::Refused)),
    ];
    let found = check("k", &calls, &record(&["one", "a2", "d3", "outside", "e5"]));
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_lost_update_is_found() {
    let both = [
        call("a", 0, 10, write(1, "a2", End::Done(2))),
        call("b", 0, 10, write(1, "b3", End::Done(3))),
    ];
    wrong(&both, &["one", "a2", "b3"], "what is between is lost");
    let gone = [call("a", 0, 10, write(1, "a2", End::Done(2)))];
    wrong(&gone, &["one"], "acknowledged and is lost");
}

#[test]
fn a_stale_read_is_found() {
    let calls = [
        call("a", 0, 10, write(1, "a2", End::Done(2))),
        call("b", 11, 12, read(1, "one")),
    ];
    wrong(&calls, &["one", "a2"], "saw version 1 after");
    // Reads alone show it, too.
    let calls = [
        call("a", 0, 1, read(2, "outside")),
        call("b", 2, 3, read(1, "one")),
    ];
    wrong(&calls, &["one", "outside"], "saw version 1 after");
    // A conflict with something older than what was known.
    let calls = [
        call("a", 0, 1, read(3, "outside 3")),
        call("b", 2, 3, write(1, "b", End::Conflict(2))),
    ];
    wrong(
        &calls,
        &["one", "outside 2", "outside 3"],
        "saw version 2 after",
    );
}

#[test]
fn a_sequence_that_is_given_twice_is_found() {
    let calls = [
        call("a", 0, 10, write(1, "same", End::Done(2))),
        call("b", 0, 10, write(1, "same", End::Done(2))),
    ];
    wrong(&calls, &["one", "same"], "made by a and by b");
    let calls = [
        call("a", 0, 1, read(2, "outside")),
        call("b", 2, 3, write(1, "outside", End::Done(2))),
    ];
    wrong(&calls, &["one", "outside"], "recorded as made outside");
}

#[test]
fn content_of_another_version_is_found() {
    let calls = [
        call("a", 0, 10, write(1, "a2", End::Done(2))),
        call("b", 5, 12, read(2, "one")),
    ];
    wrong(&calls, &["one", "a2"], "version 2 is");
}

#[test]
fn a_version_out_of_the_future_is_found() {
    let calls = [
        call("b", 0, 1, read(2, "a2")),
        call("a", 5, 10, write(1, "a2", End::Done(2))),
    ];
    wrong(&calls, &["one", "a2"], "before a asked for it");
}

#[test]
fn a_version_that_nobody_made_is_found() {
    wrong(&[], &["one", "ghost"], "nobody made version 2");
    // One unknown write makes one version, not two.
    let calls = [call(
        "e",
        0,
        1,
        Op::Write {
            expected: None,
            content: "e".to_owned(),
            end: End::Unknown,
        },
    )];
    wrong(&calls, &["one", "e", "e"], "nobody made version 3");
    // And not in place of another than it expected.
    let calls = [call("e", 0, 1, write(1, "e", End::Unknown))];
    wrong(&calls, &["one", "outside", "e"], "nobody made version 3");
}

#[test]
fn a_conflict_with_what_was_expected_is_found() {
    let calls = [call("a", 0, 1, write(1, "a2", End::Conflict(1)))];
    wrong(&calls, &["one"], "told of a conflict");
}

#[test]
fn a_hole_is_found() {
    let mut holed = record(&["one", "outside", "outside"]);
    holed.remove(&2);
    let found = check("k", &[], &holed);
    assert!(found.iter().any(|f| f.contains("after version 1 comes 3")));
}

#[test]
fn each_of_the_newest_revisions_is_missed_when_the_history_has_dropped_it() {
    const ALL: u64 = 30;
    const KEPT: u64 = 20;
    let text = |version: u64| format!("a{version}");
    let calls: Vec<Call> = (2..=ALL)
        .map(|version| {
            let op = write(version - 1, &text(version), End::Done(version));
            call("a", version * 10, version * 10 + 5, op)
        })
        .collect();
    let noted = |version: u64| {
        let content = Some(text(version));
        (
            version,
            Recorded {
                content,
                outside: false,
            },
        )
    };
    // Whether or not somebody has looked at it before it was dropped.
    for first_noted in [1, ALL - KEPT + 1, ALL + 1] {
        let found = |listed: &BTreeSet<u64>| {
            let noted_before = (first_noted..=ALL).map(noted);
            let mut record: Record = noted_before
                .chain(listed.iter().copied().map(noted))
                .collect();
            settle(&mut record, listed, usize::try_from(KEPT).unwrap());
            check("k", &calls, &record)
        };
        let listed: BTreeSet<u64> = (ALL - KEPT + 1..=ALL).collect();
        assert_eq!(found(&listed), Vec::<String>::new());
        // Older ones that are kept for another reason leave holes.
        let mut more = listed.clone();
        more.extend([3, 7]);
        assert_eq!(found(&more), Vec::<String>::new());
        for lost in ALL - KEPT + 1..=ALL {
            let mut listed: BTreeSet<u64> = (1..=ALL).collect();
            listed.remove(&lost);
            let lost = format!("version {lost} by a was acknowledged and is lost");
            let found = found(&listed);
            assert!(found.iter().any(|f| f.contains(&lost)), "{lost}: {found:?}");
        }
    }
}
