//! Real catalogs that are kept beside the project.

use std::path::PathBuf;

/// The folder of real catalogs; `None`, with a line that says so, where it is missing.
pub fn shared_data(what: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if path.is_dir() {
        return Some(path);
    }
    // CI has the data; there its absence is a fault.
    assert!(
        std::env::var_os("CATALOG_REQUIRE_DATA").is_none(),
        "the real data is required"
    );
    println!("DID NOT RUN: {what}: the folder of real catalogs is not there");
    None
}
