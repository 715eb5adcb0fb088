//! What one client does.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::ledger::Shows;
use super::{Done, Ledger, Load};
use crate::canary::Dice;
use crate::{Answer, Client, matrix};

const MANAGEMENT: &str = "/api/catalog-management/v1alpha1";

/// The entities that every source has before anybody writes.
pub(super) const FIRST_ENTITIES: u64 = 1;

/// The id of a source.
pub(super) fn id(plugin: &str, number: usize) -> String {
    format!("load-{plugin}-{number}")
}

/// A document with this many entities; `mark` makes it another one.
pub(super) fn document(plugin: &str, source: usize, mark: u64, entities: u64) -> String {
    let mut text = format!(
        "# {mark}\n{}:\n",
        if plugin == "mcp" {
            "mcpservers"
        } else {
            "models"
        }
    );
    for number in 0..entities {
        let name = format!("{plugin}-{source}-{number}");
        text += &match plugin {
            "mcp" => format!(
                "  - name: {name}\n    deploymentMode: local\n    description: made by {mark}\n"
            ),
            _ => format!("  - name: {name}\n    description: made by {mark}\n"),
        };
    }
    text
}

/// One client.
pub(super) struct Worker {
    number: usize,
    load: Load,
    client: Client,
    ledger: Arc<Ledger>,
    dice: Dice,
    count: u64,
    pub(super) done: Done,
}

impl Worker {
    pub(super) fn new(number: usize, load: Load, client: Client, ledger: Arc<Ledger>) -> Self {
        Self {
            number,
            load,
            client,
            ledger,
            dice: matrix::dice(&format!("client {number}")),
            count: 0,
            done: Done::default(),
        }
    }

    /// Does one thing.
    pub(super) fn step(&mut self) {
        self.count += 1;
        let plugin = ["mcp", "model"][self.dice.below(2)];
        let number = self.dice.below(self.load.sources / 2);
        let source = format!("/plugins/{plugin}/sources/{}", id(plugin, number));
        match self.dice.below(20) {
            0..5 => self.read("list", public(plugin)),
            5..9 => self.read("get", format!("{MANAGEMENT}{source}")),
            9 => self.read(
                "list sources",
                format!("{MANAGEMENT}/plugins/{plugin}/sources"),
            ),
            10..12 => {
                let document = document(plugin, number, self.count, 3);
                self.send(
                    "validate",
                    &format!("{source}:validate"),
                    None,
                    &json!({"rawYaml": document}),
                );
            }
            12..14 => {
                self.send("refresh", &format!("{source}:refresh"), None, &json!({}));
            }
            14..18 => self.apply(plugin, number, &source),
            _ => self.roll_back(&source),
        }
    }

    fn apply(&mut self, plugin: &str, number: usize, source: &str) {
        let Some(now) = self.look(source) else { return };
        let entities = 1 + self.dice.below(5) as u64;
        let mark = self.number as u64 * 1_000_000_000 + self.count;
        let body = json!({
            "rawYaml": document(plugin, number, mark, entities),
            "options": {"confirmRemovals": 100},
        });
        self.write("apply", source, &now, &body, Shows::Entities(entities));
    }

    fn roll_back(&mut self, source: &str) {
        let Some(now) = self.look(source) else { return };
        let history = self.ask(
            "revisions",
            "GET",
            &format!("{MANAGEMENT}{source}/revisions"),
            &[],
            None,
        );
        let Some(history) = history else { return };
        let items = history.json()["items"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        // One from the middle: the oldest may be gone when its turn comes.
        let Some(to) = items.get(items.len() / 2).and_then(|i| i["id"].as_str()) else {
            return;
        };
        let body = json!({"revisionId": to, "options": {"confirmRemovals": 100}});
        self.write("roll back", source, &now, &body, Shows::As(to.to_owned()));
    }

    /// The revision that is there.
    fn look(&mut self, source: &str) -> Option<String> {
        let answer = self.ask("get", "GET", &format!("{MANAGEMENT}{source}"), &[], None)?;
        answer.json()["revision"].as_str().map(str::to_owned)
    }

    /// Writes on top of this revision; 412 when somebody else was quicker.
    fn write(
        &mut self,
        operation: &'static str,
        source: &str,
        now: &str,
        body: &Value,
        shows: Shows,
    ) {
        let verb = if operation == "apply" {
            "apply"
        } else {
            "rollback"
        };
        let Some(answer) = self.send(operation, &format!("{source}:{verb}"), Some(now), body)
        else {
            return;
        };
        if answer.status == 200
            && let Some(made) = answer.json()["revision"].as_str()
        {
            // Rolling back to what is there already changes nothing.
            if made != now {
                self.ledger.acknowledged(source, now, made, shows);
            }
        }
    }

    fn read(&mut self, operation: &'static str, path: impl AsRef<str>) {
        self.ask(operation, "GET", path.as_ref(), &[], None);
    }

    fn send(
        &mut self,
        operation: &'static str,
        path: &str,
        on: Option<&str>,
        body: &Value,
    ) -> Option<Answer> {
        let tag = on.map(|revision| format!("\"{revision}\""));
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(tag.as_deref().map(|tag| ("If-Match", tag)));
        let body = body.to_string();
        self.ask(
            operation,
            "POST",
            &format!("{MANAGEMENT}{path}"),
            &headers,
            Some(body.as_bytes()),
        )
    }

    fn ask(
        &mut self,
        operation: &'static str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Option<Answer> {
        let begun = Instant::now();
        let answer = self.client.try_send(method, path, headers, body);
        self.done
            .times
            .entry(operation)
            .or_default()
            .push(begun.elapsed());
        match answer {
            Ok(answer) if answer.status == 200 => return Some(answer),
            // With an expectation, somebody else may have been quicker.
            Ok(answer) if answer.status == 412 => self.done.conflicts += 1,
            Ok(answer) => {
                let text = answer.text.get(..200).unwrap_or(&answer.text).to_owned();
                self.done
                    .failures
                    .push(format!("{method} {path}: {} {text}", answer.status));
            }
            Err(error) => self.done.failures.push(format!("{method} {path}: {error}")),
        }
        None
    }
}

fn public(plugin: &str) -> &'static str {
    match plugin {
        "mcp" => "/api/mcp_catalog/v1alpha1/mcpservers?pageSize=20",
        _ => "/api/model_catalog/v1alpha1/models?pageSize=20",
    }
}
