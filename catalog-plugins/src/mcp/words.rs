//! Shapes and words of both formats.

use catalog_core::shape::{Format, Int, Shape, Text};
use catalog_core::validation::has_invisible;

/// The longest name, in characters.
pub(super) const MAX_NAME: usize = 255;

/// The transport protocols.
pub(super) const TRANSPORTS: &[&str] = &["stdio", "http", "sse", "streamable-http"];

/// One of [`TRANSPORTS`].
pub(super) const TRANSPORT: Shape = Shape::Text(Text::new().one_of(TRANSPORTS).ignoring_case());

/// Whether a server runs beside its user or somewhere else.
pub(super) const DEPLOYMENT_MODE: Shape = Shape::Text(Text::new().one_of(&["local", "remote"]));

/// How many there are of something.
pub(super) const COUNT: Shape = Shape::Int(Int::between(0, i32::MAX as i64));

/// A name.
pub(super) const NAME: Shape = Shape::Text(Text::new().non_blank().max_chars(MAX_NAME).format(
    Format::Where("without control and invisible characters", |name| {
        !has_invisible(name)
    }),
));

/// A name or version in the public format, where `@` stands between the two.
pub(super) const fn no_at(max: usize) -> Text {
    Text::new().max_chars(max).format(Format::Where(
        "without @, control and invisible characters",
        |text| !text.contains('@') && !has_invisible(text),
    ))
}
