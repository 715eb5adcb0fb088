//! The library inside another service: a handler reads the snapshot, another one edits.

use std::error::Error;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use catalog_core::ports::MemoryStore;
use catalog_core::{
    ApplyOptions, Author, CatalogError, CatalogService, Edit, Expect, PluginName, SettingsPatch,
    SourceKey,
};
use catalog_plugins::McpPlugin;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

async fn names(State(catalog): State<CatalogService>) -> Result<Json<Vec<String>>, StatusCode> {
    let plugin = PluginName::new("mcp").map_err(|_| StatusCode::NOT_FOUND)?;
    let view = catalog.snapshot(&plugin).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(
        view.entities().map(|(_, e)| e.name.to_string()).collect(),
    ))
}

async fn put_content(
    State(catalog): State<CatalogService>,
    Path(id): Path<String>,
    text: String,
) -> Response {
    match edit(&catalog, &id, &text).await {
        Ok(revision) => ([(header::ETAG, revision)], "ok\n").into_response(),
        Err(CatalogError::Invalid(report)) => {
            let findings: Vec<_> = report.errors().map(ToString::to_string).collect();
            (StatusCode::UNPROCESSABLE_ENTITY, Json(findings)).into_response()
        }
        Err(error) if error.is_retryable() => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

async fn edit(catalog: &CatalogService, id: &str, text: &str) -> Result<String, CatalogError> {
    let key = SourceKey::parse("mcp", id).map_err(|e| CatalogError::Malformed(e.to_string()))?;
    let settings = SettingsPatch {
        name: Some(id.to_owned()),
        source_type: Some("yaml".into()),
        ..SettingsPatch::default()
    };
    let edit = Edit::settings(settings).with_content(text);
    let author = Author::new("the host service");
    let done = catalog
        .apply(&key, edit, Expect::Any, author, ApplyOptions::default())
        .await?;
    Ok(format!("\"{}\"", done.revision.id))
}

/// One request over a real socket, without a client library.
async fn ask(
    address: std::net::SocketAddr,
    method: &str,
    path: &str,
    body: &str,
) -> Result<String, Box<dyn Error>> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let catalog = CatalogService::builder()
        .store(MemoryStore::new())
        .plugin(McpPlugin::new())
        .build()?;
    let running = catalog.start().await;
    let app = Router::new()
        .route("/servers", get(names))
        .route("/sources/{id}", put(put_content))
        .with_state(catalog);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move { axum::serve(listener, app).await });

    let good = "mcpservers:\n  - name: files\n    deploymentMode: local\n    image: registry.example.com/files:1.0\n";
    let answer = ask(address, "PUT", "/sources/team", good).await?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = ask(address, "PUT", "/sources/team", "mcpservers: [{nam: x}]").await?;
    assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
    let answer = ask(address, "GET", "/servers", "").await?;
    assert!(answer.ends_with("[\"files\"]"), "{answer}");
    println!("served: {}", answer.lines().last().unwrap_or_default());

    server.abort();
    running.stop().await;
    Ok(())
}
