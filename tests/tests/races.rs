//! Many at once: writers, readers, refreshes, roll backs and outside edits on a few sources, in one
//! process and in several, and whether what everybody saw could have happened one after the other.

#[path = "races/hanging.rs"]
mod hanging;
#[path = "races/http.rs"]
mod http;
#[path = "races/process.rs"]
mod process;
#[path = "races/run.rs"]
mod run;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use catalog_core::RevisionKind;
use catalog_core::model::{Author, Edit, Expect, SourceKey};
use catalog_core::ports::MemoryStore;
use catalog_core::service::{ApplyOptions, CatalogService, ServiceOptions};
use catalog_core::testing::{PlainPlugin, document, key, meta};
use catalog_tests::matrix::{row, tries};
use catalog_tests::{PATIENCE, Server, ServerOptions};
use run::{Counts, ENTITIES, Run, Target, judge};

/// What every run comes to, however busy the machine is: seconds are enough for it many times over.
const LEAST: Counts = Counts {
    made: 30,
    conflicts: 5,
    rolled_back: 2,
    outside: 2,
    served: 10,
};

const SOURCES: [&str; 3] = ["first", "second", "third"];

/// A catalog of three sources with contents of their own.
fn catalog(dir: &Path, section: &str, document: fn(&str) -> String) {
    let mut text = format!("catalogs:\n  {section}:\n    sources:\n");
    for source in SOURCES {
        text += &format!(
            "      - {{id: {source}, name: {source}, type: yaml, properties: {{yamlCatalogPath: {source}.yaml}}}}\n"
        );
        fs::write(
            run::content_file(dir, source),
            document(&format!("{source}-seed")),
        )
        .unwrap();
    }
    fs::write(dir.join("sources.yaml"), text).unwrap();
}

fn plain(tag: &str) -> String {
    let items = (0..ENTITIES).map(|i| format!("- name: {tag}.{i}\n"));
    format!("# {tag}\nitems:\n{}", items.collect::<String>())
}

fn servers(tag: &str) -> String {
    let item = |i| {
        format!("- {{name: {tag}.{i}, deploymentMode: local, image: registry.example.com/a:1}}\n")
    };
    format!(
        "# {tag}\nmcpservers:\n{}",
        (0..ENTITIES).map(item).collect::<String>()
    )
}

fn report(name: &str, run: &Run, log: run::Log, targets: &[Arc<dyn Target>]) {
    let longest = Duration::from_nanos(log.longest.load(Ordering::Relaxed));
    let outcome = judge(run, log, targets);
    println!(
        "{name}: {} calls, {} versions, the longest call took {longest:.1?}; {:?}",
        outcome.calls, outcome.versions, outcome.counts
    );
    row(name, outcome.calls, &outcome.violations);
}

#[test]
fn clients_of_one_process_see_one_order() {
    let dir = tempfile::tempdir().unwrap();
    catalog(dir.path(), "plain", plain);
    let process = Arc::new(process::Process::start(dir.path()));
    let run = Run {
        dir: dir.path().to_owned(),
        sources: SOURCES.map(str::to_owned).to_vec(),
        document: plain,
        writers: 6,
        readers: 2,
        duration: Duration::from_secs(tries(5, 60)),
        least: LEAST,
    };
    let targets = [process as Arc<dyn Target>];
    let log = run::run(&run, &targets, || {});
    report("races in one process", &run, log, &targets);
}

#[test]
fn clients_of_several_processes_see_one_order_though_one_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    catalog(dir.path(), "mcp", servers);
    let count = usize::try_from(tries(2, 3)).unwrap();
    // All at once on a directory that none of them has seen.
    let started = std::thread::scope(|scope| {
        let start = || scope.spawn(|| Server::start_with(dir.path(), &ServerOptions::default()));
        let starts: Vec<_> = (0..count).map(|_| start()).collect();
        let servers = starts.into_iter().map(|s| s.join().unwrap());
        servers
            .map(|s| Arc::new(http::Http::new(s)))
            .collect::<Vec<_>>()
    });
    let targets: Vec<Arc<dyn Target>> = started.iter().map(|s| s.clone() as _).collect();
    let run = Run {
        dir: dir.path().to_owned(),
        sources: SOURCES.map(str::to_owned).to_vec(),
        document: servers,
        writers: 3,
        readers: 1,
        duration: Duration::from_secs(tries(6, 60)),
        least: LEAST,
    };
    // Requests that are cut off may have happened or not.
    let log = run::run(&run, &targets, || started[0].kill_and_restart(dir.path()));
    for server in &started {
        for violation in server.violations() {
            log.violation(violation);
        }
    }
    report(
        "races in several processes, one killed",
        &run,
        log,
        &targets,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_that_hang_hold_up_no_other() {
    const HANGING: usize = 60;
    let seed = |store: &MemoryStore, source: &SourceKey, text: &str| {
        let document = document("A source", text, serde_json::Map::new());
        store.seed(source, document, &meta(RevisionKind::External));
    };
    let store = Arc::new(MemoryStore::new());
    let good: Vec<SourceKey> = (0..20).map(|i| key("plain", &format!("z-{i}"))).collect();
    for source in &good {
        seed(&store, source, &plain("good"));
    }
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let mut options = ServiceOptions::default();
    options.load_timeout = Duration::from_secs(3600);
    let catalog = CatalogService::builder()
        .shared_store(store.clone())
        .plugin(hanging::Hanging {
            plain: PlainPlugin::default(),
            gate: gate.clone(),
        })
        .options(options)
        .build()
        .unwrap();
    let running = catalog.start().await;
    // They hang when they are noticed, and once more for whoever refreshes everything.
    for i in 0..HANGING {
        let text = format!("# hang\n{}", plain("late"));
        seed(&store, &key("plain", &format!("hangs-{i}")), &text);
    }
    let plugin = good[0].plugin.clone();
    let everything = tokio::spawn({
        let (catalog, plugin) = (catalog.clone(), plugin.clone());
        async move { catalog.refresh_all(&plugin).await }
    });
    let (mut violations, mut longest, mut tried) = (Vec::new(), Duration::ZERO, 0);
    for round in 0..tries(3, 30) {
        for source in &good {
            let began = std::time::Instant::now();
            let author = Author::new("somebody");
            let edit = Edit::content(plain(&format!("round-{round}")));
            let options = ApplyOptions::default().confirming(1000);
            let work = async {
                catalog
                    .apply(source, edit, Expect::Present, author, options)
                    .await?;
                catalog.refresh(source).await
            };
            match tokio::time::timeout(PATIENCE, work).await {
                Ok(Ok(outcome)) if outcome.succeeded() => {}
                other => violations.push(format!("{source}: {other:?}")),
            }
            longest = longest.max(began.elapsed());
            tried += 2;
            if !violations.is_empty() {
                break;
            }
        }
    }
    if everything.is_finished() {
        violations.push("nothing hung".to_owned());
    }
    gate.add_permits(1000);
    let all = tokio::time::timeout(PATIENCE, everything).await;
    match all {
        Ok(Ok(Ok(outcomes))) if outcomes.len() == HANGING + good.len() => {}
        other => violations.push(format!("the refresh of everything: {other:?}")),
    }
    println!("the longest change beside {HANGING} hanging sources took {longest:.1?}");
    running.stop().await;
    row("a source that hangs holds up no other", tried, &violations);
}
