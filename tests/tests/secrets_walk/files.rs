//! What the program says offline, and what it leaves behind.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use catalog_tests::binary;
use catalog_tests::matrix::tries;

use super::vault::{TOKENS, Vault};

/// What `check`, `migrate` and starts that fail say about files and settings full of secrets.
pub fn said(data: &Path, vault: &mut Vault) -> Vec<(String, Vec<u8>)> {
    let mut seen = Vec::new();
    let mut run = |what: String, args: &[&str], env: &[(&str, &str)]| {
        let mut command = Command::new(binary("catalog-server"));
        command.env_clear().env("RUST_LOG", "trace").args(args);
        command.envs(env.iter().copied());
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        seen.push((what, text));
        output.status
    };
    let data_dir = data.to_str().unwrap();
    run("check".into(), &["check", "--data-dir", data_dir], &[]);
    for n in 0..tries(1, TOKENS.len() as u64) {
        // The sources file itself, broken with a secret at the error's place.
        let broken = data.join("broken.yaml");
        for text in [
            format!("catalogs: [{}\n", vault.next("sources file")),
            format!("{}: 1\n", vault.next("sources file")),
            format!(
                "mcp:\n  - id: x\n    name: x\n    type: {}\n    {}: 1\n",
                vault.next("sources file"),
                vault.next("sources file")
            ),
            format!(
                "mcp_catalogs:\n  - id: '{}'\n    name: [{}]\n    type: yaml\n    password: {}\n",
                vault.next("sources file"),
                vault.next("sources file"),
                vault.put("sources file", "⟦an16⟧")
            ),
        ] {
            fs::write(&broken, text).unwrap();
            let path = broken.to_str().unwrap();
            run(format!("check of {n}"), &["check", "--sources", path], &[]);
        }
        fs::remove_file(&broken).unwrap();
        // Settings of the process: a secret where something else belongs.
        for flag in [
            "--listen",
            "--config-store",
            "--max-document-bytes",
            "--log-format",
            "--log-level",
            "--db-dsn",
        ] {
            let value = vault.next(&format!("flag {flag}"));
            run(
                format!("{flag} {n}"),
                &[flag, &value, "--data-dir", data_dir],
                &[],
            );
        }
        for variable in [
            "CATALOG_LISTEN",
            "CATALOG_CONFIG_STORE_MODE",
            "CATALOG_MAX_DOCUMENT_BYTES",
            "RUST_LOG",
            "DATABASE_DSN",
            "CATALOG_SOURCES",
            "CATALOG_CONTENT_ROOTS",
            "CATALOG_SECRETS_DIR",
        ] {
            let value = vault.next(&format!("variable {variable}"));
            run(
                format!("{variable}={n}"),
                &["--data-dir", data_dir],
                &[(variable, &value)],
            );
        }
        let value = vault.next("argument");
        run(format!("an argument {n}"), &[&value], &[]);
        let value = vault.next("argument");
        run(
            format!("an argument {n}"),
            &[&format!("--token={value}")],
            &[],
        );
        let dsn = format!(
            "postgres://svc:{}@db.internal/catalog",
            vault.put("dsn", "⟦an20⟧")
        );
        run("migrate".into(), &["migrate", "--db-dsn", &dsn], &[]);
        let dsn = format!(
            "sqlite:/nowhere/{}/x.db?password={}",
            vault.next("dsn").replace(['/', '?', '#'], ""),
            vault.put("dsn", "⟦an20⟧")
        );
        run("migrate".into(), &["migrate", "--db-dsn", &dsn], &[]);
        run(
            "migrate --check".into(),
            &["migrate", "--check", "--db-dsn", &dsn],
            &[],
        );
        run(
            "serve".into(),
            &["--db-dsn", &dsn, "--data-dir", data_dir],
            &[],
        );
    }
    seen
}

/// Every file below that others may read though it may hold a secret; and how many were looked at.
pub fn modes(data: &Path) -> (u64, Vec<String>) {
    let (mut tried, mut violations) = (0, Vec::new());
    let mut folders = vec![data.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()) {
            let mode = fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777;
            let shown = path.strip_prefix(data).unwrap().display().to_string();
            println!("{mode:o} {shown}");
            tried += 1;
            if path.is_dir() {
                folders.push(path.clone());
            }
            // What operators and other programs read has the mode that they gave it.
            let ours =
                shown.starts_with(".") || shown.contains("/.") || shown.starts_with("catalog.db");
            if ours && mode & 0o077 != 0 {
                violations.push(format!("{shown} has mode {mode:o}"));
            }
        }
    }
    (tried, violations)
}
