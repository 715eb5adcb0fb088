//! Structured logs on standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::settings::LogFormat;

/// Begins to log.
///
/// # Errors
/// A line for people when the level makes no sense.
pub(crate) fn init(format: Option<LogFormat>, level: &str) -> Result<(), String> {
    // An empty variable says nothing.
    let level = if level.trim().is_empty() {
        "info"
    } else {
        level
    };
    let wrong = || "--log-level (RUST_LOG) must be such as info or catalog_core=debug".to_owned();
    if !level.split(',').all(is_directive) {
        return Err(wrong());
    }
    let filter = EnvFilter::try_new(level).map_err(|_| wrong())?;
    let terminal = std::io::stderr().is_terminal();
    let format = format.unwrap_or(if terminal {
        LogFormat::Text
    } else {
        LogFormat::Json
    });
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let result = match format {
        LogFormat::Text => builder.with_ansi(terminal).with_target(false).try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .try_init(),
    };
    // Somebody who embeds the server may log already.
    let _ = result;
    std::panic::set_hook(Box::new(|info| {
        // Where, not what: the message of a panic may hold a secret.
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a task panicked");
    }));
    Ok(())
}

/// Whether a directive says a level. A misspelt one would be taken for the name of a module, and
/// nothing would be logged at all.
fn is_directive(text: &str) -> bool {
    let level = text.rsplit('=').next().unwrap_or_default().trim();
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    levels.iter().any(|known| known.eq_ignore_ascii_case(level))
}
