use catalog_api::{ApplyRequest, EnableRequest, Expected, Problem};
use serde_json::json;

use super::*;

#[track_caller]
fn refused<T: Type + DeserializeOwned + 'static>(body: &str) -> Problem {
    match parse::<T>(body.as_bytes()) {
        Ok(_) => panic!("taken: {body}"),
        Err(error) => {
            let problem = error.problem().clone();
            assert_eq!((problem.status, &*problem.code), (400, "malformed-request"));
            let shown = serde_json::to_string(&problem).unwrap();
            assert!(!shown.contains("hunter2"), "{shown}");
            problem
        }
    }
}

/// Each error as `pointer message [suggestion]`.
fn listed(problem: &Problem) -> Vec<String> {
    let errors = problem.errors.as_deref().unwrap_or_default();
    let line = |error: &MemberError| {
        let suggestion = error.suggestion.as_ref().map(|name| format!(" [{name}]"));
        format!(
            "{} {}{}",
            error.pointer,
            error.message,
            suggestion.unwrap_or_default()
        )
    };
    errors.iter().map(line).collect()
}

#[test]
fn a_good_body_is_taken() {
    let body = r#" {"source": {"id": "a", "properties": {"any": {"thing": [1, null]}}}, "rawYaml": null,
        "expectedRevision": null, "options": {"dryRun": true}} "#;
    let request = parse::<ApplyRequest>(body.as_bytes()).unwrap();
    assert_eq!(request.expected_revision, Expected::Absent);
    assert!(request.options().dry_run);
    assert!(parse::<ApplyRequest>(b"{}").is_ok());
}

#[test]
fn everything_that_is_wrong_is_named_at_once() {
    let body = json!({"optoins": {}, "raw_yaml": "hunter2", "message": {"x": "hunter2"}, "frobnicate": "hunter2",
        "source": {"ID": "hunter2", "labels": ["a", 7], "enabled": "hunter2", "a/b": 1},
        "options": {"dryrun": true, "confirmRemovals": -1.5}});
    let problem = refused::<ApplyRequest>(&body.to_string());
    assert_eq!(
        listed(&problem),
        [
            "/frobnicate is not a known member",
            "/message must be a string",
            "/options/confirmRemovals must be a whole number",
            "/options/dryrun is not a known member [dryRun]",
            "/optoins is not a known member [options]",
            "/raw_yaml is not a known member [rawYaml]",
            "/source/ID is not a known member [id]",
            "/source/a~1b is not a known member",
            "/source/enabled must be true or false",
            "/source/labels/1 must be a string",
        ]
    );
    let detail = problem.detail.unwrap();
    assert!(
        detail.contains(r#"/optoins is not a known member (did you mean "options"?)"#),
        "{detail}"
    );
}

#[test]
fn a_member_that_is_there_twice_is_refused_at_any_depth() {
    let body = r#"{"message": "hunter2", "message": "x", "source": {"properties": {"deep": [{"k": 1, "k": 2}]}}}"#;
    assert_eq!(
        listed(&refused::<ApplyRequest>(body)),
        [
            "/message is there more than once",
            "/source/properties/deep/0/k is there more than once"
        ]
    );
}

#[test]
fn a_missing_member_is_named() {
    assert_eq!(
        listed(&refused::<EnableRequest>("{}")),
        ["/enabled is required"]
    );
}

#[test]
fn a_list_is_no_object() {
    assert_eq!(
        listed(&refused::<ApplyRequest>("[]")),
        [" must be an object"]
    );
    assert_eq!(
        listed(&refused::<ApplyRequest>(r#"{"source": []}"#)),
        ["/source must be an object"]
    );
}

#[test]
fn null_is_refused_where_it_means_nothing() {
    for (body, error) in [
        (r#"{"enabled": null}"#, "/enabled must be true or false"),
        ("null", " must be an object"),
    ] {
        assert_eq!(listed(&refused::<EnableRequest>(body)), [error]);
    }
    assert_eq!(
        listed(&refused::<ApplyRequest>(r#"{"options": {"dryRun": null}}"#)),
        ["/options/dryRun must be true or false"]
    );
}

#[test]
fn what_only_serde_knows_is_refused_without_the_value() {
    let body = r#"{"options": {"confirmRemovals": -77}}"#;
    let problem = refused::<ApplyRequest>(body);
    assert_eq!(
        listed(&problem),
        ["/options/confirmRemovals is not valid: expected u64"]
    );
    assert!(!problem.detail.unwrap().contains("77"));
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    let detail = |body: &str| refused::<ApplyRequest>(body).detail.unwrap();
    assert_eq!(
        detail("{\n \"rawYaml\": hunter2}"),
        "the request body is not JSON: line 2, column 13"
    );
    assert!(detail(r#"{"a": "hunter2"#).starts_with("the request body is not JSON"));
    assert!(detail(r#"{} "hunter2""#).starts_with("the request body is not JSON"));
    assert!(detail(&"[".repeat(100_000)).starts_with("the request body is not JSON"));
    assert_eq!(detail(" \n"), "a request body is required");
}

#[test]
fn a_flood_of_errors_is_told_in_few_words() {
    let body: serde_json::Map<_, _> = (0..5000)
        .map(|n| (format!("{n}{}", "x".repeat(1000)), json!(1)))
        .collect();
    let problem = refused::<ApplyRequest>(&serde_json::to_string(&body).unwrap());
    assert_eq!(problem.errors.as_ref().unwrap().len(), MAX_ERRORS);
    assert!(problem.detail.unwrap().ends_with("and 4990 more"));
}

#[test]
fn json_under_any_of_its_names_is_accepted() {
    let check = <Strict<ApplyRequest> as Payload>::check_content_type;
    for good in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/merge-patch+json",
    ] {
        assert!(check(good), "{good}");
    }
    for bad in ["text/plain", "application/yaml", "json", "text/json", ""] {
        assert!(!check(bad), "{bad}");
    }
}
