//! What a catalog may look like after a disturbance.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use catalog_core::ports::SourceConfigStore as _;

use catalog_stores::FileStoreOptions;

use super::home::{Catalog, Home, options};
use super::look::{Look, look};
use super::scenario::{Later, Scenario, Step};

/// Knows what every change of a template leads to, by making them undisturbed.
pub struct Oracle {
    template: Home,
    scratch: PathBuf,
    known: Mutex<BTreeMap<Vec<Step>, Look>>,
}

impl Oracle {
    /// Makes the template, a catalog with a history, and works below this directory.
    pub fn new(scratch: impl Into<PathBuf>) -> Self {
        Self::of(scratch.into(), Home::make)
    }

    /// As [`new`](Self::new), with files that no store has seen.
    pub fn young(scratch: impl Into<PathBuf>) -> Self {
        Self::of(scratch.into(), Home::make_young)
    }

    fn of(scratch: PathBuf, make: impl Fn(&Home)) -> Self {
        let template = Home::at(scratch.join("template"));
        make(&template);
        Self {
            template,
            scratch,
            known: Mutex::default(),
        }
    }

    /// The catalog before the change.
    pub fn template(&self) -> &Home {
        &self.template
    }

    /// A copy of the template, in a directory of this name.
    pub fn copy(&self, name: &str) -> Home {
        self.template.copy_to(&self.scratch.join(name))
    }

    /// The catalog after these steps.
    ///
    /// # Panics
    /// When they cannot be made without any disturbance, or what they lead to contradicts itself.
    pub fn expected(&self, steps: &[Step]) -> Look {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = known.entry(steps.to_vec());
        entry.or_insert_with(|| self.make(steps)).clone()
    }

    fn make(&self, steps: &[Step]) -> Look {
        let home = self.copy("expected");
        super::run(async {
            let catalog = Catalog::open(&home).await.expect("a catalog");
            for step in steps {
                if let Step::Change(scenario) = step {
                    scenario.prepare(&home);
                }
                step.make(&catalog).await.expect("a step");
            }
            let mut wrong = Vec::new();
            let look = look(&catalog, &home, &mut wrong).await;
            assert!(wrong.is_empty(), "{steps:?}: {wrong:?}");
            catalog.close().await;
            look
        })
    }

    /// Opens what is left and says what is wrong with it: it must be what one of `allowed` leads to,
    /// and saving must work, and be kept.
    pub fn judge(&self, scenario: Scenario, home: &Home, allowed: &[Vec<Step>]) -> Vec<String> {
        self.judge_by(scenario, home, options(home), allowed)
    }

    /// As [`judge`](Self::judge), after a power cut.
    pub fn judge_after_power_cut(
        &self,
        scenario: Scenario,
        home: &Home,
        allowed: &[Vec<Step>],
    ) -> Vec<String> {
        self.judge_by(scenario, home, options(home).boot("another"), allowed)
    }

    fn judge_by(
        &self,
        scenario: Scenario,
        home: &Home,
        options: FileStoreOptions,
        allowed: &[Vec<Step>],
    ) -> Vec<String> {
        let expected = allowed.iter().map(|steps| self.expected(steps));
        let expected: Vec<Look> = expected.collect();
        super::run(judge(scenario, home, options, &expected))
    }
}

async fn judge(
    scenario: Scenario,
    home: &Home,
    options: FileStoreOptions,
    expected: &[Look],
) -> Vec<String> {
    let mut wrong = Vec::new();
    let catalog = match Catalog::open_with(home, options).await {
        Ok(catalog) => catalog,
        Err(error) => return vec![format!("it cannot be opened: {error}")],
    };
    let found = look(&catalog, home, &mut wrong).await;
    let differences = expected.iter().map(|wanted| found.differs_from(wanted));
    let differences: Option<Vec<String>> = differences.collect();
    wrong.extend(differences.map(|all| all.join(", and ")));
    for later in Later::ALL {
        match Step::Later(later, scenario).make(&catalog).await {
            Err(error) => wrong.push(format!("the next save is refused: {error}")),
            Ok(revision) => {
                let there = catalog.store.get(&later.key(scenario)).await;
                if !there.is_ok_and(|s| s.is_some_and(|s| s.revision.id.to_string() == revision)) {
                    wrong.push(format!("the next save, {revision}, is not there"));
                }
            }
        }
    }
    catalog.close().await;
    wrong
}
