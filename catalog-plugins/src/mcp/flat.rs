//! The 19-field format.

use catalog_core::shape::{Field, Format, Object, Options, Shape, Text};
use catalog_core::validation::did_you_mean;
use catalog_core::yaml::Node;

use super::words::{COUNT, DEPLOYMENT_MODE, NAME, TRANSPORT, TRANSPORTS};
use crate::common::{EntryFormat, LOGO, LOOSE_PROPERTIES, Subject, TEXT, text_of};

const SERVER_URL: Shape =
    Shape::Text(Text::new().format(Format::Url(&["https", "http", "stdio", "wss", "ws", "sse"])));
const ENDPOINT: Shape =
    Shape::Text(Text::new().format(Format::Url(&["https", "http", "wss", "ws"])));

static SERVER: Object = Object::new(&[
    Field::new("name", NAME).required(),
    Field::new("externalId", TEXT),
    Field::new("description", TEXT),
    Field::new("serverUrl", SERVER_URL),
    Field::new("transportType", TRANSPORT),
    Field::new("toolCount", COUNT),
    Field::new("resourceCount", COUNT),
    Field::new("promptCount", COUNT),
    Field::new("deploymentMode", DEPLOYMENT_MODE).required(),
    Field::new("image", TEXT),
    Field::new("endpoint", ENDPOINT),
    Field::new("supportedTransports", TEXT),
    Field::new("license", TEXT),
    Field::new("verified", Shape::Bool),
    Field::new("certified", Shape::Bool),
    Field::new("provider", TEXT),
    Field::new("logo", LOGO),
    Field::new("category", TEXT),
    Field::new("customProperties", LOOSE_PROPERTIES),
]);

/// The format under its own name.
pub(super) const FLAT: EntryFormat = EntryFormat {
    key: "mcpservers",
    object: &SERVER,
    versioned: false,
    write: Options::STRICT,
    load: Options::STRICT,
    rules,
};

/// The format under its alias, which forgives what is missing.
pub(super) const FLAT_ALIAS: EntryFormat = EntryFormat {
    key: "servers",
    write: Options::STRICT.allow_missing_fields(),
    load: Options::STRICT.allow_missing_fields(),
    ..FLAT
};

fn rules(subject: &mut Subject<'_>) {
    remote_needs_an_address(subject);
    supported_transports(subject);
}

fn remote_needs_an_address(subject: &mut Subject<'_>) {
    let node = subject.node;
    let Some(mode) = node
        .get("deploymentMode")
        .filter(|m| m.as_text() == Some("remote"))
    else {
        return;
    };
    match (text_of(node, "endpoint"), text_of(node, "serverUrl")) {
        (Some(_), _) => {}
        (None, None) => subject.missing("endpoint", mode, "is required for a remote server"),
        (None, Some(_)) => {
            let path = subject.path.key("endpoint");
            let message = "a remote server should have an endpoint; serverUrl alone is ambiguous";
            subject
                .findings
                .warning(&path, mode.place(), "required", message);
        }
    }
}

/// A comma-separated list in one text, for people as much as for programs: so this is advice.
fn supported_transports(subject: &mut Subject<'_>) {
    let Some(list) = subject.node.get("supportedTransports") else {
        return;
    };
    let words = Node::as_text(list).unwrap_or_default().split(',');
    for word in words.map(str::trim).filter(|w| !w.is_empty()) {
        if !TRANSPORTS.iter().any(|t| t.eq_ignore_ascii_case(word)) {
            let path = subject.path.key("supportedTransports");
            let message = format!("each must be one of {}", TRANSPORTS.join(", "));
            subject
                .findings
                .warning(&path, list.place(), "not-one-of", message)
                .suggestion = did_you_mean(word, TRANSPORTS.iter().copied());
        }
    }
}
