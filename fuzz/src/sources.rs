//! `sources.yaml`: merging files, and changing one source in them.

use std::collections::BTreeMap;

use catalog_core::sources_config::{
    CatalogSourcesConfig, FileEdit, FileEntry, MergedSource, SourcesFile, entry_text,
    remove_source, restore_entry, set_source,
};
use catalog_core::yaml::Limits;
use catalog_core::{SourceId, SourceSettings};
use serde_json::{Map, Value as Json, json};

use super::dice::Dice;
use super::{input, write};

const KEYS: [&str; 2] = ["mcp", "models"];
const IDS: [&str; 4] = ["a", "b", "c-1", "new"];

/// Merges files and changes sources: the later file wins, field by field; a change does what was
/// asked, and nothing to anything else; or it is refused.
pub fn sources(data: &[u8]) {
    let mut input = input(data);
    let dice = &mut input.dice;
    let mut texts = Vec::new();
    if let Some(bytes) = input.text {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        texts.push(text.to_owned());
    }
    let mut trees = Vec::new();
    for _ in 0..=dice.below(3) {
        let tree = file(dice);
        texts.push(write::write(dice, &tree, &["# c", "#", "# - id: a"]));
        trees.push(tree);
    }
    let files: Vec<_> = texts.iter().map(|text| read(text)).collect();
    let Some(files) = files.into_iter().collect::<Option<Vec<_>>>() else {
        assert!(
            input.text.is_some(),
            "a generated file is no YAML: {texts:#?}"
        );
        return;
    };
    let offset = files.len() - trees.len();
    for (file, tree) in files[offset..].iter().zip(&trees) {
        entries_are_those_of(file, tree);
    }
    merged(&files);
    for _ in 0..2 {
        change(&files, dice);
        if dice.is_empty() {
            break;
        }
    }
}

fn read(text: &str) -> Option<SourcesFile> {
    SourcesFile::parse("sources.yaml", text.as_bytes(), &Limits::default()).ok()
}

/// A file in one of the dialects, in its usual form and with mistakes.
fn file(dice: &mut Dice<'_>) -> Json {
    let mut root = Map::new();
    if dice.once_in(3) {
        root.insert("apiVersion".into(), json!("v1"));
    }
    if dice.below(2) == 0 {
        let mut sections = Map::new();
        for key in ["mcp", "models", "others"] {
            if !dice.once_in(3) {
                sections.insert(key.into(), json!({"sources": list(dice)}));
            }
        }
        root.insert("catalogs".into(), sections.into());
    } else {
        for key in ["model_catalogs", "mcp_catalogs", "catalogs"] {
            if !dice.once_in(3) {
                root.insert(key.into(), list(dice));
            }
        }
    }
    if dice.once_in(8) {
        root.insert("labels".into(), json!([{"name": "x"}]));
    }
    Json::Object(root)
}

fn list(dice: &mut Dice<'_>) -> Json {
    (0..dice.below(4)).map(|_| entry(dice)).collect()
}

fn entry(dice: &mut Dice<'_>) -> Json {
    let mut entry = Map::new();
    let id = dice.one(&["a", "b", "c-1", "a", "b", "A!", ""]);
    entry.insert("id".into(), id.into());
    for _ in 0..dice.below(7) {
        let (key, value) = match dice.below(12) {
            0 | 1 => (
                "name",
                json!(dice.one(&["A", "two words", "", "yes", "017"])),
            ),
            2 | 3 => ("type", json!(dice.one(&["yaml", "hf", ""]))),
            4 => ("enabled", json!(dice.below(2) == 0)),
            5 => ("labels", texts(dice)),
            6 => ("properties", properties(dice)),
            7 => (dice.one(&["includedItems", "includedModels"]), texts(dice)),
            8 => (dice.one(&["excludedItems", "excludedServers"]), texts(dice)),
            9 => (dice.one(&["name", "labels", "enabled"]), Json::Null),
            10 => (
                dice.one(&["labels", "properties", "enabled", "type"]),
                json!({"x": [1]}),
            ),
            _ => (dice.one(&["unknown", "status", "lables"]), json!(1)),
        };
        entry.insert(key.into(), value);
    }
    Json::Object(entry)
}

fn texts(dice: &mut Dice<'_>) -> Json {
    (0..dice.below(3))
        .map(|_| json!(dice.one(&["x", "y*", "a, b", "- z"])))
        .collect()
}

fn properties(dice: &mut Dice<'_>) -> Json {
    let value = |dice: &mut Dice<'_>| match dice.below(5) {
        0 => json!("a.yaml"),
        1 => json!({"name": "db", "key": "password"}),
        2 => json!([1, {"deep": null}]),
        3 => json!("two\nlines\n"),
        _ => json!(1.5),
    };
    let keys = ["yamlCatalogPath", "url", "auth"];
    let members = (0..dice.below(3)).map(|_| (dice.one(&keys).to_owned(), value(dice)));
    Json::Object(members.collect())
}

fn settings(dice: &mut Dice<'_>) -> SourceSettings {
    let mut settings = SourceSettings::new(
        dice.one(&["New name", "#x", "a: b", "no"]),
        dice.one(&["yaml", "hf"]),
    );
    settings.enabled = dice.below(2) == 0;
    let list = |value: Json| serde_json::from_value(value).unwrap_or_default();
    settings.labels = list(texts(dice));
    settings.included_items = list(texts(dice));
    settings.excluded_items = list(texts(dice));
    if let Json::Object(properties) = properties(dice) {
        settings.properties = properties;
    }
    settings
}

/// The entries that were read are those that were written, each with its fields.
fn entries_are_those_of(file: &SourcesFile, tree: &Json) {
    let mut expected = Vec::new();
    for (key, section) in tree["catalogs"].as_object().into_iter().flatten() {
        for entry in section["sources"].as_array().into_iter().flatten() {
            expected.push((key.as_str(), entry));
        }
    }
    for (list, key) in [
        ("model_catalogs", "models"),
        ("mcp_catalogs", "mcp"),
        ("catalogs", "models"),
    ] {
        for entry in tree[list].as_array().into_iter().flatten() {
            expected.push((key, entry));
        }
    }
    assert_eq!(file.entries.len(), expected.len(), "{}", file.text);
    assert!(file.entries.is_sorted_by_key(|e| e.range.start));
    for entry in &file.entries {
        let at = expected
            .iter()
            .position(|(key, json)| *key == entry.config_key && is(entry, json));
        let Some(at) = at else {
            panic!("{entry:?} was not written: {}", file.text);
        };
        expected.remove(at);
    }
}

fn is(entry: &FileEntry, json: &Json) -> bool {
    let fields = &entry.fields;
    let text = |key: &str, read: &Option<String>| json[key].as_str() == read.as_deref();
    fields.id.as_deref() == json["id"].as_str()
        && entry.id.as_ref().map(SourceId::as_str)
            == json["id"].as_str().filter(|id| SourceId::new(*id).is_ok())
        && text("name", &fields.name)
        && text("type", &fields.source_type)
        && fields.enabled == json["enabled"].as_bool()
        && fields.properties.as_ref() == json["properties"].as_object()
        && fields.labels == json["labels"].as_array().map(|_| strings(&json["labels"]))
}

fn strings(list: &Json) -> Vec<String> {
    serde_json::from_value(list.clone()).unwrap_or_default()
}

/// The merge, worked out anew from the entries.
fn merged(files: &[SourcesFile]) {
    let config = CatalogSourcesConfig::merge(files);
    let mut expected: BTreeMap<(String, SourceId), Vec<(usize, &FileEntry)>> = BTreeMap::new();
    for (index, file) in files.iter().enumerate() {
        let mut counting = Vec::new();
        for entry in &file.entries {
            let Some(id) = &entry.id else { continue };
            let key = (entry.config_key.clone(), id.clone());
            let all = expected.entry(key.clone()).or_default();
            if !entry.superseded {
                assert!(!counting.contains(&key), "two entries count: {}", file.text);
                counting.push(key);
                all.push((index, entry));
            }
        }
        assert_eq!(
            counting.len(),
            file.entries
                .iter()
                .filter(|e| e.id.is_some() && !e.superseded)
                .count()
        );
    }
    assert!(config.sources.keys().eq(expected.keys()));
    for ((key, source), entries) in config.sources.iter().zip(expected.values()) {
        let MergedSource {
            settings,
            declared_in,
            ..
        } = source;
        assert!(
            declared_in
                .iter()
                .eq(entries.iter().map(|(index, _)| index))
        );
        let last = |of: &dyn Fn(&FileEntry) -> Option<Json>| {
            let mut set = entries.iter().rev().filter_map(|(_, entry)| of(entry));
            set.next()
        };
        let list = |items: &Option<Vec<String>>| items.as_ref().map(|items| json!(items));
        let filled = |text: &Option<String>| text.clone().filter(|t| !t.is_empty()).map(Json::from);
        let or = |value: Option<Json>, default: Json| value.unwrap_or(default);
        let story = || {
            format!(
                "{key:?}: {:#?}",
                files.iter().map(|f| &f.text).collect::<Vec<_>>()
            )
        };
        assert_eq!(
            or(last(&|e| filled(&e.fields.name)), json!(key.1.as_str())),
            json!(settings.name),
            "{}",
            story()
        );
        assert_eq!(
            or(last(&|e| filled(&e.fields.source_type)), json!("")),
            json!(settings.source_type),
            "{}",
            story()
        );
        assert_eq!(
            or(last(&|e| e.fields.enabled.map(Json::from)), json!(true)),
            json!(settings.enabled),
            "{}",
            story()
        );
        assert_eq!(
            or(last(&|e| list(&e.fields.labels)), json!([])),
            json!(settings.labels),
            "{}",
            story()
        );
        let properties = |e: &FileEntry| e.fields.properties.clone().map(Json::Object);
        assert_eq!(
            or(last(&properties), json!({})),
            json!(settings.properties),
            "{}",
            story()
        );
        let from = entries
            .iter()
            .rev()
            .find(|(_, e)| e.fields.properties.is_some())
            .or(entries.first());
        assert_eq!(
            from.map(|(index, _)| *index),
            Some(source.properties_from),
            "{}",
            story()
        );
    }
}

type Key = (String, SourceId);

/// What everything but one source means.
fn others(files: &[SourcesFile], key: &Key) -> Vec<(Key, SourceSettings, usize, Vec<usize>)> {
    let sources = CatalogSourcesConfig::merge(files).sources.into_iter();
    sources
        .filter(|(other, _)| other != key)
        .map(|(key, source)| {
            (
                key,
                source.settings,
                source.properties_from,
                source.declared_in,
            )
        })
        .collect()
}

fn change(files: &[SourcesFile], dice: &mut Dice<'_>) {
    let limits = Limits::default();
    let known = CatalogSourcesConfig::merge(files).sources;
    let key = match known.keys().nth(dice.below(known.len().max(1))) {
        Some(key) if !dice.once_in(4) => key.clone(),
        _ => {
            let id = SourceId::new(dice.one(&IDS)).unwrap_or_else(|e| panic!("{e}"));
            (dice.one(&KEYS).to_owned(), id)
        }
    };
    let (config_key, id) = &key;
    let wanted = settings(dice);
    let story = || {
        format!(
            "{key:?} in {:#?}",
            files.iter().map(|f| &f.text).collect::<Vec<_>>()
        )
    };

    let removed = remove_source(files, config_key, id, &limits);
    if known.contains_key(&key) {
        super::tally("sources: one is removed", removed.is_ok());
    }
    if let Ok(edits) = removed {
        let after = after(files, &edits, &key);
        assert!(
            !CatalogSourcesConfig::merge(&after)
                .sources
                .contains_key(&key),
            "{}",
            story()
        );
        assert_eq!(others(files, &key), others(&after, &key), "{}", story());
        // Nothing is left to remove.
        assert_eq!(
            remove_source(&after, config_key, id, &limits),
            Ok(vec![]),
            "{}",
            story()
        );
    }
    let set = set_source(files, config_key, id, &wanted, &limits);
    super::tally("sources: one is set", set.is_ok());
    let Ok(edits) = set else { return };
    let now = after(files, &edits, &key);
    let merged = CatalogSourcesConfig::merge(&now).sources.remove(&key);
    assert_eq!(
        merged.map(|m| m.settings).as_ref(),
        Some(&wanted),
        "{}",
        story()
    );
    assert_eq!(others(files, &key), others(&now, &key), "{}", story());
    let again = set_source(&now, config_key, id, &wanted, &limits);
    assert_eq!(again, Ok(vec![]), "{}", story());

    let Some(was) = known.get(&key) else { return };
    for file in files {
        let Some(entry) = file.entry(config_key, id) else {
            continue;
        };
        let raw = entry_text(file, entry);
        let restored = restore_entry(&now, config_key, id, &raw, &was.settings, &limits);
        super::tally("sources: an entry is restored", restored.is_ok());
        if let Ok(edits) = restored {
            let back = after(&now, &edits, &key);
            let merged = CatalogSourcesConfig::merge(&back).sources.remove(&key);
            assert_eq!(
                merged.map(|m| m.settings).as_ref(),
                Some(&was.settings),
                "{}",
                story()
            );
            assert_eq!(others(&now, &key), others(&back, &key), "{}", story());
        }
    }
}

/// The files after the edits; every byte around the source's entries is what it was.
fn after(files: &[SourcesFile], edits: &[FileEdit], key: &Key) -> Vec<SourcesFile> {
    let mut after = files.to_vec();
    for edit in edits {
        let old = &files[edit.file];
        let new = read(&edit.text);
        let new = new
            .unwrap_or_else(|| panic!("an edit made this of it: {:?}\n{:?}", edit.text, old.text));
        let of_others = |file: &SourcesFile| {
            let others = file.entries.iter();
            let others =
                others.filter(|e| (&e.config_key, e.id.as_ref()) != (&key.0, Some(&key.1)));
            let texts = others.map(|e| file.text[e.range.clone()].to_owned());
            texts.collect::<Vec<_>>()
        };
        assert_eq!(
            of_others(old),
            of_others(&new),
            "{:?}\n{:?}",
            old.text,
            edit.text
        );
        around(old, &edit.text, key);
        after[edit.file] = new;
    }
    after
}

/// Every byte before the first and after the last entry of the source is what it was; when there was
/// none, something was added in one place.
fn around(old: &SourcesFile, text: &str, key: &Key) {
    let mut others = Vec::new();
    let (mut first, mut last) = (old.text.len(), 0);
    for entry in &old.entries {
        if (&entry.config_key, entry.id.as_ref()) == (&key.0, Some(&key.1)) {
            first = first.min(entry.range.start);
            last = last.max(entry.range.end);
        } else {
            others.push(&entry.range);
        }
    }
    if last > 0 {
        let before = others
            .iter()
            .map(|range| range.end)
            .filter(|end| *end <= first);
        let behind = others
            .iter()
            .map(|range| range.start)
            .filter(|start| *start >= last);
        let head = &old.text[..before.max().unwrap_or(0)];
        let tail = &old.text[behind.min().unwrap_or(old.text.len())..];
        assert!(text.starts_with(head), "{:?}\n{text:?}", old.text);
        assert!(text.ends_with(tail), "{:?}\n{text:?}", old.text);
    } else {
        // An empty list, with what decorates it, gives way.
        const EMPTY: usize = 32;
        let same = |(a, b): &(u8, u8)| a == b;
        let head = old.text.bytes().zip(text.bytes()).take_while(same).count();
        let tail = old
            .text
            .bytes()
            .rev()
            .zip(text.bytes().rev())
            .take_while(same)
            .count();
        assert!(
            head + tail + EMPTY >= old.text.len(),
            "{:?}\n{text:?}",
            old.text
        );
    }
}
