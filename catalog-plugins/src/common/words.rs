//! Shapes that several documents use.

use catalog_core::shape::{Format, Shape, Text};
use catalog_core::yaml::Node;
use serde_json::{Map, Value as Json};

/// Any text.
pub(crate) const TEXT: Shape = Shape::Text(Text::new());

/// A list of any texts.
pub(crate) const TEXTS: Shape = Shape::List(&TEXT);

/// Milliseconds since 1970.
pub(crate) const MILLIS: Shape = Shape::Text(Text::new().format(Format::Millis));

/// An address for people. Others show whatever stands there, so it is only advice.
pub(crate) const LINK: Shape = Shape::Text(
    Text::new()
        .format(Format::Url(&["https", "http"]))
        .advisory(),
);

/// A picture: an address or the picture itself. Advice, as for [`LINK`].
pub(crate) const LOGO: Shape = Shape::Text(
    Text::new()
        .format(Format::Where("a URL or a data:image/… URI", is_picture))
        .advisory(),
);

/// Where an artifact can be fetched.
pub(crate) const ARTIFACT_URI: Shape = Shape::Text(Text::new().non_blank().format(Format::Url(&[
    "oci", "http", "https", "s3", "gs", "az", "file", "hf",
])));

fn is_picture(text: &str) -> bool {
    ["data:image/", "https://", "http://"]
        .iter()
        .any(|start| text.len() > start.len() && text.starts_with(start))
}

/// The text of this field, when there is one that is not blank.
pub(crate) fn text_of<'a>(node: &'a Node, field: &str) -> Option<&'a str> {
    node.get(field)
        .and_then(Node::as_text)
        .filter(|text| !text.trim().is_empty())
}

/// Fills in the times that an entity does not give.
pub(crate) fn into_millis(json: &mut Map<String, Json>, written_at: &str) {
    for name in ["createTimeSinceEpoch", "lastUpdateTimeSinceEpoch"] {
        json.entry(name).or_insert_with(|| written_at.into());
    }
}
