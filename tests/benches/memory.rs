//! What a server keeps in memory, in a process of its own.
//! `cargo bench -p catalog-tests --bench memory`

use std::path::Path;
use std::time::Duration;

use catalog_tests::matrix::{did_not_run, full};
use catalog_tests::measure::{Plots, row};
use catalog_tests::sample::many_servers;
use catalog_tests::{Server, ServerOptions};

/// Resident, and at most so far, in KiB.
type Memory = (f64, f64);

fn main() {
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    if !Path::new("/proc/self/status").exists() {
        did_not_run("memory", "there is no /proc/self/status");
        return;
    }
    let (idle, _) = of_entities(0, 1);
    row(
        "idle RSS; floor: none, the limit",
        &mib(idle),
        "30 MiB",
        idle / 1024.0 / 30.0,
        "< 30 MiB",
    );

    let mut plots = Plots::default();
    let sizes: &[usize] = match full() {
        true => &[1_000, 10_000, 80_000],
        false => &[80_000],
    };
    for &size in sizes {
        let (resident, most) = of_entities(size, 1);
        let over = resident - idle;
        let each = over * 1024.0 / size as f64;
        let cost = format!(
            "{} over idle, {each:.0} bytes each; at most {} while loading",
            mib(over),
            mib(most - idle)
        );
        plots.point("memory of one source of many entities", size, over, &cost);
        if size == 80_000 {
            let name = "RSS of 80 000 entities over idle; floor: none, the limit";
            row(
                name,
                &mib(over),
                "128 MiB",
                over / 1024.0 / 128.0,
                "< 128 MiB",
            );
        }
    }
    if !full() {
        return;
    }
    let (resident, _) = of_entities(80_000, 1_000);
    let over = resident - idle;
    let cost = format!("{} over idle", mib(over));
    plots.point(
        "memory of 80 000 entities in so many sources",
        1_000,
        over,
        &cost,
    );
    plots.fit();
}

fn mib(kib: f64) -> String {
    format!("{:.1} MiB", kib / 1024.0)
}

/// What a server takes that serves this many entities, in this many sources of equal size.
fn of_entities(count: usize, sources: usize) -> Memory {
    let dir = tempfile::tempdir().expect("a directory");
    let mut entries = String::from("catalogs:\n  mcp:\n    sources:\n");
    let all = many_servers(count);
    let all: Vec<&str> = all.split("  - name: ").skip(1).collect();
    for n in 0..sources {
        let part = &all[count * n / sources..count * (n + 1) / sources];
        let content = match part {
            [] => "mcpservers: []\n".to_owned(),
            part => format!("mcpservers:\n  - name: {}", part.join("  - name: ")),
        };
        let file = format!("s{n}.yaml");
        std::fs::write(dir.path().join(&file), content).expect("written");
        entries.push_str(&format!(
            "      - {{id: s{n}, name: S{n}, type: yaml, enabled: true, properties: {{yamlCatalogPath: {file}}}}}\n"
        ));
    }
    std::fs::write(dir.path().join("sources.yaml"), entries).expect("written");
    let options = ServerOptions {
        args: vec!["--max-document-bytes".to_owned(), (64 << 20).to_string()],
        ..ServerOptions::default()
    };
    // The first start writes the history, the second is like every one after it.
    let first = Server::start_with(dir.path(), &options);
    first.terminate();
    first.wait();
    let server = Server::start_with(dir.path(), &options);
    let url = "/api/mcp_catalog/v1alpha1/mcpservers?pageSize=10";
    let page = server.client().get(url).expect(200).json();
    let expected = count.min(10);
    assert_eq!(page["items"].as_array().map(Vec::len), Some(expected));
    at_rest(server.pid())
}

/// The memory once it does not get less any more.
fn at_rest(pid: u32) -> Memory {
    let mut least = memory(pid);
    let mut rounds_since = 0;
    while rounds_since < 6 {
        std::thread::sleep(Duration::from_millis(500));
        let now = memory(pid);
        rounds_since = if now.0 < least.0 { 0 } else { rounds_since + 1 };
        least = (now.0.min(least.0), now.1);
    }
    least
}

fn memory(pid: u32) -> Memory {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let field = |name: &str| {
        let line = status.lines().find_map(|l| l.strip_prefix(name))?;
        line.trim_end_matches("kB").trim().parse().ok()
    };
    let read = field("VmRSS:").zip(field("VmHWM:"));
    read.expect("numbers of memory")
}
