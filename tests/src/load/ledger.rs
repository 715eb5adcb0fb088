//! What was acknowledged, and whether the server still says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::work::FIRST_ENTITIES;
use crate::Server;

/// One acknowledged write: it followed one revision and made another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Write {
    after: u64,
    made: u64,
    id: String,
    /// The entities that the source has from then on, or the revision that they are those of.
    shows: Shows,
}

/// What a write makes a source show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shows {
    /// So many entities.
    Entities(u64),
    /// As many as this revision.
    As(String),
}

/// Every write that was acknowledged, by path of its source.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<BTreeMap<String, Vec<Write>>>);

/// The sequence number of a revision, which may be an `ETag`.
fn sequence(revision: &str) -> u64 {
    let number = revision.trim_matches('"').split('-').next();
    number.and_then(|n| n.parse().ok()).unwrap_or_default()
}

impl Ledger {
    pub(super) fn acknowledged(&self, source: &str, after: &str, made: &str, shows: Shows) {
        let write = Write {
            after: sequence(after),
            made: sequence(made),
            id: made.to_owned(),
            shows,
        };
        let mut writes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writes.entry(source.to_owned()).or_default().push(write);
    }

    /// How many writes were acknowledged.
    pub fn writes(&self) -> u64 {
        let writes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writes.values().map(|writes| writes.len() as u64).sum()
    }

    /// Compares with what the server says now; answers every lie.
    ///
    /// Each write named the revision that it was made on, so the writes of a source have to form
    /// one chain: every revision follows the one before, and none is made twice or on the same
    /// ground. Then the last of them is what is stored and served, and every one that is not older
    /// than what the history keeps is in it.
    pub fn check(&self, server: &Server) -> Vec<String> {
        let mut lies = Vec::new();
        let writes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (source, writes) in writes.iter() {
            let mut writes = writes.clone();
            writes.sort_by_key(|write| write.made);
            for write in &writes {
                if write.made != write.after + 1 {
                    lies.push(format!(
                        "{source}: {} was made on {}",
                        write.id, write.after
                    ));
                }
            }
            for pair in writes.windows(2) {
                if pair[0].made != pair[1].after {
                    lies.push(format!("{source}: {} after {}", pair[1].id, pair[0].id));
                }
            }
            let found = compare(server, source, &writes).into_iter();
            lies.extend(found.map(|lie| format!("{source}: {lie}")));
        }
        lies
    }
}

/// How many entities a revision has, as far back as these writes tell.
fn entities(writes: &[Write], id: &str) -> Option<u64> {
    let mut id = id;
    // A roll back is to an older one, so this comes to an end.
    loop {
        if sequence(id) == 1 {
            return Some(FIRST_ENTITIES);
        }
        match &writes.iter().find(|write| write.id == id)?.shows {
            Shows::Entities(count) => return Some(*count),
            Shows::As(other) => id = other,
        }
    }
}

fn compare(server: &Server, source: &str, writes: &[Write]) -> Vec<String> {
    let mut lies = Vec::new();
    let now = server.get(source).json();
    let Some(last) = writes.last() else {
        return lies;
    };
    if now["revision"] != last.id.as_str() {
        lies.push(format!(
            "{} is stored, {} was acknowledged last",
            now["revision"], last.id
        ));
    }
    let status = &now["status"];
    if status["revision"] != last.id.as_str() || status["state"] != "available" {
        lies.push(format!(
            "{} is served, {}",
            status["revision"], status["state"]
        ));
    }
    match entities(writes, &last.id) {
        Some(count) if status["entityCount"] == count => {}
        count => lies.push(format!("{} entities, not {count:?}", status["entityCount"])),
    }
    let history = server.get(&format!("{source}/revisions")).json();
    let ids = history["items"].as_array().cloned().unwrap_or_default();
    let ids: BTreeSet<String> = ids
        .iter()
        .filter_map(|item: &Value| item["id"].as_str().map(str::to_owned))
        .collect();
    let oldest = ids.iter().map(|id| sequence(id)).min().unwrap_or(u64::MAX);
    for write in writes.iter().filter(|write| write.made >= oldest) {
        if !ids.contains(&write.id) {
            lies.push(format!("{} is not in the history", write.id));
        }
    }
    if ids.len() < 20 && oldest > 1 {
        lies.push(format!("the history keeps {} revisions only", ids.len()));
    }
    lies
}
