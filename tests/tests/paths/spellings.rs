//! Ways to write a path that leads out.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::Path;

use catalog_core::StoreError;
use catalog_core::model::{PluginName, RevisionId, SecretRef, SourceId};
use catalog_core::ports::{SecretResolver as _, SourceConfigStore as _};
use catalog_stores::FileSecrets;
use catalog_tests::matrix::{full, row};
use catalog_tests::{PATIENCE, Server};
use serde_json::json;

use crate::support::{CANARY, Watch, put};

/// Steps up, as people have written them to get past a check.
const UPS: [&str; 24] = [
    "..",
    "../",
    "..//",
    "./..",
    ".//..",
    "..\\",
    "\\..\\",
    "..\0",
    "..\n",
    "..\r\n",
    "..%2f",
    "%2e%2e",
    "%2e%2e%2f",
    "%252e%252e",
    "..%c0%af",
    "%c0%ae%c0%ae",
    "．．",
    "‥",
    "..∕",
    "..⁄",
    "..／",
    "．．／",
    "..;",
    ". .",
];

pub fn spellings(outside: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for up in UPS {
        for end in ["outside/canary.yaml", "new.yaml"] {
            all.push(format!("{up}/{end}"));
            all.push(format!("sub/{up}/{up}/{end}"));
            if full() {
                all.push(format!("missing/{up}/{up}/{end}"));
                all.push(format!("/{up}/{end}"));
            }
        }
    }
    let absolute = outside.join("canary.yaml").to_string_lossy().into_owned();
    all.push(format!("/{absolute}"));
    all.push(format!("//{absolute}"));
    all.push(format!("/.{absolute}"));
    all.push(format!("file://{absolute}"));
    all.push(format!(" {absolute}"));
    all.push(format!("~{absolute}"));
    all.push(format!("C:{absolute}"));
    all.push(absolute);
    for name in [
        "",
        ".",
        "..",
        "/",
        "//",
        "./",
        "...",
        "....",
        "~",
        "~/x.yaml",
        "$HOME/x.yaml",
        "${HOME}.yaml",
        "`id`.yaml",
        "$(id).yaml",
        "-rf.yaml",
        "a\nb.yaml",
        "a\rb.yaml",
        "a\tb.yaml",
        "a\u{1b}[2J.yaml",
        "a\u{7f}.yaml",
        "a\u{85}.yaml",
        "a\0.yaml",
        "main.yaml\0.txt",
        "main.yaml/",
        "main.yaml/.",
        "main.yaml/..",
        "main.yaml/../../canary.yaml",
        "sub/",
        "sub/.",
        "sub/..",
        "sub",
        "/dev/zero",
        "/dev/full",
        "/dev/stdin",
        "/proc/self/environ",
        "/proc/self/cwd/x.yaml",
        "/proc/self/root/etc/passwd",
        "/etc/passwd",
        "/etc/passwd.yaml",
        "sources.yaml",
        "./sources.yaml",
        "sub/../sources.yaml",
        "SOURCES.YAML",
        ".history/x.yaml",
        ".history/../x.yaml",
        ".git/x.yaml",
        ".catalog-tmp-x.yaml",
        "catalog.db",
        "catalog.db-wal",
        "..yaml",
        "x.yaml:stream",
        "CON.yaml",
        "nul.yaml",
        "a\u{202e}lmay.yaml",
        "a\u{200b}.yaml",
        "e\u{301}.yaml",
        "é.yaml",
    ] {
        all.push(name.to_owned());
    }
    all.push(format!("{}.yaml", "n".repeat(300)));
    all.push(format!("{}x.yaml", "d/".repeat(2500)));
    all.push(format!("{}canary.yaml", "../".repeat(2000)));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_content_path_leads_out() {
    let mut watch = Watch::new();
    symlink(watch.outside(), watch.root().join("out")).unwrap();
    let mut all = spellings(&watch.outside());
    all.extend(
        [
            "out/canary.yaml",
            "out/new.yaml",
            "out/../canary.yaml",
            "sub/../out/canary.yaml",
        ]
        .map(str::to_owned),
    );
    let store = watch.open().await;
    for (i, path) in all.iter().enumerate() {
        let work = async {
            // Written through the store…
            let fresh = put(&store, "new", path, "mcpservers: []\n").await;
            let over = put(&store, "main", path, "mcpservers: []\n").await;
            let away =
                |answer: &Result<_, _>| matches!(answer, Err(StoreError::Unavailable { .. }));
            (fresh.is_ok(), over.is_ok(), away(&fresh) || away(&over))
        };
        watch.tried += 2;
        let Ok((fresh, over, away)) = tokio::time::timeout(PATIENCE, work).await else {
            watch.violation(path, "a write hangs");
            continue;
        };
        if away {
            watch.violation(path, "the store is said to be away");
        }
        // What is taken is a file below the root, under the name that was asked for.
        if (fresh || over)
            && !fs::metadata(
                watch
                    .root()
                    .join(path.trim_start_matches(&*watch.root().to_string_lossy())),
            )
            .is_ok_and(|m| m.is_file())
        {
            watch.violation(path, "taken, and not there");
        }
        if i % 10 == 9 || full() {
            watch.unharmed(path);
        }
    }
    store.close().await;
    watch.unharmed("after the writes");
    for (i, path) in all.iter().enumerate() {
        // …and read from a sources file that somebody wrote.
        watch.tried += 1;
        watch.write_sources(path);
        match tokio::time::timeout(PATIENCE, watch.options().read()).await {
            Err(_) => watch.violation(path, "a read hangs"),
            // A text that no YAML can hold breaks the sources file, which is told.
            Ok(Err(_)) => {}
            Ok(Ok(found)) => {
                let told = found.findings.iter().map(ToString::to_string);
                let mut told: Vec<String> = told.collect();
                for source in found.sources {
                    told.extend(source.problems.iter().map(ToString::to_string));
                    let content = source.document.content.unwrap_or_default();
                    told.push(String::from_utf8_lossy(&content).into_owned());
                }
                if told.is_empty() {
                    watch.violation(path, "no source, and no word about it");
                }
                if told.iter().any(|text| text.contains(CANARY)) {
                    watch.violation(path, "what is outside was read");
                }
            }
        }
        if i % 10 == 9 || full() {
            watch.unharmed(path);
        }
    }
    watch.unharmed("after the reads");
    row(
        "content paths in every spelling",
        watch.tried,
        &watch.violations,
    );
}

#[test]
fn no_spelling_of_an_id_is_one() {
    let mut violations = Vec::new();
    let all = spellings(Path::new("/outside"));
    let mut tried = 0;
    for text in all
        .iter()
        .flat_map(|s| [s.clone(), format!("a{s}"), format!("1-{s}")])
    {
        let plain = text.len() < 64
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        tried += 3;
        if !plain && (SourceId::new(&text).is_ok() || PluginName::new(&text).is_ok()) {
            violations.push(format!("{text:?} is an id"));
        }
        if text.parse::<RevisionId>().is_ok() {
            violations.push(format!("{text:?} is a revision"));
        }
    }
    row("ids in every spelling", tried, &violations);
}

#[test]
fn no_spelling_of_a_request_path_reaches_a_file() {
    let top = tempfile::tempdir().unwrap();
    let data = top.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(top.path().join("canary.yaml"), CANARY).unwrap();
    let server = Server::start(&data);
    let address = server
        .client()
        .base()
        .trim_start_matches("http://")
        .to_owned();
    let before = (
        fs::read(data.join("sources.yaml")).unwrap(),
        names_below(&data),
    );
    let mut violations = Vec::new();
    let mut tried = 0;
    let encode = |text: &str, all: bool| -> String {
        let plain = |b: u8| {
            b.is_ascii_alphanumeric() || (!all && matches!(b, b'.' | b'/' | b'%' | b'\\' | b';'))
        };
        text.bytes()
            .map(|b| match plain(b) {
                true => char::from(b).to_string(),
                false => format!("%{b:02x}"),
            })
            .collect()
    };
    let mut all = spellings(&top.path().join("outside"));
    all.retain(|s| {
        !s.is_empty() && s.len() < 2000 && s.chars().any(|c| !c.is_ascii_alphanumeric())
    });
    for spelling in &all {
        for text in [encode(spelling, true), encode(spelling, false)] {
            let base = "/api/catalog-management/v1alpha1/plugins";
            let body =
                json!({"rawYaml": "mcpservers: []\n", "source": {"name": "x", "type": "yaml"}})
                    .to_string();
            let requests = [
                ("GET", format!("{base}/mcp/sources/{text}"), ""),
                (
                    "POST",
                    format!("{base}/mcp/sources/{text}:apply"),
                    body.as_str(),
                ),
                ("DELETE", format!("{base}/mcp/sources/{text}"), ""),
                ("GET", format!("{base}/{text}/sources/mcp-default"), ""),
                (
                    "GET",
                    format!("{base}/mcp/sources/mcp-default/revisions/{text}"),
                    "",
                ),
            ];
            for (method, path, body) in requests {
                tried += 1;
                let answer = raw(&address, method, &path, body);
                let status = answer.get(9..12).unwrap_or_default().to_owned();
                // An up-step that is normalized away by a client could lead to a list.
                let fine = status.starts_with('4') || (method == "GET" && status == "200");
                if !fine || answer.contains(CANARY) || answer.contains("root:") {
                    violations.push(format!(
                        "{method} {path}: {}",
                        &answer[..answer.len().min(200)]
                    ));
                }
            }
        }
        tried += 1;
        let body = json!({"revisionId": spelling});
        let answer = server.post_if("/plugins/mcp/sources/mcp-default:rollback", "*", &body);
        if !(400..500).contains(&answer.status) {
            violations.push(format!("roll back to {spelling:?}: {}", answer.text));
        }
        tried += 1;
        let body =
            json!({"source": {"properties": {"token": {"name": spelling, "key": spelling}}}});
        let answer = server.post_if("/plugins/mcp/sources/mcp-default:apply", "*", &body);
        if !(400..500).contains(&answer.status) || answer.text.contains(CANARY) {
            violations.push(format!("a reference to {spelling:?}: {}", answer.text));
        }
    }
    if before
        != (
            fs::read(data.join("sources.yaml")).unwrap(),
            names_below(&data),
        )
    {
        violations.push("a file was changed".to_owned());
    }
    row("request paths in every spelling", tried, &violations);
}

fn names_below(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().flatten();
    let names = entries.map(|e| e.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|n| !n.starts_with("catalog.db")).collect();
    names.sort();
    names
}

/// A request whose path nobody tidies up.
fn raw(address: &str, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nIf-Match: *\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_secret_reference_leads_out() {
    let top = tempfile::tempdir().unwrap();
    for dir in ["root", "root/sub", "outside"] {
        fs::create_dir(top.path().join(dir)).unwrap();
    }
    for file in ["outside/canary.yaml", "canary.yaml", "outside/key", "key"] {
        fs::write(top.path().join(file), CANARY).unwrap();
    }
    fs::write(top.path().join("root/sub/key"), "fine").unwrap();
    let root = top.path().join("root");
    symlink("/dev/zero", root.join("sub/zero")).unwrap();
    symlink("/proc/self/environ", root.join("sub/environ")).unwrap();
    symlink("../../key", root.join("sub/out")).unwrap();
    symlink("../outside", root.join("out")).unwrap();
    symlink("loop", root.join("sub/loop")).unwrap();
    fs::create_dir(root.join("sub/directory")).unwrap();
    let fifo = std::process::Command::new("mkfifo")
        .arg(root.join("sub/fifo"))
        .status();
    assert!(fifo.unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(root.join("sub/socket")).unwrap();
    let secrets = FileSecrets::new(&root);
    let mut references = Vec::new();
    let reference = |namespace: Option<&str>, name: &str, key: &str| SecretRef {
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        key: key.to_owned(),
    };
    let all = spellings(&top.path().join("outside"));
    for text in all.into_iter().filter(|text| text != "sub") {
        references.push(reference(None, &text, "key"));
        references.push(reference(None, "sub", &text));
        references.push(reference(Some(&text), "sub", "key"));
        references.push(reference(Some("sub"), &text, "key"));
        references.push(reference(None, &text, &text));
    }
    for key in [
        "zero",
        "environ",
        "out",
        "loop",
        "directory",
        "fifo",
        "socket",
        "missing",
    ] {
        references.push(reference(None, "sub", key));
    }
    references.push(reference(None, "out", "key"));
    let (mut violations, mut tried) = (Vec::new(), 0);
    for asked in references {
        tried += 1;
        match tokio::time::timeout(PATIENCE, secrets.resolve(&asked)).await {
            Err(_) => violations.push(format!("{asked:?} hangs")),
            Ok(Ok(_)) => violations.push(format!("{asked:?} is resolved")),
            Ok(Err(error)) if format!("{error:?}").contains(CANARY) => {
                violations.push(format!("{asked:?} is told"));
            }
            Ok(Err(_)) => {}
        }
    }
    if secrets
        .resolve(&reference(None, "sub", "key"))
        .await
        .is_err()
    {
        violations.push("what is fine is not resolved".to_owned());
    }
    row("secret references in every spelling", tried, &violations);
}
