//! Paths that lead where the store must not go.
#![cfg(feature = "file")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/files.rs"]
mod support;

use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use catalog_core::ports::{SourceConfigStore as _, StoredSource};
use catalog_core::testing::key;
use catalog_core::{Expect, StoreError};
use catalog_stores::FileStore;
use support::*;

const CANARY: &str = "canary-that-nobody-may-read";

/// A directory for the catalog and a file outside of it.
fn fixture() -> (tempfile::TempDir, tempfile::TempDir) {
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "out.yaml", CANARY);
    (catalog(), outside)
}

/// The source `main` when its entry names this path.
async fn loaded(dir: &std::path::Path, path: &str) -> (FileStore, StoredSource) {
    let quoted = serde_json::to_string(path).unwrap();
    write(dir, "sources.yaml", SOURCES.replace("./main.yaml", &quoted));
    let store = open_quiet(dir).await;
    let main = get(&store, &main_key()).await;
    (store, main)
}

fn assert_no_canary(dir: &std::path::Path) {
    for (path, bytes) in tree(dir) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(CANARY), "{}", path.display());
    }
}

#[tokio::test]
async fn a_path_out_of_the_root_is_a_problem_at_load() {
    let (dir, outside) = fixture();
    let absolute = outside.path().join("out.yaml").to_str().unwrap().to_owned();
    symlink(&absolute, dir.path().join("link.yaml")).unwrap();
    symlink(outside.path(), dir.path().join("dirlink")).unwrap();
    let sideways = format!(
        "../{}/out.yaml",
        outside.path().file_name().unwrap().to_str().unwrap()
    );
    for path in [
        absolute.as_str(),
        &sideways,
        "sub/../../x.yaml",
        "link.yaml",
        "dirlink/out.yaml",
        "./dirlink/../out.yaml",
        "/etc/passwd",
        "/proc/self/environ",
    ] {
        let (_store, main) = loaded(dir.path(), path).await;
        assert_eq!(problems(&main), ["path-outside-root"], "{path}");
        assert_ne!(text(&main), CANARY.as_bytes());
    }
    assert_no_canary(&dir.path().join(".history"));
}

#[tokio::test]
async fn a_path_out_of_the_root_is_refused_at_put() {
    let (dir, outside) = fixture();
    let absolute = outside.path().join("out.yaml").to_str().unwrap().to_owned();
    symlink(&absolute, dir.path().join("link.yaml")).unwrap();
    symlink(outside.path(), dir.path().join("dirlink")).unwrap();
    symlink(outside.path().join("not-yet"), dir.path().join("dangling")).unwrap();
    let store = open_quiet(dir.path()).await;
    let before = (tree(dir.path()), tree(outside.path()));
    for path in [
        absolute.as_str(),
        "../x.yaml",
        "sub/../../x.yaml",
        "missing/../../x.yaml",
        "link.yaml",
        "dirlink/out.yaml",
        "dirlink/new.yaml",
        "dangling",
        "dangling/new.yaml",
        "/tmp/x.yaml",
        "a\nb.yaml",
        "a\0b.yaml",
        "",
        ".",
        "sub",
        ".history/wal",
        ".history/mcp/main/x.rev",
        "sources.yaml",
        "./sub/../sources.yaml",
        ".catalog-tmp-x",
        "main.yaml/below",
    ] {
        for document in [at_path(path, "overwritten"), settings_at(path)] {
            let answer = put(&store, &key("mcp", "new"), document, Expect::Absent).await;
            let Err(StoreError::Refused { field, reason }) = answer else {
                panic!("{path:?}: {answer:?}");
            };
            assert_eq!(
                field.as_deref(),
                Some("properties.yamlCatalogPath"),
                "{path:?}"
            );
            assert!(!reason.contains(CANARY));
        }
    }
    assert_eq!(tree(dir.path()), before.0);
    assert_eq!(tree(outside.path()), before.1);
    assert_no_canary(dir.path());
}

#[tokio::test]
async fn absolute_paths_inside_the_root_work() {
    let (dir, _outside) = fixture();
    let path = dir
        .path()
        .join("sub/other.yaml")
        .to_str()
        .unwrap()
        .to_owned();
    let (store, main) = loaded(dir.path(), &path).await;
    assert_eq!((text(&main), problems(&main)), (OTHER.as_bytes(), vec![]));
    let new = dir.path().join("sub/new.yaml").to_str().unwrap().to_owned();
    put(
        &store,
        &key("mcp", "new"),
        at_path(&new, "new"),
        Expect::Absent,
    )
    .await
    .unwrap();
    assert_eq!(read(dir.path(), "sub/new.yaml"), "new");
}

#[tokio::test]
async fn more_roots_can_be_allowed() {
    let (dir, outside) = fixture();
    let path = outside.path().join("out.yaml").to_str().unwrap().to_owned();
    write(
        dir.path(),
        "sources.yaml",
        SOURCES.replace("./main.yaml", &path),
    );
    let store = options(dir.path())
        .content_roots([dir.path(), outside.path()])
        .open()
        .await
        .unwrap();
    let main = get(&store, &main_key()).await;
    assert_eq!((text(&main), problems(&main)), (CANARY.as_bytes(), vec![]));
    put_text(&store, &main_key(), "replaced").await.unwrap();
    assert_eq!(read(outside.path(), "out.yaml"), "replaced");
}

#[tokio::test]
async fn a_fifo_neither_blocks_nor_loads() {
    let (dir, _outside) = fixture();
    let fifo = dir.path().join("pipe.yaml");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let quick = async {
        let (store, main) = loaded(dir.path(), "pipe.yaml").await;
        assert_eq!(problems(&main), ["not-a-file"]);
        let answer = put_text(&store, &main_key(), "x").await;
        assert!(
            matches!(answer, Err(StoreError::Refused { .. })),
            "{answer:?}"
        );
    };
    let limit = Duration::from_secs(5);
    tokio::time::timeout(limit, quick)
        .await
        .expect("nothing waits for the other end");
}

#[tokio::test]
async fn directories_and_devices_do_not_load() {
    let (dir, _outside) = fixture();
    std::fs::create_dir(dir.path().join("dir.yaml")).unwrap();
    let (_store, main) = loaded(dir.path(), "dir.yaml").await;
    assert_eq!(problems(&main), ["not-a-file"]);
    let (_store, main) = loaded(dir.path(), "/dev/zero").await;
    assert_eq!(problems(&main), ["path-outside-root"]);
}

#[tokio::test]
async fn only_catalog_files_are_content() {
    let (dir, _outside) = fixture();
    write(dir.path(), "catalog.db", CANARY);
    std::fs::create_dir(dir.path().join(".git")).unwrap();
    write(&dir.path().join(".git"), "config.yaml", CANARY);
    symlink("catalog.db", dir.path().join("link.yaml")).unwrap();
    for path in [
        "catalog.db",
        "link.yaml",
        ".git/config.yaml",
        "sub",
        ".env.yaml",
    ] {
        let (store, main) = loaded(dir.path(), path).await;
        assert_eq!(problems(&main), ["not-a-catalog-file"], "{path}");
        let document = at_path(path, "overwritten");
        let answer = put(&store, &key("mcp", "new"), document, Expect::Absent).await;
        let Err(StoreError::Refused { field, reason }) = answer else {
            panic!("{path}: {answer:?}");
        };
        assert_eq!(field.as_deref(), Some("properties.yamlCatalogPath"));
        assert!(reason.contains(".yaml, .yml or .json"), "{reason}");
    }
    assert_eq!(read(dir.path(), "catalog.db"), CANARY);
    assert_no_canary(&dir.path().join(".history"));
}

#[tokio::test]
async fn content_longer_than_the_limit_is_a_problem() {
    let (dir, _outside) = fixture();
    let store = options(dir.path())
        .max_document_bytes(1000)
        .open()
        .await
        .unwrap();
    write(dir.path(), "main.yaml", vec![b'#'; 1001]);
    let main = get(&store, &main_key()).await;
    assert_eq!(problems(&main), ["too-large"]);
    assert_eq!(text(&main), MAIN.as_bytes(), "what was there stays known");
    write(dir.path(), "main.yaml", vec![b'#'; 1000]);
    assert_eq!(text(&get(&store, &main_key()).await).len(), 1000);
}

#[tokio::test]
async fn a_link_that_is_swapped_never_leads_out() {
    let (dir, outside) = fixture();
    let root = dir.path().to_owned();
    let store = options(&root)
        .poll_interval(Duration::from_millis(5))
        .open()
        .await
        .unwrap();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let swapping = std::thread::spawn({
        let (stop, root, out) = (stop.clone(), root.clone(), outside.path().to_owned());
        move || {
            std::fs::rename(root.join("sub"), root.join("sub.real")).unwrap();
            symlink("sub.real", root.join("sub")).unwrap();
            write(&out, "other.yaml", CANARY);
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                for target in [out.as_path(), std::path::Path::new("sub.real")] {
                    symlink(target, root.join("next")).unwrap();
                    std::fs::rename(root.join("next"), root.join("sub")).unwrap();
                }
            }
        }
    });
    let other = key("mcp", "other");
    for i in 0..30 {
        let found = get(&store, &other).await;
        assert_ne!(text(&found), CANARY.as_bytes());
        let _ = put_text(&store, &other, format!("write {i}")).await;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    swapping.join().unwrap();
    assert_eq!(read(outside.path(), "other.yaml"), CANARY);
    assert_eq!(
        tree(outside.path()).len(),
        2,
        "nothing was written out there"
    );
    assert_no_canary(&root.join(".history"));
}

#[tokio::test]
async fn a_source_whose_file_is_out_of_reach_can_be_switched_off_and_deleted() {
    let (dir, outside) = fixture();
    symlink(outside.path(), dir.path().join("dirlink")).unwrap();
    let (store, main) = loaded(dir.path(), "dirlink/out.yaml").await;
    let mut document = main.document;
    document.settings.enabled = false;
    put(&store, &main_key(), document.clone(), Expect::Any)
        .await
        .unwrap();
    let main = get(&store, &main_key()).await;
    assert_eq!(
        (main.document, &*main.problems[0].code),
        (document, "path-outside-root")
    );
    let delete = catalog_core::testing::meta(catalog_core::RevisionKind::Delete);
    store
        .delete(&main_key(), &Expect::Any, &delete)
        .await
        .unwrap();
    assert_eq!(read(outside.path(), "out.yaml"), CANARY);
}
