//! `catalog-server serve`.

use std::process::ExitCode;

use catalog_core::ports::ComponentState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{failed, say, usage};
use crate::descriptors::Descriptors;
use crate::http::{HttpOptions, app};
use crate::http_kit::{ServeOptions, listen, serve};
use crate::settings::{ConfigStore, Database, Settings, database};
use crate::{first_start, logging, wiring};

/// Streams of events last, and what they take is not there for requests: no more than one connection in this many.
const STREAMS_SHARE: usize = 4;

/// Serves until SIGTERM or SIGINT, then drains.
pub(super) async fn run(settings: &Settings, descriptors: Descriptors) -> ExitCode {
    if let Err(line) = logging::init(settings.log_format, &settings.log_level) {
        return usage(&line);
    }
    let sample = match prepare(settings) {
        Ok(sample) => sample,
        Err(error) => {
            return usage(&format!(
                "--data-dir (CATALOG_DATA_DIR): {}: {error}",
                settings.data_dir.display()
            ));
        }
    };
    // Signals are caught from here on, so that one that comes during the start is not lost.
    let stop = match stop_signal() {
        Ok(stop) => stop,
        Err(error) => return failed(&format!("signals cannot be caught: {error}")),
    };
    let catalog = match wiring::service(settings).await {
        Ok(catalog) => catalog,
        Err(error) => return usage(&error.to_string()),
    };
    let listener = match listen(settings.listen) {
        Ok(listener) => listener,
        Err(error) => {
            return usage(&format!(
                "--listen (CATALOG_LISTEN): {}: {error}",
                settings.listen
            ));
        }
    };
    let address = listener.local_addr().unwrap_or(settings.listen);
    // Served from the start: probes tell that the first load is under way.
    let max_document_bytes = usize::try_from(settings.max_document_bytes).unwrap_or(usize::MAX);
    let mut serve_options = ServeOptions::default();
    serve_options.max_connections = serve_options.max_connections.min(descriptors.connections);
    let mut http_options = HttpOptions::new(max_document_bytes);
    http_options.max_event_streams = serve_options.max_connections / STREAMS_SHARE;
    let app = app(&catalog, &http_options, stop.clone());
    let mut serving = tokio::spawn(serve(listener, app, serve_options, stop));
    let drained = tokio::select! {
        running = catalog.start() => {
            tell(&catalog, address).await;
            if sample {
                say(&first_start::greeting(&settings.data_dir, address));
            }
            let drained = serving.await;
            running.stop().await;
            drained
        }
        // Told to stop before the first load has ended.
        drained = &mut serving => drained,
    };
    match drained.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
        Ok(drained) => {
            if !drained.completed() {
                tracing::warn!(connections = drained.cut_off, "connections were cut off");
            }
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        Err(error) => failed(&format!("serving failed: {error}")),
    }
}

/// Makes what a first start needs; answers whether it made the sample.
fn prepare(settings: &Settings) -> std::io::Result<bool> {
    let files = matches!(settings.config_store, ConfigStore::File | ConfigStore::None);
    let sample = settings.sources.is_empty() && files;
    if sample {
        return first_start::make_sample(&settings.data_dir);
    }
    if database(settings.db_dsn.as_ref(), &settings.data_dir).is_ok_and(|d| d != Database::None) {
        std::fs::create_dir_all(&settings.data_dir)?;
    }
    Ok(false)
}

/// Turns true at the first SIGTERM or SIGINT.
fn stop_signal() -> std::io::Result<watch::Receiver<bool>> {
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        let _ = sender.send(true);
        // Kept alive: a sender that is gone would say the same.
        std::future::pending::<()>().await;
    });
    Ok(receiver)
}

/// Says where the server is and what it serves.
async fn tell(catalog: &catalog_core::CatalogService, address: std::net::SocketAddr) {
    for plugin in catalog.plugins() {
        let view = catalog.snapshot(&plugin.name).unwrap_or_default();
        let (sources, entities) = (view.sources().count(), view.entities().count());
        tracing::info!(plugin = %plugin.name, sources, entities, "catalog loaded");
    }
    let health = catalog.health().await;
    if health.store.state != ComponentState::Healthy {
        tracing::warn!(
            detail = health.store.detail,
            "the store is not as it should be"
        );
    }
    tracing::info!(api = %format!("http://{address}/docs"), "ready at http://{address}");
}
