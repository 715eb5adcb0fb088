//! Asking a server everything, and keeping what it says.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use catalog_tests::matrix::{full, tries};
use catalog_tests::{Answer, Server, eventually};
use serde_json::{Value, json};

use super::vault::{TOKENS, Vault};

const MANAGEMENT: &str = "/api/catalog-management/v1alpha1";
pub const METHODS: [&str; 8] = [
    "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE",
];

/// A server that is asked.
pub struct Walk {
    server: Server,
    seen: Vec<(String, Vec<u8>)>,
    statuses: BTreeSet<u16>,
    events: Arc<Mutex<Vec<u8>>>,
    /// Requests to which no answer came.
    unanswered: Vec<String>,
}

/// Everything that a server said, and how it was asked.
pub struct Told {
    pub seen: Vec<(String, Vec<u8>)>,
    pub answers: usize,
    pub unanswered: Vec<String>,
    /// The kinds of answers there were.
    pub statuses: BTreeSet<u16>,
}

impl Walk {
    pub fn new(server: Server) -> Self {
        Self {
            server,
            seen: Vec::new(),
            statuses: BTreeSet::new(),
            events: Arc::default(),
            unanswered: Vec::new(),
        }
    }

    /// Listens to the events.
    pub fn listen(&mut self) {
        let address = self
            .server
            .client()
            .base()
            .trim_start_matches("http://")
            .to_owned();
        let events = self.events.clone();
        std::thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            write!(
                stream,
                "GET {MANAGEMENT}/events HTTP/1.1\r\nHost: x\r\n\r\n"
            )
            .unwrap();
            let mut chunk = [0u8; 4096];
            while let Ok(n @ 1..) = stream.read(&mut chunk) {
                events.lock().unwrap().extend_from_slice(&chunk[..n]);
            }
        });
        eventually("the stream is open", || {
            contains(&self.events.lock().unwrap(), ": ok")
        });
    }

    /// Keeps an answer. Page tokens are hex of what they hold, and are searched as such.
    fn note(&mut self, place: &str, answer: Answer) -> Answer {
        let place = format!("{place} → {}", answer.status);
        self.statuses.insert(answer.status);
        let said = format!("{:?}\n{}", answer.headers, answer.text);
        self.seen.push((place, said.into_bytes()));
        answer
    }

    fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Option<Answer> {
        let place = format!("{method} {path}");
        match self.server.client().try_send(method, path, headers, body) {
            Ok(answer) => Some(self.note(&place, answer)),
            // The client refuses to send it, or the server ended the connection.
            Err(error) => {
                self.unanswered.push(format!("{place}: {error}"));
                None
            }
        }
    }

    pub fn apply(&mut self, source: &str, body: Value) -> Answer {
        let path = format!("{MANAGEMENT}{source}");
        let answer = self.server.client().post(
            &format!("{path}:validate"),
            &json!({"source": body["source"], "rawYaml": body["rawYaml"]}),
        );
        self.note(&format!("POST {path}:validate"), answer);
        let mut dry = body.clone();
        dry["options"] = json!({"dryRun": true});
        let answer = self.server.client().post(&format!("{path}:apply"), &dry);
        self.note(&format!("POST {path}:apply, dry"), answer);
        let answer = self.server.client().post(&format!("{path}:apply"), &body);
        self.note(&format!("POST {path}:apply"), answer)
    }

    /// A change of what is stored now; and the same again, which is stale.
    pub fn change(&mut self, source: &str, mut body: Value) -> Answer {
        let current = self.server.get(source).json()["revision"].clone();
        body["expectedRevision"] = current;
        let answer = self.apply(source, body.clone());
        self.apply(source, body);
        answer
    }

    /// Every route with every method and with every revision there is.
    pub fn every_route(&mut self, plugin: &str, id: &str, methods: &[&str]) {
        let document = self.server.client().get("/openapi.json").json();
        let mut paths: Vec<String> = document["paths"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        paths.push("/nowhere".into());
        // Large, and the same whatever the server holds: nothing is gained by asking again and again.
        let first = !self
            .seen
            .iter()
            .any(|(place, _)| place.starts_with("GET /docs "));
        if first {
            paths.extend(["/docs".into(), "/openapi.json".into()]);
        }
        let source = format!("/plugins/{plugin}/sources/{id}");
        let revisions = self.server.get(&format!("{source}/revisions")).json();
        let revisions: Vec<String> = revisions["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|r| Some(r["id"].as_str()?.to_owned()))
            .collect();
        let names = match plugin {
            "mcp" => self.server.mcp_names(),
            _ => self.server.model_names(),
        };
        for path in paths {
            if path.ends_with("/events") {
                continue;
            }
            let filled = path.replace("{plugin}", plugin).replace("{source_id}", id);
            for revision in revisions.iter().take(3) {
                for method in methods {
                    // What changes something has its turn elsewhere.
                    if *method == "DELETE" || (*method == "POST" && filled.contains("sources/")) {
                        continue;
                    }
                    let filled = filled.replace("{revision}", revision);
                    self.ask(method, &filled.replace("{name}", "server-1"), &[], None);
                }
                if !path.contains("{revision}") {
                    break;
                }
            }
        }
        for from in revisions.iter().take(3) {
            for to in revisions.iter().take(3) {
                self.ask(
                    "GET",
                    &format!("{MANAGEMENT}{source}/diff?from={from}&to={to}"),
                    &[],
                    None,
                );
            }
        }
        for name in names.iter().take(18) {
            let name: String = name.bytes().map(|b| format!("%{b:02X}")).collect();
            self.ask(
                "GET",
                &format!("/api/mcp_catalog/v1alpha1/mcpservers/{name}"),
                &[],
                None,
            );
        }
        for size in [1, 1000] {
            for list in [
                "mcp_catalog/v1alpha1/mcpservers",
                "model_catalog/v1alpha1/models",
                "model_catalog/v1alpha1/sources",
            ] {
                let first = self.ask("GET", &format!("/api/{list}?pageSize={size}"), &[], None);
                let mut next =
                    first.and_then(|a| a.json()["nextPageToken"].as_str().map(str::to_owned));
                for _ in 0..3 {
                    let Some(token) = next.filter(|t| !t.is_empty()) else {
                        break;
                    };
                    let page = self.ask(
                        "GET",
                        &format!("/api/{list}?pageSize={size}&nextPageToken={token}"),
                        &[],
                        None,
                    );
                    next = page.and_then(|a| a.json()["nextPageToken"].as_str().map(str::to_owned));
                }
            }
        }
        self.ask(
            "POST",
            &format!("{MANAGEMENT}{source}:refresh"),
            &[("Content-Type", "application/json")],
            Some(b"{}"),
        );
    }

    /// What is shown goes back with something else changed.
    pub fn round_trip(&mut self, source: &str) {
        let shown = self.server.get(source).expect(200).json();
        let mut settings = shown["source"].clone();
        settings["labels"] = json!(["edited"]);
        let raw = shown["rawYaml"].as_str().unwrap().to_owned();
        let body = json!({"source": settings, "rawYaml": format!("{raw}# edited\n"), "expectedRevision": shown["revision"]});
        self.apply(source, body).expect(200);
    }

    /// Off, on, back, gone, and back again.
    pub fn roll_back_and_delete(&mut self, source: &str) {
        let post = |walk: &mut Self, verb: &str, body: Value| {
            let path = format!("{MANAGEMENT}{source}:{verb}");
            let headers = [("Content-Type", "application/json"), ("If-Match", "*")];
            walk.ask("POST", &path, &headers, Some(body.to_string().as_bytes()))
                .unwrap()
        };
        post(self, "enable", json!({"enabled": false})).expect(200);
        post(self, "enable", json!({"enabled": true})).expect(200);
        let revisions = self.server.get(&format!("{source}/revisions")).json();
        let all = revisions["items"].as_array().unwrap().clone();
        let first = all.last().unwrap()["id"].clone();
        post(
            self,
            "rollback",
            json!({"revisionId": first, "options": {"confirmRemovals": 1000}}),
        )
        .expect(200);
        self.ask(
            "DELETE",
            &format!("{MANAGEMENT}{source}"),
            &[("If-Match", "*")],
            None,
        )
        .unwrap();
        self.ask("GET", &format!("{MANAGEMENT}{source}"), &[], None);
        let back = json!({"revisionId": all[0]["id"], "options": {"confirmRemovals": 1000}});
        let path = format!("{MANAGEMENT}{source}:rollback");
        let headers = [("Content-Type", "application/json"), ("If-None-Match", "*")];
        self.ask("POST", &path, &headers, Some(back.to_string().as_bytes()))
            .unwrap()
            .expect(200);
    }

    /// Requests that are refused, with a secret where they go wrong.
    pub fn refused(&mut self, source: &str, vault: &mut Vault, good: &str) {
        let path = format!("{MANAGEMENT}{source}");
        let etag = self.server.get(source).etag();
        let before = etag.trim_matches('"').to_owned();
        let little = match source.contains("/mcp/") {
            true => "mcp_servers:\n  - name: plain\n",
            false => "models:\n  - name: plain\n",
        };
        let json_headers = [
            ("Content-Type", "application/json"),
            ("If-Match", etag.as_str()),
        ];
        for _ in 0..tries(1, TOKENS.len() as u64) {
            let mut put = |what: &str| vault.next(&format!("refused {what}"));
            let bodies = [
                format!("{{\"rawYaml\": {}", put("cut short")),
                format!("{{\"apiKey\": {}}}", put("bare in JSON")),
                format!("{{\"source\": {{\"password\": \"{}\"", put("cut short")),
                format!("[\"{}\"]", put("no object")),
                format!("\"{}\"", put("no object")),
                put("no JSON"),
                json!({put("unknown member"): 1}).to_string(),
                json!({"source": {put("unknown member"): put("unknown value")}}).to_string(),
                json!({"source": {"enabled": put("wrong type")}}).to_string(),
                json!({"source": {"labels": put("wrong type")}}).to_string(),
                json!({"source": {"properties": put("wrong type")}}).to_string(),
                json!({"source": {"properties": [put("wrong type")]}}).to_string(),
                json!({"source": {"type": put("provider type")}}).to_string(),
                json!({"source": {"id": put("another id")}}).to_string(),
                json!({"source": {"includedItems": [format!("[{}", put("pattern"))]}}).to_string(),
                json!({"source": {"name": put("long name").repeat(20)}}).to_string(),
                json!({"source": {"properties": {"yamlCatalogPath": format!("../{}", put("path"))}}}).to_string(),
                json!({"source": {"properties": {"yamlCatalogPath": format!("{}.yaml", put("path").replace('/', "_"))}}}).to_string(),
                json!({"source": {"properties": {"password": {"name": put("reference"), "key": put("reference")}}}}).to_string(),
                json!({"expectedRevision": put("expected")}).to_string(),
                json!({"options": {"dryRun": put("option")}}).to_string(),
                json!({"options": {put("option"): true}}).to_string(),
                json!({"message": [put("message")]}).to_string(),
                json!({"rawYaml": {"password": put("content")}}).to_string(),
            ];
            for body in bodies {
                for verb in ["validate", "apply", "enable", "rollback", "refresh"] {
                    self.ask(
                        "POST",
                        &format!("{path}:{verb}"),
                        &json_headers,
                        Some(body.as_bytes()),
                    );
                }
            }
            let texts = [
                format!("mcp_servers: {}", put("no list")),
                format!("{}: 1\n{little}", put("unknown key")),
                format!(
                    "{good}  - name: {}\n   bad: indentation\n",
                    put("before the error")
                ),
                format!("{good}  - name: [{}\n", put("at the error")),
                format!("{little}  - {{name: x, password: \"{}\n", put("open quote")),
                format!(
                    "{little}  - name: x\n    apiKey: {}\n    apiKey: {}\n",
                    put("duplicate"),
                    put("duplicate")
                ),
                format!(
                    "{little}  - name: x\n    {}: 1\n    {}: 2\n",
                    put("unknown field"),
                    put("unknown field")
                ),
                format!(
                    "{little}  - name: *{}\n",
                    put("alias").replace([':', '/', '.', '@', '?', '=', '&'], "")
                ),
                format!(
                    "{little}  - name: !{} x\n",
                    put("tag").replace(['/', '@', '?', '=', '&'], "")
                ),
                format!(
                    "{little}  - name: x\n    deploymentMode: {}\n    maturity: {{a: {}}}\n",
                    put("enum"),
                    put("wrong type")
                ),
                format!(
                    "{little}  - name: x\n    readme: [{}]\n    description: [{}]\n",
                    put("wrong type"),
                    put("wrong type")
                ),
                format!(
                    "{little}  - name: x\n    logo: {}\n    licenseLink: {}\n    license_link: {}\n",
                    put("link"),
                    put("link"),
                    put("link")
                ),
                format!(
                    "{little}  - name: x\n    createTimeSinceEpoch: {}\n    publishedDate: {}\n",
                    put("time"),
                    put("time")
                ),
                format!(
                    "{little}  - name: x\n    tools: [{{name: t, accessType: {}}}]\n",
                    put("enum")
                ),
                format!(
                    "{little}  - name: x\n    endpoints: {{http: 'ftp://{}', sse: {}}}\n",
                    put("URL"),
                    put("URL")
                ),
                format!(
                    "{little}  - name: '{0}'\n  - name: '{0}'\n",
                    put("name twice").replace('@', "")
                ),
                format!("{little}  - name: \"{}\u{7}\"\n", put("control character")),
                format!("--- {}\n--- {}\n", put("documents"), put("documents")),
                format!(
                    "{little}  - name: x\n    <<: {{password: {}}}\n",
                    put("merge key")
                ),
                format!("{little}# {}\n\t- tab: {}\n", put("comment"), put("tab")),
            ];
            for text in texts {
                let body = json!({"rawYaml": text}).to_string();
                for verb in ["validate", "apply"] {
                    let answer = self.ask(
                        "POST",
                        &format!("{path}:{verb}"),
                        &json_headers,
                        Some(body.as_bytes()),
                    );
                    if verb == "apply" && answer.is_some_and(|a| a.status == 200) {
                        // It was taken after all; what comes next starts from what was there.
                        let answer = self.server.client().post_with(
                            &format!("{path}:apply"),
                            &[("If-Match", "*")],
                            &json!({"rawYaml": little}),
                        );
                        self.note("back", answer);
                    }
                }
            }
        }
        // Secrets that show by the name of their key alone, where the value is what is wrong.
        let keys = usize::try_from(tries(3, 10)).unwrap();
        for key in super::vault::KEYS.iter().take(keys) {
            let mut put = |what: &str| vault.put(&format!("refused {what} of {key}"), "⟦an16⟧");
            let texts = [
                format!("{little}  - name: x\n    {key}: {}\n", put("value")),
                format!(
                    "{little}  - name: x\n    tools: [{{name: t, {key}: {}}}]\n",
                    put("value")
                ),
                format!("{little}  - name: x\n    {key}: {}\n  bad\n", put("value")),
                format!(
                    "{little}  - name: x\n    {key}: |\n      {}\n     {}\n bad: [\n",
                    put("block"),
                    put("block")
                ),
                format!("{little}  - {{name: x, {key}: '{}\n", put("open quote")),
            ];
            for text in texts {
                let body = json!({"rawYaml": text}).to_string();
                self.ask(
                    "POST",
                    &format!("{path}:validate"),
                    &json_headers,
                    Some(body.as_bytes()),
                );
                self.ask(
                    "POST",
                    &format!("{path}:apply"),
                    &json_headers,
                    Some(body.as_bytes()),
                );
            }
            let bodies = [
                json!({*key: put("member")}).to_string(),
                json!({"source": {*key: {"a": put("member")}}}).to_string(),
                json!({"options": {*key: put("member")}}).to_string(),
                format!(
                    "{{\"source\": {{\"properties\": {{\"{key}\": \"{}\"}}}}, x",
                    put("cut short")
                ),
                format!("{{\"{key}\": {}}}", put("bare")),
            ];
            for body in bodies {
                for verb in ["validate", "apply", "rollback"] {
                    self.ask(
                        "POST",
                        &format!("{path}:{verb}"),
                        &json_headers,
                        Some(body.as_bytes()),
                    );
                }
            }
        }
        // Some of it was no mistake to the server.
        let back = json!({"revisionId": before, "options": {"confirmRemovals": 1000}}).to_string();
        let headers = [("Content-Type", "application/json"), ("If-Match", "*")];
        self.ask(
            "POST",
            &format!("{path}:rollback"),
            &headers,
            Some(back.as_bytes()),
        )
        .unwrap()
        .expect(200);
    }

    /// Secrets in headers, paths and queries.
    pub fn strangers(&mut self, vault: &mut Vault) {
        for _ in 0..tries(2, 12) {
            let mut put = |what: &str| vault.next_plain(what);
            let (bearer, cookie, key, basic) =
                (put("bearer"), put("cookie"), put("key"), put("basic"));
            let credentials = String::from_utf8(catalog_tests::canary::base64(
                format!("svc:{basic}").as_bytes(),
                *b"+/",
            ))
            .unwrap();
            let headers = [
                ("Authorization", format!("Bearer {bearer}")),
                ("Proxy-Authorization", format!("Basic {credentials}")),
                ("Cookie", format!("session={cookie}")),
                ("X-Api-Key", key),
                ("X-Forwarded-For", put("forwarded")),
                ("User-Agent", put("agent")),
                (
                    "Referer",
                    format!("https://x.internal/?token={}", put("referer")),
                ),
                ("If-Match", format!("\"{}\"", put("etag"))),
                (
                    "X-Request-Id",
                    format!("{} {}", put("request id"), "not sane"),
                ),
                ("Accept", put("accept")),
                ("Content-Type", format!("text/{}", put("type"))),
                ("Last-Event-ID", put("event id")),
            ];
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
            for path in [
                "/plugins",
                "/plugins/mcp/sources",
                "/plugins/mcp/sources/mcp-default",
                "/nowhere",
            ] {
                self.ask("GET", &format!("{MANAGEMENT}{path}"), &headers, None);
                self.ask(
                    "POST",
                    &format!("{MANAGEMENT}{path}:apply"),
                    &headers,
                    Some(b"{}"),
                );
            }
            let paths = [
                format!("{MANAGEMENT}/plugins?token={}", put("query")),
                format!("{MANAGEMENT}/plugins/mcp/sources?{}", put("query")),
                format!("{MANAGEMENT}/plugins/mcp/sources?pageSize={}", put("query")),
                format!(
                    "{MANAGEMENT}/plugins/mcp/sources/mcp-default/diff?from={}&to={}",
                    put("query"),
                    put("query")
                ),
                format!(
                    "/api/mcp_catalog/v1alpha1/mcpservers?nextPageToken={}",
                    put("query")
                ),
                format!(
                    "/api/mcp_catalog/v1alpha1/mcpservers?filterQuery={}",
                    put("query")
                ),
                format!(
                    "/api/mcp_catalog/v1alpha1/mcpservers?orderBy={}&sortOrder={}&pageSize={}",
                    put("query"),
                    put("query"),
                    put("query")
                ),
                format!("/api/model_catalog/v1alpha1/models?{}=1", put("query")),
                format!("/livez?password={}", put("query")),
            ];
            for path in paths {
                self.ask("GET", &path, &[], None);
            }
        }
        // A token in a path is that of a name that somebody mistook: it shows by its shape.
        for _ in 0..tries(2, 12) {
            let mut put = |what: &str| vault.next_plain(what);
            for path in [
                format!("{MANAGEMENT}/plugins/{}/sources", put("path")),
                format!("{MANAGEMENT}/plugins/mcp/sources/{}", put("path")),
                format!(
                    "{MANAGEMENT}/plugins/mcp/sources/mcp-default/revisions/{}",
                    put("path")
                ),
                format!(
                    "{MANAGEMENT}/plugins/mcp/sources/mcp-default:{}",
                    put("path")
                ),
                format!("/api/mcp_catalog/v1alpha1/mcpservers/{}", put("path")),
                format!("/{}", put("path")),
            ] {
                for method in ["GET", "POST", "DELETE"] {
                    self.ask(
                        method,
                        &path,
                        &[("Content-Type", "application/json"), ("If-Match", "*")],
                        None,
                    );
                }
            }
        }
    }

    /// The file of a source, changed with an editor: well, badly, and back.
    pub fn edited_by_hand(&mut self, source: &str, file: &Path, vault: &mut Vault, good: &str) {
        let state = |server: &Server| server.get(source).json()["status"]["state"].clone();
        for broken in [
            format!(
                "{good}  - name: [\n    password: {}\n",
                vault.put("by hand", "⟦an18⟧")
            ),
            format!(
                "{good}  - name: [x]\n    {}: {}\n",
                vault.word("by hand"),
                vault.token("by hand")
            ),
            format!("password: {}\n\u{0}", vault.put("by hand", "⟦an18⟧")),
        ] {
            fs::write(file, &broken).unwrap();
            eventually("the error shows", || state(&self.server) == "error");
            for path in ["", "/revisions", "/diff"] {
                self.ask("GET", &format!("{MANAGEMENT}{source}{path}"), &[], None);
            }
            self.ask(
                "GET",
                &format!(
                    "{MANAGEMENT}/plugins/{}/diagnostics",
                    source.split('/').nth(2).unwrap()
                ),
                &[],
                None,
            );
            self.ask("GET", "/readyz", &[], None);
            self.ask("GET", "/healthz", &[], None);
            fs::write(file, good).unwrap();
            eventually("it is well again", || state(&self.server) == "available");
        }
    }

    /// Requests that are refused for what they are: too large, too late, or too many at a time.
    pub fn pushed(&mut self, vault: &mut Vault) {
        let address = catalog_tests::raw::address(self.server.client());
        let path = format!("{MANAGEMENT}/plugins/mcp/sources/mcp-default:apply");
        let head = |put: &mut dyn FnMut(&str) -> String, length: &str| {
            format!(
                "POST {path}?token={} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n{length}\r\n\r\n",
                put("pushed query"),
                put("pushed header"),
            )
        };
        let mut put = |what: &str| vault.next_plain(what);
        // Cut short, and waited for until it is too late; only in full, because that is half a minute.
        let late = full().then(|| {
            let mut text = head(&mut put, "Content-Length: 100000");
            text += &format!("{{\"rawYaml\": \"password: {}", put("late body"));
            std::thread::spawn(move || received_patiently(address, text.as_bytes()))
        });
        let secret = put("large body");
        let body = format!("{{\"rawYaml\": \"# {secret} {}\"}}", "x".repeat(4 << 20));
        let announced = head(&mut put, &format!("Content-Length: {}", body.len())) + &body;
        let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        let chunked = head(&mut put, "Transfer-Encoding: chunked") + &chunk;
        let uri = format!(
            "GET /{}?{} HTTP/1.1\r\nHost: x\r\n\r\n",
            put("long URL"),
            "x".repeat(9000)
        );
        let header = format!(
            "GET /x HTTP/1.1\r\nX-Token: {}{}\r\n\r\n",
            put("long header"),
            "x".repeat(40_000)
        );
        let none = format!("{} is no HTTP\r\n\r\n", put("no HTTP"));
        for (what, bytes) in [
            ("too large", announced),
            ("too large, chunked", chunked),
            ("a long URL", uri),
            ("a long header", header),
            ("no HTTP", none),
        ] {
            self.noted(what, &received_patiently(address, bytes.as_bytes()));
        }
        // As many streams of events as there may be, and more.
        let mut streams = Vec::new();
        for _ in 0..MAX_STREAMS {
            let mut stream = catalog_tests::raw::connect(address);
            let token = put("stream");
            write!(stream, "GET {MANAGEMENT}/events?token={token} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {token}\r\n\r\n").unwrap();
            let mut first = [0; 2048];
            let n = stream.read(&mut first).unwrap();
            self.noted("a stream", &first[..n]);
            let full = first.starts_with(b"HTTP/1.1 503");
            streams.push(stream);
            if full {
                break;
            }
        }
        drop(streams);
        if let Some(late) = late {
            let said = late.join().unwrap();
            self.noted("too late", &said);
        }
    }

    /// Keeps an answer as it came over the wire.
    fn noted(&mut self, place: &str, said: &[u8]) {
        let status = said
            .get(9..12)
            .and_then(|s| std::str::from_utf8(s).ok()?.parse().ok());
        match status {
            Some(status) => drop(self.statuses.insert(status)),
            None => self.unanswered.push(place.to_owned()),
        }
        self.seen.push((place.to_owned(), said.to_owned()));
    }

    /// Asks the server to stop; everything it ever said until its end.
    pub fn end(self, data: &Path) -> Told {
        let Self {
            server,
            mut seen,
            statuses,
            events,
            unanswered,
        } = self;
        let answers = seen.len();
        server.terminate();
        let (status, log, printed) = server.wait_and_tell();
        assert!(status.success(), "it stopped with {status}");
        let said = events.lock().unwrap().clone();
        assert!(contains(&said, "event: changed"));
        seen.push(("events".into(), said));
        for level in ["TRACE", "DEBUG", "stopped"] {
            assert!(log.contains(level), "the log has no {level}");
        }
        assert!(printed.contains("sample catalog"), "{printed}");
        seen.push(("log".into(), log.into_bytes()));
        seen.push(("standard output".into(), printed.into_bytes()));
        for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
            if let Ok(bytes) = fs::read(data.join(name)) {
                seen.push((name.to_owned(), bytes));
            }
        }
        Told {
            seen,
            answers,
            unanswered,
            statuses,
        }
    }
}

/// More than a server with few descriptors allows.
const MAX_STREAMS: usize = 300;

fn contains(said: &[u8], text: &str) -> bool {
    said.windows(text.len()).any(|w| w == text.as_bytes())
}

/// What comes back, however late, until the connection ends.
fn received_patiently(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = catalog_tests::raw::connect(address);
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    said
}
