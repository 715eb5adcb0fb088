//! The sources of a plugin, by id, so that one is swapped without copying all of them.

use std::sync::Arc;

use super::view::LiveSource;
use crate::model::SourceId;

/// Sources that are kept, and copied, together. A change costs this much, and one more copy for
/// every so many sources.
const CHUNK: usize = 64;

type Chunk = Arc<Vec<Arc<LiveSource>>>;

/// Immutable in use; a changed copy shares nearly everything.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    /// In order, and none is empty.
    chunks: Vec<Chunk>,
}

impl Sources {
    /// The chunk that has or would have this source, and where in it.
    fn place(&self, id: &SourceId) -> (usize, Result<usize, usize>) {
        let starts_before = |chunk: &Chunk| chunk.first().is_some_and(|s| s.id <= *id);
        let chunk = self.chunks.partition_point(starts_before).saturating_sub(1);
        let search = |chunk: &Chunk| chunk.binary_search_by(|s| s.id.cmp(id));
        (chunk, self.chunks.get(chunk).map_or(Err(0), search))
    }

    pub(super) fn get(&self, id: &SourceId) -> Option<&Arc<LiveSource>> {
        let (chunk, place) = self.place(id);
        self.chunks.get(chunk)?.get(place.ok()?)
    }

    /// By id.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<LiveSource>> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    pub(super) fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.len()).sum()
    }

    /// The same with this source, which replaces the one with its id.
    pub(super) fn with(&self, source: Arc<LiveSource>) -> Self {
        let mut new = self.clone();
        let (at, place) = self.place(&source.id);
        let Some(chunk) = new.chunks.get_mut(at) else {
            new.chunks.push(Arc::new(vec![source]));
            return new;
        };
        let sources = Arc::make_mut(chunk);
        match place {
            Ok(place) => sources[place] = source,
            Err(place) => sources.insert(place, source),
        }
        if sources.len() > 2 * CHUNK {
            let rest = sources.split_off(CHUNK);
            new.chunks.insert(at + 1, Arc::new(rest));
        }
        new
    }

    /// The same without this source.
    pub(super) fn without(&self, id: &SourceId) -> Self {
        let mut new = self.clone();
        if let (at, Ok(place)) = self.place(id) {
            let sources = Arc::make_mut(&mut new.chunks[at]);
            sources.remove(place);
            if sources.is_empty() {
                new.chunks.remove(at);
            }
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{ChangeMeta, Revision, RevisionKind};
    use crate::ports::StoredSource;
    use crate::testing::{document, key, meta};

    fn source(n: u64) -> Arc<LiveSource> {
        let key = key("plain", &format!("s{n}"));
        let document = document("A source", "items: []\n", serde_json::Map::new());
        let meta: ChangeMeta = meta(RevisionKind::Import);
        let stored = StoredSource {
            revision: Revision::describe(1, Some(&document), &meta),
            key,
            document,
            origin: String::new(),
            editable: true,
            problems: Vec::new(),
        };
        Arc::new(LiveSource::loading(&stored))
    }

    #[test]
    fn any_order_of_changes_leaves_what_a_plain_map_would_hold() {
        let (mut sources, mut plain) = (Sources::default(), BTreeMap::new());
        let all: Vec<_> = (0..600).map(source).collect();
        let mut dice: usize = 1;
        for turn in 0..4_000 {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let one = &all[(dice >> 33) % all.len()];
            let before: Vec<_> = sources.iter().cloned().collect();
            let old = sources.clone();
            // Many come, then many go.
            if (dice >> 20) % 10 < if turn < 2_000 { 8 } else { 2 } {
                sources = sources.with(one.clone());
                plain.insert(one.id.clone(), one.clone());
            } else {
                sources = sources.without(&one.id);
                plain.remove(&one.id);
            }
            assert!(
                before
                    .iter()
                    .zip(old.iter())
                    .all(|(a, b)| Arc::ptr_eq(a, b))
            );
            assert_eq!(sources.len(), plain.len());
            assert!(
                sources
                    .iter()
                    .zip(plain.values())
                    .all(|(a, b)| Arc::ptr_eq(a, b))
            );
            assert!(
                sources
                    .chunks
                    .iter()
                    .all(|c| !c.is_empty() && c.len() <= 2 * CHUNK)
            );
            assert_eq!(sources.get(&one.id).is_some(), plain.contains_key(&one.id));
        }
    }
}
