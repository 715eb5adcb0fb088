//! The peer: another language's usual tools at the same work, when they are on this machine.

use std::process::Command;
use std::time::Duration;

use catalog_tests::measure::Times;

const SCRIPT: &str = include_str!("peer.py");
const SCHEMA: &str = include_str!("models.schema.json");

/// How long Python takes to load the catalog and to check it against a schema of the same shape.
/// `PYTHON` names another interpreter.
///
/// # Errors
/// Why it could not be tried.
pub fn validate(catalog: &str, rounds: usize) -> Result<Times, String> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let needed = "import yaml, jsonschema; yaml.CSafeLoader";
    let has = Command::new(&python).args(["-c", needed]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        return Err("python3 has no PyYAML with libyaml, or no jsonschema".to_owned());
    }
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    let path = |name: &str| dir.path().join(name);
    for (name, text) in [("c.yaml", catalog), ("s.json", SCHEMA), ("peer.py", SCRIPT)] {
        std::fs::write(path(name), text).map_err(|e| e.to_string())?;
    }
    let output = Command::new(&python)
        .args([path("peer.py"), path("c.yaml"), path("s.json")])
        .arg(rounds.to_string())
        .output()
        .map_err(|e| e.to_string())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the peer failed: {}", said.trim()));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let times = said.lines().skip(1).filter_map(|line| line.parse().ok());
    Ok(Times::new(times.map(Duration::from_nanos).collect()))
}
