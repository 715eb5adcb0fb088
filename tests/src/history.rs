//! Whether what many clients did at once could have happened one after the other.
//!
//! Each source is a register with versions. A write is a compare-and-set: it names the version that
//! it replaces, and makes the next one. A read returns a version and a content. Every client notes
//! when it sent a request and when the answer came, by one clock.
//!
//! That history is linearizable when each operation can be given a moment between its sending and
//! its answer so that each does what it would have done alone. In general that is a search over all
//! orders. Here versions are numbered, so the order of the writes is given, and what is left to check
//! is that the moments can be chosen:
//!
//! - one version has one content, and is made by one write;
//! - each acknowledged write is in the history, right after the one that it replaced;
//! - an operation that was answered before another was sent has not seen (or made) a later version.
//!
//! Two sorts of operations need care. An *outside edit* happens past the server: nobody tells when
//! it takes place, so the versions that come from one are of a writer with no times. A request whose
//! answer never came may have taken effect or not, at any moment from its sending to the end of the
//! world: it bounds nothing from above, and it must not be taken for a failure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a request was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Saw this version with this content.
    Read {
        /// The version; 0: the source was not there.
        version: u64,
        /// A digest or name of the content.
        content: String,
    },
    /// Put this content in place of a version.
    Write {
        /// The version that it expected to replace; `None`: whatever is there.
        expected: Option<u64>,
        /// What it wrote.
        content: String,
        /// How it ended.
        end: End,
    },
}

/// How a write ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It made this version.
    Done(u64),
    /// It was refused because this version was there; it changed nothing.
    Conflict(u64),
    /// It changed nothing, and says nothing about what was there.
    Refused,
    /// No answer came: it may have happened.
    Unknown,
}

/// An operation with the moments around it, in any unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Who.
    pub client: String,
    /// Of which source.
    pub key: String,
    /// Just before the request was sent.
    pub sent: u64,
    /// Just after the answer had come.
    pub answered: u64,
    /// What.
    pub op: Op,
}

/// The versions of a source as they are recorded in the end: number and content.
pub type Record = BTreeMap<u64, Recorded>;

/// A version in the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its content; `None`: it is not kept any more, and nothing is known about it.
    pub content: Option<String>,
    /// Whether it was made past the server.
    pub outside: bool,
}

/// Makes a record of what was noted while clients were at work one of what there is in the end.
///
/// `listed` is what the history lists then, of which the newest `kept` have to be there: from the
/// oldest of these on, what is not listed is lost, whoever has seen it before. Older ones may have
/// been dropped, whether or not anybody looked in time.
pub fn settle(record: &mut Record, listed: &BTreeSet<u64>, kept: usize) {
    let floor = match listed.len() >= kept {
        true => listed.iter().rev().nth(kept - 1).copied().unwrap_or(1),
        false => 1,
    };
    record.retain(|version, _| *version < floor || listed.contains(version));
    for version in 1..floor {
        record.entry(version).or_insert(Recorded {
            content: None,
            outside: false,
        });
    }
}

/// Everything that is wrong with the calls on one source, given what is recorded in the end.
pub fn check(key: &str, calls: &[Call], record: &Record) -> Vec<String> {
    let calls: Vec<&Call> = calls.iter().filter(|call| call.key == key).collect();
    let mut wrong = Vec::new();
    one_content_each(key, &calls, record, &mut wrong);
    one_maker_each(key, &calls, record, &mut wrong);
    in_real_time(key, &calls, &mut wrong);
    wrong
}

/// The version that a call has seen or made.
fn seen(call: &Call) -> Option<u64> {
    match &call.op {
        Op::Read { version, .. } => Some(*version),
        Op::Write { end, .. } => match end {
            End::Done(version) | End::Conflict(version) => Some(*version),
            End::Refused | End::Unknown => None,
        },
    }
}

fn one_content_each(key: &str, calls: &[&Call], record: &Record, wrong: &mut Vec<String>) {
    let mut contents: HashMap<u64, &str> = HashMap::new();
    for (version, recorded) in record {
        if let Some(content) = &recorded.content {
            contents.insert(*version, content);
        }
    }
    for call in calls {
        let (version, content) = match &call.op {
            Op::Read { version, content } => (*version, content),
            Op::Write {
                end: End::Done(version),
                content,
                ..
            } => (*version, content),
            Op::Write { .. } => continue,
        };
        let known = contents.entry(version).or_insert(content);
        if *known != content {
            wrong.push(format!(
                "{key}: version {version} is {known:?} and for {} {content:?}",
                call.client
            ));
        }
    }
}

fn one_maker_each(key: &str, calls: &[&Call], record: &Record, wrong: &mut Vec<String>) {
    let mut makers: HashMap<u64, &Call> = HashMap::new();
    for call in calls {
        let Op::Write {
            expected,
            end: End::Done(version),
            ..
        } = &call.op
        else {
            continue;
        };
        if let Some(other) = makers.insert(*version, call) {
            wrong.push(format!(
                "{key}: version {version} was made by {} and by {}",
                other.client, call.client
            ));
        }
        match record.get(version) {
            None => wrong.push(format!(
                "{key}: version {version} by {} was acknowledged and is lost",
                call.client
            )),
            Some(recorded) if recorded.outside => wrong.push(format!(
                "{key}: version {version} by {} is recorded as made outside",
                call.client
            )),
            Some(_) => {}
        }
        if let Some(expected) = expected
            && expected + 1 != *version
        {
            wrong.push(format!(
                "{key}: {} replaced version {expected} and made {version}: what is between is lost",
                call.client
            ));
        }
    }
    // A version that nobody made: only one of those whose answer never came can have.
    let mut open: Vec<(Option<u64>, &str)> = calls
        .iter()
        .filter_map(|call| match &call.op {
            Op::Write {
                expected,
                content,
                end: End::Unknown,
            } => Some((*expected, content.as_str())),
            _ => None,
        })
        .collect();
    for (version, recorded) in record {
        // The first is there before anybody calls.
        let known = recorded.content.is_some() && !recorded.outside;
        if !known || *version <= 1 || makers.contains_key(version) {
            continue;
        }
        let fits = open.iter().position(|(expected, content)| {
            expected.is_none_or(|expected| expected + 1 == *version)
                && recorded.content.as_deref() == Some(content)
        });
        match fits {
            Some(at) => {
                open.swap_remove(at);
            }
            None => wrong.push(format!(
                "{key}: nobody made version {version}: {:?}",
                recorded.content
            )),
        }
    }
    for (version, next) in record.keys().zip(record.keys().skip(1)) {
        if version + 1 != *next {
            wrong.push(format!("{key}: after version {version} comes {next}"));
        }
    }
}

/// Whoever was answered before another began has not seen more. With a write of version `v` two
/// moments are bound: `v` was not there before it was sent, and is there from its answer on.
fn in_real_time(key: &str, calls: &[&Call], wrong: &mut Vec<String>) {
    let mut made_from: HashMap<u64, (u64, &str)> = HashMap::new();
    for call in calls {
        if let Op::Write {
            end: End::Done(version),
            ..
        } = &call.op
        {
            made_from.insert(*version, (call.sent, &call.client));
        }
    }
    // Nobody sees a version before the request that makes it was sent.
    for call in calls {
        if let Some(version) = seen(call)
            && let Some((sent, by)) = made_from.get(&version)
            && call.answered < *sent
        {
            wrong.push(format!(
                "{key}: {} saw version {version} before {by} asked for it",
                call.client
            ));
        }
    }
    // The newest version that was seen by answers up to a moment is what any later request sees at
    // least; a write has to make a newer one.
    let mut by_answer: Vec<&&Call> = calls.iter().filter(|c| seen(c).is_some()).collect();
    by_answer.sort_by_key(|call| call.answered);
    let mut by_sending = by_answer.clone();
    by_sending.sort_by_key(|call| call.sent);
    let (mut newest, mut answered) = ((0, ""), by_answer.iter().peekable());
    for call in by_sending {
        while let Some(before) = answered.next_if(|before| before.answered < call.sent) {
            if let Some(version) = seen(before).filter(|version| *version > newest.0) {
                newest = (version, &before.client);
            }
        }
        let Some(version) = seen(call) else { continue };
        let makes = matches!(
            &call.op,
            Op::Write {
                end: End::Done(_),
                ..
            }
        );
        if version < newest.0 || (makes && version == newest.0) {
            wrong.push(format!(
                "{key}: {} saw version {version} after {} had seen {}",
                call.client, newest.1, newest.0
            ));
        }
    }
    for call in calls {
        if let Op::Write {
            expected: Some(expected),
            end: End::Conflict(current),
            ..
        } = &call.op
            && expected == current
        {
            wrong.push(format!(
                "{key}: {} expected version {expected}, found it, and was told of a conflict",
                call.client
            ));
        }
    }
}

#[cfg(test)]
mod tests;
