//! The driver under `strace`, which counts its system calls and spoils one of them.
//!
//! `strace` counts for each thread by itself. So it is attached to one thread of the driver at a
//! time, when the catalog is open and the change not begun, and every call of every thread gets its
//! turn.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use super::home::Home;
use super::scenario::Scenario;

/// The calls that change what is on disk, or that decide who may.
///
/// `close` is not among them: it changes nothing, so that a kill at it is a kill at the next call; and
/// what it may report late, on a network file system, `fsync` has reported before. No acknowledgement
/// rests on bytes that were not synced.
pub const WRITES: &str = "openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,rename,renameat,\
    renameat2,unlink,unlinkat,link,linkat,symlink,symlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync,\
    sync_file_range,ftruncate,truncate,fallocate,chmod,fchmod,fchmodat,chown,fchown,fchownat,flock,\
    fcntl,copy_file_range,sendfile";

/// The calls that look at what is on disk.
pub const READS: &str =
    "openat,read,pread64,statx,newfstatat,fstat,getdents64,faccessat,faccessat2";

/// A thread's name, and the how manieth of that name it is, or [`ANY`].
pub type Thread = (String, usize);

/// Any thread of its name.
pub const ANY: usize = usize::MAX;

/// How often a call is waited for. Threads that do the same kind of work share it differently in
/// every run, and where one waits for another it makes a call more or less.
pub const TRIES: usize = 6;

/// One call of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Which of the driver's threads: its name, and the how manieth of that name. `None`: one that
    /// was made since.
    pub thread: Option<Thread>,
    /// The system call.
    pub call: String,
    /// The how manieth of its kind in this thread, from 1.
    pub nth: usize,
    /// What it was called with.
    pub arguments: String,
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            thread, call, nth, ..
        } = self;
        let arguments: String = self.arguments.chars().take(100).collect();
        let thread = thread.as_ref().map_or("new threads", |(name, _)| name);
        write!(f, "{call} {nth} of {thread}: {arguments}")
    }
}

/// How a driver ended.
#[derive(Debug)]
pub struct Ended {
    /// What it said.
    pub said: Vec<String>,
    /// What it complained of.
    pub complaints: String,
    /// Its status.
    pub status: ExitStatus,
}

impl Ended {
    /// The revision that it acknowledged for a part of its change, by number.
    pub fn acknowledged(&self, part: usize) -> Option<&str> {
        self.line(&format!("ack {part} "))
    }

    /// Why it refused a part of its change.
    pub fn refused(&self, part: usize) -> Option<&str> {
        self.line(&format!("refused {part} "))
    }

    /// What follows each line that begins so.
    pub fn lines<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.said
            .iter()
            .filter_map(move |line| line.strip_prefix(prefix))
    }

    /// What follows the first line that begins so.
    pub fn line(&self, prefix: &str) -> Option<&str> {
        self.said.iter().find_map(|line| line.strip_prefix(prefix))
    }

    /// Whether it was killed.
    pub fn was_killed(&self) -> bool {
        self.status.signal() == Some(9)
    }
}

/// A driver that has its catalog open and waits.
pub struct Driver {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<std::process::ChildStdout>,
    /// By id.
    threads: Vec<(String, Thread)>,
    said: Vec<String>,
}

impl Driver {
    /// Starts the program on a home.
    ///
    /// # Errors
    /// When it cannot be started or does not get ready.
    pub fn start(program: &Path, home: &Home, scenario: Scenario) -> io::Result<Self> {
        let mut child = Command::new(program)
            .arg(home.root())
            .arg(scenario.name())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut driver = Self {
            child,
            input,
            output: BufReader::new(output),
            threads: Vec::new(),
            said: Vec::new(),
        };
        let ready = driver.next_line()?;
        let Some(threads) = ready.strip_prefix("ready ") else {
            return Err(io::Error::other(format!(
                "not ready: {}",
                driver.end()?.complaints
            )));
        };
        for (id, name) in threads
            .split(' ')
            .filter_map(|thread| thread.split_once(':'))
        {
            let same = driver
                .threads
                .iter()
                .filter(|(_, (known, _))| known == name);
            let thread = (name.to_owned(), same.count());
            driver.threads.push((id.to_owned(), thread));
        }
        Ok(driver)
    }

    /// Attaches `strace` to a thread, or to all of them and those to come; what it sees goes to a
    /// file.
    ///
    /// # Errors
    /// When there is no `strace`, or it may not do that.
    pub fn attach(
        &self,
        thread: Option<&Thread>,
        options: &[&str],
        seen: PathBuf,
    ) -> io::Result<Tracer> {
        let mut strace = Command::new("strace");
        let pid = self.child.id().to_string();
        strace.arg("-o").arg(&seen);
        let attached = match thread {
            Some((name, number)) => {
                let same = |known: &&(String, Thread)| {
                    known.1.0 == *name && [known.1.1, ANY].contains(number)
                };
                let ids = self.threads.iter().filter(same).map(|(id, _)| id);
                strace.args(ids.clone().flat_map(|id| ["-p", id]));
                ids.count()
            }
            None => {
                strace.args(["-f", "-p", &pid]);
                1
            }
        };
        let mut child = strace
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let errors = child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut errors = BufReader::new(errors);
        for _ in 0..attached.max(1) {
            let mut line = String::new();
            errors.read_line(&mut line)?;
            if !line.contains("attached") {
                child.kill()?;
                child.wait()?;
                return Err(io::Error::other(line.trim().to_owned()));
            }
        }
        Ok(Tracer {
            child,
            seen,
            _errors: errors,
        })
    }

    /// Tells it to go on.
    pub fn go(&mut self) {
        // It may be dead.
        if let Some(input) = &mut self.input {
            let _ = input.write_all(b"go\n");
        }
    }

    /// Waits until it has said this; `false` when it ended before.
    ///
    /// # Errors
    /// When it cannot be heard.
    pub fn until(&mut self, prefix: &str) -> io::Result<bool> {
        loop {
            match self.next_line()? {
                line if line.is_empty() => return Ok(false),
                line if line.starts_with(prefix) => return Ok(true),
                _ => {}
            }
        }
    }

    /// Lets it close everything and waits for its end.
    ///
    /// # Errors
    /// When it cannot be heard.
    pub fn end(&mut self) -> io::Result<Ended> {
        self.input = None;
        while !self.next_line()?.is_empty() {}
        let mut complaints = String::new();
        if let Some(mut errors) = self.child.stderr.take() {
            io::Read::read_to_string(&mut errors, &mut complaints)?;
        }
        Ok(Ended {
            said: std::mem::take(&mut self.said),
            complaints,
            status: self.child.wait()?,
        })
    }

    fn next_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let line = line.trim_end().to_owned();
        self.said.push(line.clone());
        Ok(line)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running `strace`.
pub struct Tracer {
    child: Child,
    seen: PathBuf,
    /// Kept open, or its messages would kill it.
    _errors: BufReader<std::process::ChildStderr>,
}

impl Tracer {
    /// Lets go of the driver: what was seen of it.
    ///
    /// # Errors
    /// When it does not.
    pub fn detach(self) -> io::Result<String> {
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            // It may have ended with the driver.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        self.wait()
    }

    /// Waits until its driver is gone: what was seen of it.
    ///
    /// # Errors
    /// When that cannot be waited for.
    pub fn wait(mut self) -> io::Result<String> {
        self.child.wait()?;
        let seen = std::fs::read(&self.seen)?;
        std::fs::remove_file(&self.seen)?;
        Ok(String::from_utf8_lossy(&seen).into_owned())
    }
}

/// What of a run is looked at, from when the catalog is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Up to the answer.
    Answered,
    /// All of it.
    Closed,
}

/// Every call of these kinds that a run makes, in order.
///
/// # Errors
/// When it cannot be traced.
pub fn points(
    program: &Path,
    home: &Home,
    scenario: Scenario,
    calls: &str,
    until: Until,
) -> io::Result<Vec<Point>> {
    let mut driver = Driver::start(program, home, scenario)?;
    let threads = driver.threads.clone();
    let calls = format!("trace={calls}");
    let tracer = driver.attach(None, &["-e", &calls, "-s", "8", "-y"], home.trace())?;
    driver.go();
    let (ended, text) = match until {
        Until::Answered => {
            driver.until("served")?;
            let text = tracer.detach()?;
            (driver.end()?, text)
        }
        Until::Closed => (driver.end()?, tracer.wait()?),
    };
    if ended.line("closed").is_none() {
        return Err(io::Error::other(format!("{ended:?}")));
    }
    let mut counts = std::collections::BTreeMap::new();
    let mut points = Vec::new();
    for line in text.lines() {
        let Some((id, rest)) = line.split_once(' ') else {
            continue;
        };
        let Some((call, arguments)) = rest.trim_start().split_once('(') else {
            continue;
        };
        // What was interrupted is counted where it began.
        if !call.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            continue;
        }
        let count = counts.entry((id.to_owned(), call.to_owned())).or_insert(0);
        *count += 1;
        points.push(Point {
            thread: threads
                .iter()
                .find(|(known, _)| known == id)
                .map(|(_, t)| t.clone()),
            call: call.to_owned(),
            nth: *count,
            arguments: arguments.to_owned(),
        });
    }
    Ok(points)
}

impl Point {
    /// What is waited for at the how manieth try: the very call; the same in another thread of that
    /// name; earlier ones.
    #[must_use]
    pub fn near(&self, attempt: usize) -> Self {
        let mut near = self.clone();
        near.nth = match attempt {
            0..3 => self.nth,
            3 => self.nth - 1,
            4 => self.nth / 2,
            _ => 1,
        }
        .max(1);
        if let Some((_, number)) = &mut near.thread
            && attempt > 1
        {
            *number = ANY;
        }
        near
    }

    /// The option by which `strace` spoils this call in this way.
    pub fn spoil(&self, how: &str) -> String {
        format!("inject={}:{how}", self.call)
    }

    /// Whether the call is about something below this directory, by what it was called with.
    pub fn is_below(&self, home: &Home) -> bool {
        self.arguments.contains(&home.root().display().to_string())
    }

    /// Whether the call can change something, by what it was called with.
    pub fn changes(&self) -> bool {
        let has = |flags: &[&str]| flags.iter().any(|flag| self.arguments.contains(flag));
        match &*self.call {
            "openat" | "open" => has(&["O_CREAT", "O_TRUNC", "O_WRONLY", "O_RDWR"]),
            "fcntl" => has(&["SETLK"]),
            // Between threads, not to the disk.
            "write" => !has(&["eventfd", "socket:"]),
            call => WRITES.split(',').any(|known| known == call),
        }
    }
}
