//! What it takes to run a server: hints for people and operators, never values of secrets.

use catalog_core::shape::{Field, Format, Int, Object, Shape, Text};

use crate::common::{TEXT, TEXTS};

/// A path, as in `mountPath` and `mcpPath`.
const PATH: Text = Text::new().format(Format::Where(
    "a path that starts with / and has only letters, digits, /, _, . and -",
    |text| {
        text.strip_prefix('/').is_some_and(|rest| {
            rest.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"/_.-".contains(&b))
        })
    },
));

/// The name of a Kubernetes object.
const OBJECT_NAME: Text = Text::new().max_chars(253).format(Format::Where(
    "a Kubernetes name: lower-case letters, digits and -, parts separated by dots",
    |text| text.split('.').all(is_dns_label),
));

fn is_dns_label(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = bytes.first().zip(bytes.last());
    ends.is_some_and(|(first, last)| word(*first) && word(*last))
        && bytes.iter().all(|b| word(*b) || *b == b'-')
}

const fn up_to(max: usize) -> Shape {
    Shape::Text(Text::new().max_chars(max))
}

/// Newer types of variables are no reason to refuse a server.
const VARIABLE_TYPE: Shape = Shape::Text(
    Text::new()
        .one_of(&["string", "int", "boolean", "secret", "config"])
        .advisory(),
);

static VARIABLE: Object = Object::new(&[
    Field::new("name", Shape::Text(Text::new().non_blank())).required(),
    Field::new("description", TEXT).required(),
    Field::new("required", Shape::Bool),
    Field::new("defaultValue", TEXT).aliases(&["default"]),
    Field::new("type", VARIABLE_TYPE),
    Field::new("example", TEXT),
]);
const VARIABLES: Shape = Shape::List(&Shape::Object(&VARIABLE));

static RESOURCES: Object = Object::new(&[Field::new("cpu", TEXT), Field::new("memory", TEXT)]);
static RECOMMENDED: Object = Object::new(&[
    Field::new("minimal", Shape::Object(&RESOURCES)),
    Field::new("recommended", Shape::Object(&RESOURCES)),
    Field::new("high", Shape::Object(&RESOURCES)),
]);

static HEALTH: Object = Object::new(&[Field::new("liveness", TEXT), Field::new("readiness", TEXT)]);

static CAPABILITIES: Object = Object::new(&[
    Field::new("requiresNetwork", Shape::Bool),
    Field::new("requiresFileSystem", Shape::Bool),
    Field::new("requiresGPU", Shape::Bool),
]);

static SERVICE_ACCOUNT: Object = Object::new(&[
    Field::new("required", Shape::Bool),
    Field::new("hint", up_to(500)),
    Field::new("suggestedName", Shape::Text(OBJECT_NAME)),
]);

static SECRET_KEY: Object = Object::new(&[
    Field::new("key", Shape::Text(Text::new().non_blank().max_chars(253))).required(),
    Field::new("description", up_to(500)).required(),
    Field::new("envVarName", up_to(253)),
    Field::new("required", Shape::Bool),
]);
static SECRET: Object = Object::new(&[
    Field::new("name", Shape::Text(OBJECT_NAME)).required(),
    Field::new("description", up_to(1_000)).required(),
    Field::new("keys", Shape::List(&Shape::Object(&SECRET_KEY))),
    Field::new("mountAsFile", Shape::Bool),
    Field::new("mountPath", Shape::Text(PATH.max_chars(4_096))),
]);

static CONFIG_MAP_KEY: Object = Object::new(&[
    Field::new("key", Shape::Text(Text::new().non_blank().max_chars(253))).required(),
    Field::new("description", up_to(500)).required(),
    Field::new("defaultContent", up_to(10_000)),
    Field::new("envVarName", up_to(253)),
    Field::new("required", Shape::Bool),
]);
static CONFIG_MAP: Object = Object::new(&[
    Field::new("name", Shape::Text(OBJECT_NAME)).required(),
    Field::new("description", up_to(1_000)).required(),
    Field::new("keys", Shape::List(&Shape::Object(&CONFIG_MAP_KEY))),
    Field::new("mountAsFile", Shape::Bool),
    Field::new("mountPath", Shape::Text(PATH.max_chars(4_096))),
]);

static PREREQUISITES: Object = Object::new(&[
    Field::new("serviceAccount", Shape::Object(&SERVICE_ACCOUNT)),
    Field::new("secrets", Shape::List(&Shape::Object(&SECRET))),
    Field::new("configMaps", Shape::List(&Shape::Object(&CONFIG_MAP))),
    Field::new("environmentVariables", VARIABLES),
    Field::new("customResources", TEXTS),
]);

/// The whole of it.
pub(super) static RUNTIME: Object = Object::new(&[
    Field::new("defaultPort", Shape::Int(Int::between(1, 65_535))),
    Field::new("defaultArgs", TEXTS),
    Field::new("requiredEnvironmentVariables", VARIABLES),
    Field::new("optionalEnvironmentVariables", VARIABLES),
    Field::new("recommendedResources", Shape::Object(&RECOMMENDED)),
    Field::new("healthEndpoints", Shape::Object(&HEALTH)),
    Field::new("capabilities", Shape::Object(&CAPABILITIES)),
    Field::new("mcpPath", Shape::Text(PATH)),
    Field::new("prerequisites", Shape::Object(&PREREQUISITES)),
]);
