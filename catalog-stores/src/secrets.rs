//! Where the values behind secret references come from.
//!
//! Each resolver passes a value on byte for byte, keeps nothing, and names the reference in its
//! errors, never a value.

mod chain;
mod env;
mod file;

pub use chain::ChainSecrets;
pub use env::EnvSecrets;
pub use file::FileSecrets;

use catalog_core::model::SecretRef;
use catalog_core::ports::SecretError;

/// An error that trying again does not mend.
fn refused(reference: &SecretRef, reason: impl Into<String>) -> SecretError {
    SecretError {
        reference: reference.clone(),
        reason: reason.into(),
        retryable: false,
    }
}
