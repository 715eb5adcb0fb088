//! What a process takes up, as the system tells.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Memory, file descriptors and time of a process at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Memory in use, in KiB.
    pub rss_kib: u64,
    /// The most it ever was, in KiB, or since [`forget_peak`].
    pub peak_kib: u64,
    /// Open file descriptors.
    pub fds: usize,
    /// Processor time, in clock ticks of 10 ms.
    pub ticks: u64,
}

/// What this process takes up now.
///
/// # Panics
/// When there is no such process.
pub fn usage(pid: u32) -> Usage {
    let read = |file: &str| {
        let path = format!("/proc/{pid}/{file}");
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let status = read("status");
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|rest| rest.split_whitespace().nth(1)?.parse().ok());
        number.unwrap_or_default()
    };
    let stat = read("stat");
    // The name of the program, in parentheses, may hold anything; utime and stime are fields 14 and 15.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2);
    Usage {
        rss_kib: kib("VmRSS"),
        peak_kib: kib("VmHWM"),
        fds: fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count),
        ticks: ticks.filter_map(|n| n.parse::<u64>().ok()).sum(),
    }
}

/// Lets the peak of a process's memory begin anew.
///
/// # Errors
/// Where the system does not let us: the peak is that of its whole life then, and says nothing about
/// what comes next.
pub fn forget_peak(pid: u32) -> std::io::Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5")
}

/// Raises the limit of file descriptors of this process as far as it goes, and further to `wanted`
/// where root may; answers what it is.
pub fn raise_descriptors(wanted: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let maximum = maximum.unwrap_or(u64::MAX);
    let mut limit = current.unwrap_or(u64::MAX);
    for raised in [maximum, wanted.max(maximum)] {
        let both = Rlimit {
            current: Some(raised),
            maximum: Some(raised),
        };
        if setrlimit(Resource::Nofile, both).is_ok() {
            limit = raised;
        }
    }
    limit
}
