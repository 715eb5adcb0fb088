//! What a plugin resolves, so that what it says can be kept from quoting it.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use crate::model::SecretRef;
use crate::ports::{SecretError, SecretResolver};
use crate::redaction::Secrets;

/// Resolves like another resolver, and remembers the values until it is dropped, at the end of the
/// call that needs them. An upstream may repeat a token in its refusal, a client print a whole URL.
pub(super) struct Remembering<'a> {
    inner: &'a dyn SecretResolver,
    values: Mutex<Vec<SecretString>>,
}

impl<'a> Remembering<'a> {
    pub(super) fn new(inner: &'a dyn SecretResolver) -> Self {
        let values = Mutex::default();
        Self { inner, values }
    }

    /// These secrets and what was resolved.
    pub(super) fn with(&self, secrets: Secrets) -> Secrets {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        if values.is_empty() {
            return secrets;
        }
        secrets.and(values.iter().map(ExposeSecret::expose_secret))
    }
}

#[async_trait]
impl SecretResolver for Remembering<'_> {
    async fn resolve(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        let value = self.inner.resolve(reference).await?;
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.push(value.clone());
        Ok(value)
    }
}
