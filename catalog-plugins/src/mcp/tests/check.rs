use serde_json::json;

use super::{NOTHING, bench, found};

/// One server of the 19-field format with this line in it.
fn flat(line: &str) -> Vec<String> {
    found(&format!(
        "mcpservers:\n- name: a\n  deploymentMode: local\n  {line}\n"
    ))
}

/// One server of the public format with this line in it.
fn public(line: &str) -> Vec<String> {
    found(&format!("mcp_servers:\n- name: a\n  {line}\n"))
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let text = "mcpservers:\n\
                - name: weather\n  deploymentMode: local\n  transportTyp: stdio\n\
                - name: weather\n  deploymentMode: hybrid\n";
    assert_eq!(
        found(text),
        [
            "unknown-field 4:3: mcpservers[0].transportTyp: unknown field \"transportTyp\" \
             (did you mean \"transportType\"?)",
            "duplicate-name 5:9: mcpservers[1].name: this name is used already, on line 2",
            "not-one-of 6:19: mcpservers[1].deploymentMode: must be one of local, remote; \
             \"hybrid\" is not",
        ]
    );
}

#[test]
fn a_server_needs_a_name_and_a_mode() {
    assert_eq!(
        found("mcpservers:\n- description: x\n"),
        [
            "required 2:3: mcpservers[0].name: is required",
            "required 2:3: mcpservers[0].deploymentMode: is required",
        ]
    );
    assert_eq!(
        found("mcpservers:\n- {name: '  ', deploymentMode: local}\n"),
        ["required 2:10: mcpservers[0].name: must not be blank"]
    );
    assert_eq!(
        found("mcpservers:\n- just text\n"),
        ["wrong-type 2:3: mcpservers[0]: must be a mapping, not text"]
    );
}

#[test]
fn a_name_is_short_and_visible() {
    let long = format!(
        "mcpservers:\n- {{name: {}, deploymentMode: local}}\n",
        "x".repeat(256)
    );
    assert_eq!(
        found(&long),
        ["too-long 2:10: mcpservers[0].name: must have at most 255 characters"]
    );
    assert_eq!(
        found("mcpservers:\n- {name: \"a\\u200Bb\", deploymentMode: local}\n"),
        ["bad-format 2:10: mcpservers[0].name: must be without control and invisible characters"]
    );
    assert_eq!(
        found("mcpservers:\n- {name: a@b, deploymentMode: local}\n"),
        NOTHING
    );
    assert_eq!(
        found("mcp_servers:\n- {name: a@b}\n"),
        [
            "bad-format 2:10: mcp_servers[0].name: must be without @, control and invisible characters"
        ]
    );
}

#[test]
fn the_alias_forgives_what_is_missing() {
    assert_eq!(
        found("servers:\n- name: a\n"),
        ["warning required 2:3: servers[0].deploymentMode: is required"]
    );
    assert_eq!(
        bench().names("servers:\n- name: a\n- description: no name\n"),
        ["a"]
    );
    assert_eq!(
        found("servers:\n- name: a\n  deploymentMode: remote\n"),
        ["warning required 3:19: servers[0].endpoint: is required for a remote server"]
    );
    assert_eq!(
        found("servers:\n- {name: a, deploymentMode: local, serverUri: x}\n")[0],
        "unknown-field 2:36: servers[0].serverUri: unknown field \"serverUri\" (did you mean \"serverUrl\"?)"
    );
}

#[test]
fn a_content_has_one_list() {
    assert_eq!(
        found("mcpservers: []\nmcp_servers: []\n"),
        [
            "conflicting-lists 2:1: mcp_servers: stands beside \"mcpservers\"; a content has one list"
        ]
    );
    assert_eq!(
        found("source: here\n"),
        ["required 1:1: mcpservers: one of the lists mcpservers, servers, mcp_servers is required"]
    );
    assert_eq!(
        found("mcpservers: {a: 1}\n"),
        ["wrong-type 1:13: mcpservers: must be a list, not a mapping"]
    );
    assert_eq!(
        found("mcpservers:\n"),
        [
            "warning empty-list 1:11: mcpservers: has no entries (write `mcpservers: []` if that is meant)"
        ]
    );
    assert_eq!(
        found("source: [1]\nmcpservers: []\n"),
        ["wrong-type 1:9: source: must be text, not a list"]
    );
}

#[test]
fn top_level_keys_are_left_to_the_layer_before() {
    assert_eq!(found("mcpserver: []\n"), NOTHING);
    assert_eq!(found("- 1\n"), NOTHING);
}

#[test]
fn addresses_have_known_schemes() {
    for url in [
        "stdio://x",
        "https://example.com",
        "ws://example.com",
        "sse://example.com/x",
    ] {
        assert_eq!(flat(&format!("serverUrl: {url}")), NOTHING);
    }
    assert_eq!(
        flat("serverUrl: ftp://example.com"),
        [
            "bad-format 4:14: mcpservers[0].serverUrl: must be a URL with one of the schemes \
          https, http, stdio, wss, ws, sse"
        ]
    );
    assert_eq!(
        flat("endpoint: stdio://x"),
        [
            "bad-format 4:13: mcpservers[0].endpoint: must be a URL with one of the schemes \
          https, http, wss, ws"
        ]
    );
    assert_eq!(
        public("endpoints: {http: 'ws://example.com', websocket: 'wss://example.com'}"),
        [
            "bad-format 3:21: mcp_servers[0].endpoints.http: must be a URL with one of the schemes \
          https, http"
        ]
    );
}

#[test]
fn a_remote_server_has_an_address() {
    let remote = |line: &str| {
        found(&format!(
            "mcpservers:\n- name: a\n  deploymentMode: remote\n  {line}\n"
        ))
    };
    assert_eq!(remote("endpoint: https://example.com"), NOTHING);
    assert_eq!(
        remote("serverUrl: https://example.com"),
        [
            "warning required 3:19: mcpservers[0].endpoint: a remote server should have an endpoint; \
          serverUrl alone is ambiguous"
        ]
    );
    assert_eq!(
        remote("image: x"),
        ["required 3:19: mcpservers[0].endpoint: is required for a remote server"]
    );
    assert_eq!(
        public("deploymentMode: remote"),
        [
            "required 3:19: mcp_servers[0].endpoints: a remote server needs at least one of \
          http, sse, websocket"
        ]
    );
}

#[test]
fn counts_are_whole_and_not_negative() {
    assert_eq!(flat("toolCount: 2147483647"), NOTHING);
    for count in ["-1", "2147483648"] {
        assert_eq!(
            flat(&format!("toolCount: {count}")),
            ["out-of-range 4:14: mcpservers[0].toolCount: must be from 0 to 2147483647"]
        );
    }
    assert_eq!(
        flat("toolCount: many"),
        ["wrong-type 4:14: mcpservers[0].toolCount: must be a whole number, not text"]
    );
}

#[test]
fn transports_are_known() {
    assert_eq!(flat("transportType: Streamable-HTTP"), NOTHING);
    assert_eq!(
        flat("transportType: htttp"),
        [
            "not-one-of 4:18: mcpservers[0].transportType: must be one of stdio, http, sse, \
          streamable-http; \"htttp\" is not (did you mean \"http\"?)"
        ]
    );
    assert_eq!(
        flat("supportedTransports: stdio, carrier pigeon"),
        [
            "warning not-one-of 4:24: mcpservers[0].supportedTransports: each must be one of \
          stdio, http, sse, streamable-http"
        ]
    );
    assert_eq!(
        public("transports: [HTTP, ssh]"),
        [
            "not-one-of 3:22: mcp_servers[0].transports[1]: must be one of stdio, http, sse, \
          streamable-http; \"ssh\" is not (did you mean \"sse\"?)"
        ]
    );
}

#[test]
fn tools_are_checked() {
    assert_eq!(
        public("tools: [{name: t, accessType: write, parameters: [{name: p}]}, {name: t}]"),
        [
            "not-one-of 3:33: mcp_servers[0].tools[0].accessType: must be one of read_only, \
             read_write, execute; \"write\" is not (did you mean \"read_write\"?)",
            "required 3:53: mcp_servers[0].tools[0].parameters[0].type: is required",
            "warning duplicate-name 3:73: mcp_servers[0].tools[1].name: this tool's name is used \
             already, on line 3",
        ]
    );
}

#[test]
fn runtime_metadata_is_checked() {
    assert_eq!(
        public("runtimeMetadata: {defaultPort: 0, mcpPath: mcp, defaultArg: [x]}"),
        [
            "out-of-range 3:34: mcp_servers[0].runtimeMetadata.defaultPort: must be from 1 to 65535",
            "bad-format 3:46: mcp_servers[0].runtimeMetadata.mcpPath: must be a path that starts \
             with / and has only letters, digits, /, _, . and -",
            "unknown-field 3:51: mcp_servers[0].runtimeMetadata.defaultArg: unknown field \
             \"defaultArg\" (did you mean \"defaultArgs\"?)",
        ]
    );
    assert_eq!(
        public(
            "runtimeMetadata: {optionalEnvironmentVariables: \
             [{name: A, description: B, type: number, default: 8080}]}"
        ),
        [
            "warning not-one-of 3:84: mcp_servers[0].runtimeMetadata.optionalEnvironmentVariables[0]\
          .type: must be one of string, int, boolean, secret, config; \"number\" is not"
        ]
    );
    assert_eq!(
        public("runtimeMetadata: {prerequisites: {secrets: [{name: My_Secret, description: x}]}}")
            .len(),
        1
    );
}

#[test]
fn artifacts_say_where_they_are() {
    assert_eq!(
        public("artifacts: [{uri: 'oci://example.com/a:1'}]"),
        NOTHING
    );
    assert_eq!(
        public("artifacts: [{uri: example.com/a}, {}]").len(),
        2,
        "no scheme, and no address at all"
    );
}

#[test]
fn too_many_errors_end_the_examination() {
    let text = format!("mcpservers:\n{}", "- {}\n".repeat(5_000));
    let findings = bench().findings(&text);
    assert!(findings.len() < 1_100, "{}", findings.len());
    assert!(
        findings
            .iter()
            .any(|f| f.code == "too-many-findings" && f.is_error())
    );
}

#[test]
fn settings_name_a_type_and_properties_that_exist() {
    let mut bench = bench();
    assert_eq!(bench.found_in_settings(), NOTHING);
    bench.settings.properties = serde_json::from_value(json!({
        "yamlCatalogPath": 7,
        "yamlCatalogPat": "x.yaml",
        "apiKey": {"name": "a", "key": "b"},
        "loaderConfigPath": "x.yaml",
    }))
    .unwrap();
    assert_eq!(
        bench.found_in_settings(),
        [
            "wrong-type properties.yamlCatalogPath: must be text",
            "warning unknown-property properties.yamlCatalogPat: unknown property \
             \"yamlCatalogPat\" of a yaml source (did you mean \"yamlCatalogPath\"?)",
            "warning unknown-property properties.apiKey: unknown property \"apiKey\" of a yaml source",
            "warning unused-property properties.loaderConfigPath: has no effect: the entities of a \
             source come from its content",
        ]
    );
    bench.settings.source_type = "yml".to_owned();
    assert_eq!(
        bench.found_in_settings(),
        ["unsupported-source-type type: must be one of yaml (did you mean \"yaml\"?)"]
    );
}
