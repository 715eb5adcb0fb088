//! HTTP plumbing that knows nothing of catalogs: what every route has in common.
//!
//! - [`serve()`] runs an endpoint on a listener, with a limit on everything a client can hold on to.
//! - [`shell()`] wraps an application in what every request goes through: id and log, security headers, errors of the right family,
//!   limits and deadlines, custom verbs.
//! - [`Strict`] reads a JSON body and names everything that is wrong with it; [`Wire`] writes one.
//! - [`ApiError`] is how a handler fails.
//! - [`Published`] and [`WithAllow`] wrap an `OpenApi`: `id:verb` paths, and 405 with `Allow`.
//! - [`docs`] serves the OpenAPI document and a page to read it.
//!
//! A handler then reads:
//!
//! ```
//! use catalog_api::{ApplyRequest, DeleteResult};
//! use catalog_server::http_kit::{Answer, ApiError, Strict, Wire};
//! use poem::http::StatusCode;
//! use poem_openapi::{OpenApi, param::Path};
//!
//! struct Sources;
//!
//! #[OpenApi]
//! impl Sources {
//!     /// Store and serve a document. Published as `/sources/{source_id}:apply`.
//!     #[oai(path = "/sources/:source_id/~apply", method = "post")]
//!     async fn apply(&self, source_id: Path<String>, body: Strict<ApplyRequest>) -> Answer<DeleteResult> {
//!         if body.0.raw_yaml.is_none() {
//!             return Err(ApiError::new(StatusCode::NOT_FOUND, "source-not-found").detail(format!("no source {:?}", *source_id)));
//!         }
//!         Ok(Wire(DeleteResult { revision: "1-9f86d081884c".into() }))
//!     }
//! }
//! ```

mod allow;
pub mod docs;
mod headers;
mod limits;
mod problem;
mod request_id;
mod serve;
mod shell;
mod short;
mod strict;
mod verbs;
mod wire;

pub use allow::{WithAllow, get_only};
pub use headers::SecurityHeaders;
pub(crate) use limits::FREE_BYTES;
pub use limits::{Limits, LimitsEndpoint};
pub use problem::{ApiError, Catch, CatchEndpoint, Family, MethodNotAllowed};
pub use request_id::{RequestId, RequestIds, RequestIdsEndpoint};
pub use serve::{Drained, ServeOptions, listen, serve};
pub use shell::{ShellOptions, shell, shell_with_short_way};
pub use short::ShortAnswer;
pub use strict::Strict;
pub use verbs::{CustomVerbs, CustomVerbsEndpoint, Published};
pub use wire::{Answer, Tagged, Wire};
