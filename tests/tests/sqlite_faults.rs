//! What happens to the status database while the server runs: the catalog stays served and can be
//! changed, the truth is told, and what can be mended is taken up without a restart.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use catalog_tests::matrix::{did_not_run, row, tries};
use catalog_tests::{PATIENCE, Server, ServerOptions};
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, Row as _, SqliteConnection};

const SOURCE: &str = "/plugins/mcp/sources/mcp-default";

/// A catalog whose database is in a directory of its own.
struct Bench {
    dir: tempfile::TempDir,
    server: Option<Server>,
    violations: Vec<String>,
    tried: u64,
    turn: u64,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("data")).unwrap();
        fs::create_dir(dir.path().join("db")).unwrap();
        Self {
            dir,
            server: None,
            violations: Vec::new(),
            tried: 0,
            turn: 0,
        }
    }

    fn started() -> Self {
        let mut bench = Self::new();
        bench.start("at first");
        bench
    }

    fn database(&self) -> PathBuf {
        self.dir.path().join("db/catalog.db")
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        self.dir.path().join(format!("db/catalog.db{suffix}"))
    }

    fn start(&mut self, what: &str) {
        let dsn = format!("sqlite:{}", self.database().display());
        let options = ServerOptions {
            args: vec!["--db-dsn".to_owned(), dsn],
            ..ServerOptions::default()
        };
        self.server = None;
        match Server::try_start(&self.dir.path().join("data"), &options) {
            Ok(server) => self.server = Some(server),
            Err((status, log)) => panic!("{what}: the server ended with {status}: {log}"),
        }
    }

    fn stop(&mut self) {
        drop(self.server.take().map(Server::kill));
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    fn expect(&mut self, what: &str, holds: bool, shown: impl std::fmt::Debug) {
        self.tried += 1;
        if !holds {
            self.violations.push(format!("{what}: {shown:?}"));
        }
    }

    /// A change is taken and shown, and the service is ready, whatever the database does.
    fn works(&mut self, what: &str) {
        self.turn += 1;
        let name = format!("turn-{}", self.turn);
        let text = format!(
            "mcpservers:\n- {{name: {name}, deploymentMode: local, image: registry.example.com/a:1}}\n"
        );
        let body = json!({"rawYaml": text, "options": {"confirmRemovals": 1000}});
        let began = Instant::now();
        let answer = self
            .server()
            .post_if(&format!("{SOURCE}:apply"), "*", &body);
        let took = began.elapsed();
        self.expect(
            &format!("{what}: a change"),
            answer.status == 200,
            &answer.text,
        );
        self.expect(&format!("{what}: its time"), took < PATIENCE, took);
        let served = self.server().mcp_names().contains(&name);
        self.expect(&format!("{what}: it is served"), served, &name);
        let state = self.server().get(SOURCE).json()["status"]["state"].clone();
        self.expect(
            &format!("{what}: its state"),
            state == "available",
            state.clone(),
        );
        let began = Instant::now();
        let ready = self.server().client().get("/readyz");
        self.expect(&format!("{what}: ready"), ready.status == 200, &ready.text);
        let took = began.elapsed();
        self.expect(&format!("{what}: how soon"), took < PATIENCE, took);
    }

    fn readiness(&self) -> Value {
        self.server().client().get("/readyz").json()["components"]["database"].clone()
    }

    fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !condition(self) {
            if Instant::now() > end {
                let shown = self.readiness();
                return self.expect(what, false, shown);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.expect(what, true, ());
    }

    /// The trouble is told in words that hold this one.
    fn told(&mut self, what: &str, word: &str) {
        self.until(&format!("{what}: {word:?} is told"), |bench| {
            let database = bench.readiness();
            database["status"] == "down"
                && database["error"].as_str().is_some_and(|e| e.contains(word))
        });
    }

    /// Without a restart, the database is up and holds what happened while it was away.
    fn recovers(&mut self, what: &str) {
        self.until(&format!("{what}: up again"), |b| {
            b.readiness()["status"] == "up"
        });
        self.until(&format!("{what}: every outcome is recorded"), |bench| {
            let sources = bench.server().get("/plugins/mcp/sources").json();
            let sources = sources["sources"]
                .as_array()
                .or(sources["items"].as_array())
                .unwrap_or_else(|| panic!("{sources}"))
                .iter();
            let shown = sources.map(|s| {
                let revision = s["revision"].as_str().unwrap_or_default().to_owned();
                (
                    s["id"]
                        .as_str()
                        .or(s["source"]["id"].as_str())
                        .unwrap()
                        .to_owned(),
                    revision,
                )
            });
            let mut shown: Vec<(String, String)> = shown.collect();
            shown.sort();
            recorded(&bench.database()).is_some_and(|rows| rows == shown)
        });
    }

    /// What was told in the log, and what became of the file.
    fn damage_was(&mut self, what: &str, told: Told) {
        let log = self.server().log();
        let is_told = |words: &str| log.contains(words);
        let aside = fs::metadata(self.beside(".damaged")).ok();
        let set_aside = is_told("the status database is damaged: it was set aside");
        let wanted = told == Told::SetAside;
        self.expect(
            &format!("{what}: set aside, told"),
            set_aside == wanted,
            &log,
        );
        self.expect(
            &format!("{what}: set aside"),
            aside.is_some() == wanted,
            &aside,
        );
        let words = match told {
            Told::Gone => Some("the database file is gone"),
            Told::NotOurs => Some("not a SQLite database"),
            Told::SetAside | Told::Nothing => None,
        };
        if let Some(words) = words {
            self.expect(&format!("{what}: told"), is_told(words), &log);
        }
        // What is in it is as private as before.
        let mode = aside.map(|aside| aside.permissions().mode() & 0o777);
        self.expect(
            &format!("{what}: its mode"),
            mode.is_none_or(|m| m == 0o600),
            mode,
        );
    }

    fn done(self, name: &str) {
        row(name, self.tried, &self.violations);
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(work)
}

async fn connect(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnection::connect(&format!("sqlite:{}", path.display())).await
}

fn execute(path: &Path, sql: &'static str) {
    block_on(async {
        let mut connection = connect(path).await.unwrap();
        connection.execute(sql).await.unwrap();
        connection.close().await.unwrap();
    });
}

/// The rows of the plugin `mcp`: source and revision.
fn recorded(path: &Path) -> Option<Vec<(String, String)>> {
    block_on(async {
        let mut connection = connect(path).await.ok()?;
        let sql = "SELECT source_id, revision_id FROM catalog_refresh_status \
            WHERE plugin_name = 'mcp' ORDER BY source_id";
        let rows = sqlx::query(sql).fetch_all(&mut connection).await.ok()?;
        connection.close().await.ok()?;
        Some(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    })
}

#[test]
fn a_database_that_another_process_keeps_locked_holds_nothing_up() {
    let mut bench = Bench::started();
    let path = bench.database();
    for at_start in [false, true] {
        if at_start {
            bench.stop();
        }
        let (release, released) = std::sync::mpsc::channel::<()>();
        let (locked, is_locked) = std::sync::mpsc::channel();
        let holder = std::thread::spawn({
            let path = path.clone();
            move || {
                let mut connection = block_on(connect(&path)).unwrap();
                block_on(connection.execute("BEGIN EXCLUSIVE")).unwrap();
                locked.send(()).unwrap();
                released.recv().unwrap();
                block_on(connection.execute("ROLLBACK")).unwrap();
            }
        });
        is_locked.recv().unwrap();
        let what = if at_start {
            "locked at the start"
        } else {
            "locked"
        };
        if at_start {
            bench.start(what);
        }
        for _ in 0..tries(3, 30) {
            bench.works(what);
        }
        bench.told(what, "locked");
        release.send(()).unwrap();
        holder.join().unwrap();
        bench.recovers(what);
        bench.works(what);
    }
    bench.done("sqlite locked by another process");
}

type Damage = fn(&Bench);

/// What is told of a damage.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Told {
    /// The database was set aside, and a new one begun.
    SetAside,
    /// It is gone: a new one is begun.
    Gone,
    /// It does not even say that it is a database: it may be somebody's file, and is left alone.
    NotOurs,
    /// Nothing: an empty file is a new database, and a log with wrong checksums is none.
    Nothing,
}

#[test]
fn a_damaged_database_is_begun_anew_and_the_damaged_one_kept() {
    // In place, as a bad disk or a careless tool does.
    use Told::{Gone, NotOurs, Nothing, SetAside};
    // With what is told when it happens to a server at work, and before one starts.
    let damages: [(&str, Damage, Told, Told); 5] = [
        (
            "every page",
            |b| {
                overwrite_all(&b.database(), 100);
            },
            SetAside,
            SetAside,
        ),
        (
            "the first page and its header",
            |b| {
                overwrite_all(&b.database(), 0);
            },
            SetAside,
            NotOurs,
        ),
        (
            "cut off",
            |b| {
                let file = fs::File::options().write(true).open(b.database()).unwrap();
                file.set_len(5000).unwrap();
            },
            SetAside,
            SetAside,
        ),
        (
            "emptied",
            |b| {
                let file = fs::File::options().write(true).open(b.database()).unwrap();
                file.set_len(0).unwrap();
            },
            Gone,
            Nothing,
        ),
        (
            "the log",
            |b| {
                overwrite_all(&b.beside("-wal"), 0);
            },
            SetAside,
            Nothing,
        ),
    ];
    let one = |what: &str, damage: Damage, told: Told, running: bool| {
        let what = format!("{what}, {}", if running { "running" } else { "stopped" });
        let mut bench = Bench::started();
        bench.works(&what);
        if !running {
            bench.stop();
        }
        // Else the log has every page, and mends all damage of the file.
        if !what.starts_with("the log") {
            execute(&bench.database(), "PRAGMA wal_checkpoint(TRUNCATE)");
        }
        if running {
            damage(&bench);
        } else {
            damage(&bench);
            bench.start(&what);
        }
        for _ in 0..3 {
            bench.works(&what);
        }
        if told == NotOurs {
            bench.told(&what, "not a SQLite database");
            fs::remove_file(bench.database()).unwrap();
        }
        bench.recovers(&what);
        bench.damage_was(&what, told);
        bench
    };
    // They wait more than they work.
    let benches: Vec<Bench> = std::thread::scope(|scope| {
        let one = &one;
        let mut cases = Vec::new();
        for (what, damage, told_at_work, told_at_start) in damages {
            for (running, told) in [(true, told_at_work), (false, told_at_start)] {
                cases.push(scope.spawn(move || one(what, damage, told, running)));
            }
        }
        cases.into_iter().map(|case| case.join().unwrap()).collect()
    });
    let mut total = Bench::new();
    for mut bench in benches {
        total.tried += bench.tried;
        total.violations.append(&mut bench.violations);
    }
    total.done("sqlite damaged");
}

fn overwrite_all(path: &Path, from: usize) {
    use std::os::unix::fs::FileExt as _;
    let file = fs::File::options().write(true).open(path).unwrap();
    let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
    let noise = vec![0xA5; length.saturating_sub(from)];
    file.write_all_at(&noise, from as u64).unwrap();
}

#[test]
fn a_database_that_is_deleted_or_replaced_is_opened_anew() {
    let mut bench = Bench::started();
    for round in 0..tries(1, 5) {
        let what = format!("deleted, round {round}");
        fs::remove_file(bench.database()).unwrap();
        bench.works(&what);
        bench.recovers(&what);

        let what = format!("deleted with what is beside it, round {round}");
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(bench.beside(suffix));
        }
        bench.recovers(&what);
        bench.works(&what);

        let what = format!("replaced by a copy, round {round}");
        fs::copy(bench.database(), bench.beside(".copy")).unwrap();
        bench.works(&what);
        fs::rename(bench.beside(".copy"), bench.database()).unwrap();
        bench.works(&what);
        bench.recovers(&what);

        let what = format!("replaced by a directory, round {round}");
        fs::remove_file(bench.database()).unwrap();
        fs::create_dir(bench.database()).unwrap();
        bench.works(&what);
        bench.told(&what, "opened");
        fs::remove_dir(bench.database()).unwrap();
        bench.recovers(&what);

        let what = format!("its directory gone, round {round}");
        let (here, there) = (bench.dir.path().join("db"), bench.dir.path().join("away"));
        fs::rename(&here, &there).unwrap();
        bench.works(&what);
        bench.told(&what, "database file");
        fs::rename(&there, &here).unwrap();
        bench.recovers(&what);
        bench.works(&what);
    }
    bench.done("sqlite deleted, replaced");
}

#[test]
fn a_database_of_a_later_version_is_left_alone() {
    let mut bench = Bench::started();
    bench.stop();
    execute(
        &bench.database(),
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'later', TRUE, x'00', 0)",
    );
    let before = recorded(&bench.database());
    bench.start("of a later version");
    for _ in 0..3 {
        bench.works("of a later version");
    }
    bench.told("of a later version", "later version");
    let after = recorded(&bench.database());
    bench.expect("it is left alone", before == after, &after);
    bench.expect(
        "it is left where it is",
        !bench.beside(".damaged").exists(),
        (),
    );
    // Whoever goes back to that version finds it as it was; and so does who mends it.
    execute(
        &bench.database(),
        "DELETE FROM _sqlx_migrations WHERE version = 9999",
    );
    bench.recovers("mended");
    bench.done("sqlite of a later version");
}

/// A file system of its own, gone with this.
struct Mount(PathBuf);

impl Mount {
    fn small(at: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        let mount = mount
            .args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"])
            .arg(at);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then(|| Self(at.to_owned()))
    }

    fn remount(&self, how: &str) {
        let mut mount = Command::new("mount");
        let mount = mount.args(["-o", &format!("remount,{how}")]).arg(&self.0);
        assert!(mount.status().unwrap().success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Every call that would change a file of the database fails, as when the kernel makes its file
/// system read-only under way because the disk is failing. A mount would not do: it cannot be made
/// read-only while somebody writes.
#[test]
fn a_disk_of_the_database_that_turns_read_only_under_way_is_told_and_recovered_from() {
    const NAME: &str = "sqlite on a disk that turns read-only under way";
    const CALLS: &str = "pwrite64,pwritev,ftruncate,fallocate,fsync,fdatasync,unlink";
    let mut bench = Bench::started();
    bench.works(NAME);
    let seen = bench.dir.path().join("seen");
    let mut strace = Command::new("strace");
    strace.arg("-f").arg("-o").arg(&seen);
    for suffix in ["", "-wal", "-shm", "-journal"] {
        strace.arg("-P").arg(bench.beside(suffix));
    }
    strace.args(["-e", &format!("trace={CALLS}")]);
    strace.args(["-e", &format!("inject={CALLS}:error=EROFS")]);
    strace.args(["-p", &bench.server().pid().to_string()]);
    let strace = strace.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut strace = match strace {
        Ok(strace) => strace,
        Err(error) => return did_not_run(NAME, &error.to_string()),
    };
    let mut errors = BufReader::new(strace.stderr.take().unwrap());
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    if !line.contains("attached") {
        strace.wait().unwrap();
        return did_not_run(NAME, line.trim());
    }
    // What it says later must not hold it up.
    std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
    for _ in 0..3 {
        bench.works(NAME);
    }
    bench.told(NAME, "database");
    let pid = rustix::process::Pid::from_raw(strace.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    strace.wait().unwrap();
    let failed = fs::read_to_string(&seen).unwrap();
    let failed = failed.matches("(INJECTED)").count();
    println!("{failed} calls failed");
    bench.expect("calls that failed", failed > 0, failed);
    bench.recovers(NAME);
    bench.works(NAME);
    bench.done(NAME);
}

#[test]
fn a_full_or_read_only_disk_of_the_database_is_told_and_recovered_from() {
    const FULL: &str = "sqlite on a full disk";
    const READ_ONLY: &str = "sqlite on a read-only disk";
    let mut bench = Bench::new();
    let Some(mount) = Mount::small(&bench.dir.path().join("db")) else {
        did_not_run(FULL, "no file system can be mounted");
        return did_not_run(READ_ONLY, "no file system can be mounted");
    };
    bench.start(FULL);
    bench.works(FULL);
    let filler = bench.dir.path().join("db/filler");
    let mut file = fs::File::create(&filler).unwrap();
    use std::io::Write as _;
    while file.write_all(&[0; 512]).is_ok() {}
    drop(file);
    for _ in 0..3 {
        bench.works(FULL);
    }
    bench.told(FULL, "full");
    fs::remove_file(&filler).unwrap();
    bench.recovers(FULL);
    bench.works(FULL);
    let (tried, violations) = (bench.tried, std::mem::take(&mut bench.violations));
    row(FULL, tried, &violations);
    bench.tried = 0;

    bench.stop();
    mount.remount("ro");
    bench.start(READ_ONLY);
    for _ in 0..3 {
        bench.works(READ_ONLY);
    }
    bench.told(READ_ONLY, "database");
    mount.remount("rw");
    bench.recovers(READ_ONLY);
    bench.works(READ_ONLY);
    bench.stop();
    drop(mount);
    bench.done(READ_ONLY);
}
