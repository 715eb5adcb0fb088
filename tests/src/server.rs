//! The real binary as a process.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Answer, Client};

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(60);
/// Where the management API is.
const MANAGEMENT: &str = "/api/catalog-management/v1alpha1";

/// The path of a binary of the workspace, built when it must be.
///
/// # Panics
/// When it cannot be built.
pub fn binary(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    let own = std::env::current_exe().expect("the test's own path");
    let profile = own.ancestors().nth(2).expect("the profile's directory");
    BUILT.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "build",
            "--quiet",
            "-p",
            "catalog-server",
            "-p",
            "catalog-healthcheck",
        ]);
        match profile.file_name().and_then(|name| name.to_str()) {
            None | Some("debug") => {}
            Some(name) => {
                cargo.args(["--profile", name]);
            }
        }
        cargo
            .arg("--target-dir")
            .arg(profile.parent().expect("the target directory"));
        let status = cargo
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the binaries are built");
    });
    profile.join(name)
}

/// How to start a server.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// Further arguments.
    pub args: Vec<String>,
    /// Further environment variables.
    pub env: Vec<(String, String)>,
    /// A program to start it under, with its arguments; it is given the binary and its arguments.
    pub under: Vec<String>,
}

impl ServerOptions {
    /// Started so that it may have no more than this many file descriptors.
    pub fn with_descriptors(limit: u64) -> Self {
        let script = format!("ulimit -n {limit} && exec \"$@\"");
        Self {
            under: ["sh", "-c", &script, "sh"].map(str::to_owned).into(),
            ..Self::default()
        }
    }
}

/// A running server. Dropped, it is killed.
#[derive(Debug)]
pub struct Server {
    child: Child,
    client: Client,
    log: Said,
    printed: Said,
    readers: Vec<JoinHandle<()>>,
}

/// What a process wrote, whatever the bytes.
type Said = Arc<Mutex<Vec<u8>>>;

fn text(said: &Said) -> String {
    let said = said.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&said).into_owned()
}

/// Keeps what comes, to the end, and tells of every line.
fn keep(from: impl Read, said: &Said, mut tell: impl FnMut(&[u8])) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
        said.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(&line);
        tell(&line);
        line.clear();
    }
}

/// Waits until everything that was written is read. Not for ever: what the process started may live on
/// and keep the pipe open.
fn finish(readers: &[JoinHandle<()>]) {
    let end = Instant::now() + Duration::from_secs(2);
    while readers.iter().any(|r| !r.is_finished()) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The base URL in the line that says that the server is ready.
fn base_in(line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let (_, rest) = line.split_once("ready at http://")?;
    let address = rest.split(['"', ' ', '\n']).next()?;
    Some(format!("http://{address}"))
}

impl Server {
    /// Starts a server on this data directory and waits until it is ready.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(data_dir: &Path) -> Self {
        Self::start_with(data_dir, &ServerOptions::default())
    }

    /// As [`start`](Self::start), with options.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_with(data_dir: &Path, options: &ServerOptions) -> Self {
        match Self::try_start(data_dir, options) {
            Ok(server) => server,
            Err((status, log)) => panic!("the server ended with {status}: {log}"),
        }
    }

    /// Starts a server.
    ///
    /// # Errors
    /// How it ended and what it said, when it ended instead.
    ///
    /// # Panics
    /// When it neither ends nor gets ready.
    pub fn try_start(
        data_dir: &Path,
        options: &ServerOptions,
    ) -> Result<Self, (ExitStatus, String)> {
        let binary = binary("catalog-server");
        let mut command = match options.under.as_slice() {
            [] => Command::new(binary),
            [program, args @ ..] => {
                let mut command = Command::new(program);
                command.args(args).arg(binary);
                command
            }
        };
        command
            .env_clear()
            .envs(options.env.iter().cloned())
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .args(&options.args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if !options.args.iter().any(|arg| arg == "--log-format") {
            command.args(["--log-format", "json"]);
        }
        let mut child = command.spawn().expect("the binary starts");
        let log = Arc::new(Mutex::new(Vec::new()));
        let printed = Arc::new(Mutex::new(Vec::new()));
        let (sender, address) = std::sync::mpsc::channel();
        let stderr = child.stderr.take().expect("a pipe");
        let stdout = child.stdout.take().expect("a pipe");
        let readers = [
            std::thread::spawn({
                let log = log.clone();
                move || {
                    keep(stderr, &log, |line| {
                        drop(base_in(line).map(|b| sender.send(b)))
                    })
                }
            }),
            std::thread::spawn({
                let printed = printed.clone();
                move || keep(stdout, &printed, |_| ())
            }),
        ];
        let end = Instant::now() + START;
        loop {
            if let Ok(base) = address.recv_timeout(Duration::from_millis(20)) {
                return Ok(Self {
                    child,
                    client: Client::new(base),
                    log,
                    printed,
                    readers: readers.into(),
                });
            }
            if let Some(status) = child.try_wait().expect("the process is ours") {
                finish(&readers);
                return Err((status, text(&log)));
            }
            if Instant::now() > end {
                let _ = child.kill();
                panic!("the server is not ready in time: {}", text(&log));
            }
        }
    }

    /// A client of this server.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything logged so far.
    pub fn log(&self) -> String {
        text(&self.log)
    }

    /// Everything written to the standard output so far.
    pub fn printed(&self) -> String {
        text(&self.printed)
    }

    /// Kills the process as `kill -9` does; answers what it logged.
    pub fn kill(mut self) -> String {
        self.end()
    }

    /// Ends the process, if it has not ended; answers what it logged, to the last byte.
    fn end(&mut self) -> String {
        let _ = self.child.kill();
        let _ = self.child.wait();
        finish(&self.readers);
        self.log()
    }

    /// Waits for the process to end by itself; answers how, and what it logged and printed.
    ///
    /// # Panics
    /// When it does not within a minute.
    pub fn wait_and_tell(mut self) -> (ExitStatus, String, String) {
        let status = self.ended();
        (status, self.end(), self.printed())
    }

    /// Sends SIGTERM.
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .expect("kill runs");
        assert!(sent.success());
    }

    /// Waits for the process to end.
    ///
    /// # Panics
    /// When it does not within a minute.
    pub fn wait(mut self) -> ExitStatus {
        self.ended()
    }

    fn ended(&mut self) -> ExitStatus {
        let end = Instant::now() + START;
        loop {
            if let Some(status) = self.child.try_wait().expect("the process is ours") {
                return status;
            }
            assert!(
                Instant::now() < end,
                "the server does not end: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// GET below the management API.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.client.get(&format!("{MANAGEMENT}{path}"))
    }

    /// POST below the management API.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.client.post(&format!("{MANAGEMENT}{path}"), body)
    }

    /// POST below the management API with `If-Match`.
    #[track_caller]
    pub fn post_if(&self, path: &str, etag: &str, body: &Value) -> Answer {
        self.client
            .post_with(&format!("{MANAGEMENT}{path}"), &[("If-Match", etag)], body)
    }

    /// DELETE below the management API with `If-Match`.
    #[track_caller]
    pub fn delete_if(&self, path: &str, etag: &str) -> Answer {
        self.client.send(
            "DELETE",
            &format!("{MANAGEMENT}{path}"),
            &[("If-Match", etag)],
            None,
        )
    }

    /// The names of all MCP servers that readers see, in order.
    #[track_caller]
    pub fn mcp_names(&self) -> Vec<String> {
        let answer = self
            .client
            .get("/api/mcp_catalog/v1alpha1/mcpservers?pageSize=1000")
            .expect(200);
        names(&answer.json())
    }

    /// The names of all models that readers see, in order.
    #[track_caller]
    pub fn model_names(&self) -> Vec<String> {
        let answer = self
            .client
            .get("/api/model_catalog/v1alpha1/models?pageSize=1000")
            .expect(200);
        names(&answer.json())
    }
}

fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().cloned().unwrap_or_default();
    items
        .iter()
        .filter_map(|i| i["name"].as_str().map(str::to_owned))
        .collect()
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
