//! The public catalog format.

use std::collections::HashMap;

use catalog_core::shape::{Field, Format, Object, Options, Shape, Text};
use catalog_core::yaml::Node;

use super::runtime::RUNTIME;
use super::words::{DEPLOYMENT_MODE, MAX_NAME, TRANSPORT, no_at};
use crate::common::{
    ARTIFACT_URI, EntryFormat, LINK, LOGO, MILLIS, PROPERTIES, Subject, TEXT, TEXTS, text_of,
};

/// The longest version, in characters.
const MAX_VERSION: usize = 100;

const DATE_TIME: Shape = Shape::Text(Text::new().format(Format::DateTime));

static PARAMETER: Object = Object::new(&[
    Field::new("name", Shape::Text(Text::new().non_blank())).required(),
    Field::new("type", TEXT).required(),
    Field::new("required", Shape::Bool),
    Field::new("description", TEXT),
]);

static TOOL: Object = Object::new(&[
    Field::ignored("id"),
    Field::new("name", Shape::Text(Text::new().non_blank())).required(),
    Field::new("externalId", TEXT),
    Field::new("description", TEXT),
    Field::new(
        "accessType",
        Shape::Text(Text::new().one_of(&["read_only", "read_write", "execute"])),
    ),
    Field::new("parameters", Shape::List(&Shape::Object(&PARAMETER))),
    Field::new("schema", Shape::Any),
    Field::new("customProperties", PROPERTIES),
    Field::new("createTimeSinceEpoch", MILLIS),
    Field::new("lastUpdateTimeSinceEpoch", MILLIS),
]);

static ARTIFACT: Object = Object::new(&[
    Field::new("uri", ARTIFACT_URI).required(),
    Field::new("createTimeSinceEpoch", MILLIS),
    Field::new("lastUpdateTimeSinceEpoch", MILLIS),
]);

const HTTP: Shape = Shape::Text(Text::new().format(Format::Url(&["https", "http"])));
const WEBSOCKET: Shape =
    Shape::Text(Text::new().format(Format::Url(&["wss", "ws", "https", "http"])));
static ENDPOINTS: Object = Object::new(&[
    Field::new("http", HTTP),
    Field::new("sse", HTTP),
    Field::new("websocket", WEBSOCKET),
]);

static SECURITY: Object = Object::new(&[
    Field::new("verifiedSource", Shape::Bool),
    Field::new("secureEndpoint", Shape::Bool),
    Field::new("sast", Shape::Bool),
    Field::new("readOnlyTools", Shape::Bool),
]);

static SERVER: Object = Object::new(&[
    // What the catalog itself decides; an exported server that comes back has them.
    Field::ignored("id"),
    Field::ignored("source_id"),
    Field::ignored("toolCount"),
    Field::new("name", Shape::Text(no_at(MAX_NAME).non_blank())).required(),
    Field::new("externalId", TEXT),
    Field::new("description", TEXT),
    Field::new("provider", TEXT),
    Field::new("version", Shape::Text(no_at(MAX_VERSION))),
    Field::new("logo", LOGO),
    Field::new("license", TEXT),
    Field::new("license_link", LINK),
    Field::new("documentationUrl", LINK),
    Field::new("repositoryUrl", LINK),
    // In real catalogs often just `owner/repository`.
    Field::new("sourceCode", TEXT),
    Field::new("readme", TEXT),
    Field::new("publishedDate", DATE_TIME),
    Field::new("lastUpdated", DATE_TIME),
    Field::new("deploymentMode", DEPLOYMENT_MODE),
    Field::new("transports", Shape::List(&TRANSPORT)),
    Field::new("endpoints", Shape::Object(&ENDPOINTS)),
    Field::new("artifacts", Shape::List(&Shape::Object(&ARTIFACT))),
    Field::new("tags", TEXTS),
    Field::new("securityIndicators", Shape::Object(&SECURITY)),
    Field::new("tools", Shape::List(&Shape::Object(&TOOL))),
    Field::new("runtimeMetadata", Shape::Object(&RUNTIME)),
    Field::new("customProperties", PROPERTIES),
    Field::new("createTimeSinceEpoch", MILLIS),
    Field::new("lastUpdateTimeSinceEpoch", MILLIS),
]);

/// The format. Others load it leniently and add fields over time, so at load an unknown field is no
/// reason to lose a server.
pub(super) const PUBLIC: EntryFormat = EntryFormat {
    key: "mcp_servers",
    object: &SERVER,
    versioned: true,
    write: Options::STRICT,
    load: Options::STRICT.allow_unknown_fields(),
    rules,
};

fn rules(subject: &mut Subject<'_>) {
    remote_needs_an_endpoint(subject);
    tool_names_differ(subject);
}

fn remote_needs_an_endpoint(subject: &mut Subject<'_>) {
    let Some(mode) = subject
        .node
        .get("deploymentMode")
        .filter(|m| m.as_text() == Some("remote"))
    else {
        return;
    };
    let any = subject.node.get("endpoints").is_some_and(|endpoints| {
        ["http", "sse", "websocket"]
            .iter()
            .any(|kind| text_of(endpoints, kind).is_some())
    });
    if !any {
        let message = "a remote server needs at least one of http, sse, websocket";
        subject.missing("endpoints", mode, message);
    }
}

/// A tool is asked for by its name, so the second of a name would not be found.
fn tool_names_differ(subject: &mut Subject<'_>) {
    let mut seen: HashMap<&str, u32> = HashMap::new();
    let tools = subject.node.get("tools").map_or(&[][..], Node::items);
    for (i, tool) in tools.iter().enumerate() {
        let (Some(name), Some(at)) = (text_of(tool, "name"), tool.get("name")) else {
            continue;
        };
        if let Some(first) = seen.insert(name, at.place().line) {
            let path = subject.path.key("tools").index(i).key("name");
            let message = format!("this tool's name is used already, on line {first}");
            subject
                .findings
                .warning(&path, at.place(), "duplicate-name", message);
        }
    }
}
