//! Requests that are no requests, or two, or something else than they seem: each is answered once
//! or refused, in the shape of its family, and nothing that was smuggled is ever answered.

use std::net::SocketAddr;

use catalog_tests::matrix::row;
use catalog_tests::raw::{self, Reply};
use catalog_tests::{SOURCE, Server, ServerOptions};

const SERVERS: &str = "/api/mcp_catalog/v1alpha1/mcpservers";
/// The request that was smuggled carries this id; an answer to it would carry it, too.
const SMUGGLED: &str = "smuggled";

fn start() -> (Server, SocketAddr, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let options = ServerOptions {
        args: ["--db-dsn", "none"].map(str::to_owned).into(),
        ..ServerOptions::default()
    };
    let server = Server::start_with(dir.path(), &options);
    let address = raw::address(server.client());
    (server, address, dir)
}

/// A validation, which takes a body and changes nothing, with these headers.
fn validate(headers: &str) -> String {
    format!(
        "POST {SOURCE}:validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{headers}\r\n"
    )
}

fn smuggled() -> String {
    format!(
        "GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-Id: {SMUGGLED}\r\nConnection: close\r\n\r\n"
    )
}

/// Every error has a body of JSON, whoever made it.
fn errors_have_bodies(what: &str, replies: &[Reply], violations: &mut Vec<String>) {
    for reply in replies.iter().filter(|r| r.status >= 400) {
        let json = reply.json();
        let told = json["code"].is_string() || json["error"].is_string();
        let problem = reply.header("content-type") == Some("application/problem+json");
        if !told || (problem && json["status"] != reply.status) {
            violations.push(format!("{what}: {} without a JSON body", reply.status));
        }
    }
}

/// What each shape may be answered with. With `0` no status matters but that nothing is answered
/// twice.
fn shapes() -> Vec<(&'static str, String, &'static [u16])> {
    let next = smuggled();
    let length = next.len();
    let chunked = "Transfer-Encoding: chunked\r\n";
    let get = "GET /livez HTTP/1.1\r\nHost: x\r\n";
    vec![
        (
            "length and chunks",
            format!(
                "{}0\r\n\r\n{next}",
                validate(&format!("Content-Length: {length}\r\n{chunked}"))
            ),
            &[400],
        ),
        (
            "chunks and length",
            format!(
                "{}0\r\n\r\n{next}",
                validate(&format!("{chunked}Content-Length: {length}\r\n"))
            ),
            &[400],
        ),
        (
            "chunks and a short length",
            format!(
                "{}2\r\n{{}}\r\n0\r\n\r\n{next}",
                validate(&format!("{chunked}Content-Length: 4\r\n"))
            ),
            &[200, 400],
        ),
        (
            "two lengths",
            format!(
                "{}{{}}{next}",
                validate(&format!(
                    "Content-Length: 2\r\nContent-Length: {}\r\n",
                    length + 2
                ))
            ),
            &[400],
        ),
        (
            "lengths in a list",
            format!("{}{{}}{next}", validate("Content-Length: 2, 4\r\n")),
            &[400],
        ),
        (
            "a length with a sign",
            format!("{}{{}}{next}", validate("Content-Length: +2\r\n")),
            &[400],
        ),
        (
            "a negative length",
            format!("{}{{}}{next}", validate("Content-Length: -2\r\n")),
            &[400],
        ),
        (
            "a hexadecimal length",
            format!("{}{{}}{next}", validate("Content-Length: 0x2\r\n")),
            &[400],
        ),
        (
            "a length that overflows",
            format!(
                "{}{{}}{next}",
                validate("Content-Length: 18446744073709551618\r\n")
            ),
            &[400],
        ),
        (
            "xchunked",
            format!(
                "{}0\r\n\r\n{next}",
                validate("Transfer-Encoding: xchunked\r\n")
            ),
            &[400],
        ),
        (
            "chunked, identity",
            format!(
                "{}0\r\n\r\n{next}",
                validate("Transfer-Encoding: chunked, identity\r\n")
            ),
            &[400],
        ),
        (
            "chunked with a tab",
            format!(
                "{}0\r\n\r\n{next}",
                validate("Transfer-Encoding:\x0bchunked\r\n")
            ),
            &[400],
        ),
        (
            "space before the colon",
            format!(
                "{}0\r\n\r\n{next}",
                validate("Transfer-Encoding : chunked\r\n")
            ),
            &[400],
        ),
        (
            "chunks in HTTP/1.0",
            format!(
                "{}0\r\n\r\n{next}",
                validate(chunked).replace("HTTP/1.1", "HTTP/1.0")
            ),
            &[400],
        ),
        (
            "a bad chunk size",
            format!("{}zz\r\n{{}}\r\n0\r\n\r\n{next}", validate(chunked)),
            &[400],
        ),
        (
            "a chunk size that overflows",
            format!(
                "{}fffffffffffffffff\r\n{{}}\r\n0\r\n\r\n{next}",
                validate(chunked)
            ),
            &[400, 413],
        ),
        (
            "a chunk size with a sign",
            format!("{}+2\r\n{{}}\r\n0\r\n\r\n{next}", validate(chunked)),
            &[400],
        ),
        (
            "a chunk that is longer than it says",
            format!("{}1\r\n{{}}\r\n0\r\n\r\n{next}", validate(chunked)),
            &[400],
        ),
        (
            "a chunk with a bare LF",
            format!("{}2\n{{}}\r\n0\r\n\r\n{next}", validate(chunked)),
            &[400],
        ),
        (
            "a huge chunk extension",
            format!(
                "{}2;{}\r\n{{}}\r\n0\r\n\r\n{next}",
                validate(chunked),
                "x".repeat(100_000)
            ),
            &[400],
        ),
        (
            "a huge trailer",
            format!(
                "{}2\r\n{{}}\r\n0\r\nX: {}\r\n\r\n{next}",
                validate(chunked),
                "x".repeat(100_000)
            ),
            &[200, 400],
        ),
        (
            "a folded header",
            format!("{get}X: a\r\n b: c\r\n\r\n{next}"),
            &[400],
        ),
        (
            "a NUL in a header",
            format!("{get}X: a\0b\r\n\r\n{next}"),
            &[400],
        ),
        (
            "a CR in a header",
            format!("{get}X: a\rb\r\n\r\n{next}"),
            &[400],
        ),
        (
            "a header without a colon",
            format!("{get}nonsense\r\n\r\n{next}"),
            &[400],
        ),
        (
            "an empty header name",
            format!("{get}: a\r\n\r\n{next}"),
            &[400],
        ),
        ("no version", format!("GET /livez\r\n\r\n{next}"), &[400]),
        (
            "another version",
            format!("GET /livez HTTP/3.0\r\n\r\n{next}"),
            &[400],
        ),
        ("TLS", "\x16\x03\x01\x02\0\x01\0".to_owned(), &[400]),
        ("no HTTP at all", format!("hello\r\n\r\n{next}"), &[400]),
        (
            "a space in the path",
            format!("GET /live z HTTP/1.1\r\nHost: x\r\n\r\n{next}"),
            &[400],
        ),
    ]
}

#[test]
fn nothing_that_was_smuggled_is_answered() {
    let (_server, address, _dir) = start();
    let mut violations = Vec::new();
    let shapes = shapes();
    for (what, bytes, statuses) in &shapes {
        let replies = raw::talk(address, bytes.as_bytes());
        let got: Vec<u16> = replies.iter().map(|r| r.status).collect();
        if got.len() != 1 || !statuses.contains(&got[0]) {
            violations.push(format!("{what}: {got:?}, not one of {statuses:?}"));
        }
        if replies
            .iter()
            .any(|r| r.header("x-request-id") == Some(SMUGGLED))
        {
            violations.push(format!("{what}: the smuggled request was answered"));
        }
        errors_have_bodies(what, &replies, &mut violations);
    }
    // What speaks HTTP/2 would not understand an answer in another language.
    if !raw::talk(address, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").is_empty() {
        violations.push("HTTP/2 was answered".to_owned());
    }
    row(
        "http: smuggled requests",
        1 + shapes.len() as u64,
        &violations,
    );
}

#[test]
fn as_many_answers_come_as_requests_were_sent() {
    let (_server, address, _dir) = start();
    let next = smuggled();
    let get = "GET /livez HTTP/1.1\r\nHost: x\r\n";
    let chunked = validate("Transfer-Encoding: chunked\r\n");
    // Each is two honest requests, pipelined.
    let pairs = [
        ("two requests", format!("{get}\r\n{next}")),
        (
            "a body nobody asked for",
            format!("{get}Content-Length: 5\r\n\r\nhello{next}"),
        ),
        (
            "a body that looks like a request",
            format!("{get}Content-Length: {}\r\n\r\n{next}{next}", next.len()),
        ),
        (
            "a body on a path that is not there",
            format!(
                "{}hello{next}",
                validate("Content-Length: 5\r\n").replace("/plugins", "/nothing")
            ),
        ),
        (
            "a body of another type",
            format!(
                "{}hello{next}",
                validate("Content-Length: 5\r\n").replace("application/json", "text/plain")
            ),
        ),
        (
            "a length that is said twice",
            format!(
                "{}{{}}{next}",
                validate("Content-Length: 2\r\nContent-Length: 2\r\n")
            ),
        ),
        (
            "chunks",
            format!("{chunked}1\r\n{{\r\n1\r\n}}\r\n0\r\n\r\n{next}"),
        ),
        (
            "chunks with extensions and trailers",
            format!("{chunked}2;a=b;c\r\n{{}}\r\n0\r\nX-Request-Id: y\r\n\r\n{next}"),
        ),
        (
            "bare LF as line ends",
            format!("GET /livez HTTP/1.1\nHost: x\n\n{next}"),
        ),
        (
            "HEAD",
            format!("HEAD /docs HTTP/1.1\r\nHost: x\r\n\r\n{next}"),
        ),
        (
            "HEAD of a long list",
            format!("HEAD {SERVERS}?pageSize=0 HTTP/1.1\r\nHost: x\r\n\r\n{next}"),
        ),
    ];
    let mut violations = Vec::new();
    for (what, bytes) in &pairs {
        let received = raw::received(address, bytes.as_bytes());
        let received = String::from_utf8_lossy(&received).to_ascii_lowercase();
        let answers: Vec<&str> = received.split("http/1.1 ").skip(1).collect();
        let smuggled: Vec<bool> = answers
            .iter()
            .map(|a| a.contains(&format!("x-request-id: {SMUGGLED}")))
            .collect();
        if smuggled != [false, true] {
            let statuses: Vec<_> = answers.iter().filter_map(|a| a.get(..3)).collect();
            violations.push(format!("{what}: {statuses:?}"));
        }
    }
    row("http: pipelined requests", pairs.len() as u64, &violations);
}

#[test]
fn what_is_too_large_is_told_so() {
    let (_server, address, _dir) = start();
    let head = |headers: &str| format!("GET {SERVERS} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    let cases = [
        (
            "a header of 31 KiB",
            head(&format!(
                "X: {}\r\nConnection: close\r\n",
                "x".repeat(31 << 10)
            )),
            200,
            "",
        ),
        (
            "a header of 40 KiB",
            head(&format!("X: {}\r\n", "x".repeat(40 << 10))),
            431,
            "headers-too-large",
        ),
        (
            "a header of 10 MiB",
            head(&format!("X: {}\r\n", "x".repeat(10 << 20))),
            431,
            "headers-too-large",
        ),
        (
            "a header name of 40 KiB",
            head(&format!("{}: x\r\n", "x".repeat(40 << 10))),
            431,
            "headers-too-large",
        ),
        (
            "101 headers",
            head(&"X: y\r\n".repeat(100)),
            431,
            "headers-too-large",
        ),
        (
            "a URL of 9 KiB",
            raw::get(&format!("{SERVERS}?q={}", "x".repeat(9 << 10))),
            414,
            "URI Too Long",
        ),
        (
            "a URL of 9 KiB of the management API",
            raw::get(&format!("{SOURCE}?q={}", "x".repeat(9 << 10))),
            414,
            "uri-too-long",
        ),
        (
            "a URL of 40 KiB",
            raw::get(&format!("{SERVERS}?q={}", "x".repeat(40 << 10))),
            431,
            "headers-too-large",
        ),
        (
            "a body of 1 TiB, announced",
            validate("Content-Length: 1099511627776\r\n"),
            413,
            "document-too-large",
        ),
        (
            "a body of 10 MiB",
            format!(
                "{}{}",
                validate(&format!("Content-Length: {}\r\n", 10 << 20)),
                "x".repeat(10 << 20)
            ),
            413,
            "document-too-large",
        ),
        (
            "a chunk of 1 TiB, announced",
            format!(
                "{}10000000000\r\n{}",
                validate("Transfer-Encoding: chunked\r\n"),
                "x".repeat(10 << 20)
            ),
            413,
            "document-too-large",
        ),
    ];
    let mut violations = Vec::new();
    for (what, bytes, status, code) in &cases {
        let replies = raw::talk(address, bytes.as_bytes());
        let got: Vec<_> = replies
            .iter()
            .map(|r| {
                (
                    r.status,
                    r.json()["code"].as_str().unwrap_or_default().to_owned(),
                )
            })
            .collect();
        let expected = (*status, (*code).to_owned());
        if got != [expected] && !(*status == 200 && replies.len() == 1 && replies[0].status == 200)
        {
            violations.push(format!("{what}: {got:?}"));
        }
        errors_have_bodies(what, &replies, &mut violations);
    }
    row(
        "http: huge heads, URLs and bodies",
        cases.len() as u64,
        &violations,
    );
}

/// Spellings of paths, each with the statuses that are right for it: what is not exactly a route is
/// not one, and a parameter is what it says once it is decoded, never a way to another route.
const PATHS: [(&str, &str, &[u16]); 35] = [
    ("GET", "/plugins/mcp/sources/mcp-default", &[200]),
    ("GET", "/plugins/mcp/sources/mcp%2Ddefault", &[200]),
    ("GET", "/plugins/mcp/sources/mcp%2ddefault", &[200]),
    ("GET", "/plugins/%6Dcp/sources/mcp-default", &[200]),
    ("GET", "/plugins/mcp/sources/MCP-default", &[404]),
    ("GET", "/plugins/mcp/sources/mcp-default/", &[404]),
    ("GET", "/plugins/mcp/sources//mcp-default", &[404]),
    ("GET", "/plugins//mcp/sources/mcp-default", &[404]),
    ("GET", "/plugins/mcp/./sources/mcp-default", &[404]),
    ("GET", "/plugins/model/../mcp/sources/mcp-default", &[404]),
    (
        "GET",
        "/plugins/model/%2e%2e/mcp/sources/mcp-default",
        &[404],
    ),
    ("GET", "/plugins/mcp/sources/x%2F..%2Fmcp-default", &[404]),
    ("GET", "/plugins/mcp%2Fsources%2Fmcp-default", &[404, 405]),
    (
        "GET",
        "/plugins/mcp/sources/mcp-default%2Frevisions",
        &[404],
    ),
    ("GET", "/plugins/mcp/sources/mcp-default%00", &[404]),
    ("GET", "/plugins/mcp/sources/%00", &[404]),
    ("GET", "/plugins/mcp/sources/mcp-default%0a", &[404]),
    ("GET", "/plugins/mcp/sources/mcp-default;x=y", &[404]),
    ("GET", "/plugins/mcp/sources/mcp-default%3Bx", &[404]),
    ("GET", "/plugins/mcp/sources/mcp-default%3Fx", &[404]),
    ("GET", "/plugins/mcp/sources/%c0%ae%c0%ae", &[400, 404]),
    ("GET", "/plugins/mcp/sources/%ff%fe", &[400, 404]),
    ("GET", "/plugins/mcp/sources/%", &[400, 404]),
    ("GET", "/plugins/mcp/sources/%zz", &[400, 404]),
    ("GET", "/plugins/mcp/sources/%u002e", &[400, 404]),
    (
        "GET",
        "/plugins/mcp/sources/mcp-default/revisions/..",
        &[404],
    ),
    (
        "GET",
        "/plugins/mcp/sources/mcp-default/revisions/%2e%2e%2fsources.yaml",
        &[404],
    ),
    (
        "POST",
        "/plugins/mcp/sources/mcp-default%3Arefresh",
        &[404, 405],
    ),
    (
        "POST",
        "/plugins/mcp/sources/mcp-default%3arefresh",
        &[404, 405],
    ),
    (
        "POST",
        "/plugins/mcp/sources/mcp-default:refresh:refresh",
        &[404],
    ),
    (
        "POST",
        "/plugins/mcp/sources/mcp-default:Refresh",
        &[404, 405],
    ),
    ("POST", "/plugins/mcp/sources/mcp-default:refresh/", &[404]),
    ("POST", "/plugins/mcp/sources/mcp-default/~refresh", &[404]),
    (
        "POST",
        "/plugins/mcp/sources/mcp-default/%7Erefresh",
        &[404],
    ),
    ("POST", "/plugins/mcp/sources/:refresh", &[404, 405]),
];

#[test]
fn a_path_is_what_it_says_and_nothing_else() {
    let (server, address, _dir) = start();
    let revision = server.get("/plugins/mcp/sources/mcp-default").etag();
    let mut violations = Vec::new();
    for (method, path, statuses) in PATHS {
        let path = format!("/api/catalog-management/v1alpha1{path}");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        let replies = raw::talk(address, request.as_bytes());
        let got: Vec<u16> = replies.iter().map(|r| r.status).collect();
        if got.len() != 1 || !statuses.contains(&got[0]) {
            violations.push(format!("{method} {path}: {got:?}, not {statuses:?}"));
        }
        errors_have_bodies(&path, &replies, &mut violations);
    }
    // Forms of the target that are for proxies.
    for (target, statuses) in [
        (format!("http://elsewhere{SOURCE}"), [200, 400]),
        ("http://elsewhere".to_owned(), [400, 404]),
        ("*".to_owned(), [400, 404]),
        (format!("//elsewhere{SOURCE}"), [404, 400]),
        ("elsewhere:80".to_owned(), [400, 404]),
    ] {
        let replies = raw::talk(address, raw::get(&target).as_bytes());
        let got: Vec<u16> = replies.iter().map(|r| r.status).collect();
        if got.len() != 1 || !statuses.contains(&got[0]) {
            violations.push(format!("{target}: {got:?}"));
        }
        errors_have_bodies(&target, &replies, &mut violations);
    }
    if server.get("/plugins/mcp/sources/mcp-default").etag() != revision {
        violations.push("a path changed the source".to_owned());
    }
    row(
        "http: paths and targets that confuse",
        PATHS.len() as u64 + 5,
        &violations,
    );
}

#[test]
fn methods_and_content_types_are_taken_at_their_word() {
    let (_server, address, _dir) = start();
    let mut violations = Vec::new();
    let mut tried = 0;
    let refresh = format!("{SOURCE}:refresh");
    for (method, path, status) in [
        ("PUT", SOURCE, 405),
        ("PATCH", SOURCE, 405),
        ("POST", SOURCE, 405),
        ("GET", &refresh, 405),
        ("HEAD", &refresh, 405),
        ("OPTIONS", SOURCE, 405),
        ("TRACE", SOURCE, 405),
        ("CONNECT", SOURCE, 400),
        ("BREW", SOURCE, 405),
        ("get", SOURCE, 405),
        ("DELETE", SERVERS, 405),
        ("GET ", SOURCE, 400),
    ] {
        tried += 1;
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let replies = raw::talk(address, request.as_bytes());
        let got: Vec<u16> = replies.iter().map(|r| r.status).collect();
        let allow = replies.first().and_then(|r| r.header("allow"));
        // CONNECT with a path is no request; it may be refused either way.
        let right = got == [status] || (method == "CONNECT" && got.len() == 1 && got[0] >= 400);
        if !right || (got == [405] && allow.is_none()) {
            violations.push(format!("{method} {path}: {got:?}, Allow {allow:?}"));
        }
        if method != "HEAD" {
            errors_have_bodies(method, &replies, &mut violations);
        }
    }
    for (content_type, statuses) in [
        ("application/json", [200, 200]),
        ("APPLICATION/JSON;charset=UTF-8", [200, 200]),
        ("", [200, 415]),
        ("text/plain", [415, 415]),
        ("text/plain, application/json", [415, 415]),
        ("application/jsonx", [415, 415]),
        ("multipart/form-data; boundary=x", [415, 415]),
        ("application/x-www-form-urlencoded", [415, 415]),
        ("\u{ff}", [415, 400]),
    ] {
        tried += 1;
        let request = validate("Connection: close\r\nContent-Length: 2\r\n")
            .replace("application/json", content_type)
            + "{}";
        let replies = raw::talk(address, request.as_bytes());
        let got: Vec<u16> = replies.iter().map(|r| r.status).collect();
        if got.len() != 1 || !statuses.contains(&got[0]) {
            violations.push(format!("{content_type}: {got:?}"));
        }
        errors_have_bodies(content_type, &replies, &mut violations);
    }
    // What is not JSON is no JSON, whatever it says it is.
    for body in [
        "",
        "null",
        "[]",
        "1",
        "{",
        "{}{}",
        "\u{feff}{}",
        "{\"rawYaml\":\"\\ud800\"}",
        "{\"rawYaml\":1e999}",
    ] {
        tried += 1;
        let request = validate(&format!(
            "Connection: close\r\nContent-Length: {}\r\n",
            body.len()
        )) + body;
        let replies = raw::talk(address, request.as_bytes());
        if replies.len() != 1 || replies[0].status != 400 {
            violations.push(format!(
                "{body}: {:?}",
                replies.iter().map(|r| r.status).collect::<Vec<_>>()
            ));
        }
        errors_have_bodies(body, &replies, &mut violations);
    }
    row(
        "http: methods, content types and bodies",
        tried,
        &violations,
    );
}
