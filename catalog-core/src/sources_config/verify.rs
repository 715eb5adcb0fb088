//! Checking an edit by reading its result.

use serde_json::{Map, Value};

use super::draft::{Draft, is_repairable};
use super::read::FLAT_LISTS;
use super::{CatalogSourcesConfig, EditError, FileEntry, MergedSource, SourcesFile};
use crate::model::SourceSettings;
use crate::validation::{Finding, PathSegment};

/// What an edit is meant to do to its source.
pub(super) enum Outcome<'a> {
    /// The source has exactly these settings.
    Means(&'a SourceSettings),
    /// No file declares the source.
    Gone,
}

/// Checks that the draft does to its source what was asked, and nothing to anything else.
pub(super) fn verify(
    before: &[SourcesFile],
    draft: &Draft<'_>,
    outcome: Outcome<'_>,
) -> Result<(), EditError> {
    let failed = |what: &str| {
        Err(EditError(format!(
            "the source {} cannot be changed in place: {what}",
            draft.id
        )))
    };
    let key = (draft.config_key.to_owned(), draft.id.clone());
    let mut old = CatalogSourcesConfig::merge(before);
    let mut new = CatalogSourcesConfig::merge(&draft.files);
    let (was, is) = (old.sources.remove(&key), new.sources.remove(&key));
    match (outcome, is) {
        (Outcome::Gone, None) => {}
        (Outcome::Gone, Some(_)) => return failed("it would still be there"),
        (Outcome::Means(_), None) => return failed("it would be missing"),
        (Outcome::Means(wanted), Some(is)) => {
            if is.settings != *wanted {
                return failed("it would not have the settings that were asked for");
            }
            if is.findings.iter().any(is_wrong) {
                return failed("its entry would not be valid");
            }
            if was.is_some_and(|was| was.properties_from != is.properties_from) {
                return failed("relative paths would start from another file");
            }
        }
    }
    let same = old.sources.len() == new.sources.len()
        && old
            .sources
            .iter()
            .all(|(key, was)| new.sources.get(key).is_some_and(|is| is_same(was, is)));
    if !same || codes(&old.findings) != codes(&new.findings) {
        return failed("other sources would change");
    }
    for (was, is) in before.iter().zip(&draft.files) {
        if was.text != is.text && rest(was, draft) != rest(is, draft) {
            return failed("other parts of the file would change");
        }
    }
    Ok(())
}

/// Whether a finding must not be there after an edit. What is missing was asked to be.
fn is_wrong(finding: &Finding) -> bool {
    is_repairable(finding) || finding.code == "duplicate-source"
}

fn is_same(was: &MergedSource, is: &MergedSource) -> bool {
    was.settings == is.settings
        && was.properties_from == is.properties_from
        && was.declared_in == is.declared_in
        && codes(&was.findings) == codes(&is.findings)
}

fn codes(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|f| &*f.code).collect()
}

/// All that a file says but for the entries of the source. Sections and lists with nothing in them
/// count as missing: they come and go with their entries.
fn rest(file: &SourcesFile, draft: &Draft<'_>) -> Option<Map<String, Value>> {
    let root = file.document.root.to_json();
    let mut root = match root {
        Value::Object(map) => map,
        Value::Null => Map::new(),
        _ => return None,
    };
    let of_source =
        |e: &&FileEntry| e.config_key == draft.config_key && e.id.as_ref() == Some(draft.id);
    // From the back, so that the indices of those in front stay right.
    for entry in file.entries.iter().filter(of_source).rev() {
        let (last, above) = entry.path.segments().split_last()?;
        let (first, below) = above.split_first()?;
        let mut list = match first {
            PathSegment::Key(key) => root.get_mut(&**key)?,
            PathSegment::Index(_) => return None,
        };
        for segment in below {
            list = match segment {
                PathSegment::Key(key) => list.get_mut(&**key)?,
                PathSegment::Index(index) => list.get_mut(*index)?,
            };
        }
        let items = list.as_array_mut()?;
        match last {
            PathSegment::Index(index) if *index < items.len() => drop(items.remove(*index)),
            _ => return None,
        }
    }
    if let Some(Value::Object(sections)) = root.get_mut("catalogs") {
        for section in sections.values_mut() {
            if let Value::Object(section) = section {
                drop_empty(section, |key| key == "sources");
            }
        }
        drop_empty(sections, |_| true);
    }
    drop_empty(&mut root, |key| {
        FLAT_LISTS.iter().any(|(list, _)| *list == key)
    });
    Some(root)
}

fn drop_empty(map: &mut Map<String, Value>, may_go: impl Fn(&str) -> bool) {
    map.retain(|key, value| {
        let empty = match value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        };
        !(empty && may_go(key))
    });
}
