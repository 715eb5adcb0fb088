//! The ports: what the core needs from outside, each with an implementation in memory.

mod clock;
mod events;
mod health;
mod memory_store;
mod plugin;
mod secrets;
mod status;
mod store;

pub use clock::{Clock, ManualClock, SystemClock};
pub use events::{CatalogEvent, EventSink, NoEvents};
pub use health::{ComponentHealth, ComponentState, HealthCheck};
pub use memory_store::MemoryStore;
pub use plugin::{CatalogPlugin, ContentContext, LoadError, LoadRequest, Loaded};
pub use secrets::{NoSecrets, SecretError, SecretResolver};
pub use status::{MemoryStatus, RefreshStatusRepository, STATUS_HISTORY, StatusError};
pub use store::{
    SourceConfigStore, SourceConfigStoreExt, StoreCapabilities, StoreChange, StoredSource,
};
