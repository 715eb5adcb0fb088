//! Merging files.

use std::collections::BTreeMap;

use super::{CatalogSourcesConfig, FileEntry, MergedSource, SourcesFile};
use crate::model::{SourceId, SourceSettings};
use crate::validation::{Finding, Layer};

/// Merges files, the later ones over the earlier ones.
pub(super) fn merge(files: &[SourcesFile]) -> CatalogSourcesConfig {
    let mut config = CatalogSourcesConfig::default();
    let mut declarations: BTreeMap<_, Vec<(usize, &FileEntry)>> = BTreeMap::new();
    for (index, file) in files.iter().enumerate() {
        config.findings.extend(file.findings.iter().cloned());
        for entry in &file.entries {
            match &entry.id {
                Some(id) => declarations
                    .entry((entry.config_key.clone(), id.clone()))
                    .or_default()
                    .push((index, entry)),
                None => config.findings.extend(entry.findings.iter().cloned()),
            }
        }
    }
    for (key, entries) in declarations {
        let strict = |file: &SourcesFile| file.config_keys.contains(&key.0);
        let strict = files.iter().any(strict);
        config.sources.insert(key, source(&entries, strict));
    }
    config
}

/// Merges what the files say of one source.
pub(super) fn one(files: &[SourcesFile], config_key: &str, id: &SourceId) -> Option<MergedSource> {
    let entries = files.iter().enumerate().flat_map(|(index, file)| {
        let own = file
            .entries
            .iter()
            .filter(|entry| entry.config_key == config_key && entry.id.as_ref() == Some(id));
        own.map(move |entry| (index, entry))
    });
    let entries: Vec<(usize, &FileEntry)> = entries.collect();
    let strict = |file: &SourcesFile| file.config_keys.iter().any(|key| key == config_key);
    (!entries.is_empty()).then(|| source(&entries, files.iter().any(strict)))
}

fn source(entries: &[(usize, &FileEntry)], strict: bool) -> MergedSource {
    let mut settings = SourceSettings::new("", "");
    let mut properties_from = None;
    let mut declared_in = Vec::new();
    let mut findings = Vec::new();
    let mut last = None;
    for (file, entry) in entries {
        findings.extend(entry.findings.iter().cloned());
        if entry.superseded {
            continue;
        }
        declared_in.push(*file);
        last = Some(*entry);
        let fields = &entry.fields;
        let text = |value: &Option<String>| value.clone().filter(|text| !text.is_empty());
        set(&mut settings.name, text(&fields.name));
        set(&mut settings.source_type, text(&fields.source_type));
        set(&mut settings.enabled, fields.enabled);
        set(&mut settings.labels, fields.labels.clone());
        set(&mut settings.included_items, fields.included_items.clone());
        set(&mut settings.excluded_items, fields.excluded_items.clone());
        if let Some(properties) = &fields.properties {
            settings.properties = properties.clone();
            properties_from = Some(*file);
        }
    }
    if let Some(entry) = last {
        if strict && settings.source_type.is_empty() {
            findings.extend(no_type(entry, &findings));
        }
        // Files for other readers may do without a name; the source is then called by its id.
        if let Some(id) = entry.id.as_ref().filter(|_| settings.name.is_empty()) {
            settings.name = id.to_string();
        }
    }
    MergedSource {
        settings,
        properties_from: properties_from
            .or(declared_in.first().copied())
            .unwrap_or(0),
        declared_in,
        findings,
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// No file says the type. One that is wrong was found already.
fn no_type(entry: &FileEntry, found: &[Finding]) -> Option<Finding> {
    let known = found.iter().any(|f| f.path.last_key() == Some("type"));
    (!known).then(|| {
        Finding::error(Layer::Semantic, "required", "a source needs a type")
            .at(entry.path.key("type"))
            .on(entry.position)
    })
}
