//! Parts of an embedder's own that break, and say too much when they do.

use std::io::Write;
use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError};

use async_trait::async_trait;
use catalog_core::model::{PluginName, SecretRef};
use catalog_core::ports::{
    CatalogPlugin, ContentContext, LoadError, LoadRequest, Loaded, SecretError, SecretResolver,
};
use catalog_core::service::CatalogServiceBuilder;
use catalog_core::testing::PlainPlugin;
use catalog_core::validation::{Finding, Findings, Layer, LayerContext, ValidationLayer};
use secrecy::{ExposeSecret as _, SecretString};

/// Breaks in one place, with a secret on its lips.
#[derive(Clone)]
pub struct Burst {
    at: &'static str,
    secret: String,
    plain: Arc<PlainPlugin>,
}

impl Burst {
    pub fn new(at: &'static str, secret: &str) -> Self {
        static QUIET: Once = Once::new();
        // What the panic hook prints is up to the process that embeds.
        QUIET.call_once(|| {
            let usual = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                let text = info.payload().downcast_ref::<String>();
                if !text.is_some_and(|t| t.starts_with("burst")) {
                    usual(info);
                }
            }));
        });
        Self {
            at,
            secret: secret.to_owned(),
            plain: Arc::default(),
        }
    }

    /// As plugin, layer and resolver.
    pub fn join(self, builder: CatalogServiceBuilder) -> CatalogServiceBuilder {
        builder
            .secrets(self.clone())
            .layer(self.clone())
            .plugin(self)
    }

    fn burst(&self, at: &str) {
        assert!(self.at != at, "burst with {}", self.secret);
    }
}

#[async_trait]
impl SecretResolver for Burst {
    async fn resolve(&self, _: &SecretRef) -> Result<SecretString, SecretError> {
        Ok(SecretString::from(self.secret.clone()))
    }
}

impl ValidationLayer for Burst {
    fn layer(&self) -> Layer {
        Layer::Custom("burst".into())
    }

    fn check(&self, _: LayerContext<'_>) -> Vec<Finding> {
        self.burst("layer");
        Vec::new()
    }
}

#[async_trait]
impl CatalogPlugin for Burst {
    fn name(&self) -> &PluginName {
        self.plain.name()
    }
    fn version(&self) -> &str {
        "v1"
    }
    fn description(&self) -> &str {
        "breaks"
    }
    fn config_key(&self) -> &str {
        "plain"
    }
    fn source_types(&self) -> &[&str] {
        &["yaml"]
    }
    fn entity_kinds(&self) -> &[&str] {
        &["Item"]
    }
    fn content_keys(&self) -> &[&str] {
        &["items"]
    }
    fn validate_content(&self, _: ContentContext<'_>, _: &mut Findings) {
        self.burst("validate");
    }
    async fn load(&self, request: LoadRequest<'_>) -> Result<Loaded, LoadError> {
        self.burst("load");
        if self.at == "error" {
            let reference = SecretRef {
                name: "a".into(),
                namespace: None,
                key: "b".into(),
            };
            let secret = request.secrets.resolve(&reference).await?;
            let text = format!(
                "401 for {}, and again: {:?}",
                secret.expose_secret(),
                secret.expose_secret()
            );
            return Err(LoadError::Upstream(text));
        }
        self.plain.load(request).await
    }
}

/// Everything that is logged, at every level.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Of this process, from now on.
    pub fn begin() -> Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        LOG.get_or_init(|| {
            let log = Self::default();
            let writer = log.clone();
            tracing_subscriber::fmt()
                .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
                .with_writer(move || writer.clone())
                .init();
            log
        })
        .clone()
    }

    pub fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
