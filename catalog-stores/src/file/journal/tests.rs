use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::*;
use crate::seam::Seam;

fn dir(path: &Path) -> Dir {
    Dir::open(&Seam::default(), path).unwrap()
}

fn commit(journal: &mut Journal, body: &[u8]) -> Position {
    let at = journal.prepare(body).unwrap();
    journal.set(at, State::Committed).unwrap();
    at
}

/// The bodies of the records that another process finds.
fn found(path: &Path) -> Vec<Vec<u8>> {
    let mut journal = Journal::open(&dir(path), 1).unwrap().unwrap();
    let entries = journal.read_on().unwrap();
    let body = |entry: &Entry| entry.bytes()[HEADER_BYTES..].to_vec();
    entries.iter().map(body).collect()
}

#[test]
fn records_come_back_in_order() {
    let temp = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(&dir(temp.path()), 1).unwrap();
    commit(&mut journal, b"one");
    commit(&mut journal, &[7; 10_000]);
    commit(&mut journal, b"");
    assert_eq!(
        found(temp.path()),
        [b"one".to_vec(), vec![7; 10_000], vec![]]
    );
}

#[test]
fn records_of_an_earlier_epoch_are_gone_and_their_space_is_used_again() {
    let temp = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(&dir(temp.path()), 1).unwrap();
    for _ in 0..3 {
        commit(&mut journal, b"old");
    }
    let size = journal.file.file().metadata().unwrap().len();
    journal.restart().unwrap();
    assert!(found(temp.path()).is_empty());
    // The second old record lies right behind the new one.
    commit(&mut journal, b"new");
    assert_eq!(found(temp.path()), [b"new"]);
    assert_eq!(journal.file.file().metadata().unwrap().len(), size);
}

#[test]
fn a_record_that_was_dropped_takes_those_behind_it_along() {
    let temp = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(&dir(temp.path()), 1).unwrap();
    commit(&mut journal, b"one");
    let second = commit(&mut journal, b"two");
    commit(&mut journal, b"three");
    journal.drop_from(second).unwrap();
    assert_eq!(found(temp.path()), [b"one"]);
    commit(&mut journal, b"too");
    assert_eq!(
        found(temp.path()),
        [&b"one"[..], b"too"],
        "three is not of this past"
    );
}

#[test]
fn no_damage_to_a_record_goes_unnoticed() {
    let temp = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(&dir(temp.path()), 1).unwrap();
    let at = commit(&mut journal, b"some bytes");
    let file = journal.file.file();
    for i in 8..(HEADER_BYTES + 10) as u64 {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at.offset + i).unwrap();
        file.write_all_at(&[byte[0] ^ 1], at.offset + i).unwrap();
        assert!(found(temp.path()).is_empty(), "byte {i}");
        file.write_all_at(&byte, at.offset + i).unwrap();
    }
    assert_eq!(found(temp.path()).len(), 1);
}

#[test]
fn a_slot_that_is_torn_leaves_the_epoch_before() {
    let temp = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(&dir(temp.path()), 1).unwrap();
    commit(&mut journal, b"one");
    let before = journal.epoch;
    journal.begin(before + 1).unwrap();
    let slot = (before + 1) % 2 * BLOCK;
    journal.file.file().write_all_at(&[0; 20], slot).unwrap();
    assert_eq!(found(temp.path()), [b"one"]);
}

#[test]
fn records_without_a_slot_are_damage() {
    let temp = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(&dir(temp.path()), 1).unwrap();
    commit(&mut journal, b"one");
    let zeros = [0; START as usize];
    journal.file.file().write_all_at(&zeros, 0).unwrap();
    let opened = Journal::open(&dir(temp.path()), 1);
    assert_eq!(opened.err().unwrap().kind(), io::ErrorKind::InvalidData);
}
