//! Modes, limits, and edits that come in the way of a write.
#![cfg(feature = "file")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/files.rs"]
mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use catalog_core::ports::SourceConfigStore as _;
use catalog_core::testing::{key, meta};
use catalog_core::{Expect, RevisionKind, StoreError};
use catalog_stores::{FsAnswer, FsChange};
use support::*;

#[tokio::test]
async fn a_private_file_is_private_again_when_it_comes_back() {
    let dir = catalog();
    let path = dir.path().join("main.yaml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let store = open(dir.path()).await;
    let document = get(&store, &main_key()).await.document;
    let delete = meta(RevisionKind::Delete);
    store
        .delete(&main_key(), &Expect::Any, &delete)
        .await
        .unwrap();
    put(&store, &main_key(), document, Expect::Absent)
        .await
        .unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_sources_file_has_a_limit_of_its_own() {
    let dir = catalog();
    let large = options(dir.path()).max_document_bytes(300);
    let store = large
        .max_sources_bytes(SOURCES.len() as u64 + 60)
        .open()
        .await
        .unwrap();
    assert!(get(&store, &main_key()).await.problems.is_empty());
    let answer = put(
        &store,
        &key("mcp", "new"),
        at_path("n.yaml", "n"),
        Expect::Absent,
    )
    .await;
    let Err(StoreError::Refused { reason, .. }) = answer else {
        panic!("{answer:?}");
    };
    assert!(reason.contains("sources.yaml would have"), "{reason}");
}

/// Ten thousand sources have more values than any one document may have.
#[tokio::test]
async fn a_sources_file_may_have_as_many_values_as_it_has_room_for() {
    let dir = catalog();
    let many = "1, ".repeat(150_000);
    let path = dir.path().join("sources.yaml");
    let sources = std::fs::read_to_string(&path).unwrap();
    let path_of_main = "          yamlCatalogPath: ./main.yaml";
    let both = format!("          many: [{many}]\n{path_of_main}");
    let text = sources.replacen(path_of_main, &both, 1);
    assert!(text.len() > sources.len());
    std::fs::write(&path, text).unwrap();
    let store = open(dir.path()).await;
    let source = get(&store, &main_key()).await;
    assert!(source.problems.is_empty());
    let mut document = source.document;
    document.settings.name = "Another".into();
    put(&store, &main_key(), document, Expect::Any)
        .await
        .unwrap();
    assert_eq!(
        get(&store, &main_key()).await.document.settings.name,
        "Another"
    );
}

#[tokio::test]
async fn an_edit_in_the_last_moment_stays_and_the_answer_says_whether_the_write_was_made() {
    // Before every operation up to the one that replaces the file.
    for step in 0.. {
        let dir = catalog();
        let path = dir.path().join("main.yaml");
        let (operations, replaced) = (Operations::new(), Arc::new(AtomicBool::new(false)));
        let (count, seen) = (operations.clone(), replaced.clone());
        let store = hooked(dir.path(), move |op| {
            seen.fetch_or(renames_to(op, "main.yaml"), Ordering::SeqCst);
            if count.next() == Some(step) && !seen.load(Ordering::SeqCst) {
                std::fs::write(&path, "by hand").unwrap();
            }
            FsAnswer::Go
        });
        let store = store.open().await.unwrap();
        operations.arm();
        let document = at_path("./main.yaml", "by the store");
        let answer = put(&store, &main_key(), document, Expect::Any).await;
        if replaced.load(Ordering::SeqCst) {
            assert!(answer.is_ok() && step > 5, "{step}: {answer:?}");
            break;
        }
        assert_eq!(read(dir.path(), "main.yaml"), "by hand");
        let main = get(&store, &main_key()).await;
        assert_eq!(main.revision.kind, RevisionKind::External, "{step}");
        // A conflict is an answer to a write that was not made; one that was made is in the history.
        let kinds = kinds(&store, &main_key()).await;
        let made = kinds.contains(&RevisionKind::Apply);
        match answer {
            Err(StoreError::Conflict { current, .. }) => {
                assert!(
                    !made && current == Some(main.revision.id),
                    "{step}: {kinds:?}"
                );
            }
            Ok(revision) => {
                let next = revision.id.sequence() + 1;
                assert!(
                    made && main.revision.id.sequence() == next,
                    "{step}: {kinds:?}"
                );
            }
            Err(error) => panic!("{step}: {error}"),
        }
        assert_eq!(
            main.document.content.as_deref(),
            Some(&b"by hand"[..]),
            "{step}"
        );
    }
}

#[tokio::test]
async fn modes_are_kept_and_history_is_private() {
    let dir = catalog();
    let mode = |name: &str| {
        let meta = std::fs::metadata(dir.path().join(name)).unwrap();
        meta.permissions().mode() & 0o777
    };
    let set = |name: &str, mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(dir.path().join(name), mode).unwrap();
    };
    set("sources.yaml", 0o640);
    set("main.yaml", 0o604);
    let store = open(dir.path()).await;
    let mut document = get(&store, &main_key()).await.document;
    document.settings.enabled = false;
    document.content = catalog_core::testing::content("new");
    put(&store, &main_key(), document, Expect::Any)
        .await
        .unwrap();
    assert_eq!((mode("sources.yaml"), mode("main.yaml")), (0o640, 0o604));
    for (path, bytes) in tree(&dir.path().join(".history")) {
        let name = format!(".history/{}", path.display());
        let expected = if bytes == b"<directory>" {
            0o700
        } else {
            0o600
        };
        assert_eq!(mode(&name), expected, "{name}");
    }
    assert_eq!(mode(".history"), 0o700);
}

#[tokio::test]
async fn a_file_that_is_made_anew_after_an_interrupted_deletion_stays() {
    let dir = catalog();
    drop(open_quiet(dir.path()).await);
    let removed = AtomicBool::new(false);
    let store = hooked(dir.path(), move |op| {
        let removes = matches!(op.change, FsChange::Remove) && op.path.ends_with("main.yaml");
        // After the content file was removed, and for good.
        match removed.fetch_or(removes, Ordering::SeqCst) {
            true => full(),
            false => FsAnswer::Go,
        }
    });
    let store = store.open().await.unwrap();
    let delete = meta(RevisionKind::Delete);
    let answer = store.delete(&main_key(), &Expect::Any, &delete).await;
    assert!(answer.is_err() && !dir.path().join("main.yaml").exists());
    drop(store);
    write(dir.path(), "main.yaml", MAIN);
    let store = open_quiet(dir.path()).await;
    assert!(store.get(&main_key()).await.unwrap().is_none());
    assert_eq!(read(dir.path(), "main.yaml"), MAIN);
}
