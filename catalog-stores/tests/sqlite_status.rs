//! What is particular to refresh status in SQLite.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use catalog_core::model::{RefreshOutcome, RefreshStatus};
use catalog_core::ports::{ComponentState, RefreshStatusRepository as _};
use catalog_core::testing::key;
use catalog_stores::SqliteStatus;
use chrono::DateTime;
use sqlx::{Connection as _, Row as _, SqliteConnection};

fn row(id: &str, loaded: u64) -> RefreshStatus {
    let at = DateTime::from_timestamp_micros(1_700_000_000_000_001).unwrap();
    let outcome = RefreshOutcome {
        key: key("mcp", id),
        entities_loaded: loaded,
        entities_removed: 0,
        started_at: at,
        finished_at: at,
        duration_ms: 1,
        error: None,
        failures: vec![],
    };
    RefreshStatus::of(&outcome, None)
}

fn dsn(dir: &tempfile::TempDir) -> String {
    format!("sqlite:{}", dir.path().join("status.db").display())
}

#[tokio::test]
async fn what_is_stored_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let status = SqliteStatus::connect(&dsn(&dir)).await.unwrap();
    status.upsert(&row("a", 6)).await.unwrap();
    status.close().await;
    let status = SqliteStatus::connect(&dsn(&dir)).await.unwrap();
    assert_eq!(
        status.get(&key("mcp", "a")).await.unwrap(),
        Some(row("a", 6))
    );
    assert_eq!(status.migrations().await.state, ComponentState::Healthy);
    status.close().await;
    assert_eq!(
        status.health().await.unwrap().state,
        ComponentState::Unhealthy
    );
}

#[tokio::test]
async fn checking_lists_what_is_pending_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let pending = SqliteStatus::check(&dsn(&dir)).await.unwrap();
    assert_eq!(pending[0].to_string(), "1 (refresh status)");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    // A database that somebody else made.
    std::fs::write(dir.path().join("status.db"), "").unwrap();
    assert_eq!(SqliteStatus::check(&dsn(&dir)).await.unwrap(), pending);
    SqliteStatus::connect(&dsn(&dir))
        .await
        .unwrap()
        .close()
        .await;
    assert_eq!(SqliteStatus::check(&dsn(&dir)).await.unwrap(), []);
}

#[tokio::test]
async fn a_database_of_a_later_version_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    SqliteStatus::connect(&dsn(&dir))
        .await
        .unwrap()
        .close()
        .await;
    let mut connection = SqliteConnection::connect(&dsn(&dir)).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'later', TRUE, x'00', 0)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    assert!(SqliteStatus::check(&dsn(&dir)).await.is_err());
    assert!(SqliteStatus::connect(&dsn(&dir)).await.is_err());
}

#[tokio::test]
async fn history_is_pruned_and_goes_with_its_source() {
    let dir = tempfile::tempdir().unwrap();
    let status = SqliteStatus::connect(&dsn(&dir)).await.unwrap();
    for i in 0..50 {
        status.upsert(&row("a", i)).await.unwrap();
    }
    status.upsert(&row("b", 1)).await.unwrap();
    let count = async || {
        let mut connection = SqliteConnection::connect(&dsn(&dir)).await.unwrap();
        let rows = sqlx::query("SELECT count(*) FROM catalog_refresh_history")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        rows.get::<i64, _>(0)
    };
    assert_eq!(count().await, 21);
    status.delete(&key("mcp", "a")).await.unwrap();
    assert_eq!(count().await, 1);
    status.delete_plugin(&key("mcp", "b").plugin).await.unwrap();
    assert_eq!(count().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_several_processes_take_turns() {
    let dir = tempfile::tempdir().unwrap();
    let one = SqliteStatus::connect(&dsn(&dir)).await.unwrap();
    let two = SqliteStatus::connect(&dsn(&dir)).await.unwrap();
    let writes = (0..40).map(|i| {
        let status = if i % 2 == 0 { one.clone() } else { two.clone() };
        async move { status.upsert(&row(&format!("s{i}"), i)).await }
    });
    for result in futures_util::future::join_all(writes).await {
        result.unwrap();
    }
    assert_eq!(two.list(&key("mcp", "s0").plugin).await.unwrap().len(), 40);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_does_not_hide_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let status = SqliteStatus::connect(&dsn(&dir)).await.unwrap();
    for id in ["a", "b"] {
        status.upsert(&row(id, 1)).await.unwrap();
    }
    let mut connection = SqliteConnection::connect(&dsn(&dir)).await.unwrap();
    sqlx::query("UPDATE catalog_refresh_status SET updated_at = 'never' WHERE source_id = 'a'")
        .execute(&mut connection)
        .await
        .unwrap();
    let listed = status.list(&key("mcp", "a").plugin).await.unwrap();
    assert_eq!(listed, [row("b", 1)]);
    assert!(status.get(&key("mcp", "a")).await.is_err());
}

#[tokio::test]
async fn errors_do_not_show_the_dsn() {
    for dsn in [
        "postgres://user:canary@host/db",
        "canary",
        "sqlite:canary.db?unknown=canary",
        "sqlite:/no/such/directory/canary.db",
    ] {
        for error in [
            SqliteStatus::connect(dsn).await.unwrap_err(),
            match SqliteStatus::check(dsn).await {
                Ok(_) => continue,
                Err(error) => error,
            },
        ] {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("canary"), "{shown}");
        }
    }
}

#[tokio::test]
async fn what_is_text_stays_text() {
    let status = SqliteStatus::connect("sqlite::memory:").await.unwrap();
    let mut bad = row("a", 1);
    bad.last_error = Some("'; DROP TABLE catalog_refresh_status; --".to_owned());
    status.upsert(&bad).await.unwrap();
    assert_eq!(status.get(&key("mcp", "a")).await.unwrap(), Some(bad));
}

#[tokio::test]
async fn a_database_whose_file_is_gone_or_another_says_so_once_and_is_opened_anew() {
    for replaced in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let status = SqliteStatus::connect(&dsn(&dir)).await.unwrap();
        status.upsert(&row("a", 1)).await.unwrap();
        let path = dir.path().join("status.db");
        match replaced {
            true => {
                std::fs::copy(&path, dir.path().join("copy")).unwrap();
                std::fs::rename(dir.path().join("copy"), &path).unwrap();
            }
            false => std::fs::remove_file(&path).unwrap(),
        }
        let health = status.health().await.unwrap();
        assert_eq!(health.state, ComponentState::Unhealthy);
        assert!(health.detail.unwrap().contains("the database file"));
        let health = status.health().await.unwrap();
        assert_eq!(health.state, ComponentState::Healthy);
        status.upsert(&row("b", 2)).await.unwrap();
        status.close().await;
        let status = SqliteStatus::connect(&dsn(&dir)).await.unwrap();
        let rows = status.list(&key("mcp", "b").plugin).await.unwrap();
        assert_eq!(
            rows.last(),
            Some(&row("b", 2)),
            "it is in the file that is there"
        );
    }
}

#[tokio::test]
async fn a_database_that_takes_no_write_is_not_healthy_until_it_does() {
    let dir = tempfile::tempdir().unwrap();
    let status = SqliteStatus::connect(&dsn(&dir)).await.unwrap();
    let mut connection = SqliteConnection::connect(&dsn(&dir)).await.unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON catalog_refresh_status \
        BEGIN SELECT RAISE(ABORT, 'no'); END";
    sqlx::query(refuse).execute(&mut connection).await.unwrap();
    assert!(status.upsert(&row("a", 1)).await.is_err());
    assert_eq!(
        status.health().await.unwrap().state,
        ComponentState::Unhealthy
    );
    sqlx::query("DROP TRIGGER refuse")
        .execute(&mut connection)
        .await
        .unwrap();
    status.upsert(&row("a", 1)).await.unwrap();
    assert_eq!(
        status.health().await.unwrap().state,
        ComponentState::Healthy
    );
}

#[tokio::test]
async fn a_lock_that_is_gone_is_noticed_though_nobody_has_anything_to_write() {
    let dir = tempfile::tempdir().unwrap();
    let status = SqliteStatus::connect(&dsn(&dir)).await.unwrap();
    status.upsert(&row("a", 1)).await.unwrap();
    let mut other = SqliteConnection::connect(&dsn(&dir)).await.unwrap();
    let mut lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    sqlx::query("DELETE FROM catalog_refresh_history")
        .execute(&mut *lock)
        .await
        .unwrap();
    assert!(status.upsert(&row("a", 2)).await.is_err());
    let health = status.health().await.unwrap();
    assert_eq!(health.state, ComponentState::Unhealthy);
    assert!(health.detail.unwrap().contains("locked"));
    lock.rollback().await.unwrap();
    let health = status.health().await.unwrap();
    assert_eq!(health.state, ComponentState::Healthy);
}

#[tokio::test]
async fn a_database_without_its_table_is_not_healthy() {
    let dir = tempfile::tempdir().unwrap();
    let status = SqliteStatus::connect(&dsn(&dir)).await.unwrap();
    let mut connection = SqliteConnection::connect(&dsn(&dir)).await.unwrap();
    sqlx::query("DROP TABLE catalog_refresh_history")
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::query("DROP TABLE catalog_refresh_status")
        .execute(&mut connection)
        .await
        .unwrap();
    assert_eq!(
        status.health().await.unwrap().state,
        ComponentState::Unhealthy
    );
}

#[tokio::test]
async fn a_damaged_database_is_set_aside_and_begun_anew_but_no_file_of_somebody_else_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("status.db");
    std::fs::write(&path, "somebody's notes, by a mistake in the settings").unwrap();
    assert!(SqliteStatus::connect(&dsn(&dir)).await.is_err());
    let status = SqliteStatus::connect_when_possible(&dsn(&dir))
        .await
        .unwrap();
    assert!(
        status
            .health()
            .await
            .unwrap()
            .detail
            .unwrap()
            .contains("not a SQLite")
    );
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .starts_with("somebody's")
    );
    status.close().await;

    std::fs::remove_file(&path).unwrap();
    let status = SqliteStatus::connect(&dsn(&dir)).await.unwrap();
    status.upsert(&row("a", 1)).await.unwrap();
    status.close().await;
    // The header stays, everything after it goes.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100..].fill(0xA5);
    std::fs::write(&path, &bytes).unwrap();
    let status = SqliteStatus::connect(&dsn(&dir)).await.unwrap();
    status.upsert(&row("b", 2)).await.unwrap();
    assert_eq!(
        status.list(&key("mcp", "b").plugin).await.unwrap(),
        [row("b", 2)]
    );
    assert_eq!(
        std::fs::read(dir.path().join("status.db.damaged")).unwrap(),
        bytes
    );
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_yet_is_opened_when_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("status.db");
    std::fs::create_dir(&path).unwrap();
    let status = SqliteStatus::connect_when_possible(&dsn(&dir))
        .await
        .unwrap();
    assert!(status.upsert(&row("a", 1)).await.is_err());
    assert_eq!(
        status.health().await.unwrap().state,
        ComponentState::Unhealthy
    );
    std::fs::remove_dir(&path).unwrap();
    let mut tries = 0;
    while status.upsert(&row("a", 1)).await.is_err() {
        tries += 1;
        assert!(tries < 200, "never opened");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(
        status.health().await.unwrap().state,
        ComponentState::Healthy
    );
    assert!(
        SqliteStatus::connect_when_possible("sqlite:/no/such/directory/x.db")
            .await
            .is_err()
    );
}
