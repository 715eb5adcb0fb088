//! Health of the parts.

use async_trait::async_trait;

/// How a component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ComponentState {
    /// As it should be.
    Healthy,
    /// Works, not as it should. Stays in rotation.
    Degraded,
    /// Does not work.
    Unhealthy,
}

/// How a component is, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentHealth {
    /// How.
    pub state: ComponentState,
    /// Why, without a secret; `None` when healthy.
    pub detail: Option<String>,
}

impl ComponentHealth {
    /// As it should be.
    pub fn healthy() -> Self {
        Self {
            state: ComponentState::Healthy,
            detail: None,
        }
    }

    /// Works, not as it should.
    pub fn degraded(detail: impl Into<String>) -> Self {
        Self {
            state: ComponentState::Degraded,
            detail: Some(detail.into()),
        }
    }

    /// Does not work.
    pub fn unhealthy(detail: impl Into<String>) -> Self {
        Self {
            state: ComponentState::Unhealthy,
            detail: Some(detail.into()),
        }
    }
}

/// Something that can say how it is. The caller sets a time-out.
#[async_trait]
pub trait HealthCheck: Send + Sync {
    /// The component's name.
    fn name(&self) -> &str;
    /// How it is now.
    async fn check(&self) -> ComponentHealth;
}
