//! Resolving secret references.

use async_trait::async_trait;
use secrecy::SecretString;

use crate::model::SecretRef;

/// A reference that could not be resolved. Names the reference, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secret {reference} cannot be resolved: {reason}")]
pub struct SecretError {
    /// The reference.
    pub reference: SecretRef,
    /// Why, without a value.
    pub reason: String,
    /// Whether trying again may help.
    pub retryable: bool,
}

/// Finds the value behind a reference. The value is passed on byte for byte and lives only in the
/// call that needs it.
#[async_trait]
pub trait SecretResolver: Send + Sync {
    /// The value.
    ///
    /// # Errors
    /// [`SecretError`] when there is no such secret or it cannot be read.
    async fn resolve(&self, reference: &SecretRef) -> Result<SecretString, SecretError>;
}

/// Resolves nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

#[async_trait]
impl SecretResolver for NoSecrets {
    async fn resolve(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        Err(SecretError {
            reference: reference.clone(),
            reason: "no secret resolver is configured".to_owned(),
            retryable: false,
        })
    }
}
