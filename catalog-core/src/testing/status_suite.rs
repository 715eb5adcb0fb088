//! What every status repository must satisfy.

use std::future::Future;

use chrono::{DateTime, TimeDelta, Utc};

use super::fixtures::key;
use crate::model::{EntityFailure, RefreshOutcome, RefreshStatus, SourceKey};
use crate::ports::{RefreshStatusRepository, STATUS_HISTORY};

fn status(key: &SourceKey, loaded: u64, removed: u64, error: Option<&str>) -> RefreshStatus {
    // Whole microseconds: what every database can hold.
    let at = DateTime::<Utc>::from_timestamp_micros(1_700_000_000_123_456).unwrap_or_default()
        + TimeDelta::seconds(loaded as i64);
    let outcome = RefreshOutcome {
        key: key.clone(),
        entities_loaded: loaded,
        entities_removed: removed,
        started_at: at,
        finished_at: at + TimeDelta::milliseconds(12),
        duration_ms: 12,
        error: error.map(str::to_owned),
        failures: vec![EntityFailure {
            entity: None,
            message: "m".into(),
            line: None,
        }],
    };
    RefreshStatus::of(&outcome, "7-0123456789ab".parse().ok())
}

macro_rules! cases {
    ($($name:ident),+ $(,)?) => {
        /// Runs every case against a fresh repository.
        ///
        /// # Panics
        /// When a case fails.
        pub async fn status_suite<R, G, F, Fut>(make: F)
        where
            R: RefreshStatusRepository,
            F: Fn() -> Fut,
            Fut: Future<Output = (R, G)>,
        {
            let mut passed = 0;
            $(
                let (repository, guard) = make().await;
                eprintln!("status suite: {}", stringify!($name));
                $name(&repository).await;
                repository.close().await;
                drop(guard);
                passed += 1;
            )+
            eprintln!("status suite: {passed} cases passed");
        }
    };
}

cases![
    what_is_stored_comes_back,
    the_last_status_wins,
    rows_belong_to_plugin_and_source_together,
    a_deleted_row_is_gone_with_its_history,
    a_plugin_can_be_cleared,
    history_is_newest_first_and_kept,
    summaries_read_as_agreed,
];

async fn what_is_stored_comes_back<R: RefreshStatusRepository>(r: &R) {
    let key = key("mcp", "a");
    assert_eq!(r.get(&key).await.expect("get"), None);
    for row in [
        status(&key, 6, 1, None),
        status(&key, 0, 0, Some("line 3: ünï \"quoted\" 'x'")),
    ] {
        r.upsert(&row).await.expect("upsert");
        assert_eq!(r.get(&key).await.expect("get"), Some(row));
    }
    let mut bare = status(&key, u64::from(u32::MAX), 0, None);
    bare.revision = None;
    r.upsert(&bare).await.expect("upsert");
    assert_eq!(r.get(&key).await.expect("get"), Some(bare));
}

async fn the_last_status_wins<R: RefreshStatusRepository>(r: &R) {
    let key = key("mcp", "a");
    // An older time does not matter: what is stored last is the truth.
    let (newer, older) = (status(&key, 9, 0, None), status(&key, 2, 0, None));
    r.upsert(&newer).await.expect("upsert");
    r.upsert(&older).await.expect("upsert");
    assert_eq!(r.list(&key.plugin).await.expect("list"), [older]);
}

async fn rows_belong_to_plugin_and_source_together<R: RefreshStatusRepository>(r: &R) {
    let keys = [key("mcp", "b"), key("mcp", "a"), key("model", "a")];
    for (i, key) in keys.iter().enumerate() {
        r.upsert(&status(key, i as u64, 0, None))
            .await
            .expect("upsert");
    }
    let listed = r.list(&keys[0].plugin).await.expect("list");
    let ids: Vec<_> = listed.iter().map(|s| s.key.to_string()).collect();
    assert_eq!(ids, ["mcp/a", "mcp/b"]);
    assert_eq!(
        r.get(&keys[2])
            .await
            .expect("get")
            .expect("there")
            .entities_loaded,
        2
    );
}

async fn a_deleted_row_is_gone_with_its_history<R: RefreshStatusRepository>(r: &R) {
    let (a, b) = (key("mcp", "a"), key("mcp", "b"));
    for key in [&a, &b] {
        r.upsert(&status(key, 1, 0, None)).await.expect("upsert");
    }
    r.delete(&a).await.expect("delete");
    r.delete(&a).await.expect("deleting nothing is fine");
    assert_eq!(r.get(&a).await.expect("get"), None);
    assert!(r.history(&a, 10).await.expect("history").is_empty());
    assert!(r.get(&b).await.expect("get").is_some());
}

async fn a_plugin_can_be_cleared<R: RefreshStatusRepository>(r: &R) {
    for key in [key("mcp", "a"), key("mcp", "b"), key("model", "a")] {
        r.upsert(&status(&key, 1, 0, None)).await.expect("upsert");
    }
    assert_eq!(
        r.delete_plugin(&key("mcp", "a").plugin)
            .await
            .expect("delete"),
        2
    );
    assert!(
        r.list(&key("mcp", "a").plugin)
            .await
            .expect("list")
            .is_empty()
    );
    assert_eq!(
        r.list(&key("model", "a").plugin).await.expect("list").len(),
        1
    );
}

async fn history_is_newest_first_and_kept<R: RefreshStatusRepository>(r: &R) {
    let key = key("mcp", "a");
    let runs = STATUS_HISTORY as u64 + 3;
    for i in 0..runs {
        r.upsert(&status(&key, i, 0, None)).await.expect("upsert");
    }
    let history = r.history(&key, STATUS_HISTORY).await.expect("history");
    let loaded: Vec<_> = history.iter().map(|s| s.entities_loaded).collect();
    let expected: Vec<_> = (0..runs).rev().take(STATUS_HISTORY).collect();
    assert_eq!(loaded, expected);
    assert_eq!(r.history(&key, 2).await.expect("history").len(), 2);
}

async fn summaries_read_as_agreed<R: RefreshStatusRepository>(r: &R) {
    let key = key("mcp", "a");
    for (row, summary) in [
        (status(&key, 6, 0, None), "Loaded 6 entities"),
        (status(&key, 5, 1, None), "Loaded 5 entities, removed 1"),
        (status(&key, 0, 0, Some("x")), "Refresh failed"),
    ] {
        r.upsert(&row).await.expect("upsert");
        assert_eq!(
            r.get(&key)
                .await
                .expect("get")
                .expect("there")
                .last_refresh_summary,
            summary
        );
    }
}
