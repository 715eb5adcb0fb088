use super::*;
use crate::validation::Severity;

/// `line:column code path` of every finding.
fn found(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|f| {
            let at = f.position.unwrap();
            format!("{}:{} {} {}", at.line, at.column, f.code, f.path)
        })
        .collect()
}

#[test]
fn both_dialects_are_read() {
    let sectioned = file(
        "apiVersion: v1\nkind: CatalogSources\ncatalogs:\n  mcp:\n    sources:\n    - id: a\n      \
         name: 1.10\n      type: yaml\n      enabled: false\n      labels: [x, 2]\n      \
         properties: {p: {q: [1]}}\n      includedServers: ['*']\n      excludedItems: []\n  \
         models: {sources: [{id: b}], labels: [], namedQueries: {}}\n",
    );
    assert_eq!(sectioned.dialect, Dialect::Sectioned);
    assert_eq!(found(&sectioned.findings), [] as [&str; 0]);
    let [a, b] = &sectioned.entries[..] else {
        panic!()
    };
    assert_eq!(
        (a.config_key.as_str(), a.id.clone()),
        ("mcp", Some(id("a")))
    );
    assert_eq!(a.fields.name.as_deref(), Some("1.10"), "as it was written");
    assert_eq!(a.fields.labels, Some(vec!["x".to_owned(), "2".to_owned()]));
    assert_eq!(a.fields.included_items, Some(vec!["*".to_owned()]));
    assert_eq!(a.fields.excluded_items, Some(vec![]));
    assert_eq!(a.findings, []);
    assert_eq!(&sectioned.text[b.range.clone()], "{id: b}");
    assert_eq!(b.path.to_string(), "catalogs.models.sources[0]");

    let flat = file(
        "catalogs:\n- {id: a, name: old}\n- {id: c, status: x, assetType: y, error: z}\n\
         model_catalogs:\n- {id: a, name: new}\nmcp_catalogs: [{id: a}]\nlabels:\n- name: x\n\
         namedQueries: {}\n",
    );
    assert_eq!(flat.dialect, Dialect::Flat);
    let seen: Vec<_> = flat
        .entries
        .iter()
        .map(|e| (e.config_key.as_str(), e.path.to_string(), e.superseded))
        .collect();
    assert_eq!(
        seen,
        [
            ("models", "catalogs[0]".to_owned(), true),
            ("models", "catalogs[1]".to_owned(), false),
            ("models", "model_catalogs[0]".to_owned(), false),
            ("mcp", "mcp_catalogs[0]".to_owned(), false),
        ]
    );
    assert_eq!(
        found(&flat.entries[0].findings),
        ["2:3 shadowed-source catalogs[0].id"]
    );
    assert_eq!(flat.entries[0].findings[0].severity, Severity::Warning);
    assert_eq!(flat.entries[1].findings, []);
    assert_eq!(merged(&[flat], "models", "a").settings.name, "new");
}

#[test]
fn a_file_that_says_nothing_is_an_empty_configuration() {
    for (text, dialect) in [
        ("", Dialect::Sectioned),
        ("# nothing\n", Dialect::Sectioned),
        ("\u{feff}---\n", Dialect::Sectioned),
        ("catalogs:\n", Dialect::Sectioned),
        ("catalogs: {}\n", Dialect::Sectioned),
        (
            "catalogs: {mcp: , models: {sources: }}\n",
            Dialect::Sectioned,
        ),
        ("catalogs: []\n", Dialect::Flat),
        ("labels: []\n", Dialect::Flat),
        ("model_catalogs:\n", Dialect::Flat),
    ] {
        let file = file(text);
        assert_eq!((file.dialect, file.entries.len()), (dialect, 0), "{text}");
        assert_eq!(file.findings, [], "{text}");
    }
    assert!(SourcesFile::parse("x", b"a: [", &Limits::default()).is_err());
}

#[test]
fn a_mixture_of_dialects_is_read_with_a_warning() {
    let file = file(
        "catalogs:\n  models:\n    sources:\n    - {id: a, name: s, type: yaml}\n\
         model_catalogs:\n- {id: a, name: f, type: yaml}\n- {id: b, name: f, type: yaml}\n",
    );
    assert_eq!(file.dialect, Dialect::Sectioned);
    assert_eq!(found(&file.findings), ["5:1 mixed-dialects model_catalogs"]);
    assert_eq!(file.findings[0].severity, Severity::Warning);
    assert_eq!(
        found(&file.entries[1].findings),
        ["6:3 duplicate-source model_catalogs[0].id"]
    );
    assert_eq!(
        merged(std::slice::from_ref(&file), "models", "a")
            .settings
            .name,
        "s"
    );
    assert_eq!(
        merged(std::slice::from_ref(&file), "models", "b")
            .settings
            .name,
        "f"
    );
}

#[test]
fn what_is_wrong_with_an_entry_has_its_place_and_spoils_no_other() {
    let file = file(
        "catalogs:\n  mcp:\n    sources:\n      - id: a\n        lables: [x]\n        enabled: yes\n        \
         name: [x]\n        labels: x\n        includedItems: [a, ~]\n        includedModels: []\n        \
         properties: []\n      - name: no id\n      - id: Not-An-Id\n      - 17\n      \
         - {id: ok, name: n, type: yaml, status: x}\n      - {id: a, name: twice}\n",
    );
    let [a, none, bad, number, ok, twice] = &file.entries[..] else {
        panic!()
    };
    assert_eq!(
        found(&a.findings),
        [
            "5:9 unknown-field catalogs.mcp.sources[0].lables",
            "6:18 wrong-type catalogs.mcp.sources[0].enabled",
            "7:15 wrong-type catalogs.mcp.sources[0].name",
            "8:17 wrong-type catalogs.mcp.sources[0].labels",
            "9:28 wrong-type catalogs.mcp.sources[0].includedItems[1]",
            "10:9 duplicate-field catalogs.mcp.sources[0].includedModels",
            "11:21 wrong-type catalogs.mcp.sources[0].properties",
        ]
    );
    let suggestions: Vec<_> = a.findings.iter().map(|f| f.suggestion.as_deref()).collect();
    assert_eq!(suggestions[0], Some("did you mean \"labels\"?"));
    assert_eq!(suggestions[1], Some("write `true`"));
    assert!(
        a.findings
            .iter()
            .all(|f| f.layer == crate::validation::Layer::StrictFields)
    );
    assert_eq!(
        a.fields.included_items,
        Some(vec!["a".to_owned()]),
        "what can be read is"
    );
    assert_eq!(
        found(&none.findings),
        ["12:9 invalid-id catalogs.mcp.sources[1].id"]
    );
    assert_eq!(
        found(&bad.findings),
        ["13:13 invalid-id catalogs.mcp.sources[2].id"]
    );
    assert_eq!(
        found(&number.findings),
        ["14:9 wrong-type catalogs.mcp.sources[3]"]
    );
    assert_eq!(
        found(&ok.findings),
        ["15:39 unknown-field catalogs.mcp.sources[4].status"]
    );
    assert_eq!(
        found(&twice.findings),
        ["16:9 duplicate-source catalogs.mcp.sources[5].id"]
    );
    let config = CatalogSourcesConfig::merge(&[file]);
    assert_eq!(config.findings.len(), 3, "the entries that have no id");
    assert_eq!(config.sources.len(), 2);
    let a = &config.sources[&("mcp".to_owned(), id("a"))];
    assert_eq!(
        a.findings.len(),
        9,
        "those of both entries, and the missing type"
    );
}

#[test]
fn what_is_wrong_with_a_file_has_its_place() {
    let file = file(
        "kind: [x]\nlables: []\nlabels: {}\ncatalogs:\n  mcp: {source: []}\n  models: x\n  \
         agents: y\n  skills: {sources: x, more: 1}\nmcp_catalogs: x\n",
    );
    assert_eq!(
        found(&file.findings),
        [
            "1:7 wrong-type kind",
            "2:1 unknown-field lables",
            "3:1 mixed-dialects labels",
            "3:9 wrong-type labels",
            "5:9 unknown-field catalogs.mcp.source",
            "6:11 wrong-type catalogs.models",
            "9:15 wrong-type mcp_catalogs",
        ]
    );
    assert_eq!(
        file.findings[1].suggestion.as_deref(),
        Some("did you mean \"labels\"?")
    );
    assert_eq!(found(&super::file("- 1\n").findings), ["1:1 wrong-type "]);
    assert_eq!(
        found(&super::file("catalogs: x\n").findings),
        ["1:11 wrong-type catalogs"]
    );
}

#[test]
fn sections_that_nobody_asked_for_are_kept_and_not_judged() {
    let text = "catalogs:\n  agents:\n    other: 1\n    sources:\n    - {id: a, what: ever, enabled: 3}\n    - 1\n    - {id: a}\n";
    let lenient = file(text);
    assert_eq!(lenient.findings, []);
    assert!(lenient.entries.iter().all(|e| e.findings.is_empty()));
    assert_eq!(lenient.entries[0].config_key, "agents");
    assert_eq!(merged(&[lenient], "agents", "a").findings, []);
    let strict = SourcesFile::parse_for("x", text.as_bytes(), &Limits::default(), &["agents"]);
    let strict = strict.unwrap();
    assert_eq!(
        found(&strict.findings),
        ["3:5 unknown-field catalogs.agents.other"]
    );
    assert_eq!(strict.entries[0].findings.len(), 2);
}

#[test]
fn later_files_override_earlier_ones_field_by_field() {
    let files = files(&[
        "mcp_catalogs:\n- id: a\n  name: A\n  type: yaml\n  enabled: false\n  labels: [x]\n  \
         properties: {p: 1, q: 2}\n  includedServers: ['*']\n- {id: b, name: B, type: yaml}\n",
        "catalogs: {mcp: {sources: [{id: a, name: '', type: , labels: [], properties: {p: 3}}]}}\n",
        "mcp_catalogs:\n- {id: a, enabled: true}\n- {id: c, properties: {}}\n",
    ]);
    let a = merged(&files, "mcp", "a");
    assert_eq!(
        a.settings,
        settings(json!({
            "name": "A", "type": "yaml", "properties": {"p": 3}, "includedItems": ["*"],
        }))
    );
    assert_eq!((a.properties_from, a.declared_in), (1, vec![0, 1, 2]));
    assert_eq!(a.findings, []);
    let b = merged(&files, "mcp", "b");
    assert!(b.settings.enabled && b.settings.labels.is_empty());
    assert_eq!((b.properties_from, b.declared_in), (0, vec![0]));
    let c = merged(&files, "mcp", "c");
    assert_eq!(found(&c.findings), ["3:3 required mcp_catalogs[1].type"]);
    assert_eq!(
        c.settings.name, "c",
        "without a name it is called by its id"
    );
    assert_eq!(c.properties_from, 2);
}

#[test]
fn debug_shows_no_text_and_no_value() {
    let text = "catalogs: {mcp: {sources: [{id: a, type: yaml, name: canary, lables: canary}]}}";
    let limits = Limits::default();
    let file = SourcesFile::parse("s.yaml", text.as_bytes(), &limits).unwrap();
    let edit = FileEdit {
        file: 0,
        text: text.to_owned(),
    };
    let splice = crate::yaml::edit::Splice::insert(0, "canary");
    let shown = format!("{file:?} {:?} {edit:?} {splice:?}", file.entries);
    assert!(!shown.contains("canary"), "{shown}");
}
