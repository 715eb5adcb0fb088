//! Verbs, headers, and the OpenAPI document.

use crate::support::{BASE, Toy};

#[tokio::test]
async fn a_verb_reaches_its_handler_with_the_decoded_id() {
    let toy = Toy::start().await;
    for (path, answer) in [
        ("plugins/mcp/sources/s1:apply", "apply mcp s1 0"),
        ("plugins/mcp/sources/a%3Ab:apply", "apply mcp a:b 0"),
        ("plugins/mcp/sources/a%2Fb:apply", "apply mcp a/b 0"),
        ("plugins/mcp/sources/s1:apply?x=a:b", "apply mcp s1 0"),
        ("plugins/mcp:refresh", "refresh mcp"),
    ] {
        let reply = toy.post(&format!("{BASE}/{path}"), "{}").await;
        assert_eq!(reply.echo(), answer, "{path}");
    }
}

#[tokio::test]
async fn an_encoded_colon_is_part_of_the_id() {
    let toy = Toy::start().await;
    let path = format!("{BASE}/plugins/mcp/sources/a%3Aapply");
    assert_eq!(toy.ask("GET", &path).await.echo(), "get mcp a:apply");
    assert_eq!(toy.post(&path, "{}").await.status, 405);
}

#[tokio::test]
async fn the_declared_form_of_a_verb_is_not_there() {
    let toy = Toy::start().await;
    for path in [
        "plugins/mcp/sources/s1/~apply",
        "plugins/mcp/sources/s1/%7Eapply",
        "plugins/mcp/~refresh",
        "plugins/mcp/sources/s1:frobnicate",
        "plugins/mcp/sources/s1:apply/more",
    ] {
        let reply = toy.post(&format!("{BASE}/{path}"), "{}").await;
        assert_eq!(
            (reply.status, &reply.json()["code"]),
            (404, &"not-found".into()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn answers_are_not_for_caches_or_browsers() {
    let toy = Toy::start().await;
    for path in [
        format!("{BASE}/plugins/mcp/sources/a"),
        "/nowhere".to_owned(),
    ] {
        let reply = toy.ask("GET", &path).await;
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert!(
            reply
                .header("content-security-policy")
                .unwrap()
                .contains("default-src 'none'")
        );
    }
}

#[tokio::test]
async fn the_document_shows_verbs_problems_and_camel_case() {
    let reply = Toy::start().await.ask("GET", "/openapi.json").await;
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let document = reply.json();
    let apply =
        &document["paths"][format!("{BASE}/plugins/{{plugin}}/sources/{{id}}:apply")]["post"];
    let problem = &apply["responses"]["default"]["content"]["application/problem+json"];
    assert_eq!(problem["schema"]["$ref"], "#/components/schemas/Problem");
    let parameters: Vec<_> = apply["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| of["name"].as_str().unwrap())
        .collect();
    assert_eq!(parameters, ["plugin", "id"]);
    let request = &document["components"]["schemas"]["ApplyRequest"]["properties"];
    assert_eq!(request["expectedRevision"]["nullable"], true);
    assert!(request["rawYaml"]["description"].is_string());
    assert!(!reply.body.contains("/~"));
}

#[tokio::test]
async fn head_works_where_get_does() {
    let toy = Toy::start().await;
    for path in [
        "/docs",
        "/openapi.json",
        &format!("{BASE}/plugins/mcp/sources/a"),
    ] {
        let reply = toy.ask("HEAD", path).await;
        assert_eq!((reply.status, &*reply.body), (200, ""), "{path}");
    }
}

#[tokio::test]
async fn the_page_is_whole() {
    let reply = Toy::start().await.ask("GET", "/docs").await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = reply.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'unsafe-inline'") && !policy.contains("http"));
    assert!(reply.body.contains("SwaggerUIBundle") && reply.body.contains(":apply"));
}
