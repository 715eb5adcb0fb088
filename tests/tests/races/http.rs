//! A server as a process.

use std::path::Path;
use std::sync::{Mutex, RwLock};

use catalog_tests::{Answer, Client, Server};
use serde_json::{Value, json};

use crate::run::{Listed, Seen, Target, Wrote, version};

const BASE: &str = "/api/catalog-management/v1alpha1/plugins/mcp/sources";

pub struct Http {
    server: Mutex<Option<Server>>,
    client: RwLock<Client>,
    violations: Mutex<Vec<String>>,
}

impl Http {
    pub fn new(server: Server) -> Self {
        let client = RwLock::new(server.client().clone());
        Self {
            server: Mutex::new(Some(server)),
            client,
            violations: Mutex::default(),
        }
    }

    /// As a crash of the process, and a supervisor.
    pub fn kill_and_restart(&self, dir: &Path) {
        let mut server = self.server.lock().unwrap();
        drop(server.take().map(Server::kill));
        let next = Server::start(dir);
        *self.client.write().unwrap() = next.client().clone();
        *server = Some(next);
    }

    pub fn violations(&self) -> Vec<String> {
        self.violations.lock().unwrap().clone()
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Answer> {
        let client = self.client.read().unwrap().clone();
        let headers = [("Content-Type", "application/json")];
        let headers = &headers[..body.iter().len()];
        let body = body.map(Value::to_string);
        let body = body.as_ref().map(String::as_bytes);
        let answer = client.try_send(method, path, headers, body).ok()?;
        if answer.status >= 500 {
            let mut violations = self.violations.lock().unwrap();
            violations.push(format!(
                "{method} {path}: {}: {}",
                answer.status, answer.text
            ));
        }
        Some(answer)
    }

    fn get(&self, path: &str) -> Option<Value> {
        let answer = self.send("GET", path, None)?;
        (answer.status == 200).then(|| answer.json())
    }

    fn change(&self, path: &str, body: &Value) -> Wrote {
        let Some(answer) = self.send("POST", path, Some(body)) else {
            return Wrote::Unknown;
        };
        let json = answer.json();
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        match answer.status {
            200 | 201 if json["changed"] == json!(false) => Wrote::Unchanged,
            200 | 201 => Wrote::Done(text("revision").unwrap()),
            409 | 412 => Wrote::Conflict(text("current")),
            400..500 => Wrote::Refused(text("code").unwrap_or(answer.text)),
            _ => Wrote::Unknown,
        }
    }

    /// The version that is served of a source.
    fn version(&self, source: &str) -> Option<u64> {
        let json = self.get(&format!("{BASE}/{source}"))?;
        json["status"]["revision"].as_str().map(version)
    }
}

impl Target for Http {
    fn read(&self, source: &str) -> Option<Seen> {
        let json = self.get(&format!("{BASE}/{source}"))?;
        Some(Seen {
            id: json["revision"].as_str()?.to_owned(),
            content: json["rawYaml"].as_str()?.to_owned(),
        })
    }

    fn write(&self, source: &str, expected: Option<&str>, content: &str) -> Wrote {
        let mut body = json!({"rawYaml": content, "options": {"confirmRemovals": 1000}});
        let path = format!("{BASE}/{source}:apply");
        if let Some(expected) = expected {
            body["expectedRevision"] = expected.into();
            return self.change(&path, &body);
        }
        // Whatever is there takes a header.
        let client = self.client.read().unwrap().clone();
        let headers = [("Content-Type", "application/json"), ("If-Match", "*")];
        let body = body.to_string();
        match client.try_send("POST", &path, &headers, Some(body.as_bytes())) {
            Err(_) => Wrote::Unknown,
            Ok(answer) => match answer.status {
                200 => Wrote::Done(answer.json()["revision"].as_str().unwrap().to_owned()),
                400..500 => Wrote::Refused(answer.text),
                _ => {
                    let text = format!("{path}: {}", answer.text);
                    self.violations.lock().unwrap().push(text);
                    Wrote::Unknown
                }
            },
        }
    }

    fn roll_back(&self, source: &str, expected: &str, to: &str) -> Wrote {
        let body = json!({
            "revisionId": to,
            "expectedRevision": expected,
            "options": {"confirmRemovals": 1000},
        });
        self.change(&format!("{BASE}/{source}:rollback"), &body)
    }

    fn refresh(&self, source: &str) {
        let _ = self.send("POST", &format!("{BASE}/{source}:refresh"), None);
    }

    fn list(&self, source: &str) -> Vec<Listed> {
        let json = self.get(&format!("{BASE}/{source}/revisions?pageSize=1000"));
        let items = json.and_then(|j| j["items"].as_array().cloned());
        let listed = |item: &Value| Listed {
            id: item["id"].as_str().unwrap().to_owned(),
            outside: item["kind"] == "external",
        };
        items.unwrap_or_default().iter().map(listed).collect()
    }

    fn content_of(&self, source: &str, id: &str) -> Option<String> {
        let json = self.get(&format!("{BASE}/{source}/revisions/{id}"))?;
        json["rawYaml"].as_str().map(str::to_owned)
    }

    fn served(&self, source: &str) -> Option<(Option<u64>, Vec<String>)> {
        // It is told in another place. Versions only grow: one that is the same before and after is
        // that of what was served in between.
        let before = self.version(source);
        // Entities carry their source in their name.
        let path = "/api/mcp_catalog/v1alpha1/mcpservers?pageSize=1000";
        let json = self.get(path)?;
        let names = json["items"].as_array()?.iter();
        let names = names.filter_map(|i| i["name"].as_str().map(str::to_owned));
        let names = names.filter(|name| name.starts_with(source));
        let names = names.collect();
        let version = before.filter(|before| self.version(source) == Some(*before));
        Some((version, names))
    }
}
