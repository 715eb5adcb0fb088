//! File systems and files that are full to the byte.

use std::path::Path;
use std::process::Command;

use catalog_tests::faults::{full, scratch};
use catalog_tests::matrix;

/// Prints the row of what a child process tried in a place of its own.
fn report(name: &str, output: &std::io::Result<std::process::Output>) {
    let text = match output {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(error) => return matrix::did_not_run(name, &error.to_string()),
    };
    let Some(tried) = text.lines().find_map(|line| line.strip_prefix("tried ")) else {
        let why = output
            .as_ref()
            .map(|o| String::from_utf8_lossy(&o.stderr).into_owned());
        let why = why
            .unwrap_or_default()
            .lines()
            .next()
            .unwrap_or("no word")
            .to_owned();
        return matrix::did_not_run(name, &why);
    };
    let wrong = text.lines().filter_map(|line| line.strip_prefix("wrong "));
    let wrong: Vec<String> = wrong.map(str::to_owned).collect();
    matrix::row(name, tried.parse().expect("a number"), &wrong);
}

#[test]
fn a_full_file_system_is_reported_and_saving_works_once_there_is_room() {
    let scratch = scratch();
    let program = Path::new(env!("CARGO_BIN_EXE_faults-driver"));
    let script = format!(
        "mount -t tmpfs -o size={} tmpfs \"$1\" && exec \"$2\" \"$1\" full",
        full::SIZE
    );
    let own = if rustix::process::getuid().is_root() {
        "-m"
    } else {
        "-rm"
    };
    let output = Command::new("unshare")
        .args([own, "sh", "-c", &script, "sh"])
        .arg(scratch.path())
        .arg(program)
        .output();
    report("a file system filled to the last page", &output);
}

#[test]
fn a_file_that_may_not_grow_is_reported_and_saving_works_once_it_may() {
    let scratch = scratch();
    let program = Path::new(env!("CARGO_BIN_EXE_faults-driver"));
    // The signal that comes with the error is ignored, as by whoever can live with the error.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$1\" \"$2\" limited", "sh"])
        .arg(program)
        .arg(scratch.path().join("limited"))
        .output();
    report("a file cut short at every length", &output);
}
