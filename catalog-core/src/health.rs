//! Asking components how they are, within a time limit.

use std::future::Future;
use std::time::Duration;

use crate::ports::{ComponentHealth, HealthCheck};

/// The answer, unless it takes longer than `limit`.
pub async fn bounded<T>(limit: Duration, answer: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, answer).await.ok()
}

/// Asks a component; one that does not answer in time is unhealthy.
pub async fn check(component: &dyn HealthCheck, limit: Duration) -> ComponentHealth {
    let answer = bounded(limit, component.check()).await;
    answer.unwrap_or_else(|| ComponentHealth::unhealthy("no answer in time"))
}
