//! What a write changes, and what it leaves alone.
#![cfg(feature = "file")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/files.rs"]
mod support;

use std::os::unix::fs::symlink;

use catalog_core::ports::SourceConfigStore as _;
use catalog_core::testing::{key, meta};
use catalog_core::{Expect, RevisionKind, StoreError};
use catalog_stores::{FileStore, FileStoreOptions};
use support::*;

#[tokio::test]
async fn a_change_of_content_does_not_touch_the_sources_file() {
    let dir = catalog();
    let store = open(dir.path()).await;
    let before = std::fs::metadata(dir.path().join("sources.yaml")).unwrap();
    put_text(&store, &main_key(), "a: 1\r\n# end")
        .await
        .unwrap();
    assert_eq!(read(dir.path(), "main.yaml"), "a: 1\r\n# end");
    let after = std::fs::metadata(dir.path().join("sources.yaml")).unwrap();
    use std::os::unix::fs::MetadataExt as _;
    assert_eq!(
        (before.ino(), before.ctime_nsec()),
        (after.ino(), after.ctime_nsec())
    );
}

#[tokio::test]
async fn a_change_of_settings_leaves_every_other_byte_alone() {
    let dir = catalog();
    let store = open(dir.path()).await;
    let inode = |name: &str| {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(dir.path().join(name)).unwrap().ino()
    };
    let content = inode("main.yaml");
    let mut document = get(&store, &main_key()).await.document;
    document.settings.name = "Renamed".to_owned();
    put(&store, &main_key(), document, Expect::Any)
        .await
        .unwrap();
    let expected = SOURCES.replace("\"Main servers\"", "\"Renamed\"");
    assert_eq!(read(dir.path(), "sources.yaml"), expected);
    assert_eq!(
        inode("main.yaml"),
        content,
        "the content is not written again"
    );
}

#[tokio::test]
async fn a_source_that_is_put_and_deleted_leaves_every_line_as_it_was() {
    let dir = catalog();
    let store = open(dir.path()).await;
    let key = key("mcp", "passing");
    let document = at_path("deep/down/new.yaml", "x: 1\n");
    put(&store, &key, document, Expect::Absent).await.unwrap();
    assert_eq!(read(dir.path(), "deep/down/new.yaml"), "x: 1\n");
    let delete = meta(RevisionKind::Delete);
    store.delete(&key, &Expect::Any, &delete).await.unwrap();
    // An empty line that set the new entry apart may stay.
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    };
    assert_eq!(lines(&read(dir.path(), "sources.yaml")), lines(SOURCES));
    assert!(!dir.path().join("deep/down/new.yaml").exists());
}

#[tokio::test]
async fn content_that_another_source_uses_outlives_the_deletion() {
    let dir = catalog();
    let store = open(dir.path()).await;
    let twin = key("mcp", "twin");
    put(&store, &twin, settings_at("main.yaml"), Expect::Absent)
        .await
        .unwrap();
    assert_eq!(
        text(&get(&store, &twin).await),
        MAIN.as_bytes(),
        "what is there is taken"
    );
    let delete = meta(RevisionKind::Delete);
    store
        .delete(&main_key(), &Expect::Any, &delete)
        .await
        .unwrap();
    assert_eq!(text(&get(&store, &twin).await), MAIN.as_bytes());
}

#[tokio::test]
async fn a_write_into_a_file_that_another_source_uses_is_refused() {
    let dir = catalog();
    let store = open(dir.path()).await;
    let twin = key("mcp", "twin");
    put(&store, &twin, settings_at("./main.yaml"), Expect::Absent)
        .await
        .unwrap();
    let before = tree(dir.path());
    let answer = put_text(&store, &main_key(), "of one alone").await;
    let Err(StoreError::Refused { field, reason }) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(field.as_deref(), Some("properties.yamlCatalogPath"));
    assert!(reason.contains("mcp/twin"), "{reason}");
    assert_eq!(tree(dir.path()), before);
    let mut document = get(&store, &main_key()).await.document;
    document.settings.name = "Renamed".to_owned();
    put(&store, &main_key(), document, Expect::Any)
        .await
        .expect("the same bytes are fine");
    assert_eq!(get(&store, &twin).await.revision.id.sequence(), 1);
}

#[tokio::test]
async fn a_stale_expectation_changes_no_byte_anywhere() {
    let dir = catalog();
    let store = open(dir.path()).await;
    put_text(&store, &main_key(), "two").await.unwrap();
    let before = tree(dir.path());
    let stale = store.revisions(&main_key()).await.unwrap()[1].id.clone();
    for (key, expect) in [
        (main_key(), Expect::Absent),
        (main_key(), Expect::Revision(stale.clone())),
        (key("mcp", "nobody"), Expect::Revision(stale)),
    ] {
        let document = at_path("fresh/file.yaml", "three");
        let answer = put(&store, &key, document, expect.clone()).await;
        assert!(
            matches!(answer, Err(StoreError::Conflict { .. })),
            "{answer:?}"
        );
        let delete = meta(RevisionKind::Delete);
        let answer = store.delete(&key, &expect, &delete).await;
        assert!(
            matches!(answer, Err(StoreError::Conflict { .. })),
            "{answer:?}"
        );
    }
    assert_eq!(tree(dir.path()), before);
}

#[tokio::test]
async fn too_large_changes_no_byte_anywhere() {
    let dir = catalog();
    let store = options(dir.path())
        .max_document_bytes(2000)
        .open()
        .await
        .unwrap();
    let before = tree(dir.path());
    let answer = put_text(&store, &main_key(), vec![b'x'; 2001]).await;
    assert!(
        matches!(
            answer,
            Err(StoreError::TooLarge {
                limit: 2000,
                actual: 2001
            })
        ),
        "{answer:?}"
    );
    let mut document = get(&store, &main_key()).await.document;
    document.settings.labels = vec!["long".repeat(490)];
    let answer = put(&store, &main_key(), document, Expect::Any).await;
    assert!(
        matches!(answer, Err(StoreError::TooLarge { .. })),
        "{answer:?}"
    );
    assert_eq!(tree(dir.path()), before);
}

#[tokio::test]
async fn a_link_inside_the_root_stays_a_link() {
    let dir = catalog();
    std::fs::rename(
        dir.path().join("main.yaml"),
        dir.path().join("sub/real.yaml"),
    )
    .unwrap();
    symlink("sub/real.yaml", dir.path().join("main.yaml")).unwrap();
    std::fs::rename(
        dir.path().join("sources.yaml"),
        dir.path().join("sub/s.yaml"),
    )
    .unwrap();
    symlink("sub/s.yaml", dir.path().join("sources.yaml")).unwrap();
    let store = open(dir.path()).await;
    let mut document = get(&store, &main_key()).await.document;
    document.settings.name = "Renamed".to_owned();
    document.content = catalog_core::testing::content("through the link");
    put(&store, &main_key(), document, Expect::Any)
        .await
        .unwrap();
    for link in ["main.yaml", "sources.yaml"] {
        assert!(
            dir.path()
                .join(link)
                .symlink_metadata()
                .unwrap()
                .is_symlink()
        );
    }
    assert_eq!(read(dir.path(), "sub/real.yaml"), "through the link");
    assert!(read(dir.path(), "sub/s.yaml").contains("Renamed"));
    let delete = meta(RevisionKind::Delete);
    store
        .delete(&main_key(), &Expect::Any, &delete)
        .await
        .unwrap();
    assert!(
        dir.path().join("sub/real.yaml").exists(),
        "or the link would lead nowhere"
    );
}

#[tokio::test]
async fn content_without_a_file_to_keep_it_is_refused() {
    let dir = catalog();
    let store = open(dir.path()).await;
    let document = catalog_core::testing::document("n", "x", Default::default());
    let answer = put(&store, &key("mcp", "new"), document.clone(), Expect::Absent).await;
    let Err(StoreError::Refused { field, reason }) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(field.as_deref(), Some("properties.yamlCatalogPath"));
    assert!(reason.contains("mcp-new.yaml"), "{reason}");
    let mut typed = document;
    typed.settings.source_type = "hf".to_owned();
    let answer = put(&store, &key("mcp", "new"), typed, Expect::Absent).await;
    assert!(
        matches!(answer, Err(StoreError::Refused { .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_plugin_without_a_section_is_refused() {
    let dir = catalog();
    let store = open(dir.path()).await;
    let document = at_path("x.yaml", "x");
    let answer = put(&store, &key("agents", "x"), document, Expect::Any).await;
    assert!(
        matches!(answer, Err(StoreError::Refused { .. })),
        "{answer:?}"
    );
    assert!(
        store
            .list(&key("agents", "x").plugin)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn later_files_override_and_take_new_sources() {
    let dir = catalog();
    let more = tempfile::tempdir().unwrap();
    let text = "catalogs:\n  mcp:\n    sources:\n    - {id: main, enabled: false}\n";
    write(more.path(), "more.yaml", text);
    let store = FileStoreOptions::new([
        dir.path().join("sources.yaml"),
        more.path().join("more.yaml"),
    ])
    .open()
    .await
    .unwrap();
    let main = get(&store, &main_key()).await;
    assert!(!main.document.settings.enabled);
    assert_eq!(
        text_of(&main),
        MAIN,
        "the path starts from the file that says it"
    );
    let document = at_path("new.yaml", "new");
    put(&store, &key("mcp", "new"), document, Expect::Absent)
        .await
        .unwrap();
    assert_eq!(read(more.path(), "new.yaml"), "new");
    assert_eq!(read(dir.path(), "sources.yaml"), SOURCES);
    assert!(more.path().join(".history").is_dir() && !dir.path().join(".history").exists());
}

fn text_of(source: &catalog_core::ports::StoredSource) -> &str {
    std::str::from_utf8(text(source)).unwrap()
}

#[tokio::test]
async fn a_missing_sources_file_is_an_error_that_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let error = FileStore::open(dir.path()).await.unwrap_err().to_string();
    assert!(
        error.contains("sources.yaml") && error.contains("create"),
        "{error}"
    );
    assert!(tree(dir.path()).is_empty());
    let store = FileStore::create(dir.path().join("made/here"))
        .await
        .unwrap();
    assert!(store.health().await.detail.is_none());
    assert!(store.describe().starts_with("file "));
}
