//! Links that are swapped while somebody looks.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use catalog_core::model::SecretRef;
use catalog_core::ports::{SecretResolver as _, SourceConfigStore as _};
use catalog_stores::FileSecrets;
use catalog_tests::matrix::{row, tries};

use crate::support::{CANARY, Watch, main_key, put};

/// Makes the name point in and out in turns, as fast as it can, until it is dropped.
struct Swapper {
    stop: Arc<AtomicBool>,
    swaps: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Swapper {
    /// Each of the targets is what the name is for a moment: a link to it when it is a path, and the
    /// real thing at `real` when it is `None`.
    fn start(name: PathBuf, real: PathBuf, targets: Vec<Option<PathBuf>>) -> Self {
        let (stop, swaps) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let thread = std::thread::spawn({
            let (stop, swaps) = (stop.clone(), swaps.clone());
            move || {
                let next = name.with_extension("next");
                while !stop.load(Ordering::Relaxed) {
                    for target in &targets {
                        let _ = fs::remove_file(&next);
                        let made = match target {
                            Some(target) => symlink(target, &next),
                            None if real.is_dir() => symlink(&real, &next),
                            None => fs::copy(&real, &next).map(drop),
                        };
                        // A write of the store may have made a real directory of it.
                        if made.and_then(|()| fs::rename(&next, &name)).is_ok() {
                            swaps.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            }
        });
        Self {
            stop,
            swaps,
            thread: Some(thread),
        }
    }

    fn count(&self) -> u64 {
        self.swaps.load(Ordering::Relaxed)
    }
}

impl Drop for Swapper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The swappers keep a core busy each: one at a time is enough.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What is swapped: the path of the content, the name below the root, the real thing, the targets.
type Swap = (&'static str, PathBuf, PathBuf, Vec<Option<PathBuf>>);

/// A directory on the way, and the file itself.
fn swaps(watch: &Watch) -> [Swap; 2] {
    let root = watch.root();
    let outside = watch.outside();
    fs::create_dir(root.join("real")).unwrap();
    fs::write(root.join("real/main.yaml"), "mcpservers: []\n").unwrap();
    fs::write(root.join("seed.yaml"), "mcpservers: []\n").unwrap();
    let out = outside.join("canary.yaml");
    let file = vec![None, Some(out), Some("seed.yaml".into())];
    [
        (
            "way/main.yaml",
            root.join("way"),
            root.join("real"),
            vec![None, Some(outside)],
        ),
        (
            "file.yaml",
            root.join("file.yaml"),
            root.join("seed.yaml"),
            file,
        ),
    ]
}

fn told(name: &str, swaps: u64, tried: u64) {
    println!("{name}: {swaps} swaps during {tried} tries");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_swapped_against_a_read_never_leads_out() {
    let _turn = TURN.lock().await;
    let mut watch = Watch::new();
    let swaps = swaps(&watch);
    watch.remember();
    for (path, name, real, targets) in swaps {
        let swapper = Swapper::start(name, real, targets);
        let store = loop {
            watch.write_sources(path);
            if let Ok(store) = watch.options().open().await {
                break store;
            }
        };
        let wanted = tries(1_500, 500_000);
        let began = swapper.count();
        for _ in 0..wanted {
            watch.tried += 1;
            let _ = store.notice().await;
            let Ok(Some(source)) = store.get(&main_key()).await else {
                continue;
            };
            let content = source.document.content.unwrap_or_default();
            if String::from_utf8_lossy(&content).contains(CANARY) {
                watch.violation(path, "what is outside was read");
            }
        }
        told(path, swapper.count() - began, wanted);
        assert!(swapper.count() > began, "nothing was swapped");
        store.close().await;
    }
    watch.unharmed("after the swaps");
    row(
        "links swapped against reads",
        watch.tried,
        &watch.violations,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_swapped_against_a_write_never_leads_out() {
    let _turn = TURN.lock().await;
    let mut watch = Watch::new();
    let swaps = swaps(&watch);
    watch.remember();
    for (path, name, real, targets) in swaps {
        let swapper = Swapper::start(name, real, targets);
        let store = loop {
            watch.write_sources(path);
            if let Ok(store) = watch.options().open().await {
                break store;
            }
        };
        let (wanted, mut done) = (tries(250, 100_000), 0);
        let began = swapper.count();
        for i in 0..wanted {
            watch.tried += 1;
            let text = format!("mcpservers: [] # {i}\n");
            done += u64::from(put(&store, "main", path, &text).await.is_ok());
            if i % 16 == 0 {
                watch.unharmed(path);
            }
        }
        told(path, swapper.count() - began, wanted);
        println!("{path}: {done} of {wanted} writes were taken");
        store.close().await;
    }
    watch.unharmed("after the swaps");
    row(
        "links swapped against writes",
        watch.tried,
        &watch.violations,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_swapped_against_a_secret_never_leads_out() {
    use secrecy::ExposeSecret as _;
    let _turn = TURN.lock().await;
    let mut watch = Watch::new();
    let (root, outside) = (watch.root(), watch.outside());
    fs::create_dir(root.join("real")).unwrap();
    fs::write(root.join("real/key"), "fine").unwrap();
    fs::write(root.join("seed"), "fine").unwrap();
    fs::write(outside.join("key"), CANARY).unwrap();
    watch.remember();
    let secrets = FileSecrets::new(&root);
    let (mut found, mut swapped) = (0, 0);
    for (name, key, swap, real, out) in [
        ("way", "key", "way", "real", outside.clone()),
        ("real", "file", "real/file", "seed", outside.join("key")),
    ] {
        let targets = vec![None, Some(out)];
        let swapper = Swapper::start(root.join(swap), root.join(real), targets);
        let asked = SecretRef {
            namespace: None,
            name: name.to_owned(),
            key: key.to_owned(),
        };
        for _ in 0..tries(10_000, 1_000_000) {
            watch.tried += 1;
            match secrets.resolve(&asked).await {
                Ok(value) if value.expose_secret() == CANARY => {
                    watch.violation(&asked, "what is outside was read");
                }
                Ok(_) => found += 1,
                Err(_) => {}
            }
        }
        swapped += swapper.count();
    }
    println!("{found} resolved during {swapped} swaps");
    assert!(found > 0 && swapped > 0, "nothing was resolved or swapped");
    row(
        "links swapped against secrets",
        watch.tried,
        &watch.violations,
    );
}
