//! Putting hidden lines back.

use std::collections::HashMap;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::redaction::MARKER;

/// The incoming text with the stored lines in the place of those that are shown redacted. `None`
/// when a line with a marker is not one of them, or when it is not clear which.
pub(in crate::redaction) fn restore(incoming: &str, shown: &str, stored: &str) -> Option<String> {
    let incoming: Vec<&str> = incoming.split_inclusive('\n').collect();
    let shown: Vec<&str> = shown.split_inclusive('\n').collect();
    let stored: Vec<&str> = stored.split_inclusive('\n').collect();
    if shown.len() != stored.len() {
        return None;
    }
    let (ours, theirs) = (counts(&incoming), counts(&shown));
    let mut origin: Vec<Option<usize>> = vec![None; incoming.len()];
    for op in capture_diff_slices(Algorithm::Myers, &shown, &incoming) {
        if let DiffOp::Equal {
            old_index,
            new_index,
            len,
        } = op
        {
            for n in 0..len {
                origin[new_index + n] = Some(old_index + n);
            }
        }
    }
    incoming
        .iter()
        .zip(origin)
        .map(|(line, origin)| {
            if !line.contains(MARKER) {
                return Some(*line);
            }
            // With one of several equal lines gone, which secret is gone?
            let clear = ours.get(line) == theirs.get(line);
            origin
                .filter(|_| clear)
                .and_then(|at| stored.get(at).copied())
        })
        .collect()
}

fn counts<'a>(lines: &[&'a str]) -> HashMap<&'a str, usize> {
    let mut counts = HashMap::new();
    for line in lines {
        *counts.entry(*line).or_default() += 1;
    }
    counts
}
