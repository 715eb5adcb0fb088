//! Several resolvers, one after the other.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use catalog_core::model::SecretRef;
use catalog_core::ports::{SecretError, SecretResolver};
use secrecy::SecretString;

use super::refused;

/// Asks one resolver after the other; the first that has the secret answers.
pub struct ChainSecrets(Vec<Arc<dyn SecretResolver>>);

impl ChainSecrets {
    /// Asks in this order.
    pub fn new(resolvers: Vec<Arc<dyn SecretResolver>>) -> Self {
        Self(resolvers)
    }
}

/// Prints how many there are.
impl fmt::Debug for ChainSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChainSecrets").field(&self.0.len()).finish()
    }
}

#[async_trait]
impl SecretResolver for ChainSecrets {
    /// # Errors
    /// The reasons of all resolvers; retryable when one of them is.
    async fn resolve(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        let mut reasons = Vec::new();
        let mut retryable = false;
        for resolver in &self.0 {
            match resolver.resolve(reference).await {
                Ok(value) => return Ok(value),
                Err(error) => {
                    retryable |= error.retryable;
                    reasons.push(error.reason);
                }
            }
        }
        if reasons.is_empty() {
            return Err(refused(reference, "no secret resolver is configured"));
        }
        Err(SecretError {
            reference: reference.clone(),
            reason: reasons.join("; "),
            retryable,
        })
    }
}
