use serde_json::{Value, json};

use super::*;

mod dice;
mod editing;
mod layouts;
mod random;
mod reading;
mod samples;

fn file(text: &str) -> SourcesFile {
    SourcesFile::parse("sources.yaml", text.as_bytes(), &Limits::default()).unwrap()
}

fn files(texts: &[&str]) -> Vec<SourcesFile> {
    texts.iter().map(|text| file(text)).collect()
}

fn id(text: &str) -> SourceId {
    SourceId::new(text).unwrap()
}

fn merged(files: &[SourcesFile], config_key: &str, source: &str) -> MergedSource {
    let mut config = CatalogSourcesConfig::merge(files);
    let key = (config_key.to_owned(), id(source));
    config.sources.remove(&key).unwrap()
}

/// Settings from JSON; what is missing has its default.
fn settings(value: Value) -> SourceSettings {
    let mut all = json!({"name": "", "type": "", "enabled": true});
    for (key, value) in value.as_object().unwrap() {
        all[key] = value.clone();
    }
    serde_json::from_value(all).unwrap()
}

/// The text of the only file after changing some settings of a source of it.
fn edited(text: &str, config_key: &str, source: &str, change: Value) -> Result<String, EditError> {
    let files = files(&[text]);
    let now = merged(&files, config_key, source).settings;
    let mut wanted = serde_json::to_value(now).unwrap();
    for (key, value) in change.as_object().unwrap() {
        wanted[key] = value.clone();
    }
    let wanted = settings(wanted);
    let edits = set_source(&files, config_key, &id(source), &wanted, &Limits::default())?;
    Ok(edits.into_iter().next().map_or(text.to_owned(), |e| e.text))
}
