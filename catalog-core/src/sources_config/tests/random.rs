//! Random files in random styles, random edits.

use proptest::prelude::*;

use super::dice::{Dice, render};
use super::*;

/// The text with the edits applied.
fn apply(texts: &[String], edits: &[FileEdit]) -> Vec<String> {
    let mut texts = texts.to_vec();
    for edit in edits {
        texts[edit.file] = edit.text.clone();
    }
    texts
}

fn read(texts: &[String]) -> Vec<SourcesFile> {
    texts.iter().map(|text| file(text)).collect()
}

type Meaning = Vec<((String, SourceId), SourceSettings, usize)>;

fn meaning(files: &[SourcesFile]) -> Meaning {
    let sources = CatalogSourcesConfig::merge(files).sources.into_iter();
    sources
        .map(|(key, source)| (key, source.settings, source.properties_from))
        .collect()
}

/// What stands before and after a source's entry: to the end of its last line, or to its bracket.
fn around(file: &SourcesFile, config_key: &str, source: &SourceId) -> Option<(String, String)> {
    let of_source = |e: &&FileEntry| e.config_key == config_key && e.id.as_ref() == Some(source);
    let entry = file.entries.iter().find(of_source)?;
    let (before, rest) = file.text.split_at(entry.range.start);
    let rest = &rest[entry.range.len()..];
    let rest = match rest.find('\n') {
        _ if file.text[entry.range.clone()].starts_with('{') => rest,
        Some(end) => &rest[end..],
        None => "",
    };
    Some((before.to_owned(), rest.to_owned()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn an_edit_means_what_was_asked_and_changes_nothing_else(
        rolls in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let mut dice = Dice { rolls: rolls.into_iter() };
        let limits = Limits::default();
        let wanted = dice.settings();
        let config_key = dice.one(&["mcp", "models"]);
        let source = id(dice.one(&["a", "b", "new"]));
        let count = 1 + dice.below(2);
        let texts: Vec<String> = (0..count).map(|_| render(&mut dice)).collect();
        let before = read(&texts);
        let key = (config_key.to_owned(), source.clone());
        let others = |files: &[SourcesFile]| {
            let mut all = meaning(files);
            all.retain(|(other, ..)| *other != key);
            all
        };

        let edits = set_source(&before, config_key, &source, &wanted, &limits);
        let edits = edits.map_err(|e| TestCaseError::fail(format!("{e}\n{texts:#?}")))?;
        let after = read(&apply(&texts, &edits));
        let now = merged(&after, config_key, source.as_str());
        prop_assert_eq!(&now.settings, &wanted);
        prop_assert_eq!(others(&before), others(&after));
        for (old, new) in before.iter().zip(&after) {
            if let Some((head, tail)) = around(old, config_key, &source) {
                prop_assert!(new.text.starts_with(&head), "{}\n{}", old.text, new.text);
                prop_assert!(new.text.ends_with(&tail), "{}\n{}", old.text, new.text);
            }
        }
        let again = set_source(&after, config_key, &source, &wanted, &limits);
        prop_assert_eq!(again, Ok(vec![]));

        // What was there comes back to the byte.
        if let Some(was) = CatalogSourcesConfig::merge(&before).sources.remove(&key) {
            let back = set_source(&after, config_key, &source, &was.settings, &limits).unwrap();
            let texts = apply(&after.iter().map(|f| f.text.to_string()).collect::<Vec<_>>(), &back);
            prop_assert_eq!(meaning(&read(&texts)), meaning(&before));
        }
        if let ([old], [new]) = (&before[..], &after[..])
            && let Some(entry) = old.entries.iter().find(|e| e.config_key == key.0 && e.id.as_ref() == Some(&key.1))
        {
            let was = merged(&before, config_key, source.as_str()).settings;
            let raw = entry_text(old, entry);
            let back = restore_entry(&after, config_key, &source, &raw, &was, &limits).unwrap();
            let text = back.first().map_or(&*new.text, |edit| &edit.text);
            let (back, old) = (text.replace('\r', ""), old.text.replace('\r', ""));
            prop_assert_eq!(back, old);
        }
    }

    #[test]
    fn a_removal_takes_the_entry_and_nothing_else(
        rolls in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let mut dice = Dice { rolls: rolls.into_iter() };
        let limits = Limits::default();
        let count = 1 + dice.below(2);
        let texts: Vec<String> = (0..count).map(|_| render(&mut dice)).collect();
        let before = read(&texts);
        for ((config_key, source), ..) in meaning(&before) {
            let edits = remove_source(&before, &config_key, &source, &limits);
            let edits = edits.map_err(|e| TestCaseError::fail(format!("{e}\n{texts:#?}")))?;
            let after = read(&apply(&texts, &edits));
            let mut expected = meaning(&before);
            expected.retain(|(key, ..)| *key != (config_key.clone(), source.clone()));
            prop_assert_eq!(meaning(&after), expected);
            // Every line that is left was there, but for the brackets of an empty list.
            for (old, new) in before.iter().zip(&after) {
                let lines: Vec<_> = old.text.lines().collect();
                for line in new.text.lines().filter(|line| !line.contains(" []")) {
                    prop_assert!(lines.contains(&line), "{line}\n{}\n{}", old.text, new.text);
                }
            }
        }
    }

    #[test]
    fn an_edit_of_a_damaged_file_is_right_or_refused(
        rolls in prop::collection::vec(any::<u8>(), 0..400),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0usize..16, any::<bool>()), 1..6),
    ) {
        const PIECES: [&str; 16] = [
            "\n", " ", "  ", "-", ":", ": ", "#", "|+\n", "&x ", "*x", "!!str ", "? ", "{", "]", "\t", "\"",
        ];
        let mut dice = Dice { rolls: rolls.into_iter() };
        let limits = Limits::default();
        let (wanted, mut text) = (dice.settings(), render(&mut dice));
        for (at, piece, insert) in damage {
            let chars: Vec<char> = text.chars().collect();
            let at = at.index(chars.len() + 1);
            let (head, tail) = chars.split_at(at);
            let tail = if insert { tail } else { tail.get(1..).unwrap_or(&[]) };
            let piece = if insert { PIECES[piece] } else { "" };
            text = head.iter().copied().chain(piece.chars()).chain(tail.iter().copied()).collect();
        }
        let Ok(before) = SourcesFile::parse("x", text.as_bytes(), &limits) else {
            return Ok(());
        };
        let before = [before];
        for (config_key, source) in CatalogSourcesConfig::merge(&before).sources.into_keys() {
            let others = |files: &[SourcesFile]| {
                let mut all = meaning(files);
                all.retain(|(key, ..)| *key != (config_key.clone(), source.clone()));
                all
            };
            if let Ok(edits) = set_source(&before, &config_key, &source, &wanted, &limits) {
                let after = read(&apply(&[text.clone()], &edits));
                prop_assert_eq!(merged(&after, &config_key, source.as_str()).settings, wanted.clone());
                prop_assert_eq!(others(&before), others(&after));
            }
            if let Ok(edits) = remove_source(&before, &config_key, &source, &limits) {
                let after = read(&apply(&[text.clone()], &edits));
                prop_assert_eq!(meaning(&after), others(&before));
            }
        }
        let _ = set_source(&before, "mcp", &id("new"), &wanted, &limits);
    }
}
