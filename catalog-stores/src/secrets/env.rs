//! Secrets in environment variables.

use std::env::VarError;

use async_trait::async_trait;
use catalog_core::model::SecretRef;
use catalog_core::ports::{SecretError, SecretResolver};
use secrecy::SecretString;

use super::refused;

/// Finds `{name, key}` in the variable `<PREFIX><NAME>_<KEY>`, in upper case, with `_` for whatever
/// is neither a letter nor a digit of ASCII. Knows no namespaces.
///
/// Only variables with the prefix can be reached, so an operator who may write references cannot
/// read the rest of the process's environment. The prefix must not be empty for that to hold.
///
/// ```
/// # use catalog_stores::EnvSecrets;
/// let secrets = EnvSecrets::new("CATALOG_SECRET_");
/// assert_eq!(secrets.variable("hf-hub", "api.key"), "CATALOG_SECRET_HF_HUB_API_KEY");
/// ```
#[derive(Debug, Clone)]
pub struct EnvSecrets {
    prefix: String,
}

impl EnvSecrets {
    /// Looks at variables with this prefix only.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }

    /// The variable that holds this key of this secret.
    pub fn variable(&self, name: &str, key: &str) -> String {
        let word = |c: char| match c.is_ascii_alphanumeric() {
            true => c.to_ascii_uppercase(),
            false => '_',
        };
        let rest = name.chars().chain(['_']).chain(key.chars()).map(word);
        self.prefix.chars().chain(rest).collect()
    }
}

#[async_trait]
impl SecretResolver for EnvSecrets {
    async fn resolve(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        if reference.namespace.is_some() {
            return Err(refused(
                reference,
                "environment variables have no namespaces",
            ));
        }
        let variable = self.variable(&reference.name, &reference.key);
        match std::env::var(&variable) {
            Ok(value) => Ok(SecretString::from(value)),
            Err(VarError::NotPresent) => Err(refused(reference, format!("{variable} is not set"))),
            // The error would print the value.
            Err(VarError::NotUnicode(_)) => {
                Err(refused(reference, format!("{variable} is not UTF-8")))
            }
        }
    }
}
