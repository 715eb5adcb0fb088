use super::{
    Field, Format, Int, Object, Options, Shape, Tagged, Text, Untagged, check_with, decode,
};
use crate::validation::{Findings, Layer, Path, Place};
use crate::yaml::{self, Limits};
use serde_json::json;

const WORD: Shape = Shape::Text(Text::new());
static NUMBER: Object = Object::new(&[Field::new("number_value", Shape::Number).required()]);
static THING: Object = Object::new(&[
    Field::new("name", Shape::Text(Text::new().non_blank().max_chars(8))).required(),
    Field::new(
        "mode",
        Shape::Text(Text::new().one_of(&["local", "remote"]).ignoring_case()),
    ),
    Field::new(
        "hint",
        Shape::Text(Text::new().one_of(&["low", "high"]).advisory()),
    ),
    Field::new("apiKey", Shape::Text(Text::new().one_of(&["none"]))),
    Field::new("count", Shape::Int(Int::between(0, 10))),
    Field::new("open", Shape::Bool),
    Field::new("ratio", Shape::Number),
    Field::new(
        "url",
        Shape::Text(Text::new().format(Format::Url(&["https"]))),
    ),
    Field::new("tags", Shape::List(&WORD)),
    Field::new("notes", Shape::Map(&WORD)),
    Field::new("extra", Shape::Any),
    Field::new("first", WORD).aliases(&["primary"]),
    Field::new("loose", Shape::Object(&LOOSE)),
    Field::new("value", Shape::ScalarOr(&Shape::Tagged(&VALUE))),
    Field::ignored("id"),
]);
static LOOSE: Object = Object::new(&[Field::new("a", WORD)]).open();
static VALUE: Tagged = Tagged::new(
    "kind",
    &[
        ("Number", NUMBER),
        (
            "Text",
            Object::new(&[Field::new("text_value", WORD).required()]),
        ),
    ],
)
.untagged(Untagged::Infer);

fn found_with(text: &str, options: &Options) -> Vec<String> {
    let document = yaml::parse(text, &Limits::default()).unwrap();
    let mut findings = Findings::new(Layer::Provider, Place::Content);
    let shape = Shape::Object(&THING);
    check_with(
        &document.root,
        &shape,
        options,
        &Path::root(),
        &mut findings,
    );
    findings
        .into_vec()
        .iter()
        .map(|f| {
            format!(
                "{}{} {f}",
                if f.is_error() { "" } else { "warning " },
                f.code
            )
        })
        .collect()
}

fn found(text: &str) -> Vec<String> {
    found_with(text, &Options::STRICT)
}

fn decoded(text: &str) -> serde_json::Value {
    let document = yaml::parse(text, &Limits::default()).unwrap();
    decode(&document.root, &Shape::Object(&THING)).unwrap()
}

#[test]
fn what_fits_has_no_findings() {
    let text = "name: a\nmode: LOCAL\ncount: 10\nopen: true\nratio: 1\nurl: https://example.com\n\
                tags: [a, 1.10]\nnotes: {x: y, z: ~}\nextra: {a: [1]}\nfirst: x\n\
                loose: {b: 1}\nvalue: {kind: Number, number_value: 1.5}\nid: [anything]\n";
    assert_eq!(found(text), Vec::<String>::new());
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_place() {
    assert_eq!(
        found("nam: a\nmode: hybrid\ncount: 11\nopen: yes\nurl: example.com\n"),
        [
            "unknown-field 1:1: nam: unknown field \"nam\" (did you mean \"name\"?)",
            "required 1:1: name: is required",
            "not-one-of 2:7: mode: must be one of local, remote; \"hybrid\" is not",
            "out-of-range 3:8: count: must be from 0 to 10",
            "wrong-type 4:7: open: must be true or false, not text (did you mean true?)",
            "bad-format 5:6: url: must be a URL such as https://example.com/path",
        ]
    );
}

#[test]
fn null_is_absent() {
    assert_eq!(found("name: a\ncount: ~\nmode:\n"), Vec::<String>::new());
    assert_eq!(found("name: ~\n"), ["required 1:7: name: is required"]);
    assert_eq!(
        found("name: '  '\n"),
        ["required 1:7: name: must not be blank"]
    );
    assert_eq!(
        found("name: a\ntags: [~]\n"),
        ["wrong-type 2:8: tags[0]: must be text, not nothing"]
    );
}

#[test]
fn a_number_is_text_where_text_is_wanted_and_a_boolean_is_not() {
    assert_eq!(found("name: 1.10\n"), Vec::<String>::new());
    assert_eq!(decoded("name: 1.10\n"), json!({"name": "1.10"}));
    assert_eq!(
        found("name: true\n"),
        ["wrong-type 1:7: name: must be text, not true or false (put it in quotes)"]
    );
}

#[test]
fn a_quoted_number_is_no_number() {
    assert_eq!(
        found("name: a\ncount: '3'\nratio: '0.5'\n"),
        [
            "wrong-type 2:8: count: must be a whole number, not text (leave out the quotes)",
            "wrong-type 3:8: ratio: must be a number, not text (leave out the quotes)",
        ]
    );
    assert_eq!(
        found("name: a\ncount: 1.5\n"),
        ["wrong-type 2:8: count: must be a whole number, not a number"]
    );
}

#[test]
fn a_number_too_large_for_an_integer_is_out_of_range() {
    assert_eq!(
        found("name: a\ncount: 99999999999999999999\n"),
        ["out-of-range 2:8: count: must be from 0 to 10"]
    );
}

#[test]
fn length_is_counted_in_characters() {
    assert_eq!(found("name: ääääääää\n"), Vec::<String>::new());
    assert_eq!(
        found("name: äääääääää\n"),
        ["too-long 1:7: name: must have at most 8 characters"]
    );
}

#[test]
fn advice_is_a_warning() {
    assert_eq!(
        found("name: a\nhint: lo\n"),
        [
            "warning not-one-of 2:7: hint: must be one of low, high; \"lo\" is not (did you mean \"low\"?)"
        ]
    );
    assert_eq!(
        found("name: a\nhint: [low]\n"),
        ["wrong-type 2:7: hint: must be text, not a list"]
    );
}

#[test]
fn a_long_value_is_not_repeated() {
    let text = format!("name: a\nmode: {}\n", "x".repeat(41));
    assert_eq!(
        found(&text),
        ["not-one-of 2:7: mode: must be one of local, remote"]
    );
    assert_eq!(
        found("name: a\nmode: 'p@ssw0rd!'\n"),
        ["not-one-of 2:7: mode: must be one of local, remote"]
    );
}

#[test]
fn a_value_below_a_sensitive_key_is_not_repeated() {
    let found = found("name: a\napiKey: canary\n");
    assert!(!found.concat().contains("canary"), "{found:?}");
}

#[test]
fn both_names_of_a_field_are_one_too_many() {
    assert_eq!(
        found("name: a\nfirst: x\nprimary: y\n"),
        ["duplicate-field 3:1: primary: means the same as \"first\"; give one of them"]
    );
    assert_eq!(decoded("name: a\nprimary: y\n")["first"], "y");
}

#[test]
fn severities_can_be_turned_down() {
    let lenient = Options::STRICT
        .allow_unknown_fields()
        .allow_missing_fields();
    assert_eq!(
        found_with("zzz: 1\n", &lenient),
        [
            "warning unknown-field 1:1: zzz: unknown field \"zzz\"",
            "warning required 1:1: name: is required",
        ]
    );
}

#[test]
fn a_union_goes_by_its_tag() {
    assert_eq!(found("name: a\nvalue: 3\n"), Vec::<String>::new());
    assert_eq!(
        found("name: a\nvalue: {kind: Text, number_value: 1}\n"),
        [
            "required 2:8: value.text_value: is required",
            "unknown-field 2:21: value.number_value: unknown field \"number_value\" \
             (did you mean kind \"Number\"?)",
        ]
    );
    assert_eq!(
        found("name: a\nvalue: {kind: Numbr, number_value: 1}\n"),
        ["not-one-of 2:15: value.kind: must be one of Number, Text (did you mean \"Number\"?)"]
    );
    assert_eq!(
        found("name: a\nvalue: {other: 1}\n"),
        ["required 2:8: value.kind: is required: one of Number, Text"]
    );
    assert_eq!(
        found("name: a\nvalue: [1]\n"),
        ["wrong-type 2:8: value: must be a mapping, not a list"]
    );
}

#[test]
fn a_missing_tag_is_told_from_the_other_fields() {
    let text = "name: a\nvalue: {text_value: x}\n";
    assert_eq!(
        found(text),
        ["warning required 2:8: value.kind: is missing; taken as Text from the other fields"]
    );
    assert_eq!(
        decoded(text)["value"],
        json!({"text_value": "x", "kind": "Text"})
    );
}

#[test]
fn decoding_keeps_what_is_declared() {
    assert_eq!(
        decoded("count: 3\nname: a\nmode: REMOTE\nid: 7\noops: 1\nopen: ~\nloose: {a: 1, b: 1}\n"),
        json!({"name": "a", "mode": "remote", "count": 3, "loose": {"a": "1", "b": 1}})
    );
}

#[test]
fn decoding_leaves_out_what_does_not_fit() {
    assert_eq!(
        decoded("name: [a]\ntags: [x, {y: z}]\nvalue: {other: 1}\n"),
        json!({"tags": ["x"]})
    );
    let text = yaml::parse("- 1\n", &Limits::default()).unwrap();
    assert_eq!(decode(&text.root, &Shape::Object(&THING)), None);
}
