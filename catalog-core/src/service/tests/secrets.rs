//! Secrets stay in.

use super::support::*;
use crate::error::CatalogError;
use crate::model::*;
use crate::ports::*;
use crate::testing::content;

#[tokio::test]
async fn secrets_survive_an_edit_and_are_shown_nowhere() {
    let bench = Bench::new().await;
    let patch = SettingsPatch {
        name: Some("A source".into()),
        source_type: Some("yaml".into()),
        properties: serde_json::json!({"apiKey": "canary-1234", "region": "eu"})
            .as_object()
            .cloned(),
        ..SettingsPatch::default()
    };
    let text = "items:\n  - name: a\n    password: canary-5678 # mine\n";
    let first = bench
        .apply(Edit::settings(patch).with_content(text), Expect::Absent)
        .await
        .unwrap();
    assert!(first.warnings.len() >= 2, "{:?}", first.warnings);
    let shown = bench.catalog.get(&bench.key).await.unwrap();
    let raw = shown.raw_yaml.clone().unwrap();
    assert!(!format!("{first:?} {shown:?}").contains("canary"));
    let mut properties = shown.view.settings.properties.clone();
    properties.insert("region".into(), "us".into());
    let patch = SettingsPatch {
        properties: Some(properties),
        ..SettingsPatch::default()
    };
    let edit = Edit::settings(patch).with_content(raw.replace("name: a", "name: b"));
    let second = bench.apply(edit, revision(&first)).await.unwrap();
    assert!(!format!("{second:?}").contains("canary"));
    let stored = bench.store.get(&bench.key).await.unwrap().unwrap().document;
    assert_eq!(stored.settings.properties["apiKey"], "canary-1234");
    assert_eq!(stored.settings.properties["region"], "us");
    assert_eq!(stored.content, content(text.replace("name: a", "name: b")));
    // A marker that stands for nothing is refused.
    let stray =
        Edit::content("items:\n  - name: b\n  - name: z\n    password: \"***REDACTED***\"\n");
    let answer = bench.apply(stray, revision(&second)).await;
    let Err(CatalogError::Invalid(report)) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(
        report.errors().next().unwrap().code,
        "stray-redaction-marker"
    );
}

#[tokio::test]
async fn a_secret_reference_that_does_not_resolve_is_refused() {
    let bench = Bench::new().await;
    let patch = SettingsPatch {
        name: Some("A source".into()),
        source_type: Some("yaml".into()),
        properties: serde_json::json!({"apiKey": {"name": "s", "key": "k"}})
            .as_object()
            .cloned(),
        ..SettingsPatch::default()
    };
    let edit = Edit::settings(patch).with_content(items(&["a"]));
    let answer = bench.apply(edit, Expect::Absent).await;
    assert!(
        matches!(answer, Err(CatalogError::SecretUnresolved(_))),
        "{answer:?}"
    );
    assert!(bench.store.get(&bench.key).await.unwrap().is_none());
}

#[tokio::test]
async fn credentials_in_names_keys_and_copies_are_shown_nowhere() {
    let bench = Bench::new().await;
    let token = format!("ghp_{}", "a1B2c3D4".repeat(5));
    let text =
        format!("items:\n  - name: {token}\n  - name: b\n    apiKey: canary-canary-canary\n");
    let patch = SettingsPatch {
        name: Some("A source".into()),
        source_type: Some("yaml".into()),
        properties: serde_json::json!({token.as_str(): "x"})
            .as_object()
            .cloned(),
        ..SettingsPatch::default()
    };
    let edit = Edit::settings(patch).with_content(&text);
    let first = bench.apply(edit, Expect::Absent).await.unwrap();
    let copied = "items:\n  - name: b\n    note: canary-canary-canary\n".to_string();
    let second = bench
        .apply(Edit::content(copied), revision(&first))
        .await
        .unwrap();
    let listed = bench.catalog.list(&bench.key.plugin).unwrap();
    let diff = bench.catalog.diff(&bench.key, None, None).await.unwrap();
    let seen = format!(
        "{first:?} {second:?} {listed:?} {diff:?} {:?}",
        bench.served()
    );
    assert!(!seen.contains(&token), "{seen}");
    assert!(!seen.contains("canary"), "{seen}");
}

#[tokio::test]
async fn a_copy_of_a_secret_that_goes_from_the_settings_does_not_become_visible() {
    let bench = Bench::new().await;
    let token = "canary-canary-1";
    let properties = |value: serde_json::Value| value.as_object().cloned();
    let patch = SettingsPatch {
        name: Some(format!("Mine: {token}")),
        source_type: Some("yaml".into()),
        properties: properties(serde_json::json!({"token": token})),
        ..SettingsPatch::default()
    };
    let text = format!("items:\n  - name: a\n    note: {token}\n");
    let first = Edit::settings(patch).with_content(&text);
    let first = bench.apply(first, Expect::Absent).await.unwrap();
    let codes = async |edit: Edit| {
        let report = bench.catalog.validate(&bench.key, &edit).await.unwrap();
        assert!(!format!("{report:?}").contains("canary"));
        let told = report
            .errors()
            .map(|f| (f.code.to_string(), f.path.to_string()));
        told.collect::<Vec<_>>()
    };
    let goes = SettingsPatch {
        properties: properties(serde_json::json!({"token": {"name": "s", "key": "k"}})),
        ..SettingsPatch::default()
    };
    let stray = |path: &str| ("stray-redaction-marker".to_owned(), path.to_owned());
    // Neither what is not sent at all, nor what is sent as it was shown.
    let both = [stray("name"), stray("items[0].note")];
    assert_eq!(codes(Edit::settings(goes.clone())).await, both);
    let seen = bench.catalog.get(&bench.key).await.unwrap();
    let sent = SettingsPatch {
        name: Some(seen.view.settings.name.clone()),
        ..goes.clone()
    };
    let sent = Edit::settings(sent).with_content(seen.raw_yaml.unwrap());
    assert_eq!(codes(sent.clone()).await, both);
    let answer = bench.apply(sent, revision(&first)).await;
    assert!(
        matches!(answer, Err(CatalogError::Invalid(_))),
        "{answer:?}"
    );
    // With the copies taken out, or typed, it is the operator's will.
    let named = SettingsPatch {
        name: Some("Mine".into()),
        ..goes
    };
    for text in [items(&["a"]), text] {
        let edit = Edit::settings(named.clone()).with_content(text);
        let report = bench.catalog.validate(&bench.key, &edit).await.unwrap();
        assert!(report.is_valid(), "{report:?}");
    }
    // What leaves the secret where it is has nothing to do with it.
    bench
        .catalog
        .enable(&bench.key, false, Expect::Present, Author::new("alice"))
        .await
        .unwrap();
}
