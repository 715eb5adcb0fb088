//! No secret leaves the process: random documents with canaries in every place where a secret can
//! be told from other text, sent through every route; then everything that came back or was logged
//! is searched.

use std::fs;

use catalog_tests::{Server, ServerOptions, eventually};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

/// Documents that are tried.
const DOCUMENTS: usize = 30;

/// A canary that no other one contains.
fn canary() -> impl Strategy<Value = String> {
    "[a-z0-9]{10}".prop_map(|tail| format!("canary-{tail}"))
}

/// A key whose value is a secret.
fn sensitive_key() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "password",
        "apiKey",
        "api_key",
        "authToken",
        "client_secret",
        "dbPassword",
        "CREDENTIAL",
        "x-api-key",
        "accessToken",
        "Secret",
        "private_key",
    ])
    .prop_map(str::to_owned)
}

/// A value with secrets in it.
fn secret_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        (sensitive_key(), canary()).prop_map(|(k, c)| json!({k: c})),
        (sensitive_key(), canary(), canary()).prop_map(|(k, a, b)| json!({k: [a, {"deep": b}]})),
        (sensitive_key(), canary()).prop_map(|(k, c)| json!({"name": k, "value": c})),
        canary().prop_map(|c| json!({"url": format!("https://svc:{c}@db.internal:5432/x")})),
        canary().prop_map(|c| json!({"note": format!("call it with Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI{}.c2lnbmF0dXJlc2lnbmF0dXJl", c.replace('-', ""))})),
        canary().prop_map(|c| json!({"pem": format!("-----BEGIN PRIVATE KEY-----\n{c}\n-----END PRIVATE KEY-----\n")})),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(Value::from),
            (
                prop::sample::select(vec!["auth", "nested", "headers", "x"]),
                inner
            )
                .prop_map(|(k, v)| json!({k: v, "plain": "text"})),
        ]
    })
}

/// A token that shows by its shape, wherever it stands.
fn token() -> impl Strategy<Value = String> {
    "ghp_[A-Za-z0-9]{36}"
}

/// Reads the event stream in the background; answers what came so far.
fn listen(server: &Server) -> std::sync::Arc<std::sync::Mutex<String>> {
    use std::io::{Read as _, Write as _};
    let address = server
        .client()
        .base()
        .trim_start_matches("http://")
        .to_owned();
    let heard = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let shared = heard.clone();
    std::thread::spawn(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let path = "/api/catalog-management/v1alpha1/events";
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut chunk = [0u8; 4096];
        while let Ok(n @ 1..) = stream.read(&mut chunk) {
            shared
                .lock()
                .unwrap()
                .push_str(&String::from_utf8_lossy(&chunk[..n]));
        }
    });
    heard
}

/// Fails when one of the secrets is in what was seen, and shows where.
fn none_of(secrets: &[String], seen: &str) {
    for secret in secrets {
        if let Some(at) = seen.find(secret.as_str()) {
            let from = (0..=at.saturating_sub(300))
                .rev()
                .find(|i| seen.is_char_boundary(*i));
            panic!(
                "{secret} got out: …{}",
                &seen[from.unwrap_or(0)..at + secret.len()]
            );
        }
    }
}

/// Every canary of a value, and of texts made from it.
fn canaries(value: &Value) -> Vec<String> {
    let text = value.to_string();
    let mut found: Vec<String> = Vec::new();
    for (at, _) in text.match_indices("canary") {
        let tail: String = text[at..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
            .collect();
        found.push(tail);
    }
    found
}

fn next<T: std::fmt::Debug>(runner: &mut TestRunner, strategy: &impl Strategy<Value = T>) -> T {
    strategy.new_tree(runner).expect("a value").current()
}

/// Content with a secret in a comment, in several styles, and in the typed values of the format.
fn content(custom: &Value, comment: &str) -> String {
    format!(
        "# password: {comment}\nmcp_servers:\n  - name: server\n    deploymentMode: local\n    tools:\n      - name: t\n        \
         accessType: read_only\n        schema: {custom} # token={comment}\n"
    )
}

#[test]
fn no_canary_leaves_by_any_route_log_or_error() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let dir = tempfile::tempdir().unwrap();
    let options = ServerOptions {
        args: vec!["--log-level".into(), "trace".into()],
        ..ServerOptions::default()
    };
    let server = Server::start_with(dir.path(), &options);
    let (mut seen, mut secrets) = (String::new(), Vec::new());
    let source = "/plugins/mcp/sources/guarded";
    let body = json!({
        "source": {"name": "Guarded", "type": "yaml"},
        "rawYaml": "mcpservers: []\n", "expectedRevision": null
    });
    server.post(&format!("{source}:apply"), &body).expect(200);
    let strategy = (secret_value(), secret_value(), canary());
    for i in 0..DOCUMENTS {
        let (properties, custom, comment) = next(&mut runner, &strategy);
        secrets.extend(canaries(&json!([properties, custom, comment])));
        let text = content(&custom, &comment);
        let properties = json!({"yamlCatalogPath": "mcp-guarded.yaml", "p": properties});
        let patch = json!({"source": {"properties": properties}, "rawYaml": text});
        let etag = server.get(source).etag();
        let mut note = |answer: catalog_tests::Answer| {
            seen.push_str(&format!("{} {:?}\n", answer.text, answer.headers))
        };
        note(server.post(&format!("{source}:validate"), &patch));
        note(server.post_if(&format!("{source}:apply"), "\"1-000000000000\"", &patch));
        let applied = server
            .post_if(&format!("{source}:apply"), &etag, &patch)
            .expect(200);
        note(applied.clone());
        // Errors about a document with secrets in it.
        for bad in [
            text.replace("deploymentMode: local", "deploymentMod: local"),
            format!("{text}  - ]"),
            text.replace("accessType: read_only", "accessType: all"),
        ] {
            note(server.post_if(
                &format!("{source}:apply"),
                &applied.etag(),
                &json!({"rawYaml": bad}),
            ));
        }
        let detail = server.get(source);
        note(detail.clone());
        note(server.get("/plugins/mcp/sources"));
        note(server.get(&format!("{source}/diff")));
        note(server.get("/plugins/mcp/diagnostics"));
        note(server.post(&format!("{source}:refresh"), &json!({})));
        note(
            server
                .client()
                .get("/api/mcp_catalog/v1alpha1/mcpservers?pageSize=1000"),
        );
        note(
            server
                .client()
                .get("/api/mcp_catalog/v1alpha1/mcpservers/server"),
        );
        let revisions = server.get(&format!("{source}/revisions"));
        let newest = revisions.json()["items"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        note(revisions);
        note(server.get(&format!("{source}/revisions/{newest}")));

        // What was shown can be sent back with another field changed, and every secret stays.
        let on_disk = || fs::read_to_string(dir.path().join("mcp-guarded.yaml")).unwrap();
        assert_eq!(on_disk(), text, "document {i}");
        let detail = detail.json();
        let shown = detail["rawYaml"]
            .as_str()
            .unwrap()
            .replace("name: server", "name: renamed");
        let mut back = detail["source"].clone();
        back["labels"] = json!(["edited"]);
        let etag = format!("\"{}\"", detail["revision"].as_str().unwrap());
        let answer = server.post_if(
            &format!("{source}:apply"),
            &etag,
            &json!({"source": back, "rawYaml": shown}),
        );
        note(answer.clone());
        answer.expect(200);
        assert_eq!(
            on_disk(),
            text.replace("name: server", "name: renamed"),
            "document {i}"
        );
        let sources = fs::read_to_string(dir.path().join("sources.yaml")).unwrap();
        for secret in canaries(&properties) {
            assert!(
                sources.contains(&secret),
                "document {i}: {secret} is still stored"
            );
        }
    }
    // A broken file with secrets in it.
    let broken = "mcpservers:\n  - name: [\n    password: canary-broken-1\n    apiKey: \"canary-broken-2\"\n";
    fs::write(dir.path().join("mcp-guarded.yaml"), broken).unwrap();
    eventually("the error shows", || {
        server.get(source).json()["status"]["state"] == "error"
    });
    secrets.extend(["canary-broken-1".to_owned(), "canary-broken-2".to_owned()]);
    seen.push_str(&server.get(source).text);
    seen.push_str(&server.get(&format!("{source}/diff")).text);
    seen.push_str(&server.kill());
    assert!(secrets.len() > DOCUMENTS * 3, "{} canaries", secrets.len());
    none_of(&secrets, &seen);
}

#[test]
fn no_token_leaves_from_names_keys_labels_patterns_messages_or_events() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[11; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let dir = tempfile::tempdir().unwrap();
    let options = ServerOptions {
        args: vec!["--log-level".into(), "trace".into()],
        ..ServerOptions::default()
    };
    let server = Server::start_with(dir.path(), &options);
    let heard = listen(&server);
    eventually("the stream is open", || {
        heard.lock().unwrap().contains(": ok")
    });
    let (mut seen, mut tokens) = (String::new(), Vec::new());
    for i in 0..6 {
        let all: Vec<String> = (0..8).map(|_| next(&mut runner, &token())).collect();
        let [name, key, label, pattern, message, entity, field, unknown] = &all[..] else {
            panic!("eight of them")
        };
        let source = format!("/plugins/mcp/sources/guarded-{i}");
        let text = format!(
            "mcpservers:\n  - name: {entity}\n    deploymentMode: local\n    image: registry.example.com/s:1\n    \
             description: ask with {field}\n    customProperties: {{{field}: x}}\n"
        );
        let file = format!("guarded-{i}.yaml");
        let body = json!({
            "source": {
                "name": format!("called {name}"), "type": "yaml", "labels": [label],
                "properties": {key.as_str(): "x", "yamlCatalogPath": file}, "excludedItems": [format!("{pattern}*")],
            },
            "rawYaml": text, "message": format!("because {message}"), "expectedRevision": null,
        });
        let mut note = |answer: catalog_tests::Answer| {
            seen.push_str(&format!("{} {:?}\n", answer.text, answer.headers))
        };
        note(server.post(
            &format!("{source}:validate"),
            &json!({"source": body["source"], "rawYaml": text.replace("image", unknown)}),
        ));
        let made = server.post(&format!("{source}:apply"), &body).expect(200);
        note(made.clone());
        let path = "/api/mcp_catalog/v1alpha1/mcpservers?pageSize=1";
        let page = server.client().get(path);
        let next = page.json()["nextPageToken"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let bytes: Vec<u8> = (0..next.len() / 2)
            .filter_map(|i| u8::from_str_radix(&next[2 * i..2 * i + 2], 16).ok())
            .collect();
        note(catalog_tests::Answer {
            text: String::from_utf8_lossy(&bytes).into_owned(),
            ..page.clone()
        });
        note(page);
        note(
            server
                .client()
                .get("/api/model_catalog/v1alpha1/sources?assetType=mcp_servers"),
        );
        for route in ["", "/revisions", "/diff"] {
            note(server.get(&format!("{source}{route}")));
        }
        note(server.get("/plugins/mcp/sources"));
        // The same in a file that somebody edits by hand, with an unknown field besides.
        fs::write(dir.path().join(&file), text.replace("image", unknown)).unwrap();
        eventually("the error shows", || {
            server.get(&source).json()["status"]["state"] == "error"
        });
        note(server.get(&source));
        note(server.get("/plugins/mcp/diagnostics"));
        note(server.get(&format!("{source}/diff")));
        tokens.extend(all);
    }
    eventually("events came", || {
        heard.lock().unwrap().contains("event: changed")
    });
    seen.push_str(&heard.lock().unwrap());
    seen.push_str(&server.kill());
    assert!(seen.contains("***REDACTED***"));
    none_of(&tokens, &seen);
}
