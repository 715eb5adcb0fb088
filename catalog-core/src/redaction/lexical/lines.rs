//! Putting hidden lines back.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

use crate::redaction::MARKER;

/// Two texts that have little in common are compared for this long: then fewer lines are found again,
/// and their markers stand for nothing.
const DIFF_TIME: Duration = Duration::from_secs(1);

/// The lines of a text with their ends, as YAML has them: LF, CR or both.
pub(in crate::redaction) fn split(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let mut lines = Vec::new();
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let ends = match byte {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        };
        if ends {
            lines.extend(text.get(start..=at));
            start = at + 1;
        }
    }
    lines.extend(text.get(start..).filter(|rest| !rest.is_empty()));
    lines
}

/// The incoming text with the stored lines in the place of those that are shown redacted. `None`
/// when a line with a marker is not one of them, or when it is not clear which.
pub(in crate::redaction) fn restore(incoming: &str, shown: &str, stored: &str) -> Option<String> {
    let incoming = split(incoming);
    let shown = split(shown);
    let stored = split(stored);
    if shown.len() != stored.len() {
        return None;
    }
    let (ours, theirs) = (counts(&incoming), counts(&shown));
    let mut origin: Vec<Option<usize>> = vec![None; incoming.len()];
    let deadline = Some(Instant::now() + DIFF_TIME);
    for op in capture_diff_slices_deadline(Algorithm::Myers, &shown, &incoming, deadline) {
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
