//! Many clients at once on a few sources, and what each of them saw.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use catalog_tests::history::{Call, End, Op, Record, Recorded, check};

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
    Refused,
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
}

/// Everything that was seen.
#[derive(Default)]
pub struct Log {
    start: Option<Instant>,
    calls: Mutex<Vec<Call>>,
    records: Mutex<BTreeMap<String, Record>>,
    violations: Mutex<Vec<String>>,
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

    /// Notes the revisions that are listed now; old ones go after a while.
    fn record(&self, target: &dyn Target, source: &str) {
        for listed in target.list(source) {
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
    }
}

/// A source of numbers that differ, and differ from run to run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
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
                scope.spawn(move || read(run, &**target, log, stop, &name));
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
    let seed = name
        .bytes()
        .fold(14_695_981_039, |h, b| h * 31 % 99_991 + u64::from(b));
    let mut dice = Dice(seed + u64::from(std::process::id()));
    let mut before: BTreeMap<String, Seen> = BTreeMap::new();
    for turn in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let source = &run.sources[usize::try_from(dice.roll(run.sources.len() as u64)).unwrap()];
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
        if dice.roll(3) == 0 {
            std::thread::sleep(Duration::from_millis(dice.roll(10)));
        }
        let sent = log.now();
        let old = before.get(source).filter(|old| old.id != seen.id);
        let (expected, content, wrote) = match (dice.roll(8), old) {
            (0, Some(old)) => {
                let wrote = target.roll_back(source, &seen.id, &old.id);
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
            Wrote::Conflict(None) | Wrote::Refused | Wrote::Unchanged => End::Refused,
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

fn read(run: &Run, target: &dyn Target, log: &Log, stop: &AtomicBool, name: &str) {
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
            log.note(name, &format!("served {source}"), sent, op);
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

/// What the run shows: how many calls, how many versions, and everything that is wrong.
pub struct Outcome {
    pub calls: u64,
    pub versions: u64,
    pub violations: Vec<String>,
}

/// Judges a run. `follows`: each target shows at once what was written through it, so that what it
/// serves is a register, too (only where targets tell the version they serve).
pub fn judge(run: &Run, log: Log, target: &dyn Target) -> Outcome {
    for source in &run.sources {
        settled(run, target, source, &log);
        log.record(target, source);
    }
    let mut violations = log.violations.into_inner().unwrap();
    let mut calls = log.calls.into_inner().unwrap();
    let mut records = log.records.into_inner().unwrap();
    let mut versions = 0;
    for source in &run.sources {
        let record = records.get_mut(source).unwrap();
        let newest = *record.keys().next_back().unwrap();
        versions += newest;
        // What nobody looked at before it was pruned is known to have been.
        let unknown = Recorded {
            content: None,
            outside: false,
        };
        for version in 1..=newest {
            record.entry(version).or_insert_with(|| unknown.clone());
        }
        let found = check(source, &calls, record);
        if !found.is_empty() {
            around(source, &calls, record);
        }
        violations.extend(found);
        // What is served is a register of its own: its writes are those acknowledged, its contents
        // the names.
        let key = format!("served {source}");
        let tags: Vec<&str> = record
            .values()
            .filter_map(|r| tag(r.content.as_deref()?))
            .collect();
        let mut served: Vec<Call> = calls.iter().filter(|c| c.key == key).cloned().collect();
        for call in &served {
            if let Op::Read { content, .. } = &call.op
                && !tags.contains(&content.as_str())
                && record.values().all(|r| r.content.is_some())
            {
                violations.push(format!("{source}: {content} is served and was never there"));
            }
        }
        let told = |c: &Call| !matches!(c.op, Op::Read { version: 0, .. });
        if served.iter().all(told) {
            let writes = calls.iter().filter(|c| c.key == *source).filter_map(|c| {
                let Op::Write {
                    content,
                    end: end @ End::Done(_),
                    ..
                } = &c.op
                else {
                    return None;
                };
                Some(Call {
                    key: key.clone(),
                    op: Op::Write {
                        expected: None,
                        content: tag(content)?.to_owned(),
                        end: end.clone(),
                    },
                    ..c.clone()
                })
            });
            served.extend(writes);
            let named = record.iter().map(|(version, recorded)| {
                let content = recorded.content.as_deref().and_then(tag).map(str::to_owned);
                // Who made it was asked above.
                let outside = recorded.outside;
                (*version, Recorded { content, outside })
            });
            let named: Record = named.collect();
            let found = check(&key, &served, &named);
            violations.extend(found.into_iter().filter(|f| !f.contains("nobody made")));
        }
    }
    calls.retain(|call| !call.key.is_empty());
    Outcome {
        calls: calls.len() as u64,
        versions,
        violations,
    }
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
