//! Paths that lead where nothing of ours may go: spellings, links, links that are swapped while they
//! are looked at, and things that are no files.
//!
//! The rules. Content is read and written below the content roots only, by plain files, whatever
//! links say. A hard link is a file like any other: who can make one below a root could as well have
//! copied the file there, and package managers and backup tools make them all the time. It is read;
//! a write replaces the name and never touches the bytes that the other names have.

#[path = "paths/spellings.rs"]
mod spellings;
#[path = "paths/support.rs"]
mod support;
#[path = "paths/swaps.rs"]
mod swaps;

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use catalog_core::ports::SourceConfigStore as _;
use catalog_core::{Expect, StoreError};
use catalog_tests::PATIENCE;
use catalog_tests::matrix::{did_not_run, row};
use support::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_neither_hangs_nor_leaks_nor_is_written() {
    let mut watch = Watch::new();
    let root = watch.root().to_owned();
    let made = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        let output = command.args(args).current_dir(&root).output();
        output.is_ok_and(|output| output.status.success())
    };
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket.yaml")).unwrap();
    assert!(made("mkfifo", &["fifo.yaml"]));
    fs::create_dir(root.join("directory.yaml")).unwrap();
    let mut names = vec!["socket.yaml", "fifo.yaml", "directory.yaml"];
    for (name, numbers) in [("zero.yaml", ["1", "5"]), ("full.yaml", ["1", "7"])] {
        match made("mknod", &[name, "c", numbers[0], numbers[1]]) {
            true => names.push(name),
            false => did_not_run("devices below a root", "no device can be made"),
        }
    }
    let links = [
        ("to-zero.yaml", "/dev/zero"),
        ("to-full.yaml", "/dev/full"),
        ("to-environ.yaml", "/proc/self/environ"),
        ("to-memory.yaml", "/proc/self/mem"),
        ("to-stdin.yaml", "/dev/stdin"),
        ("to-fifo.yaml", "fifo.yaml"),
        ("to-nothing.yaml", "nothing.yaml"),
        ("to-itself.yaml", "to-itself.yaml"),
        ("to-and.yaml", "fro.yaml"),
        ("fro.yaml", "to-and.yaml"),
        ("to-root.yaml", "/"),
        ("to-parent.yaml", ".."),
    ];
    for (name, target) in links {
        symlink(target, root.join(name)).unwrap();
        names.push(name);
    }
    // A chain that leads out at its end.
    symlink(watch.outside().join("canary.yaml"), root.join("c9.yaml")).unwrap();
    for i in (0..9).rev() {
        symlink(format!("c{}.yaml", i + 1), root.join(format!("c{i}.yaml"))).unwrap();
    }
    names.push("c0.yaml");
    watch.remember();
    for name in names {
        watch.tried += 1;
        let work = async {
            let (store, source) = watch.loaded(name).await;
            let told = source.problems.iter().any(|p| p.is_error());
            let reads = source.document.content.is_some_and(|c| !c.is_empty());
            let fresh = put(&store, "new", name, "overwritten\n").await;
            let over = put(&store, "main", name, "overwritten\n").await;
            store.close().await;
            (told, reads, fresh, over)
        };
        match tokio::time::timeout(PATIENCE, work).await {
            Err(_) => watch.violation(name, "it hangs"),
            Ok((told, reads, fresh, over)) => {
                if !told || reads {
                    watch.violation(name, format!("told: {told}, read: {reads}"));
                }
                for answer in [fresh, over] {
                    let dangling = name == "to-nothing.yaml" && answer.is_ok();
                    if !matches!(answer, Err(StoreError::Refused { .. })) && !dangling {
                        watch.violation(name, format!("a write: {answer:?}"));
                    }
                }
            }
        }
        watch.unharmed(name);
    }
    row(
        "devices, FIFOs, sockets, loops in place of files",
        watch.tried,
        &watch.violations,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sources_file_that_is_no_file_is_an_error_and_not_a_hang() {
    let mut watch = Watch::new();
    let root = watch.root().to_owned();
    let file = root.join("sources.yaml");
    type Make<'a> = &'a dyn Fn() -> bool;
    let fifo = || {
        let status = Command::new("mkfifo").arg(&file).status();
        status.is_ok_and(|status| status.success())
    };
    let kinds: [(&str, Make<'_>); 5] = [
        ("a FIFO", &fifo),
        ("a directory", &|| fs::create_dir(&file).is_ok()),
        ("a link to a device", &|| {
            symlink("/dev/zero", &file).is_ok()
        }),
        ("a link to itself", &|| {
            symlink("sources.yaml", &file).is_ok()
        }),
        ("nothing", &|| true),
    ];
    for (what, make) in kinds {
        for running in [false, true] {
            watch.tried += 1;
            let _ = fs::remove_file(&file).or_else(|_| fs::remove_dir(&file));
            let before = match running {
                false => None,
                true => {
                    watch.write_sources("main.yaml");
                    let store = watch.open().await;
                    fs::remove_file(&file).unwrap();
                    Some(store)
                }
            };
            assert!(make(), "{what}");
            let work = async {
                match before {
                    None => match watch.options().open().await {
                        Err(_) => true,
                        Ok(store) => store.health().await.state != healthy(),
                    },
                    Some(store) => {
                        let _ = store.notice().await;
                        let unwell = store.health().await.state != healthy();
                        let listed = store.list(&main_key().plugin).await.unwrap_or_default();
                        let told = listed.iter().all(|s| !s.is_sound());
                        let refused = put(&store, "new", "new.yaml", "x\n").await.is_err();
                        (unwell || told) && refused
                    }
                }
            };
            match tokio::time::timeout(PATIENCE, work).await {
                Err(_) => watch.violation(what, "it hangs"),
                Ok(false) => watch.violation(what, format!("nothing is told; running: {running}")),
                Ok(true) => {}
            }
        }
    }
    row(
        "sources file replaced by what is no file",
        watch.tried,
        &watch.violations,
    );
}

/// What the store keeps for itself is where whoever may write content can put links, too. The status
/// database is none of it: it is where a setting says, and whoever sets it may well name a link.
#[tokio::test(flavor = "multi_thread")]
async fn links_in_place_of_what_the_store_keeps_lead_nowhere() {
    let mut watch = Watch::new();
    let root = watch.root().to_owned();
    let history = root.join(".history");
    let own = |name: &str| root.join(".history").join(name);
    let names = [
        ("journal", own("journal")),
        ("lock", own("lock")),
        ("generation", own("generation")),
        ("a plugin's history", own("mcp")),
        ("a source's history", own("mcp/main")),
        ("the history", history.clone()),
    ];
    for (what, path) in names {
        for at_work in [false, true] {
            let what = format!(
                "{what}, {}",
                if at_work { "at work" } else { "at the start" }
            );
            let _ = fs::remove_dir_all(&history).or_else(|_| fs::remove_file(&history));
            watch.write_sources("main.yaml");
            fs::write(root.join("main.yaml"), "mcpservers: []\n").unwrap();
            let store = watch.open().await;
            put(&store, "main", "main.yaml", "mcpservers: [] # one\n")
                .await
                .unwrap();
            if !at_work {
                store.close().await;
            }
            // What was there is moved away whole, so that a store that follows finds all of it.
            let target = watch.outside().join("moved");
            let _ = fs::remove_dir_all(&target).or_else(|_| fs::remove_file(&target));
            fs::rename(&path, &target).unwrap();
            symlink(&target, &path).unwrap();
            watch.remember();
            watch.tried += 1;
            let work = async {
                let store = match at_work {
                    true => Ok(store),
                    false => watch.options().open().await,
                };
                let Ok(store) = store else {
                    return "it does not open".to_owned();
                };
                let first = put(&store, "main", "main.yaml", "mcpservers: [] # two\n").await;
                let second = put(&store, "new", "new.yaml", "mcpservers: [] # new\n").await;
                store.close().await;
                format!(
                    "the source itself is written: {}, another one: {}",
                    first.is_ok(),
                    second.is_ok()
                )
            };
            match tokio::time::timeout(PATIENCE, work).await {
                Err(_) => watch.violation(&what, "it hangs"),
                Ok(told) => println!("{what}: {told}"),
            }
            watch.unharmed(&what);
        }
    }
    row(
        "links in place of the history, the journal, the lock",
        watch.tried,
        &watch.violations,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hard_link_is_read_and_its_other_names_are_never_written() {
    let mut watch = Watch::new();
    let other = watch.outside().join("shared.yaml");
    fs::write(&other, "mcpservers: [] # shared\n").unwrap();
    fs::hard_link(&other, watch.root().join("hard.yaml")).unwrap();
    watch.remember();
    let (store, source) = watch.loaded("hard.yaml").await;
    watch.tried += 3;
    if source.document.content.as_deref() != Some(b"mcpservers: [] # shared\n") {
        watch.violation("hard.yaml", "it is not read");
    }
    let answer = put(&store, "main", "hard.yaml", "mcpservers: []\n").await;
    if answer.is_err() {
        watch.violation("hard.yaml", format!("{answer:?}"));
    }
    watch.unharmed("hard.yaml");
    let meta = catalog_core::testing::meta(catalog_core::RevisionKind::Delete);
    let deleted = store.delete(&main_key(), &Expect::Present, &meta).await;
    if deleted.is_err() {
        watch.violation("hard.yaml", "it cannot be deleted");
    }
    watch.unharmed("hard.yaml, deleted");
    row(
        "hard links to files outside",
        watch.tried,
        &watch.violations,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_differ_by_case_only_are_two_files() {
    let mut watch = Watch::new();
    watch.write_sources("main.yaml");
    let store = watch.open().await;
    let twins = ["Twin.yaml", "twin.yaml", "TWIN.yaml", "twin.YAML"];
    for (i, name) in twins.into_iter().enumerate() {
        let answer = put(&store, &format!("twin-{i}"), name, &format!("# {i}\n")).await;
        watch.tried += 1;
        if answer.is_err() {
            watch.violation(name, format!("{answer:?}"));
        }
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let _ = store.notice().await;
    for (i, name) in twins.into_iter().enumerate() {
        let key = catalog_core::testing::key("mcp", &format!("twin-{i}"));
        let found = store
            .get(&key)
            .await
            .unwrap()
            .and_then(|s| s.document.content);
        let on_disk = fs::read(watch.root().join(name)).unwrap_or_default();
        watch.tried += 1;
        let wanted = format!("# {i}\n");
        if found.as_deref() != Some(wanted.as_bytes()) || on_disk != wanted.as_bytes() {
            watch.violation(name, "it has the bytes of another");
        }
    }
    row("case twins", watch.tried, &watch.violations);
}
