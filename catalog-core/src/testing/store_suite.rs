//! What every store must satisfy.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;

use super::fixtures::{accept, document, key, meta};
use crate::error::StoreError;
use crate::model::{Expect, Revision, RevisionId, RevisionKind, SourceDocument, SourceKey};
use crate::ports::{SourceConfigStore, SourceConfigStoreExt as _, StoreChange};

/// What the suite must know about the store under test.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoreSuiteOptions {
    /// Two plugins that the store accepts.
    pub plugins: [&'static str; 2],
    /// A change must be seen on `watch` within this time. The promise is one second; the default
    /// leaves room for busy machines.
    pub watch_within: Duration,
    /// Whether a second handle on the same data (another process) can be opened.
    pub shared: bool,
}

impl Default for StoreSuiteOptions {
    fn default() -> Self {
        Self {
            plugins: ["mcp", "model"],
            watch_within: Duration::from_secs(10),
            shared: true,
        }
    }
}

/// Content with everything that careless stores destroy: comments, CRLF, trailing blanks, a byte
/// order mark, no final line end, text beyond ASCII.
const AWKWARD: &str =
    "\u{feff}# comment\r\nitems: # ünïcode \u{1F600}\r\n  - {name:   'a'}  \r\n\n\t\nz: |\n  x";

struct Case<'a, S> {
    store: &'a S,
    /// Another handle on the same data.
    other: &'a S,
    options: &'a StoreSuiteOptions,
}

impl<S: SourceConfigStore> Case<'_, S> {
    fn key(&self, id: &str) -> SourceKey {
        key(self.options.plugins[0], id)
    }

    fn document(&self, key: &SourceKey, text: impl AsRef<[u8]>) -> SourceDocument {
        document("A name", text, self.store.content_properties(key))
    }

    async fn try_put(
        &self,
        key: &SourceKey,
        text: impl AsRef<[u8]>,
        expect: Expect,
    ) -> Result<Revision, StoreError> {
        let document = accept(self.document(key, text));
        self.store
            .put(key, &document, &expect, &meta(RevisionKind::Apply))
            .await
    }

    async fn put(&self, key: &SourceKey, text: impl AsRef<[u8]>, expect: Expect) -> Revision {
        self.try_put(key, text, expect)
            .await
            .expect("the put succeeds")
    }

    async fn current(&self, key: &SourceKey) -> Option<(RevisionId, Vec<u8>)> {
        let stored = self.store.get(key).await.expect("the get succeeds")?;
        let content = stored
            .document
            .content
            .as_deref()
            .unwrap_or_default()
            .to_vec();
        Some((stored.revision.id, content))
    }

    /// The state that a refused write must not change.
    async fn state(&self, key: &SourceKey) -> (Option<(RevisionId, Vec<u8>)>, Vec<Revision>) {
        (
            self.current(key).await,
            self.store
                .revisions(key)
                .await
                .expect("the history is there"),
        )
    }
}

macro_rules! cases {
    ($($name:ident),+ $(,)?) => {
        /// Runs every case against a fresh store. `make` answers two handles on the same, empty
        /// data (the same handle twice where data cannot be shared) and what keeps the data alive.
        ///
        /// # Panics
        /// When a case fails, with its name.
        pub async fn store_suite<S, G, F, Fut>(options: StoreSuiteOptions, make: F)
        where
            S: SourceConfigStore + 'static,
            F: Fn() -> Fut,
            Fut: Future<Output = (Arc<S>, Arc<S>, G)>,
        {
            let mut passed = 0;
            $(
                let (store, other, guard) = make().await;
                eprintln!("store suite, {}: {}", store.describe(), stringify!($name));
                $name(Case { store: &*store, other: &*other, options: &options }).await;
                drop(guard);
                passed += 1;
            )+
            eprintln!("store suite: {passed} cases passed");
        }
    };
}

cases![
    bytes_come_back_as_they_were_put,
    settings_come_back_as_they_were_put,
    a_new_source_is_not_there_before_it_is_put,
    a_stale_expectation_is_a_conflict_and_changes_nothing,
    of_racing_writers_exactly_one_wins,
    racing_updates_with_retries_all_arrive,
    revision_ids_never_repeat_and_come_newest_first,
    equal_bytes_may_have_different_revisions,
    every_revision_gives_back_its_bytes,
    rolling_back_to_the_first_revision_restores_the_exact_bytes,
    a_preview_answers_what_the_put_would_and_writes_nothing,
    a_deleted_source_is_gone_and_keeps_its_history,
    a_deleted_source_can_be_rolled_back_into_being,
    deleting_what_is_not_there_says_so,
    the_promised_number_of_revisions_is_kept,
    an_unknown_revision_is_not_found,
    too_large_is_refused_before_anything_is_written,
    a_change_arrives_on_watch,
    a_change_of_another_handle_arrives_on_watch,
    sources_of_one_plugin_do_not_appear_under_another,
    sources_are_listed_by_id,
    a_dropped_write_leaves_the_old_state_or_the_new,
    readers_never_see_half_a_write,
];

async fn bytes_come_back_as_they_were_put<S: SourceConfigStore>(c: Case<'_, S>) {
    let key = c.key("bytes");
    let revision = c.put(&key, AWKWARD, Expect::Absent).await;
    assert_eq!(
        c.current(&key).await,
        Some((revision.id.clone(), AWKWARD.into()))
    );
    let stored = c
        .other
        .get(&key)
        .await
        .expect("get")
        .expect("the other handle sees it");
    assert_eq!(stored.revision, revision);
    let next = c
        .put(
            &key,
            b"\xff\x00 not even text",
            Expect::Revision(revision.id),
        )
        .await;
    assert_eq!(
        c.current(&key).await,
        Some((next.id, b"\xff\x00 not even text".to_vec()))
    );
}

async fn settings_come_back_as_they_were_put<S: SourceConfigStore>(c: Case<'_, S>) {
    let key = c.key("settings");
    let mut document = c.document(&key, "items: []\n");
    let settings = &mut document.settings;
    settings.name = "Ünïcode: \"quoted\" # no comment".to_owned();
    settings.enabled = false;
    settings.labels = vec!["a b".into(), "no".into(), "017".into(), "- x".into()];
    settings.included_items = vec!["*".into(), "a*b".into()];
    settings.excluded_items = vec!["x: y".into()];
    settings.properties.insert(
        "nested".into(),
        serde_json::json!({
            "ref": {"name": "s", "key": "k"}, "n": 1, "f": 1.5, "t": true, "z": null,
            "list": [1, "two", {"three": [3]}, [], {}], "text": "two\nlines\n", "empty": ""
        }),
    );
    let put = accept(document.clone());
    let revision = c
        .store
        .put(&key, &put, &Expect::Absent, &meta(RevisionKind::Apply))
        .await
        .expect("put");
    let stored = c.store.get(&key).await.expect("get").expect("there");
    assert_eq!(stored.document, document);
    assert_eq!(revision.digest, document.digest().to_string());
    assert_eq!(
        (revision.author.as_str(), revision.message.as_deref()),
        ("tester", Some("a test"))
    );
    assert!(stored.problems.is_empty(), "{:?}", stored.problems);
    // Fields go back to their defaults as well.
    let plain = c.document(&key, "items: []\n");
    let put = accept(plain.clone());
    c.store
        .put(&key, &put, &Expect::Any, &meta(RevisionKind::Apply))
        .await
        .expect("put");
    assert_eq!(
        c.store
            .get(&key)
            .await
            .expect("get")
            .expect("there")
            .document,
        plain
    );
}

async fn a_new_source_is_not_there_before_it_is_put<S: SourceConfigStore>(c: Case<'_, S>) {
    let key = c.key("fresh");
    assert_eq!(c.state(&key).await, (None, vec![]));
    let id = "1-000000000000".parse().expect("an id");
    let stale = c.try_put(&key, "a", Expect::Revision(id)).await;
    assert!(
        matches!(stale, Err(StoreError::Conflict { current: None, .. })),
        "{stale:?}"
    );
    assert_eq!(c.state(&key).await, (None, vec![]));
}

async fn a_stale_expectation_is_a_conflict_and_changes_nothing<S: SourceConfigStore>(
    c: Case<'_, S>,
) {
    let key = c.key("stale");
    let first = c.put(&key, "one", Expect::Absent).await;
    let second = c.put(&key, "two", Expect::Revision(first.id.clone())).await;
    let before = c.state(&key).await;
    for expect in [Expect::Absent, Expect::Revision(first.id)] {
        let answer = c.try_put(&key, "three", expect.clone()).await;
        let Err(StoreError::Conflict { current, .. }) = answer else {
            panic!("{expect:?} should conflict: {answer:?}");
        };
        assert_eq!(current.as_ref(), Some(&second.id));
        let answer = c
            .store
            .delete(&key, &expect, &meta(RevisionKind::Delete))
            .await;
        assert!(
            matches!(answer, Err(StoreError::Conflict { .. })),
            "{answer:?}"
        );
    }
    assert_eq!(c.state(&key).await, before);
}

async fn of_racing_writers_exactly_one_wins<S: SourceConfigStore>(c: Case<'_, S>) {
    let key = c.key("race");
    let mut head = c.put(&key, "start", Expect::Absent).await;
    for round in 0..3 {
        let writers = (0..8).map(|w| {
            let (key, expect) = (key.clone(), Expect::Revision(head.id.clone()));
            let document = accept(c.document(&key, format!("round {round} writer {w}")));
            let store = if w % 2 == 0 { c.store } else { c.other };
            async move {
                store
                    .put(&key, &document, &expect, &meta(RevisionKind::Apply))
                    .await
            }
        });
        let results = futures_util::future::join_all(writers).await;
        let (mut winners, mut conflicts) = (Vec::new(), 0);
        for result in results {
            match result {
                Ok(revision) => winners.push(revision),
                Err(StoreError::Conflict { .. }) => conflicts += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!((winners.len(), conflicts), (1, 7));
        head = winners.remove(0);
        assert_eq!(
            c.current(&key).await.map(|(id, _)| id),
            Some(head.id.clone())
        );
    }
    assert_eq!(c.store.revisions(&key).await.expect("history").len(), 4);
}

async fn racing_updates_with_retries_all_arrive<S: SourceConfigStore>(c: Case<'_, S>) {
    let key = c.key("counter");
    c.put(&key, "", Expect::Absent).await;
    let writers = (0..4).map(|w| {
        let key = key.clone();
        let store = if w % 2 == 0 { c.store } else { c.other };
        async move {
            store
                .update::<_, StoreError>(&key, 50, &meta(RevisionKind::Apply), |stored| {
                    let mut document = stored.expect("it is there").document.clone();
                    let mut text = document.content.as_deref().unwrap_or_default().to_vec();
                    text.push(b'a' + w);
                    document.content = Some(text.into());
                    Ok(accept(document))
                })
                .await
        }
    });
    for result in futures_util::future::join_all(writers).await {
        result.expect("every update arrives");
    }
    let (_, mut text) = c.current(&key).await.expect("there");
    text.sort_unstable();
    assert_eq!(text, b"abcd");
}

async fn revision_ids_never_repeat_and_come_newest_first<S: SourceConfigStore>(c: Case<'_, S>) {
    let key = c.key("ids");
    let mut seen = Vec::new();
    // Back and forth between two documents, and through a deletion.
    for i in 0..8 {
        if i == 4 {
            let delete = meta(RevisionKind::Delete);
            seen.push(
                c.store
                    .delete(&key, &Expect::Any, &delete)
                    .await
                    .expect("delete")
                    .id,
            );
        }
        seen.push(
            c.put(&key, if i % 2 == 0 { "a" } else { "b" }, Expect::Any)
                .await
                .id,
        );
    }
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), seen.len());
    assert!(
        seen.windows(2).all(|w| w[0].sequence() < w[1].sequence()),
        "{seen:?}"
    );
    let listed: Vec<_> = c
        .store
        .revisions(&key)
        .await
        .expect("history")
        .into_iter()
        .map(|r| r.id)
        .collect();
    seen.reverse();
    assert_eq!(listed, seen);
}

async fn equal_bytes_may_have_different_revisions<S: SourceConfigStore>(c: Case<'_, S>) {
    let key = c.key("equal");
    let first = c.put(&key, "same", Expect::Absent).await;
    let second = c
        .put(&key, "same", Expect::Revision(first.id.clone()))
        .await;
    assert_ne!(first.id, second.id);
    assert_eq!(first.digest, second.digest);
}

async fn every_revision_gives_back_its_bytes<S: SourceConfigStore>(c: Case<'_, S>) {
    let key = c.key("history");
    let texts = ["one\n", AWKWARD, "", "two"];
    for text in texts {
        c.put(&key, text, Expect::Any).await;
    }
    let revisions = c.store.revisions(&key).await.expect("history");
    for (revision, text) in revisions.iter().rev().zip(texts) {
        let record = c
            .store
            .get_revision(&key, &revision.id)
            .await
            .expect("the revision is there");
        assert_eq!(&record.revision, revision);
        let document = record.document.expect("it has a document");
        assert_eq!(document.content.as_deref(), Some(text.as_bytes()));
        assert_eq!(document.digest().to_string(), revision.digest);
        assert_eq!(revision.size, text.len() as u64);
    }
}

async fn rolling_back_to_the_first_revision_restores_the_exact_bytes<S: SourceConfigStore>(
    c: Case<'_, S>,
) {
    let key = c.key("back");
    let first = c.put(&key, AWKWARD, Expect::Absent).await;
    let second = c
        .put(&key, "items: []\n", Expect::Revision(first.id.clone()))
        .await;
    let expect = Expect::Revision(second.id.clone());
    let back = c
        .store
        .roll_back::<_, StoreError>(&key, &first.id, &expect, &meta(RevisionKind::Apply), |d| {
            Ok(accept(d))
        })
        .await
        .expect("the roll back succeeds");
    assert_eq!(back.kind, RevisionKind::Rollback);
    assert!(back.id > second.id, "a new revision, not an old one");
    assert_eq!(back.digest, first.digest);
    assert_eq!(c.current(&key).await, Some((back.id, AWKWARD.into())));
    assert_eq!(c.store.revisions(&key).await.expect("history").len(), 3);
}

async fn a_preview_answers_what_the_put_would_and_writes_nothing<S: SourceConfigStore>(
    c: Case<'_, S>,
) {
    let key = c.key("preview");
    let meta = meta(RevisionKind::Apply);
    let large =
        vec![b'#'; usize::try_from(c.store.capabilities().max_document_bytes).expect("a size") + 1];
    let mut homeless = c.document(&key, "x");
    homeless.settings.properties.clear();
    let documents = [
        c.document(&key, AWKWARD),
        c.document(&key, &large),
        // Whether a store needs properties for content is its own affair.
        homeless,
        c.document(&key, "two"),
    ];
    for document in documents {
        let document = accept(document);
        for expect in [Expect::Absent, Expect::Any] {
            let before = c.state(&key).await;
            let preview = c.store.preview(&key, &document, &expect, &meta).await;
            assert_eq!(c.state(&key).await, before, "a preview writes nothing");
            let put = c.store.put(&key, &document, &expect, &meta).await;
            match (preview, put) {
                (Ok(preview), Ok(put)) => assert_eq!(preview, put),
                (Err(preview), Err(put)) => assert_eq!(preview.to_string(), put.to_string()),
                (preview, put) => panic!("preview {preview:?}, put {put:?}"),
            }
        }
    }
}

async fn a_deleted_source_is_gone_and_keeps_its_history<S: SourceConfigStore>(c: Case<'_, S>) {
    let key = c.key("deleted");
    let first = c.put(&key, "one", Expect::Absent).await;
    let delete = meta(RevisionKind::Delete);
    let tombstone = c
        .store
        .delete(&key, &Expect::Revision(first.id.clone()), &delete)
        .await
        .expect("delete");
    assert_eq!((tombstone.kind, tombstone.size), (RevisionKind::Delete, 0));
    assert_eq!(c.current(&key).await, None);
    assert!(c.store.list(&key.plugin).await.expect("list").is_empty());
    assert!(c.other.get(&key).await.expect("get").is_none());
    let history = c.store.revisions(&key).await.expect("history");
    assert_eq!(
        history.iter().map(|r| &r.id).collect::<Vec<_>>(),
        [&tombstone.id, &first.id]
    );
    let record = c
        .store
        .get_revision(&key, &tombstone.id)
        .await
        .expect("the tombstone is there");
    assert_eq!(record.document, None);
}

async fn a_deleted_source_can_be_rolled_back_into_being<S: SourceConfigStore>(c: Case<'_, S>) {
    let key = c.key("phoenix");
    let first = c.put(&key, AWKWARD, Expect::Absent).await;
    c.store
        .delete(&key, &Expect::Any, &meta(RevisionKind::Delete))
        .await
        .expect("delete");
    let stale = Expect::Revision(first.id.clone());
    let answer = c.try_put(&key, "x", stale).await;
    assert!(
        matches!(answer, Err(StoreError::Conflict { current: None, .. })),
        "{answer:?}"
    );
    let back = c
        .store
        .roll_back::<_, StoreError>(
            &key,
            &first.id,
            &Expect::Absent,
            &meta(RevisionKind::Apply),
            |d| Ok(accept(d)),
        )
        .await
        .expect("the roll back succeeds");
    assert_eq!(back.id.sequence(), 3);
    assert_eq!(c.current(&key).await, Some((back.id, AWKWARD.into())));
}

async fn deleting_what_is_not_there_says_so<S: SourceConfigStore>(c: Case<'_, S>) {
    let answer = c
        .store
        .delete(&c.key("nothing"), &Expect::Any, &meta(RevisionKind::Delete))
        .await;
    assert!(
        matches!(answer, Err(StoreError::SourceNotFound { .. })),
        "{answer:?}"
    );
    assert!(
        c.store
            .revisions(&c.key("nothing"))
            .await
            .expect("history")
            .is_empty()
    );
}

async fn the_promised_number_of_revisions_is_kept<S: SourceConfigStore>(c: Case<'_, S>) {
    let key = c.key("many");
    let promised = c.store.capabilities().history;
    for i in 0..promised + 5 {
        c.put(&key, format!("text {i}"), Expect::Any).await;
    }
    let revisions = c.store.revisions(&key).await.expect("history");
    assert!(
        revisions.len() >= promised,
        "{} of {promised}",
        revisions.len()
    );
    for revision in &revisions[..promised] {
        let record = c
            .store
            .get_revision(&key, &revision.id)
            .await
            .expect("every listed revision is readable");
        let text = format!("text {}", revision.id.sequence() - 1);
        assert_eq!(
            record.document.and_then(|d| d.content).as_deref(),
            Some(text.as_bytes())
        );
    }
}

async fn an_unknown_revision_is_not_found<S: SourceConfigStore>(c: Case<'_, S>) {
    let key = c.key("unknown");
    let revision = c.put(&key, "one", Expect::Absent).await;
    let (sequence, hex) = (revision.id.sequence(), revision.id.hex().to_owned());
    let other_hex: String = hex.chars().rev().collect();
    for id in [
        format!("{}-{hex}", sequence + 1),
        format!("{sequence}-{other_hex}"),
    ] {
        let id: RevisionId = id.parse().expect("an id");
        let answer = c.store.get_revision(&key, &id).await;
        assert!(
            matches!(answer, Err(StoreError::RevisionNotFound { .. })),
            "{answer:?}"
        );
    }
    let answer = c.store.get_revision(&c.key("nobody"), &revision.id).await;
    assert!(
        matches!(answer, Err(StoreError::RevisionNotFound { .. })),
        "{answer:?}"
    );
}

async fn too_large_is_refused_before_anything_is_written<S: SourceConfigStore>(c: Case<'_, S>) {
    let key = c.key("large");
    let limit = c.store.capabilities().max_document_bytes;
    let large = vec![b'#'; usize::try_from(limit).expect("a size") + 1];
    let answer = c.try_put(&key, &large, Expect::Absent).await;
    let Err(StoreError::TooLarge {
        limit: said,
        actual,
    }) = answer
    else {
        panic!("{answer:?}");
    };
    assert_eq!((said, actual), (limit, limit + 1));
    assert_eq!(c.state(&key).await, (None, vec![]));
    c.put(&key, &large[1..], Expect::Absent).await;
}

async fn seen_within<S: SourceConfigStore>(c: &Case<'_, S>, watching: &S, writing: &S, id: &str) {
    let key = c.key(id);
    let mut changes = watching.watch();
    let document = accept(c.document(&key, "seen"));
    writing
        .put(&key, &document, &Expect::Absent, &meta(RevisionKind::Apply))
        .await
        .expect("put");
    let expected = [StoreChange::Source(key.clone()), StoreChange::Everything];
    let seen = tokio::time::timeout(c.options.watch_within, async {
        while let Some(change) = changes.next().await {
            if expected.contains(&change) {
                return true;
            }
        }
        false
    });
    assert_eq!(seen.await, Ok(true), "the change of {key} is seen in time");
}

async fn a_change_arrives_on_watch<S: SourceConfigStore>(c: Case<'_, S>) {
    seen_within(&c, c.store, c.store, "watched").await;
}

async fn a_change_of_another_handle_arrives_on_watch<S: SourceConfigStore>(c: Case<'_, S>) {
    if c.options.shared {
        seen_within(&c, c.store, c.other, "watched-from-afar").await;
    }
}

async fn sources_of_one_plugin_do_not_appear_under_another<S: SourceConfigStore>(c: Case<'_, S>) {
    let [one, two] = c.options.plugins;
    let (a, b) = (key(one, "same-id"), key(two, "same-id"));
    c.put(&a, "of one", Expect::Absent).await;
    assert!(c.store.get(&b).await.expect("get").is_none());
    assert!(c.store.list(&b.plugin).await.expect("list").is_empty());
    c.put(&b, "of two", Expect::Absent).await;
    c.store
        .delete(&a, &Expect::Any, &meta(RevisionKind::Delete))
        .await
        .expect("delete");
    assert_eq!(
        c.current(&b).await.map(|(_, text)| text),
        Some(b"of two".to_vec())
    );
    assert_eq!(c.store.revisions(&b).await.expect("history").len(), 1);
}

async fn sources_are_listed_by_id<S: SourceConfigStore>(c: Case<'_, S>) {
    for id in ["c", "a", "b-2", "b"] {
        c.put(&c.key(id), id, Expect::Absent).await;
    }
    let plugin = c.key("a").plugin;
    let listed = c.store.list(&plugin).await.expect("list");
    let ids: Vec<_> = listed.iter().map(|s| s.key.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "b-2", "c"]);
    for source in &listed {
        assert_eq!(
            source.document.content.as_deref(),
            Some(source.key.id.as_str().as_bytes())
        );
    }
}

async fn a_dropped_write_leaves_the_old_state_or_the_new<S: SourceConfigStore>(c: Case<'_, S>) {
    let key = c.key("dropped");
    let mut head = c.put(&key, "0", Expect::Absent).await;
    let mut texts = vec!["0".to_owned()];
    // Which of them is there.
    let mut last = 0;
    for micros in [0u64, 50, 200, 500, 1_000, 2_000, 5_000, 20_000] {
        let text = format!("after {micros}");
        let document = accept(c.document(&key, &text));
        let expect = Expect::Revision(head.id.clone());
        let meta = meta(RevisionKind::Apply);
        let write = c.store.put(&key, &document, &expect, &meta);
        let _ = tokio::time::timeout(Duration::from_micros(micros), write).await;
        texts.push(text);
        // What was begun may still end, now or, where the disk is slow, after the next one.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let stored = c.store.get(&key).await.expect("get").expect("there");
        let content = stored.document.content.as_deref().unwrap_or_default();
        let written = texts.iter().position(|text| text.as_bytes() == content);
        let written = written.expect("the text of one of the writes");
        assert_eq!(stored.revision.digest, stored.document.digest().to_string());
        match stored.revision.id.sequence() - head.id.sequence() {
            0 => assert_eq!((&stored.revision.id, written), (&head.id, last)),
            // Each of them expected the one before, so that of several that are under way one is made.
            1 => assert!(written > last, "{written} after {last}"),
            more => panic!("{more} revisions of one write"),
        }
        (head, last) = (stored.revision, written);
    }
}

async fn readers_never_see_half_a_write<S: SourceConfigStore>(c: Case<'_, S>) {
    let key = c.key("whole");
    // Settings and content change together; a reader must see them together.
    let make = |i: usize| {
        let mut document = c.document(&key, format!("content {i}\n").repeat(50));
        document.settings.name = format!("name {i}");
        document
    };
    let first = accept(make(0));
    c.store
        .put(&key, &first, &Expect::Absent, &meta(RevisionKind::Apply))
        .await
        .expect("put");
    let writer = async {
        for i in 1..15 {
            let next = accept(make(i));
            c.store
                .put(&key, &next, &Expect::Any, &meta(RevisionKind::Apply))
                .await
                .expect("put");
        }
    };
    let reader = async {
        for _ in 0..100 {
            let stored = c.other.get(&key).await.expect("get").expect("there");
            assert_eq!(stored.revision.digest, stored.document.digest().to_string());
            let number = stored
                .document
                .settings
                .name
                .trim_start_matches("name ")
                .to_owned();
            let expected = format!("content {number}\n").repeat(50);
            assert_eq!(
                stored.document.content.as_deref(),
                Some(expected.as_bytes())
            );
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(writer, reader);
    let history = c.store.revisions(&key).await.expect("history");
    assert!(
        history.iter().all(|r| r.kind == RevisionKind::Apply),
        "nothing was mistaken for an outside edit"
    );
}
