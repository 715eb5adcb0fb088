//! What a model looks like.

use catalog_core::shape::{Field, Format, Object, Options, Shape, Tagged, Text, Untagged};
use catalog_core::validation::has_invisible;

use crate::common::{ARTIFACT_URI, EntryFormat, LINK, LOGO, MILLIS, PROPERTIES, TEXT, TEXTS};

/// The longest name, in characters.
const MAX_NAME: usize = 255;

const NAME: Shape = Shape::Text(
    Text::new()
        .non_blank()
        .max_chars(MAX_NAME)
        .format(Format::Where(
            "without control and invisible characters",
            |name| !has_invisible(name),
        )),
);
const METRICS_TYPE: Shape =
    Shape::Text(Text::new().one_of(&["performance-metrics", "accuracy-metrics"]));

/// The union of artifacts; the tag came later than the first catalogs.
static ARTIFACT: Tagged = Tagged::new(
    "artifactType",
    &[
        (
            "model-artifact",
            Object::new(&[
                Field::ignored("id"),
                Field::new("uri", ARTIFACT_URI).required(),
                Field::new("name", TEXT),
                Field::new("description", TEXT),
                Field::new("externalId", TEXT),
                Field::new("customProperties", PROPERTIES),
                Field::new("createTimeSinceEpoch", MILLIS),
                Field::new("lastUpdateTimeSinceEpoch", MILLIS),
            ]),
        ),
        (
            "metrics-artifact",
            Object::new(&[
                Field::ignored("id"),
                Field::new("metricsType", METRICS_TYPE).required(),
                Field::new("name", TEXT),
                Field::new("description", TEXT),
                Field::new("externalId", TEXT),
                Field::new("customProperties", PROPERTIES),
                Field::new("createTimeSinceEpoch", MILLIS),
                Field::new("lastUpdateTimeSinceEpoch", MILLIS),
            ]),
        ),
    ],
)
.untagged(Untagged::Assume("model-artifact"));

static MODEL: Object = Object::new(&[
    // What the catalog itself decides; an exported model that comes back has them.
    Field::ignored("id"),
    Field::ignored("source_id"),
    Field::ignored("artifactCounts"),
    Field::new("name", NAME).required(),
    Field::new("externalId", TEXT),
    Field::new("description", TEXT),
    Field::new("readme", TEXT),
    Field::new("maturity", TEXT),
    Field::new("language", TEXTS),
    Field::new("tasks", TEXTS),
    Field::new("provider", TEXT),
    Field::new("logo", LOGO),
    Field::new("license", TEXT),
    Field::new("licenseLink", LINK),
    Field::new("libraryName", TEXT),
    Field::new("version", TEXT),
    Field::new("labels", TEXTS),
    Field::new("validatedTasks", TEXTS),
    Field::new("servingConfig", Shape::Any),
    Field::new("customProperties", PROPERTIES),
    Field::new("createTimeSinceEpoch", MILLIS),
    Field::new("lastUpdateTimeSinceEpoch", MILLIS),
    Field::new(super::ARTIFACTS, Shape::List(&Shape::Tagged(&ARTIFACT))),
]);

/// The format.
pub(super) const MODELS: EntryFormat = EntryFormat {
    key: "models",
    object: &MODEL,
    versioned: false,
    write: Options::STRICT,
    load: Options::STRICT.allow_unknown_fields(),
    rules: |_| {},
};
