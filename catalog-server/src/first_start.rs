//! The sample catalog of a first start.

use std::io::Write as _;
use std::path::Path;
use std::{fs, io};

/// The sample's files. `sources.yaml` comes last: with it the sample is whole.
const SAMPLE: [(&str, &str); 5] = [
    ("mcp-servers.yaml", include_str!("sample/mcp-servers.yaml")),
    (
        "mcp-community.yaml",
        include_str!("sample/mcp-community.yaml"),
    ),
    ("models.yaml", include_str!("sample/models.yaml")),
    (
        "models-experimental.yaml",
        include_str!("sample/models-experimental.yaml"),
    ),
    ("sources.yaml", include_str!("sample/sources.yaml")),
];

/// Makes the data directory with the sample catalog, unless there is a `sources.yaml`; answers
/// whether it did. No file that exists is touched, and no file is ever there half.
pub(crate) fn make_sample(data_dir: &Path) -> io::Result<bool> {
    if data_dir.join("sources.yaml").exists() {
        return Ok(false);
    }
    if data_dir.join(".history").exists() {
        // This was somebody's catalog, and the sample must not take its place.
        return Err(io::Error::other("there is a history, but no sources.yaml"));
    }
    fs::create_dir_all(data_dir)?;
    for (name, text) in SAMPLE {
        if data_dir.join(name).exists() {
            continue;
        }
        let temp = data_dir.join(format!(".sample-{name}.tmp"));
        let mut file = fs::File::create(&temp)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temp, data_dir.join(name))?;
    }
    fs::File::open(data_dir)?.sync_all()?;
    Ok(true)
}

/// What a first start tells.
pub(crate) fn greeting(data_dir: &Path, address: std::net::SocketAddr) -> String {
    let base = format!("http://{address}");
    let dir = data_dir.display();
    format!(
        "A sample catalog is in {dir}. Try:\n\
         \n  curl {base}/api/mcp_catalog/v1alpha1/mcpservers\n\
         \n  curl {base}/api/catalog-management/v1alpha1/plugins/mcp/sources/mcp-default\n\
         \nor edit {dir}/mcp-servers.yaml and look again.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_made_once_and_touches_nothing_that_exists() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("models.yaml"), "models: []\n").unwrap();
        // Left behind by a start that was killed.
        fs::write(dir.path().join(".sample-sources.yaml.tmp"), "half").unwrap();
        assert!(make_sample(dir.path()).unwrap());
        assert!(!make_sample(dir.path()).unwrap());
        let read = |name| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(read("models.yaml"), "models: []\n");
        assert_eq!(read("sources.yaml"), include_str!("sample/sources.yaml"));
    }

    #[test]
    fn a_catalog_that_lost_its_sources_file_is_not_given_the_sample() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(".history")).unwrap();
        assert!(make_sample(dir.path()).is_err());
        assert!(!dir.path().join("sources.yaml").exists());
    }
}
