//! Making several writes at once: those that wait for the lock share one sync.
//!
//! Each is worked out on the same state, by itself, and has its own answer. Those that have to do with
//! the same source or file wait for the next turn, in their order, so that each of them sees what the
//! one before it has made.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use catalog_core::StoreError;
use catalog_core::model::{Revision, SourceKey};
use catalog_core::ports::StoredSource;

use super::commit::CommitError;
use super::engine::{Engine, Whose};
use super::live::Parsed;
use super::roots::Spot;
use super::standing::Standing;
use super::write::{Job, Planned};

/// The answer to a write; `None`: it has to wait for the next turn.
pub(super) type Answer = Option<Result<Revision, StoreError>>;

impl Engine {
    /// Makes those of the writes that can be made at once, the first of them anyway.
    pub(super) fn write_all(&mut self, jobs: &[&Job]) -> Vec<Answer> {
        let mut answers: Vec<Answer> = jobs.iter().map(|_| None).collect();
        let mut planned = Vec::new();
        let (mut keys, mut spots) = (HashSet::new(), HashSet::new());
        for (i, job) in jobs.iter().enumerate() {
            // A write that waits keeps those behind it waiting that have to do with the same.
            if !keys.insert(&job.key) {
                continue;
            }
            if !((i > 0 || self.is_current()) && self.glance(&job.key)) {
                // Somebody else was here. That takes a look at everything, and new plans.
                if i > 0 {
                    break;
                }
                if let Err(error) = self.look_for(&job.key) {
                    answers[i] = Some(Err(error));
                    break;
                }
            }
            match self.plan(job) {
                Ok(plan) => {
                    let touched: Vec<Spot> = plan.touched().cloned().collect();
                    let collides = touched.iter().any(|spot| spots.contains(spot));
                    spots.extend(touched);
                    if !collides {
                        planned.push((i, plan));
                    }
                }
                Err(error) => answers[i] = Some(Err(error)),
            }
        }
        let groups: Vec<_> = planned.iter().map(|(_, plan)| &plan.changes[..]).collect();
        let committed = self.disk.commit_all(&groups);
        let mut failed = Vec::new();
        let mut done = Vec::new();
        for ((i, plan), result) in planned.into_iter().zip(committed) {
            match result {
                Ok(_) => done.push((i, plan)),
                Err(error) => failed.push((i, error)),
            }
        }
        for (i, answer) in self.take(jobs, done) {
            answers[i] = Some(answer);
        }
        for (i, error) in failed {
            answers[i] = Some(Err(self.explain(&jobs[i].key, error)));
        }
        answers
    }

    /// Takes note of what was committed.
    fn take(
        &mut self,
        jobs: &[&Job],
        done: Vec<(usize, Planned)>,
    ) -> Vec<(usize, Result<Revision, StoreError>)> {
        let mut parsed = None;
        let mut revisions = Vec::new();
        for (i, plan) in done {
            let key = &jobs[i].key;
            for record in plan.records {
                self.advance(key.clone(), record);
            }
            parsed = plan.parsed.or(parsed);
            revisions.push((i, key, plan.revision));
        }
        let keys: Vec<&SourceKey> = revisions.iter().map(|(_, key, _)| *key).collect();
        // The changes are made and durable. An edit past the store that came right after one is the
        // next revision; it does not undo what was done, and must not be told as if nothing was.
        if !self.see(&keys, parsed)
            && let Err(error) = self.look_after_write(&keys)
        {
            tracing::warn!(%error, "the store cannot look at its files after a write");
        }
        let answer = |(i, _, revision)| (i, Ok(revision));
        revisions.into_iter().map(answer).collect()
    }

    /// What to say of a write that was not made, or not for certain.
    fn explain(&mut self, key: &SourceKey, error: CommitError) -> StoreError {
        if let CommitError::Overtaken = error {
            return match self.look(Whose::Also(key)) {
                Ok(()) => self.conflict(key),
                Err(error) => error,
            };
        }
        // Perhaps the next one can finish it; who asked does not hear of that.
        if let Err(error) = self.look(Whose::Unmoved) {
            tracing::warn!(%key, %error, "the store cannot be read after a failed write");
        }
        error.into()
    }

    fn conflict(&self, key: &SourceKey) -> StoreError {
        StoreError::Conflict {
            key: key.clone(),
            current: self.current(key),
        }
    }

    /// Whether nothing is known to have changed but what single sources have for content.
    pub(super) fn is_current(&mut self) -> bool {
        if self.disk.recover().is_err() || self.stuck.is_some() || !self.unrecorded.is_empty() {
            return false;
        }
        let generation = self.disk.generation();
        let view = self.published.get();
        let sources = self.reader.sources();
        self.heads_at.as_ref() == Some(&generation)
            && view.generation == generation
            && !sources.iter().any(|path| view.held.contains(path))
            && self.reader.is_current(&self.disk, &mut self.live)
    }

    /// Looks at the content of one source; `false` when it is not what it was.
    fn glance(&mut self, key: &SourceKey) -> bool {
        self.reader.read_one(&self.disk, &mut self.live, key);
        self.standing(key) == Standing::Known
    }

    /// Shows what was written of these sources; `false` when there is more to see than that.
    fn see(&mut self, keys: &[&SourceKey], parsed: Option<Parsed>) -> bool {
        let changed = parsed.is_some();
        if let Some(parsed) = parsed {
            self.reader.expect(&self.live.files, parsed);
            // Where something is wrong with another source has moved.
            let wrong = |(key, source): (&SourceKey, &super::live::LiveSource)| {
                !source.problems.is_empty() && !keys.contains(&key)
            };
            if self.live.sources.iter().any(wrong)
                || !self.reader.read_expected(&self.disk, &mut self.live)
            {
                return false;
            }
        }
        let mut left = Vec::new();
        for key in keys {
            let before = self.live.sources.get(*key).and_then(|s| s.watched.clone());
            self.reader.read_one(&self.disk, &mut self.live, key);
            if self.standing(key) != Standing::Known {
                return false;
            }
            left.extend(before.filter(|path| !self.live.watched.contains_key(path)));
        }
        let generation = self.disk.generation();
        for key in keys {
            let shown = self.shown_after_write(key);
            let content = self.live.sources.get(*key).and_then(|s| s.watched.clone());
            let sources = self.reader.sources().iter().filter(|_| changed);
            let seen: Vec<PathBuf> = sources.cloned().chain(content.clone()).collect();
            let troubled = !self.published.get().troubles.is_empty();
            let troubles = troubled.then(|| self.troubles());
            self.published.update(key, |view| {
                match shown {
                    Some(source) => view.sources.insert((*key).clone(), Arc::new(source)),
                    None => view.sources.remove(*key),
                };
                for path in left.iter().chain(&content) {
                    view.held.remove(path);
                }
                for path in &left {
                    view.watched.remove(path);
                }
                for path in seen {
                    let print = self.live.watched.get(&path).copied().flatten();
                    view.watched.insert(path, print);
                }
                view.generation.clone_from(&generation);
                view.unsettled = !self.live.unsettled.is_empty();
                if let Some(troubles) = troubles {
                    view.troubles = troubles;
                }
            });
        }
        true
    }

    fn shown_after_write(&self, key: &SourceKey) -> Option<StoredSource> {
        let record = self.heads.get(key)?.record.as_ref()?;
        self.shown(None, record, Standing::Known, false, key)
    }

    /// Looks at the files after a write that has changed some of them.
    fn look_after_write(&mut self, keys: &[&SourceKey]) -> Result<(), StoreError> {
        let moving = self.published.get().changed_files();
        let live = self.reader.read(&self.disk);
        let contents = keys.iter().filter_map(|key| live.sources.get(*key));
        let contents = contents.filter_map(|source| source.watched.as_ref());
        let written: BTreeSet<&PathBuf> = contents.chain(self.reader.sources()).collect();
        let moving = moving.into_keys().filter(|path| !written.contains(path));
        let moving: BTreeSet<PathBuf> = moving.collect();
        self.live = live;
        self.record_news(&self.without_entries(moving.clone(), keys), keys)?;
        self.published.replace(self.make_view(&moving, keys));
        Ok(())
    }

    /// Other sources' edits are not recorded after a write, whatever they are in.
    fn without_entries(
        &self,
        mut moving: BTreeSet<PathBuf>,
        keys: &[&SourceKey],
    ) -> BTreeSet<PathBuf> {
        let others = self.live.sources.iter();
        let others = others.filter(|(other, _)| !keys.contains(other));
        moving.extend(others.filter_map(|(_, source)| source.watched.clone()));
        moving.extend(self.reader.sources().iter().cloned());
        moving
    }
}

impl Planned {
    /// The files that it changes or was worked out with.
    fn touched(&self) -> impl Iterator<Item = &Spot> {
        let changed = self.changes.iter().map(|change| &change.spot);
        changed.chain(&self.content)
    }
}
