use super::*;

#[test]
fn nothing_changes_when_nothing_differs() {
    let text = "mcp_catalogs:\n- {id: a, name: 1.10, type: \"yaml\", labels: [2]}\n";
    assert_eq!(edited(text, "mcp", "a", json!({})).as_deref(), Ok(text));
    let files = files(&[text]);
    let now = merged(&files, "mcp", "a").settings;
    let edits = set_source(&files, "mcp", &id("a"), &now, &Limits::default());
    assert_eq!(edits, Ok(vec![]));
}

#[test]
fn a_field_changes_in_the_last_file_that_sets_it() {
    let texts = [
        "mcp_catalogs:\n- id: a\n  name: A\n  type: yaml\n  properties:\n    p: 1\n",
        "mcp_catalogs:\n- id: a\n  name: B\n  enabled: false\n",
        "mcp_catalogs:\n- id: a\n  enabled: true\n",
        "# nothing here\n",
    ];
    let wanted = settings(json!({
        "name": "C", "type": "hf", "enabled": false, "labels": ["l"], "properties": {"p": 2},
    }));
    let edits = set_source(&files(&texts), "mcp", &id("a"), &wanted, &Limits::default());
    let expected = [
        "mcp_catalogs:\n- id: a\n  name: A\n  type: hf\n  properties:\n    p: 2\n",
        "mcp_catalogs:\n- id: a\n  name: C\n  enabled: false\n",
        "mcp_catalogs:\n- id: a\n  enabled: false\n  labels:\n  - l\n",
    ];
    let expected = expected.into_iter().enumerate();
    let expected = expected.map(|(file, text)| FileEdit {
        file,
        text: text.to_owned(),
    });
    assert_eq!(edits, Ok(expected.collect()));
}

#[test]
fn properties_go_where_relative_paths_start_from() {
    let texts = [
        "mcp_catalogs:\n- {id: a, name: A, type: yaml}\n",
        "mcp_catalogs:\n- {id: a, enabled: false}\n",
    ];
    let wanted = settings(json!({
        "name": "A", "type": "yaml", "enabled": false, "properties": {"yamlCatalogPath": "x.yaml"},
    }));
    let edits = set_source(&files(&texts), "mcp", &id("a"), &wanted, &Limits::default()).unwrap();
    assert_eq!(edits.len(), 1);
    assert_eq!(edits[0].file, 0);
    assert!(
        edits[0]
            .text
            .contains("properties: {yamlCatalogPath: x.yaml}")
    );
}

#[test]
fn the_spelling_of_an_entry_is_kept() {
    let text = "catalogs:\n  mcp:\n    sources:\n    - id: a\n      includedModels: [x]\n";
    let change = json!({"includedItems": ["w"], "excludedItems": ["z"]});
    let after = "catalogs:\n  mcp:\n    sources:\n    - id: a\n      includedModels: [w]\n      excludedItems:\n      - z\n";
    assert_eq!(edited(text, "mcp", "a", change).as_deref(), Ok(after));
    let text = "catalogs:\n- id: a\n  excludedModels:\n  - \"*-4bit\" # small\n  - \"*-base\"\n";
    let change = json!({"includedItems": ["q"], "excludedItems": ["*-base"]});
    let after = "catalogs:\n- id: a\n  excludedModels:\n  - \"*-base\"\n  includedModels:\n  - q\n";
    assert_eq!(edited(text, "models", "a", change).as_deref(), Ok(after));
}

#[test]
fn a_field_goes_back_to_its_default_in_so_many_words() {
    let text = "mcp_catalogs:\n- id: a\n  enabled: false # for now\n  labels: # l\n  - x\n  - y\n  properties:\n    p: 1 # one\n";
    let change = json!({"enabled": true, "labels": [], "properties": {}});
    let after = "mcp_catalogs:\n- id: a\n  enabled: true # for now\n  labels: [] # l\n  properties: {} # one\n";
    assert_eq!(edited(text, "mcp", "a", change).as_deref(), Ok(after));
}

#[test]
fn an_edit_puts_right_what_is_wrong_with_the_entry() {
    let text = "mcp_catalogs:\n- id: a\n  name: A # mine\n  lables: [x]\n  type: yaml\n  enabled: yes # on\n  includedServers: []\n  includedItems: [y]\n- id: b\n- {id: a, name: again}\n";
    let wanted = settings(json!({"name": "A", "type": "yaml"}));
    let edits = set_source(
        &files(&[text]),
        "mcp",
        &id("a"),
        &wanted,
        &Limits::default(),
    )
    .unwrap();
    let after = "mcp_catalogs:\n- id: a\n  name: A # mine\n  type: yaml\n  enabled: true # on\n  includedServers: []\n- id: b\n";
    assert_eq!(edits[0].text, after);
    assert_eq!(merged(&files(&[after]), "mcp", "a").findings, []);
}

#[test]
fn the_entry_in_use_is_the_one_that_changes() {
    let text = "catalogs:\n- {id: a, name: old, type: yaml}\nmodel_catalogs:\n- {id: a, name: new, type: yaml}\n";
    let after = text.replace("new", "newer");
    assert_eq!(
        edited(text, "models", "a", json!({"name": "newer"})),
        Ok(after)
    );
    let gone = remove_source(&files(&[text]), "models", &id("a"), &Limits::default()).unwrap();
    assert_eq!(
        gone[0].text, "catalogs: []\nmodel_catalogs: []\n",
        "the old one does not come back"
    );
}

#[test]
fn what_an_alias_elsewhere_refers_to_is_not_changed() {
    let text = "mcp_catalogs:\n- id: a\n  name: A\n  type: yaml\n  labels: &l [x]\n- id: b\n  labels: *l\n";
    let error = edited(text, "mcp", "a", json!({"labels": ["y"]})).unwrap_err();
    assert!(error.to_string().contains("anchor"), "{error}");
    let error = remove_source(&files(&[text]), "mcp", &id("a"), &Limits::default());
    assert!(error.unwrap_err().to_string().contains("anchor"));
    let after = text.replace("name: A", "name: B");
    assert_eq!(edited(text, "mcp", "a", json!({"name": "B"})), Ok(after));
    let after = text.replace(" *l", "\n  - w");
    assert_eq!(
        edited(text, "mcp", "b", json!({"labels": ["w"]})),
        Ok(after)
    );
    let text = "x: 1\nmcp_catalogs: [&a {id: a, name: A}]\nlabels: [*a]\n";
    assert!(edited(text, "mcp", "a", json!({"name": "B"})).is_err());
}

#[test]
fn a_source_that_has_no_place_is_an_error() {
    let wanted = SourceSettings::new("n", "yaml");
    let limits = Limits::default();
    let set = |texts: &[&str], key| set_source(&files(texts), key, &id("n"), &wanted, &limits);
    assert!(set(&[], "mcp").is_err());
    assert!(set(&["mcp_catalogs: []\n"], "other").is_err());
    assert!(set(&["catalogs: x\n"], "mcp").is_err());
    assert!(set(&["catalogs: {mcp: {sources: {}}}\n"], "mcp").is_err());
    assert!(set(&["- 1\n"], "mcp").is_err());
    let error = set(&["catalogs: {mcp: {sources: 3}}\n"], "mcp").unwrap_err();
    assert!(error.to_string().contains("edit the file by hand"));
}

#[test]
fn what_cannot_be_written_is_an_error_that_says_why() {
    let limits = Limits::default();
    let set = |properties: Value, limits: &Limits| {
        let wanted = settings(json!({"name": "n", "type": "yaml", "properties": properties}));
        let edits = set_source(&files(&["# empty\n"]), "mcp", &id("n"), &wanted, limits);
        edits.unwrap_err().to_string()
    };
    let deep = (0..40).fold(json!(1), |value, _| json!({"k": value}));
    assert!(set(json!({"p": deep}), &limits).contains("nested deeper than 32 levels"));
    assert!(set(json!({"p": u64::MAX}), &limits).contains("a number in them is too large"));
    let small = limits.with_max_bytes(60);
    assert!(set(json!({"p": 1}), &small).contains("the limit is 60"));
}

#[test]
fn a_source_is_removed_with_its_lines() {
    for (before, after) in [
        (
            "catalogs:\n  mcp:\n    sources: # all\n      # first\n      - id: a # a\n        name: A\n        # mine\n\n      # second\n      - id: b\n",
            "catalogs:\n  mcp:\n    sources: # all\n      # first\n\n      # second\n      - id: b\n",
        ),
        (
            "mcp_catalogs:\r\n- id: b\r\n- id: a\r\n  name: A",
            "mcp_catalogs:\r\n- id: b\r\n",
        ),
        (
            "mcp_catalogs: # all\n# a\n- id: a\n# end\n",
            "mcp_catalogs: [] # all\n# a\n# end\n",
        ),
        (
            "mcp_catalogs: [{id: b}, {id: a}] # all\n",
            "mcp_catalogs: [{id: b}] # all\n",
        ),
        (
            "{\"mcp_catalogs\": [\n  {\"id\": \"a\"},\n  {\"id\": \"b\"}\n]}",
            "{\"mcp_catalogs\": [\n  {\"id\": \"b\"}\n]}",
        ),
        (
            "mcp_catalogs:\n- id: a\n- id: b\n- {id: a, name: again}\n",
            "mcp_catalogs:\n- id: b\n",
        ),
    ] {
        let edits = remove_source(&files(&[before]), "mcp", &id("a"), &Limits::default());
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

#[test]
fn a_source_is_removed_from_every_file() {
    let texts = [
        "mcp_catalogs: [{id: a}]\n",
        "labels: []\n",
        "mcp_catalogs:\n- id: a\n- id: b\n",
    ];
    let edits = remove_source(&files(&texts), "mcp", &id("a"), &Limits::default()).unwrap();
    let changed: Vec<_> = edits.iter().map(|e| (e.file, e.text.as_str())).collect();
    assert_eq!(
        changed,
        [(0, "mcp_catalogs: []\n"), (2, "mcp_catalogs:\n- id: b\n")]
    );
    let none = remove_source(&files(&texts), "models", &id("a"), &Limits::default());
    assert_eq!(none, Ok(vec![]), "the same id elsewhere is another source");
}

#[test]
fn an_entry_comes_back_as_it_was_written() {
    let limits = Limits::default();
    let text = "mcp_catalogs:\n- id: a # mine\n  # the name\n  name: 'A'\n  type: yaml\n  # end\n- id: b\n";
    let before = files(&[text]);
    let wanted = merged(&before, "mcp", "a").settings;
    let raw = entry_text(&before[0], &before[0].entries[0]);
    assert_eq!(
        raw,
        "id: a # mine\n# the name\nname: 'A'\ntype: yaml\n# end"
    );
    let back = |text: &str| {
        let edits = restore_entry(&files(&[text]), "mcp", &id("a"), &raw, &wanted, &limits)?;
        Ok::<_, EditError>(edits.into_iter().next().map(|e| e.text))
    };
    let changed = "mcp_catalogs:\n- {id: a, name: other}\n- id: b\n";
    assert_eq!(back(changed), Ok(Some(text.to_owned())));
    assert_eq!(back(text), Ok(None));
    let gone = "mcp_catalogs:\n- id: b\n";
    let after = "mcp_catalogs:\n- id: b\n- id: a # mine\n  # the name\n  name: 'A'\n  type: yaml\n  # end\n";
    assert_eq!(back(gone), Ok(Some(after.to_owned())));
    assert!(
        back("mcp_catalogs: [{id: a}]\n").is_err(),
        "lines do not fit into brackets"
    );
    let other = settings(json!({"name": "other", "type": "yaml"}));
    assert!(restore_entry(&before, "mcp", &id("a"), &raw, &other, &limits).is_err());
    assert!(restore_entry(&before, "mcp", &id("a"), "id: [", &wanted, &limits).is_err());
    assert!(restore_entry(&before, "mcp", &id("a"), "id: b", &wanted, &limits).is_err());
}

#[test]
fn an_entry_does_not_come_back_where_its_paths_would_mean_other_files() {
    let texts = [
        "mcp_catalogs: [{id: a, name: A, type: yaml, properties: {p: old}}]\n",
        "mcp_catalogs: [{id: a, name: B}]\n",
    ];
    let raw = "{id: a, name: A, type: yaml, properties: {p: new}}";
    let wanted = settings(json!({"name": "A", "type": "yaml", "properties": {"p": "new"}}));
    let edits = restore_entry(
        &files(&texts),
        "mcp",
        &id("a"),
        raw,
        &wanted,
        &Limits::default(),
    );
    assert!(edits.is_err());
}

#[test]
fn an_entry_with_thousands_of_unknown_fields_is_written_anew_at_once() {
    let strays: String = (0..5_000).map(|i| format!("  nam{i}: 1\n")).collect();
    let text = format!(
        "# ours\nmcp_catalogs:\n- id: a\n  name: A\n  type: yaml\n{strays}- id: b\n  type: yaml # kept\n"
    );
    let entry = &file(&text).entries[0];
    assert!(
        entry.findings.len() < 100,
        "{} are listed",
        entry.findings.len()
    );
    assert_eq!(
        edited(&text, "mcp", "a", json!({"name": "B"})).as_deref(),
        Ok(
            "# ours\nmcp_catalogs:\n- id: a\n  name: B\n  type: yaml\n- id: b\n  type: yaml # kept\n"
        )
    );
}
