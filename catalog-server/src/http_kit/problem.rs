//! How errors are told: one body per family of routes, for handlers, extractors, the router and panics alike.

mod catch;
mod classify;
mod error;
mod family;

pub use catch::{Catch, CatchEndpoint};
pub use classify::MethodNotAllowed;
pub(super) use classify::bare;
pub use error::ApiError;
pub use family::Family;
