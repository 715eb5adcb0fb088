//! What happens to bodies: too large, too slow, of the wrong kind, with the wrong members.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::support::{BASE, Reply, Toy};

fn apply() -> String {
    format!("{BASE}/plugins/mcp/sources/a:apply")
}

async fn small() -> Toy {
    Toy::with(|_, shell| shell.limits.body_bytes = 1000).await
}

#[tokio::test]
async fn a_body_at_the_limit_gets_through() {
    let toy = small().await;
    let body = json!({"rawYaml": "x".repeat(986)}).to_string();
    assert_eq!(body.len(), 1000);
    assert_eq!(toy.post(&apply(), &body).await.echo(), "apply mcp a 986");
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_413() {
    let reply = small().await.post(&apply(), &"x".repeat(1001)).await;
    assert_eq!(reply.status, 413);
    let problem = reply.json();
    assert_eq!(problem["code"], "document-too-large");
    assert_eq!(
        (&problem["limit"], &problem["actual"]),
        (&json!(1000), &json!(1001))
    );
}

#[tokio::test]
async fn a_large_body_that_is_sent_before_the_answer_is_read_is_413() {
    let reply = small().await.post(&apply(), &"x".repeat(8_000_000)).await;
    assert_eq!(reply.status, 413);
}

#[tokio::test]
async fn a_client_that_asks_first_is_refused_at_once() {
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: toy\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n",
        apply()
    );
    assert_eq!(small().await.raw(head).await.status, 413);
}

#[tokio::test]
async fn a_chunked_body_that_grows_too_large_is_413() {
    let chunk = format!("200\r\n{}\r\n", "x".repeat(512));
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: toy\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        apply(),
        chunk.repeat(3)
    );
    let reply = small().await.raw(request).await;
    assert_eq!(reply.status, 413);
    assert_eq!(reply.json()["limit"], 1000);
}

#[tokio::test]
async fn a_half_sent_body_is_408_and_the_connection_closed() {
    let toy = Toy::with(|_, shell| shell.limits.body_deadline = Duration::from_millis(200)).await;
    let mut stream = toy.connect().await;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: toy\r\nContent-Length: 100\r\n\r\n{{\"raw",
        apply()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let reply = Reply::read(&mut stream).await;
    assert_eq!(reply.status, 408);
    assert_eq!(reply.json()["code"], "request-timeout");
    assert_eq!(reply.header("connection"), Some("close"));
}

#[tokio::test]
async fn a_body_that_trickles_is_408_while_it_trickles() {
    const SHORT: Duration = Duration::from_millis(200);
    let toy = Toy::with(|_, shell| shell.limits.body_deadline = SHORT).await;
    let head = format!("POST {} HTTP/1.1\r\nHost: toy\r\n", apply());
    // Each drop is in time; all of them together are not.
    for (length, drop) in [
        ("Content-Length: 1000000", "x"),
        ("Transfer-Encoding: chunked", "1\r\nx\r\n"),
    ] {
        let head = format!("{head}{length}\r\n\r\n");
        let reply = toy.drip(head, drop.as_bytes(), SHORT / 10).await;
        assert_eq!(reply.status, 408, "{length}");
        assert_eq!(reply.header("connection"), Some("close"), "{length}");
    }
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_503() {
    let toy =
        Toy::with(|_, shell| shell.limits.request_deadline = Duration::from_millis(100)).await;
    let reply = toy.ask("GET", &format!("{BASE}/slow?ms=60000")).await;
    assert_eq!(
        (reply.status, &reply.json()["code"]),
        (503, &json!("deadline-exceeded"))
    );
}

#[tokio::test]
async fn unknown_members_are_all_listed() {
    let body = r#"{"rawYmal": "hunter2", "source": {"nmae": "hunter2"}, "options": {"dryrun": "hunter2"}}"#;
    let reply = Toy::start().await.post(&apply(), body).await;
    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
    assert!(!reply.body.contains("hunter2"), "{reply:?}");
    let problem = reply.json();
    assert_eq!(problem["code"], "malformed-request");
    let errors = problem["errors"].as_array().unwrap();
    let pointers: Vec<_> = errors
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/options/dryrun", "/rawYmal", "/source/nmae"]);
    for pointer in pointers {
        assert!(problem["detail"].as_str().unwrap().contains(pointer));
    }
}

#[tokio::test]
async fn a_body_is_required() {
    let toy = Toy::start().await;
    assert_eq!(toy.ask("POST", &apply()).await.status, 400);
    let reply = toy
        .post(&format!("{BASE}/plugins/mcp/sources/a:enable"), "{}")
        .await;
    assert_eq!(
        (reply.status, &reply.json()["errors"][0]["pointer"]),
        (400, &json!("/enabled"))
    );
}

#[tokio::test]
async fn the_content_type_is_json_or_not_said() {
    let toy = Toy::start().await;
    for (header, status) in [
        ("", 200),
        ("Content-Type: application/json; charset=utf-8\r\n", 200),
        ("Content-Type: application/merge-patch+json\r\n", 200),
        ("Content-Type: application/x-www-form-urlencoded\r\n", 415),
        ("Content-Type: text/plain\r\n", 415),
    ] {
        let request = format!(
            "POST {} HTTP/1.1\r\nHost: toy\r\nConnection: close\r\n{header}Content-Length: 2\r\n\r\n{{}}",
            apply()
        );
        let reply = toy.raw(request).await;
        assert_eq!(reply.status, status, "{header}");
        if status == 415 {
            assert_eq!(reply.json()["code"], "unsupported-media-type");
        }
    }
}

#[tokio::test]
async fn two_requests_on_one_connection_do_not_mix() {
    let toy = Toy::start().await;
    let one = |body: &str, more: &str| {
        format!(
            "POST {} HTTP/1.1\r\nHost: toy\r\n{more}Content-Length: {}\r\n\r\n{body}",
            apply(),
            body.len()
        )
    };
    let both =
        one(r#"{"rawYaml":"abc"}"#, "") + &one(r#"{"rawYaml":"abcde"}"#, "Connection: close\r\n");
    let reply = toy.raw(both).await;
    assert_eq!(reply.status, 200);
    assert!(reply.body.contains("apply mcp a 3") && reply.body.contains("apply mcp a 5"));
}
