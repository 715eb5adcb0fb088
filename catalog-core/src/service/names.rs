//! Finding entities by name.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

use hashbrown::HashTable;

use crate::model::Entity;

/// One key for the process, so that a name is hashed once for all sources.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A name with its hash.
#[derive(Clone, Copy)]
pub(super) struct Name<'a>(&'a str, u64);

impl<'a> Name<'a> {
    pub(super) fn new(name: &'a str) -> Self {
        Self(name, KEY.hash_one(name))
    }
}

/// Where in a list each name is. Holds no names itself.
#[derive(Default)]
pub(super) struct Names(HashTable<u32>);

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Names({})", self.0.len())
    }
}

impl Names {
    /// Of a name that is there twice, the last.
    pub(super) fn of(entities: &[Entity]) -> Self {
        let mut table = HashTable::with_capacity(entities.len());
        let name = |at: u32| &*entities[at as usize].name;
        // More than four billion do not fit into memory.
        for at in (0..=u32::MAX).take(entities.len()) {
            let Name(text, hash) = Name::new(name(at));
            let same = |other: &u32| name(*other) == text;
            table
                .entry(hash, same, |other| Name::new(name(*other)).1)
                .and_modify(|old| *old = at)
                .or_insert(at);
        }
        Self(table)
    }

    /// The entity of this name, of the list that this was made of.
    pub(super) fn get<'e>(
        &self,
        Name(name, hash): Name<'_>,
        entities: &'e [Entity],
    ) -> Option<&'e Entity> {
        let same = |at: &u32| &*entities[*at as usize].name == name;
        self.0.find(hash, same).map(|at| &entities[*at as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_no_other() {
        let entity = |n: usize| Entity {
            name: format!("e{n}").into(),
            id: n as i64,
            ..Entity::default()
        };
        let mut entities: Vec<Entity> = (0..1_000).map(entity).collect();
        entities.push(Entity {
            name: "e7".into(),
            id: -1,
            ..Entity::default()
        });
        let names = Names::of(&entities);
        let id = |name: &str| names.get(Name::new(name), &entities).map(|e| e.id);
        assert!(
            (0..1_000)
                .filter(|n| *n != 7)
                .all(|n| id(&format!("e{n}")) == Some(n))
        );
        assert_eq!(id("e7"), Some(-1));
        assert_eq!((id("e1000"), id("")), (None, None));
    }
}
