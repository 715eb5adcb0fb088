//! Every error in the shape of its family, and nothing of the inside in any of them.

use serde_json::{Value, json};

use crate::support::{BASE, PUBLIC, Reply, Toy};

/// A problem without its `instance`, which differs each time; that it fits the response's request id is asserted here.
#[track_caller]
fn problem(reply: &Reply) -> Value {
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
    let mut problem = reply.json();
    assert_eq!(problem["status"], reply.status);
    let id = reply.header("x-request-id").unwrap();
    let instance = problem.as_object_mut().unwrap().remove("instance");
    assert_eq!(instance, Some(json!(format!("urn:request:{id}"))));
    problem
}

#[tokio::test]
async fn an_unknown_path_is_404_in_each_family() {
    let toy = Toy::start().await;
    for path in ["/nowhere".to_owned(), format!("{BASE}/nowhere")] {
        assert_eq!(
            problem(&toy.ask("GET", &path).await),
            json!({"type": "about:blank", "title": "Not Found", "status": 404, "code": "not-found",
                "detail": "nothing is at this path"})
        );
    }
    let reply = toy.ask("GET", &format!("{PUBLIC}/nowhere")).await;
    assert_eq!(reply.status, 404);
    assert_eq!(
        reply.header("content-type"),
        Some("application/json; charset=UTF-8")
    );
    assert_eq!(
        reply.json(),
        json!({"code": "Not Found", "message": "nothing is at this path"})
    );
    assert!(reply.body.ends_with("}\n"));
    let reply = toy
        .ask("GET", &format!("{PUBLIC}/management/nowhere"))
        .await;
    assert_eq!(
        reply.json(),
        json!({"error": "Not Found", "message": "nothing is at this path"})
    );
}

#[tokio::test]
async fn a_bad_parameter_is_400_in_each_family() {
    let toy = Toy::start().await;
    let reply = toy.ask("GET", &format!("{BASE}/slow?ms=x")).await;
    let problem = problem(&reply);
    assert_eq!(
        (reply.status, &problem["code"]),
        (400, &json!("malformed-request"))
    );
    assert!(
        problem["detail"].as_str().unwrap().starts_with("ms: "),
        "{problem}"
    );
    let reply = toy.ask("GET", &format!("{PUBLIC}/servers/a?limit=x")).await;
    assert_eq!(
        (reply.status, &reply.json()["code"]),
        (400, &json!("Bad Request"))
    );
    assert!(
        reply.json()["message"]
            .as_str()
            .unwrap()
            .starts_with("limit: ")
    );
}

#[tokio::test]
async fn a_method_that_is_missing_is_405_with_allow() {
    let toy = Toy::start().await;
    let source = format!("{BASE}/plugins/mcp/sources/a");
    for method in ["PUT", "POST", "PATCH", "OPTIONS", "TRACE", "BREW"] {
        let reply = toy.ask(method, &source).await;
        assert_eq!(reply.status, 405, "{method}");
        assert_eq!(reply.header("allow"), Some("DELETE, GET, HEAD"), "{method}");
        assert_eq!(problem(&reply)["code"], "method-not-allowed");
    }
    for method in ["GET", "HEAD", "DELETE"] {
        let reply = toy.ask(method, &format!("{source}:apply")).await;
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, Some("POST")),
            "{method}"
        );
    }
    for path in ["/docs", "/openapi.json"] {
        let reply = toy.ask("POST", path).await;
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, Some("GET, HEAD"))
        );
    }
    let reply = toy.ask("DELETE", &format!("{PUBLIC}/servers/a")).await;
    assert_eq!(
        (reply.status, reply.header("allow")),
        (405, Some("GET, HEAD"))
    );
    assert_eq!(reply.json()["code"], "Method Not Allowed");
}

#[tokio::test]
async fn a_panic_is_500_and_the_server_lives() {
    let toy = Toy::start().await;
    let reply = toy.ask("GET", &format!("{BASE}/boom")).await;
    assert_eq!(
        problem(&reply),
        json!({"type": "about:blank", "title": "Internal Server Error", "status": 500, "code": "internal"})
    );
    let reply = toy.ask("GET", &format!("{PUBLIC}/boom")).await;
    let id = reply.header("x-request-id").unwrap();
    assert_eq!(
        reply.json(),
        json!({"code": "Internal Server Error", "message": format!("internal error, request {id}")})
    );
    assert!(!reply.body.contains("hunter2"));
    let path = format!("{BASE}/plugins/mcp/sources/a");
    assert_eq!(toy.ask("GET", &path).await.echo(), "get mcp a");
}

#[tokio::test]
async fn the_cause_of_an_error_is_not_told() {
    let reply = Toy::start()
        .await
        .ask("GET", &format!("{BASE}/broken"))
        .await;
    assert_eq!(reply.status, 500);
    assert!(!reply.body.contains("hunter2"), "{reply:?}");
    assert_eq!(problem(&reply).get("detail"), None);
}

#[tokio::test]
async fn what_may_be_told_of_a_5xx_is_told() {
    let reply = Toy::start().await.ask("GET", &format!("{BASE}/away")).await;
    assert_eq!(reply.header("retry-after"), Some("2"));
    assert_eq!(
        problem(&reply),
        json!({"type": "about:blank", "title": "Service Unavailable", "status": 503, "code": "store-unavailable",
            "detail": "the store is away", "retryAfter": 2})
    );
}

#[tokio::test]
async fn a_request_id_that_is_sane_comes_back() {
    let toy = Toy::start().await;
    let with_id = |id: &str| {
        format!(
            "GET /nowhere HTTP/1.1\r\nHost: toy\r\nConnection: close\r\nX-Request-Id: {id}\r\n\r\n"
        )
    };
    let reply = toy.raw(with_id("abc-1.2_3")).await;
    assert_eq!(reply.header("x-request-id"), Some("abc-1.2_3"));
    assert_eq!(reply.json()["instance"], "urn:request:abc-1.2_3");
    let reply = toy.raw(with_id("a b<script>")).await;
    let made = reply.header("x-request-id").unwrap();
    assert!(
        made.len() == 32 && made.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{made}"
    );
}
