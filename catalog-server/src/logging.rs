//! Structured logs on standard error.

use std::io::{self, IsTerminal as _, Write};

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
    let terminal = io::stderr().is_terminal();
    let format = format.unwrap_or(if terminal {
        LogFormat::Text
    } else {
        LogFormat::Json
    });
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Unheard(io::stderr()));
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

/// A log that may break off. The subscriber complains of a line that it cannot write by `eprintln!`, which
/// panics when the standard error is what is broken; in the panic hook that would be the end of the process.
struct Unheard<W>(W);

impl<W: Write> Write for Unheard<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = self.0.write_all(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

/// Whether a directive says a level. A misspelt one would be taken for the name of a module, and
/// nothing would be logged at all.
fn is_directive(text: &str) -> bool {
    let level = text.rsplit('=').next().unwrap_or_default().trim();
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    levels.iter().any(|known| known.eq_ignore_ascii_case(level))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const CHILD: &str = "CATALOG_PANICKING_CHILD";
    /// The secret in it, and where nobody looks for it.
    const SECRET: &str = "hunter2-in-a-panic";

    /// What is in the log of a process of its own that panics on a thread, in a task, and with an error.
    fn log_of_a_panicking_process(format: &str) -> String {
        let child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--nocapture",
                "logging::tests::a_panic_is_logged_by_its_place_and_not_by_its_message",
            ])
            .env(CHILD, format)
            .env("RUST_BACKTRACE", "full")
            .output()
            .unwrap();
        assert!(child.status.success());
        String::from_utf8_lossy(&[child.stdout, child.stderr].concat()).into_owned()
    }

    #[test]
    fn a_panic_is_logged_by_its_place_and_not_by_its_message() {
        if let Ok(format) = std::env::var(CHILD) {
            let format = if format == "json" {
                LogFormat::Json
            } else {
                LogFormat::Text
            };
            init(Some(format), "trace").unwrap();
            let ended = std::thread::spawn(|| panic!("no password but {SECRET}")).join();
            assert!(ended.is_err());
            let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
            let task = runtime
                .spawn(async { SECRET.parse::<u8>().map_err(|_| SECRET).expect("a number") });
            assert!(runtime.block_on(task).is_err());
            let boxed = std::thread::spawn(|| std::panic::panic_any(SECRET.to_owned())).join();
            assert!(boxed.is_err());
            return;
        }
        for format in ["json", "text"] {
            let log = log_of_a_panicking_process(format);
            assert_eq!(log.matches("a task panicked").count(), 3, "{log}");
            assert_eq!(log.matches("logging.rs:").count(), 3, "{log}");
            assert!(!log.contains(SECRET), "{log}");
        }
    }

    #[test]
    fn a_log_that_nobody_reads_breaks_nothing() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut log = Unheard(writer);
        assert_eq!(log.write(b"a line").unwrap(), 6);
        log.flush().unwrap();
    }
}
