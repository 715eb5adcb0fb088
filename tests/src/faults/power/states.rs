//! The states that a power cut may leave, at every point of a trace.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::hash::{Hash, Hasher as _};
use std::path::Path;

use super::disk::{Disk, Known, Loss, Tear};
use super::trace::Event;
use crate::canary::Dice;
use crate::matrix;

/// Random states at every point, besides those that are made up.
const RANDOM: usize = 4;

/// So many of the changes of names, the last ones and others by chance, are looked at one by one.
const SINGLE: usize = 6;

/// What a disk is found like.
#[derive(Debug, Clone)]
pub struct State {
    /// How many events there were before the power cut.
    pub point: usize,
    /// What was lost.
    pub loss: Loss,
    /// The same, in words.
    pub what: String,
}

impl State {
    /// Makes it so, in the place where it was recorded: what a store keeps may name the place.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, start: &Disk, trace: &[Event], root: &Path) {
        let mut disk = start.clone();
        trace[..self.point].iter().for_each(|event| disk.see(event));
        fs::remove_dir_all(root).expect("the last state");
        for (path, bytes) in disk.after(&self.loss) {
            match bytes {
                None => fs::create_dir_all(path).expect("a directory"),
                Some(bytes) => fs::write(path, bytes).expect("a file"),
            }
        }
    }
}

/// Every state, each once: at each of these points, nothing of what is not durable, all of it, parts of it
/// alone, all but such a part, what an ordered file system leaves, and some at random. `key` tells
/// apart what may be found at a point.
pub fn states<K: Hash>(
    start: &Disk,
    trace: &[Event],
    points: &[usize],
    key: impl Fn(usize) -> K,
) -> Vec<State> {
    let (mut disk, mut dice) = (start.clone(), matrix::dice("power cuts"));
    let (mut found, mut seen, mut known) = (Vec::new(), HashSet::new(), Known::new());
    for point in 0..=trace.len() {
        if let Some(event) = point.checked_sub(1).and_then(|last| trace.get(last)) {
            disk.see(event);
        }
        if !points.contains(&point) {
            continue;
        }
        let key = key(point);
        for (loss, what) in losses(&disk, &mut dice) {
            let mut hasher = DefaultHasher::new();
            (disk.fingerprint(&loss, &mut known), &key).hash(&mut hasher);
            if seen.insert(hasher.finish()) {
                found.push(State { point, loss, what });
            }
        }
    }
    found
}

fn losses(disk: &Disk, dice: &mut Dice) -> Vec<(Loss, String)> {
    let (names, files) = (disk.loose_names(), disk.loose_files());
    let every = |tear| {
        files
            .iter()
            .map(|file| (*file, tear))
            .collect::<BTreeMap<_, _>>()
    };
    let mut losses = Vec::new();
    let mut add = |made, tears, what: String| losses.push((Loss { made, tears }, what));
    for tear in Tear::ALL {
        add(
            vec![true; names],
            every(tear),
            format!("all names, files {tear:?}"),
        );
        add(
            vec![false; names],
            every(tear),
            format!("no names, files {tear:?}"),
        );
        for file in &files {
            let one = BTreeMap::from([(*file, tear)]);
            add(
                vec![true; names],
                one,
                format!("all names, file {file} {tear:?}"),
            );
        }
    }
    let chance = |n: usize, dice: &mut Dice| match n < SINGLE / 2 {
        true => names.checked_sub(n + 1),
        false => (names > 0).then(|| dice.below(names)),
    };
    let single: Vec<usize> = (0..SINGLE).filter_map(|n| chance(n, dice)).collect();
    for n in single {
        let first: Vec<bool> = (0..names).map(|i| i <= n).collect();
        add(
            first.clone(),
            every(Tear::None),
            format!("the first {} names", n + 1),
        );
        add(
            first,
            every(Tear::Lost),
            format!("the first {} names, no data", n + 1),
        );
        let only = (0..names).map(|i| i == n).collect();
        add(only, every(Tear::None), format!("only name {n}"));
        let without = (0..names).map(|i| i != n).collect();
        add(without, every(Tear::None), format!("all names but {n}"));
    }
    for _ in 0..RANDOM {
        let made = (0..names).map(|_| dice.below(2) == 0).collect();
        let tear = |file: &usize| (*file, Tear::ALL[dice.below(Tear::ALL.len())]);
        let tears: BTreeMap<usize, Tear> = files.iter().map(tear).collect();
        let what = format!("at random: {tears:?}");
        add(made, tears, what);
    }
    losses
}
