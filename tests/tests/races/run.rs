//! Many clients at once on a few sources, and what each of them saw.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use catalog_tests::history::{Call, End, Op, Record, Recorded, check, settle};
use catalog_tests::matrix::dice;

/// Entities in every document that a client writes: all of one name, so that a mix shows.
pub const ENTITIES: usize = 5;

/// A source as a client sees it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub id: String,
    pub content: String,
}

impl Seen {
    pub fn version(&self) -> u64 {
        version(&self.id)
    }
}

/// The number in `<number>-<digest>`.
pub fn version(id: &str) -> u64 {
    id.split('-').next().unwrap().parse().unwrap()
}

/// How a write went; the versions by id.
#[derive(Debug, Clone)]
pub enum Wrote {
    Done(String),
    Unchanged,
    Conflict(Option<String>),
    /// With its code.
    Refused(String),
    Unknown,
}

/// A revision as it is recorded.
#[derive(Debug, Clone)]
pub struct Listed {
    pub id: String,
    pub outside: bool,
}

/// What clients talk to.
pub trait Target: Send + Sync {
    /// `None`: there is no answer.
    fn read(&self, source: &str) -> Option<Seen>;
    /// Replaces the content of `expected`; `None`: of whatever is there.
    fn write(&self, source: &str, expected: Option<&str>, content: &str) -> Wrote;
    fn roll_back(&self, source: &str, expected: &str, to: &str) -> Wrote;
    fn refresh(&self, source: &str);
    fn list(&self, source: &str) -> Vec<Listed>;
    fn content_of(&self, source: &str, id: &str) -> Option<String>;
    /// The names of the entities that are served of a source, and their version where it is told.
    fn served(&self, source: &str) -> Option<(Option<u64>, Vec<String>)>;
}

/// A run: how many of what, on which sources.
pub struct Run {
    pub dir: PathBuf,
    pub sources: Vec<String>,
    /// What a document with this name in every entity looks like.
    pub document: fn(&str) -> String,
    pub writers: usize,
    pub readers: usize,
    pub duration: Duration,
    /// So many at least have to happen, or the run has shown nothing.
    pub least: Counts,
}

/// What has happened in a run.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    /// Versions that were made by clients, roll backs included.
    pub made: u64,
    pub conflicts: u64,
    pub rolled_back: u64,
    /// Edits past the server that were taken.
    pub outside: u64,
    /// Looks at what is served of which the version is known.
    pub served: u64,
}

impl Counts {
    fn violations(&self, least: &Self) -> Vec<String> {
        let pairs = [
            ("versions made", self.made, least.made),
            ("conflicts", self.conflicts, least.conflicts),
            ("roll backs", self.rolled_back, least.rolled_back),
            ("outside edits", self.outside, least.outside),
            ("looks at what is served", self.served, least.served),
        ];
        let few = pairs.into_iter().filter(|(_, count, least)| count < least);
        few.map(|(what, count, least)| format!("{count} {what} only, not even {least}"))
            .collect()
    }
}

/// Everything that was seen.
#[derive(Default)]
pub struct Log {
    start: Option<Instant>,
    calls: Mutex<Vec<Call>>,
    records: Mutex<BTreeMap<String, Record>>,
    violations: Mutex<Vec<String>>,
    rolled_back: AtomicU64,
    pub longest: AtomicU64,
}

impl Log {
    fn now(&self) -> u64 {
        u64::try_from(self.start.unwrap().elapsed().as_nanos()).unwrap()
    }

    fn note(&self, client: &str, key: &str, sent: u64, op: Op) {
        let answered = self.now();
        self.longest.fetch_max(answered - sent, Ordering::Relaxed);
        self.calls.lock().unwrap().push(Call {
            client: client.to_owned(),
            key: key.to_owned(),
            sent,
            answered,
            op,
        });
    }

    pub fn violation(&self, text: String) {
        self.violations.lock().unwrap().push(text);
    }

    /// Notes the revisions that are listed now, and says which; old ones go after a while.
    fn record(&self, target: &dyn Target, source: &str) -> BTreeSet<u64> {
        let listed = target.list(source);
        for listed in &listed {
            let version = version(&listed.id);
            let known = |r: &Record| r.get(&version).is_some_and(|r| r.content.is_some());
            let mut records = self.records.lock().unwrap();
            if known(records.entry(source.to_owned()).or_default()) {
                continue;
            }
            drop(records);
            let recorded = Recorded {
                content: target.content_of(source, &listed.id),
                outside: listed.outside,
            };
            let mut records = self.records.lock().unwrap();
            records
                .entry(source.to_owned())
                .or_default()
                .insert(version, recorded);
        }
        listed.iter().map(|listed| version(&listed.id)).collect()
    }
}

/// The name that all entities have in this content.
pub fn tag(content: &str) -> Option<&str> {
    content.lines().next()?.strip_prefix("# ")
}

/// Lets everybody at it. Each target has writers and readers of its own. `meanwhile` is called when
/// half of the time is over.
pub fn run(run: &Run, targets: &[Arc<dyn Target>], meanwhile: impl FnOnce()) -> Log {
    let log = Log {
        start: Some(Instant::now()),
        ..Log::default()
    };
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (t, target) in targets.iter().enumerate() {
            let (log, stop) = (&log, &stop);
            for n in 0..run.writers {
                let name = format!("writer-{t}-{n}");
                scope.spawn(move || write(run, &**target, log, stop, &name));
            }
            for n in 0..run.readers {
                let name = format!("reader-{t}-{n}");
                scope.spawn(move || read(run, (t, &**target), log, stop, &name));
            }
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    for source in &run.sources {
                        target.refresh(source);
                        log.record(&**target, source);
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
        }
        // The first source is edited past everybody, too.
        let stop = &stop;
        scope.spawn(move || edit_outside(run, stop));
        std::thread::sleep(run.duration / 2);
        meanwhile();
        std::thread::sleep(run.duration / 2);
        stop.store(true, Ordering::Relaxed);
    });
    log
}

fn write(run: &Run, target: &dyn Target, log: &Log, stop: &AtomicBool, name: &str) {
    let mut dice = dice(name);
    let mut before: BTreeMap<String, Seen> = BTreeMap::new();
    for turn in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let source = dice.pick(&run.sources);
        let sent = log.now();
        let Some(seen) = target.read(source) else {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        let op = Op::Read {
            version: seen.version(),
            content: seen.content.clone(),
        };
        log.note(name, source, sent, op);
        if dice.below(3) == 0 {
            std::thread::sleep(Duration::from_millis(dice.number() % 10));
        }
        let sent = log.now();
        let old = before.get(source).filter(|old| old.id != seen.id);
        let (expected, content, wrote) = match (dice.below(8), old) {
            (0, Some(old)) => {
                let wrote = target.roll_back(source, &seen.id, &old.id);
                let done = matches!(wrote, Wrote::Done(_));
                log.rolled_back.fetch_add(done.into(), Ordering::Relaxed);
                // It may be gone from the history by now.
                let wrote = match wrote {
                    Wrote::Refused(code) if code == "revision-not-found" => Wrote::Conflict(None),
                    other => other,
                };
                (Some(&seen), old.content.clone(), wrote)
            }
            (1, _) => {
                let content = (run.document)(&format!("{source}-{name}-{turn}"));
                let wrote = target.write(source, None, &content);
                (None, content, wrote)
            }
            _ => {
                let content = (run.document)(&format!("{source}-{name}-{turn}"));
                let wrote = target.write(source, Some(&seen.id), &content);
                (Some(&seen), content, wrote)
            }
        };
        let end = match wrote {
            Wrote::Done(id) => {
                before.insert(source.clone(), seen.clone());
                End::Done(version(&id))
            }
            Wrote::Conflict(Some(id)) => End::Conflict(version(&id)),
            Wrote::Conflict(None) | Wrote::Unchanged => End::Refused,
            Wrote::Refused(code) => {
                log.violation(format!("{source}: {name} was refused: {code}"));
                End::Refused
            }
            Wrote::Unknown => End::Unknown,
        };
        let expected = expected.map(Seen::version);
        log.note(
            name,
            source,
            sent,
            Op::Write {
                expected,
                content,
                end,
            },
        );
    }
}

fn read(
    run: &Run,
    (number, target): (usize, &dyn Target),
    log: &Log,
    stop: &AtomicBool,
    name: &str,
) {
    while !stop.load(Ordering::Relaxed) {
        for source in &run.sources {
            let sent = log.now();
            let Some((version, names)) = target.served(source) else {
                continue;
            };
            let Some(first) = names.first() else {
                log.violation(format!("{source}: nothing is served"));
                continue;
            };
            let one = tag_of(first);
            if names.len() != ENTITIES || names.iter().any(|name| tag_of(name) != one) {
                log.violation(format!("{source}: a mix is served: {names:?}"));
            }
            let op = Op::Read {
                version: version.unwrap_or_default(),
                content: one.to_owned(),
            };
            log.note(name, &served_by(source, number), sent, op);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// `writer-0-1-17` of `writer-0-1-17.3`.
fn tag_of(entity: &str) -> &str {
    entity.rsplit_once('.').map_or(entity, |(tag, _)| tag)
}

/// By rename as good editors do, and in place as the others.
fn edit_outside(run: &Run, stop: &AtomicBool) {
    let path = content_file(&run.dir, &run.sources[0]);
    for turn in 0.. {
        std::thread::sleep(Duration::from_millis(350));
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let text = (run.document)(&format!("{}-outside-{turn}", run.sources[0]));
        if turn % 2 == 0 {
            std::fs::write(&path, text).unwrap();
        } else {
            let next = run.dir.join("editor.tmp");
            std::fs::write(&next, text).unwrap();
            std::fs::rename(&next, &path).unwrap();
        }
    }
}

/// Where the content of a source lies.
pub fn content_file(dir: &Path, source: &str) -> PathBuf {
    dir.join(format!("{source}.yaml"))
}

/// The register that a target serves of a source.
fn served_by(source: &str, target: usize) -> String {
    format!("served {source} by {target}")
}

/// What the run shows: how many calls, how many versions, and everything that is wrong.
pub struct Outcome {
    pub calls: u64,
    pub versions: u64,
    pub counts: Counts,
    pub violations: Vec<String>,
}

/// Revisions that a history keeps at least.
const KEPT: usize = 20;

/// Judges a run. Each target shows at once what was written through it, so what it serves is a
/// register, too; what was written through another comes a little later.
pub fn judge(run: &Run, log: Log, targets: &[Arc<dyn Target>]) -> Outcome {
    let mut listed = BTreeMap::new();
    for source in &run.sources {
        for target in targets {
            settled(run, &**target, source, &log);
        }
        listed.insert(source, log.record(&*targets[0], source));
    }
    let mut violations = log.violations.into_inner().unwrap();
    let calls = log.calls.into_inner().unwrap();
    let mut records = log.records.into_inner().unwrap();
    let ended = |wanted: fn(&End) -> bool| {
        let ends = calls.iter().filter(|call| match &call.op {
            Op::Write { end, .. } => wanted(end),
            Op::Read { .. } => false,
        });
        ends.count() as u64
    };
    let known = |call: &&Call| {
        call.key.starts_with("served ") && !matches!(call.op, Op::Read { version: 0, .. })
    };
    let all = records.values().flat_map(|record| record.values());
    let counts = Counts {
        made: ended(|end| matches!(end, End::Done(_))),
        conflicts: ended(|end| matches!(end, End::Conflict(_))),
        rolled_back: log.rolled_back.into_inner(),
        outside: all.filter(|recorded| recorded.outside).count() as u64,
        served: calls.iter().filter(known).count() as u64,
    };
    violations.extend(counts.violations(&run.least));
    let mut versions = 0;
    for source in &run.sources {
        let record = records.get_mut(source).unwrap();
        versions += *record.keys().next_back().unwrap();
        settle(record, &listed[source], KEPT);
        let found = check(source, &calls, record);
        if !found.is_empty() {
            around(source, &calls, record);
        }
        violations.extend(found);
        for target in 0..targets.len() {
            violations.extend(served(source, target, &calls, record));
        }
    }
    Outcome {
        calls: calls.len() as u64,
        versions,
        counts,
        violations,
    }
}

/// What is wrong with what a target has served of a source. Its writes are those that were
/// acknowledged by it, its contents the names.
fn served(source: &str, target: usize, calls: &[Call], record: &Record) -> Vec<String> {
    let mut violations = Vec::new();
    let key = served_by(source, target);
    let tags: Vec<&str> = record
        .values()
        .filter_map(|r| tag(r.content.as_deref()?))
        .collect();
    let mut served = Vec::new();
    for call in calls.iter().filter(|c| c.key == key) {
        let Op::Read { version, content } = &call.op else {
            continue;
        };
        if !tags.contains(&content.as_str()) && record.values().all(|r| r.content.is_some()) {
            violations.push(format!("{source}: {content} is served and was never there"));
        }
        if *version > 0 {
            served.push(call.clone());
        }
    }
    let by_it = format!("writer-{target}-");
    let writes = calls.iter().filter_map(|c| {
        let Op::Write { content, end, .. } = &c.op else {
            return None;
        };
        let own = c.key == *source && c.client.starts_with(&by_it);
        (own && matches!(end, End::Done(_))).then(|| Call {
            key: key.clone(),
            op: Op::Write {
                expected: None,
                content: tag(content).unwrap_or_default().to_owned(),
                end: end.clone(),
            },
            ..c.clone()
        })
    });
    served.extend(writes);
    let named = record.iter().map(|(version, recorded)| {
        let content = recorded.content.as_deref().and_then(tag).map(str::to_owned);
        // Who made it was asked before.
        let outside = recorded.outside;
        (*version, Recorded { content, outside })
    });
    let found = check(&key, &served, &named.collect());
    violations.extend(found.into_iter().filter(|f| !f.contains("nobody made")));
    violations
}

/// In the end everything is the same: what is stored, on disk, and served.
fn settled(run: &Run, target: &dyn Target, source: &str, log: &Log) {
    let end = Instant::now() + catalog_tests::PATIENCE;
    loop {
        let file = std::fs::read_to_string(content_file(&run.dir, source)).unwrap_or_default();
        let stored = target.read(source).map(|s| s.content).unwrap_or_default();
        let served = target
            .served(source)
            .map(|(_, names)| names)
            .unwrap_or_default();
        let same = |name: &String| Some(tag_of(name)) == tag(&stored);
        if file == stored && !served.is_empty() && served.iter().all(same) {
            return;
        }
        if Instant::now() > end {
            log.violation(format!(
                "{source}: in the end the file is {:?}, stored {:?}, served {served:?}",
                tag(&file),
                tag(&stored)
            ));
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The whole story, for whoever has to find out what happened.
fn around(source: &str, calls: &[Call], record: &Record) {
    for (version, recorded) in record {
        let tag = recorded.content.as_deref().and_then(tag);
        println!(
            "{source}: version {version}: {tag:?}, outside: {}",
            recorded.outside
        );
    }
    for call in calls.iter().filter(|c| c.key == source) {
        if let Op::Write {
            expected,
            content,
            end,
        } = &call.op
        {
            let (from, to) = (call.sent / 1000, call.answered / 1000);
            let (who, tag) = (&call.client, tag(content));
            println!("{source}: {who} {from}..{to} µs: {tag:?} for {expected:?}: {end:?}");
        }
    }
}
