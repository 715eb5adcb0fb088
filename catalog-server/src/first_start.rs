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
/// whether it did. No file that exists is touched.
pub(crate) fn make_sample(data_dir: &Path) -> io::Result<bool> {
    if data_dir.join("sources.yaml").exists() {
        return Ok(false);
    }
    fs::create_dir_all(data_dir)?;
    for (name, text) in SAMPLE {
        match fs::File::create_new(data_dir.join(name)) {
            Ok(mut file) => {
                file.write_all(text.as_bytes())?;
                file.sync_all()?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
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
