//! One change in every layout that people write.

use super::*;

fn change() -> Value {
    json!({"name": "B", "labels": ["x", "z"], "properties": {"p": "new", "r": {"s": 1}}})
}

fn check(before: &str, after: &str) {
    assert_eq!(
        edited(before, "mcp", "a", change()).as_deref(),
        Ok(after),
        "{before}"
    );
}

#[test]
fn two_spaces_and_comments() {
    check(
        "# top\ncatalogs:\n  # mcp\n  mcp:\n    sources: # all\n      # a\n      - id: a # id\n        name: \"A\" # name\n        type: yaml\n        # tags\n        labels: # l\n          - x # 1\n          - y # 2\n        properties:\n          # p is\n          p: 'old' # p\n          q: gone\n        # end of a\n      # b\n      - id: b\n        name: B # b\n        type: yaml\n# bottom",
        "# top\ncatalogs:\n  # mcp\n  mcp:\n    sources: # all\n      # a\n      - id: a # id\n        name: \"B\" # name\n        type: yaml\n        # tags\n        labels: # l\n          - x # 1\n          - z # 2\n        properties:\n          # p is\n          p: 'new' # p\n          r:\n            s: 1\n        # end of a\n      # b\n      - id: b\n        name: B # b\n        type: yaml\n# bottom",
    );
}

#[test]
fn four_spaces_and_no_final_line_end() {
    check(
        "catalogs:\n    mcp:\n        sources:\n            - id: a\n              name: A\n              type: yaml\n              properties:\n                  p: x",
        "catalogs:\n    mcp:\n        sources:\n            - id: a\n              name: B\n              type: yaml\n              properties:\n                  p: new\n                  r:\n                      s: 1\n              labels:\n                  - x\n                  - z",
    );
}

#[test]
fn lists_that_are_not_indented() {
    check(
        "mcp_catalogs:\n- id: a\n  name: A\n  type: yaml\n  labels:\n  - x\n- id: b\n",
        "mcp_catalogs:\n- id: a\n  name: B\n  type: yaml\n  labels:\n  - x\n  - z\n  properties:\n    p: new\n    r:\n      s: 1\n- id: b\n",
    );
}

#[test]
fn entries_in_braces() {
    check(
        "mcp_catalogs:\n  - {id: b} # b\n  - {id: a, name: 'A', type: yaml, labels: [x, y]} # a\n",
        "mcp_catalogs:\n  - {id: b} # b\n  - {id: a, name: 'B', type: yaml, labels: [x, z], properties: {p: new, r: {s: 1}}} # a\n",
    );
}

#[test]
fn json_stays_json() {
    let before = "{\n  \"mcp_catalogs\": [\n    {\n      \"id\": \"a\",\n      \"name\": \"A\",\n      \"type\": \"yaml\",\n      \"properties\": {\"p\": null}\n    },\n    {\"id\": \"b\"}\n  ]\n}\n";
    let after = "{\n  \"mcp_catalogs\": [\n    {\n      \"id\": \"a\",\n      \"name\": \"B\",\n      \"type\": \"yaml\",\n      \"properties\": {\"p\": \"new\", \"r\": {\"s\": 1}},\n      \"labels\": [\"x\", \"z\"]\n    },\n    {\"id\": \"b\"}\n  ]\n}\n";
    check(before, after);
    assert!(serde_json::from_str::<Value>(after).is_ok());
}

#[test]
fn windows_line_ends_and_a_byte_order_mark() {
    check(
        "\u{feff}mcp_catalogs:\r\n  - id: a\t# tab\r\n    name: A\t# tab\r\n    type: yaml\r\n",
        "\u{feff}mcp_catalogs:\r\n  - id: a\t# tab\r\n    name: B\t# tab\r\n    type: yaml\r\n    labels:\r\n      - x\r\n      - z\r\n    properties:\r\n      p: new\r\n      r:\r\n        s: 1\r\n",
    );
}

#[test]
fn block_scalars_and_a_dash_on_its_own_line() {
    check(
        "mcp_catalogs:\n-\n  # first\n  id: a\n  properties:\n    r: {s: 1}\n    p: |\n      two\n      lines\n  name: >-\n    A\n    long\n  type: yaml\n",
        "mcp_catalogs:\n-\n  # first\n  id: a\n  properties:\n    r: {s: 1}\n    p: new\n  name: B\n  type: yaml\n  labels:\n  - x\n  - z\n",
    );
    let before =
        "mcp_catalogs:\n- id: a\n  properties:\n    p: |- # why\n      one\n  type: yaml\n";
    let after =
        "mcp_catalogs:\n- id: a\n  properties:\n    p: |\n      one\n      two\n  type: yaml\n";
    let change = json!({"properties": {"p": "one\ntwo\n"}});
    assert_eq!(edited(before, "mcp", "a", change).as_deref(), Ok(after));
}

#[test]
fn empty_values_are_filled() {
    check(
        "mcp_catalogs:\n- name: # none\n  labels: [] # none\n  properties: {}\n  type: yaml\n  id: a\n",
        "mcp_catalogs:\n- name: B # none\n  labels: # none\n  - x\n  - z\n  properties:\n    p: new\n    r:\n      s: 1\n  type: yaml\n  id: a\n",
    );
}

#[test]
fn a_new_source_goes_to_the_end_of_its_list() {
    let wanted = settings(json!({"name": "N", "type": "yaml", "includedItems": ["*"]}));
    for (key, before, after) in [
        (
            "mcp",
            "",
            "catalogs:\n  mcp:\n    sources:\n      - id: new\n        name: \"N\"\n        type: yaml\n        enabled: true\n        includedItems:\n          - \"*\"\n",
        ),
        (
            "mcp",
            "# mine\n",
            "# mine\ncatalogs:\n  mcp:\n    sources:\n      - id: new\n        name: \"N\"\n        type: yaml\n        enabled: true\n        includedItems:\n          - \"*\"\n",
        ),
        (
            "models",
            "catalogs: [] # old\n",
            "catalogs: # old\n  - id: new\n    name: \"N\"\n    type: yaml\n    enabled: true\n    includedModels:\n      - \"*\"\n",
        ),
        (
            "mcp",
            "catalogs: []\n",
            "catalogs: []\nmcp_catalogs:\n  - id: new\n    name: \"N\"\n    type: yaml\n    enabled: true\n    includedServers:\n      - \"*\"\n",
        ),
        (
            "models",
            "mcp_catalogs:\n- id: x\n# end\n",
            "mcp_catalogs:\n- id: x\nmodel_catalogs:\n- id: new\n  name: \"N\"\n  type: yaml\n  enabled: true\n  includedModels:\n  - \"*\"\n# end\n",
        ),
        (
            "mcp",
            "catalogs:\n    models: {sources: []}\n",
            "catalogs:\n    models: {sources: []}\n    mcp:\n        sources:\n          - id: new\n            name: \"N\"\n            type: yaml\n            enabled: true\n            includedItems:\n              - \"*\"\n",
        ),
        (
            "models",
            "catalogs:\n    models: {sources: []}\n",
            "catalogs:\n    models: {sources: [{id: new, name: \"N\", type: yaml, enabled: true, includedItems: [\"*\"]}]}\n",
        ),
        (
            "mcp",
            "catalogs:\n  mcp:\n    labels: []\n    sources: ~ # none\n  models:\n",
            "catalogs:\n  mcp:\n    labels: []\n    sources: # none\n      - id: new\n        name: \"N\"\n        type: yaml\n        enabled: true\n        includedItems:\n          - \"*\"\n  models:\n",
        ),
        (
            "mcp",
            "{\"mcp_catalogs\": [{\"id\": \"x\"}]}",
            "{\"mcp_catalogs\": [{\"id\": \"x\"}, {\"id\": \"new\", \"name\": \"N\", \"type\": \"yaml\", \"enabled\": true, \"includedServers\": [\"*\"]}]}",
        ),
    ] {
        let edits = set_source(
            &files(&[before]),
            key,
            &id("new"),
            &wanted,
            &Limits::default(),
        );
        assert_eq!(
            edits,
            Ok(vec![FileEdit {
                file: 0,
                text: after.to_owned()
            }]),
            "{before}"
        );
    }
}
