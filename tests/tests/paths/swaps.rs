//! Links that are swapped while somebody looks.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use catalog_core::model::SecretRef;
use catalog_core::ports::{SecretResolver as _, SourceConfigStore as _};
use catalog_stores::FileSecrets;
use catalog_tests::matrix::{did_not_run, row, tries};

use crate::support::{CANARY, Watch, main_key, put};

/// Makes a name the real thing and a link out in turns, as fast as it can, until it is dropped: the
/// two change places in one step, so that the name is always something.
struct Swapper {
    stop: Arc<AtomicBool>,
    swaps: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Swapper {
    /// The real thing is there.
    fn start(name: PathBuf, out: PathBuf) -> Self {
        let (stop, swaps) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let thread = std::thread::spawn({
            let (stop, swaps) = (stop.clone(), swaps.clone());
            move || {
                let next = name.with_extension("next");
                symlink(&out, &next).unwrap();
                for turn in 0_u64.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let flags = rustix::fs::RenameFlags::EXCHANGE;
                    let here = rustix::fs::CWD;
                    if rustix::fs::renameat_with(here, &name, here, &next, flags).is_ok() {
                        swaps.fetch_add(1, Ordering::Relaxed);
                    }
                    // Who writes puts a file where the link was.
                    let gone = !name.is_symlink() && !next.is_symlink();
                    if turn % 16 == 0 && gone && fs::remove_file(&next).is_ok() {
                        symlink(&out, &next).unwrap();
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

/// What is swapped: the path of the content, the name below the root, where the link leads.
type Swap = (&'static str, PathBuf, PathBuf);

/// A directory on the way, and the file itself.
fn swaps(watch: &Watch) -> [Swap; 2] {
    let (root, outside) = (watch.root(), watch.outside());
    fs::create_dir(root.join("way")).unwrap();
    for file in ["way/main.yaml", "file.yaml"] {
        fs::write(root.join(file), "mcpservers: []\n").unwrap();
    }
    let canary = outside.join("canary.yaml");
    [
        ("way/main.yaml", root.join("way"), outside),
        ("file.yaml", root.join("file.yaml"), canary),
    ]
}

/// Whether a race is one: somebody who looks at the path without care is led out now and then.
#[derive(Default)]
struct Race {
    escapes: u64,
    passed: u64,
}

impl Race {
    /// Looks without care.
    fn look(&mut self, path: &Path) {
        let led_out = fs::read(path).is_ok_and(|bytes| bytes == CANARY.as_bytes());
        self.escapes += u64::from(led_out);
    }

    /// Says what came of it; `false`: it was no race, and proves nothing.
    fn is_one(&self, row: &str, name: &str, swaps: u64, tried: u64) -> bool {
        let Self { escapes, passed } = self;
        println!(
            "{name}: {swaps} swaps during {tried} tries, of which {passed} found or wrote the real thing"
        );
        println!("{name}: {escapes} of {tried} careless looks were led out");
        let is_one = *escapes > 0 && *passed > 0;
        if !is_one {
            did_not_run(row, "the swaps never came in between");
        }
        is_one
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_swapped_against_a_read_never_leads_out() {
    const NAME: &str = "links swapped against reads";
    let _turn = TURN.lock().await;
    let mut watch = Watch::new();
    let swaps = swaps(&watch);
    watch.remember();
    for (path, name, out) in swaps {
        let swapper = Swapper::start(name, out);
        let store = loop {
            watch.write_sources(path);
            if let Ok(store) = watch.options().open().await {
                break store;
            }
        };
        let (wanted, mut race) = (tries(1_500, 500_000), Race::default());
        let began = swapper.count();
        for _ in 0..wanted {
            watch.tried += 1;
            race.look(&watch.root().join(path));
            let found = match watch.tried % 50 {
                // What a server sees, which waits until the files are at rest…
                0 => {
                    let _ = store.notice().await;
                    store
                        .get(&main_key())
                        .await
                        .ok()
                        .flatten()
                        .into_iter()
                        .collect()
                }
                // …and what is read anew each time.
                _ => watch
                    .options()
                    .read()
                    .await
                    .map_or(Vec::new(), |found| found.sources),
            };
            for source in found {
                let content = source.document.content.unwrap_or_default();
                race.passed += u64::from(content.starts_with(b"mcpservers"));
                if String::from_utf8_lossy(&content).contains(CANARY) {
                    watch.violation(path, "what is outside was read");
                }
            }
        }
        let swaps = swapper.count() - began;
        store.close().await;
        if !race.is_one(NAME, path, swaps, wanted) {
            return;
        }
    }
    watch.unharmed("after the swaps");
    row(NAME, watch.tried, &watch.violations);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_swapped_against_a_write_never_leads_out() {
    const NAME: &str = "links swapped against writes";
    let _turn = TURN.lock().await;
    let mut watch = Watch::new();
    let swaps = swaps(&watch);
    watch.remember();
    for (path, name, out) in swaps {
        let swapper = Swapper::start(name, out);
        let store = loop {
            watch.write_sources(path);
            if let Ok(store) = watch.options().open().await {
                break store;
            }
        };
        let (wanted, mut race) = (tries(250, 20_000), Race::default());
        let began = swapper.count();
        for i in 0..wanted {
            watch.tried += 1;
            race.look(&watch.root().join(path));
            let text = format!("mcpservers: [] # {i}\n");
            race.passed += u64::from(put(&store, "main", path, &text).await.is_ok());
        }
        let swaps = swapper.count() - began;
        store.close().await;
        // A walk while directories are swapped would follow them itself.
        drop(swapper);
        watch.unharmed(path);
        if !race.is_one(NAME, path, swaps, wanted) {
            return;
        }
    }
    watch.unharmed("after the swaps");
    row(NAME, watch.tried, &watch.violations);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_swapped_against_a_secret_never_leads_out() {
    const NAME: &str = "links swapped against secrets";
    use secrecy::ExposeSecret as _;
    let _turn = TURN.lock().await;
    let mut watch = Watch::new();
    let (root, outside) = (watch.root(), watch.outside());
    fs::create_dir(root.join("real")).unwrap();
    fs::create_dir(root.join("way")).unwrap();
    for file in ["real/file", "way/key"] {
        fs::write(root.join(file), "fine").unwrap();
    }
    fs::write(outside.join("key"), CANARY).unwrap();
    watch.remember();
    let secrets = FileSecrets::new(&root);
    for (name, key, swap, out) in [
        ("way", "key", "way", outside.clone()),
        ("real", "file", "real/file", outside.join("key")),
    ] {
        let swapper = Swapper::start(root.join(swap), out);
        let asked = SecretRef {
            namespace: None,
            name: name.to_owned(),
            key: key.to_owned(),
        };
        let (wanted, mut race) = (tries(10_000, 1_000_000), Race::default());
        for _ in 0..wanted {
            watch.tried += 1;
            race.look(&root.join(name).join(key));
            match secrets.resolve(&asked).await {
                Ok(value) if value.expose_secret() == CANARY => {
                    watch.violation(&asked, "what is outside was read");
                }
                Ok(_) => race.passed += 1,
                Err(_) => {}
            }
        }
        let swaps = swapper.count();
        drop(swapper);
        if !race.is_one(NAME, name, swaps, wanted) {
            return;
        }
    }
    row(NAME, watch.tried, &watch.violations);
}
