//! The orders in which readers page through the entities of a source.

use std::sync::OnceLock;

use crate::model::Entity;

/// An order of entities. Names may repeat between sources, so the id, which does not, comes second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By name, then by id.
    Name,
    /// By id.
    Id,
}

impl Order {
    /// Where an entity of this name and id stands in this order.
    pub fn place(self, name: &str, id: i64) -> (&str, i64) {
        match self {
            Self::Name => (name, id),
            Self::Id => ("", id),
        }
    }
}

/// Entities sorted when somebody first asks: once for all pages, until they are loaded again.
#[derive(Debug, Default)]
pub(super) struct Orders {
    by_name: OnceLock<Box<[u32]>>,
    by_id: OnceLock<Box<[u32]>>,
}

impl Orders {
    pub(super) fn of(&self, entities: &[Entity], order: Order) -> &[u32] {
        let sorted = match order {
            Order::Name => &self.by_name,
            Order::Id => &self.by_id,
        };
        sorted.get_or_init(|| {
            let place = |index: u32| {
                let entity = &entities[index as usize];
                order.place(&entity.name, entity.id)
            };
            // More than four billion do not fit into memory.
            let mut indices: Box<[u32]> = (0..=u32::MAX).take(entities.len()).collect();
            indices.sort_unstable_by(|a, b| place(*a).cmp(&place(*b)));
            indices
        })
    }
}
