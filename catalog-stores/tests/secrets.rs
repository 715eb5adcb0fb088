//! Finding the values behind references.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use catalog_core::model::SecretRef;
use catalog_core::ports::{NoSecrets, SecretError, SecretResolver};
use catalog_stores::{ChainSecrets, EnvSecrets, FileSecrets};
use secrecy::ExposeSecret as _;

fn reference(namespace: Option<&str>, name: &str, key: &str) -> SecretRef {
    SecretRef {
        name: name.to_owned(),
        namespace: namespace.map(str::to_owned),
        key: key.to_owned(),
    }
}

async fn resolve(secrets: &dyn SecretResolver, of: &SecretRef) -> Result<String, SecretError> {
    let value = secrets.resolve(of).await?;
    Ok(value.expose_secret().to_owned())
}

fn put(root: &Path, path: &str, value: impl AsRef<[u8]>) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, value).unwrap();
}

#[tokio::test]
async fn a_file_is_passed_on_byte_for_byte() {
    let root = tempfile::tempdir().unwrap();
    let secrets = FileSecrets::new(root.path());
    for value in ["plain", "", " spaces \r\n\n", "$HOME ${x} %s", "ünïcode\0"] {
        put(root.path(), "hub/token", value);
        let found = resolve(&secrets, &reference(None, "hub", "token")).await;
        assert_eq!(found.as_deref(), Ok(value));
    }
    put(root.path(), "team/hub/token", "of the team");
    let found = resolve(&secrets, &reference(Some("team"), "hub", "token")).await;
    assert_eq!(found.as_deref(), Ok("of the team"));
}

#[tokio::test]
async fn links_are_followed_inside_the_root_only() {
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // As Kubernetes mounts a secret.
    put(root.path(), "hub/..2025/token", "mounted");
    symlink("..2025", root.path().join("hub/..data")).unwrap();
    symlink("..data/token", root.path().join("hub/token")).unwrap();
    put(outside.path(), "token", "canary");
    symlink(outside.path().join("token"), root.path().join("hub/file")).unwrap();
    symlink(outside.path(), root.path().join("dir")).unwrap();
    let secrets = FileSecrets::new(root.path());
    let found = resolve(&secrets, &reference(None, "hub", "token")).await;
    assert_eq!(found.as_deref(), Ok("mounted"));
    for (name, key) in [("hub", "file"), ("dir", "token")] {
        let error = resolve(&secrets, &reference(None, name, key))
            .await
            .unwrap_err();
        assert!(error.reason.contains("outside"), "{error}");
    }
}

#[tokio::test]
async fn references_that_are_no_file_names_are_refused() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "canary", "canary");
    put(root.path(), "inner/hub/token", "x");
    let secrets = FileSecrets::new(root.path().join("inner"));
    for part in ["..", ".", "", "a/b", "../canary", "/etc/passwd", "a\0b"] {
        for of in [
            reference(None, part, "token"),
            reference(None, "hub", part),
            reference(Some(part), "hub", "token"),
        ] {
            let error = resolve(&secrets, &of).await.unwrap_err();
            assert!(!error.retryable);
            assert!(error.reason.contains("plain file names"), "{error}");
        }
    }
}

#[tokio::test]
async fn what_is_no_reasonable_secret_is_refused_without_showing_it() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "hub/large", vec![b'x'; (1 << 20) + 1]);
    put(root.path(), "hub/largest", vec![b'x'; 1 << 20]);
    put(root.path(), "hub/binary", b"canary\xff");
    std::fs::create_dir(root.path().join("hub/dir")).unwrap();
    let fifo = root.path().join("hub/fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let secrets = FileSecrets::new(root.path());
    for key in ["large", "binary", "dir", "fifo", "missing"] {
        let of = reference(None, "hub", key);
        let answer = tokio::time::timeout(Duration::from_secs(5), resolve(&secrets, &of)).await;
        let error = answer.expect("nothing waits").unwrap_err();
        assert_eq!(error.reference, of);
        assert!(!error.to_string().contains("canary") && !format!("{error:?}").contains("canary"));
    }
    let found = resolve(&secrets, &reference(None, "hub", "largest")).await;
    assert_eq!(found.map(|v| v.len()), Ok(1 << 20));
}

#[tokio::test]
async fn variables_are_found_by_prefix_name_and_key() {
    // Cargo sets this one for every test.
    let secrets = EnvSecrets::new("CARGO_");
    let found = resolve(&secrets, &reference(None, "pkg", "name")).await;
    assert_eq!(found.as_deref(), Ok("catalog-stores"));
    let error = resolve(&secrets, &reference(None, "no-such", "thing"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("CARGO_NO_SUCH_THING"), "{error}");
    let error = resolve(&secrets, &reference(Some("n"), "pkg", "name"))
        .await
        .unwrap_err();
    assert!(error.reason.contains("namespaces"), "{error}");
}

#[tokio::test]
async fn the_first_resolver_that_has_it_wins() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(one.path(), "hub/a", "first");
    put(two.path(), "hub/a", "second");
    put(two.path(), "hub/b", "second");
    let chain = ChainSecrets::new(vec![
        Arc::new(NoSecrets),
        Arc::new(FileSecrets::new(one.path())),
        Arc::new(FileSecrets::new(two.path())),
    ]);
    let found = resolve(&chain, &reference(None, "hub", "a")).await;
    assert_eq!(found.as_deref(), Ok("first"));
    let found = resolve(&chain, &reference(None, "hub", "b")).await;
    assert_eq!(found.as_deref(), Ok("second"));
    let error = resolve(&chain, &reference(None, "hub", "c"))
        .await
        .unwrap_err();
    assert_eq!(error.reference, reference(None, "hub", "c"));
    let nobody = ChainSecrets::new(vec![]);
    assert!(
        resolve(&nobody, &reference(None, "hub", "a"))
            .await
            .is_err()
    );
}
