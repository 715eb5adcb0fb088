//! From the command line to an exit code: 0 done, 1 not as it should be, 2 wrong usage or settings.

mod check;
mod serve;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use catalog_core::ports::MemoryStore;
use catalog_core::redaction::redact_text;
use catalog_core::service::CatalogService;
use catalog_stores::SqliteStatus;
use clap::{CommandFactory as _, Parser as _};

use crate::descriptors::Descriptors;
use crate::settings::{Cli, Command, Database, MigrateArgs, database};
use crate::wiring::with_plugins;

/// How long a thread for what blocks waits for more. With it goes what the allocator keeps for it, which after the load of a large
/// document is ten times the document.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// How long work that cannot be interrupted may go on when everything else has ended.
const LINGER: Duration = Duration::from_secs(2);

/// Wrong usage or settings.
const USAGE: u8 = 2;

/// Runs the program with the process's own arguments.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            return usage(&with_variable(one_line(&error.to_string())));
        }
        Err(help) => {
            // Nobody may be reading.
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
    };
    let descriptors = Descriptors::claim();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(descriptors.workers)
        .thread_keep_alive(KEEP_ALIVE)
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("the runtime does not start: {error}")),
    };
    let done = runtime.block_on(async {
        match cli.command.unwrap_or(Command::Serve(cli.serve)) {
            Command::Serve(settings) => serve::run(&settings, descriptors).await,
            Command::Check(args) => check::run(&args).await,
            Command::Migrate(args) => migrate(&args).await,
            Command::Openapi => openapi(),
        }
    });
    // What hangs in the file system, or works out what nobody waits for, ends with the process.
    runtime.shutdown_timeout(LINGER);
    done
}

/// The first line of a message of several, which names what is wrong.
fn one_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let names: Vec<_> = message
        .lines()
        .skip(1)
        .map(str::trim)
        .take_while(|l| !l.is_empty())
        .collect();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    [&[line], names.as_slice()].concat().join(" ")
}

/// The line with the environment variable of the flag that it names: the value may be from there.
fn with_variable(line: String) -> String {
    let command = Cli::command();
    let flag = line
        .split("'--")
        .nth(1)
        .and_then(|rest| rest.split([' ', '\'']).next());
    let args = command.get_arguments();
    let variable = args
        .filter(|arg| arg.get_long() == flag)
        .find_map(|arg| arg.get_env())
        .map(|name| name.to_string_lossy().into_owned());
    match (flag, variable) {
        (Some(_), Some(variable)) => format!("{line} (or {variable})"),
        _ => line,
    }
}

fn usage(line: &str) -> ExitCode {
    complain(line);
    ExitCode::from(USAGE)
}

fn failed(line: &str) -> ExitCode {
    complain(line);
    ExitCode::FAILURE
}

/// Says what is wrong. That may quote a setting, and the setting may be somebody's secret in the wrong
/// place.
fn complain(line: &str) {
    let line = format!("catalog-server: {}\n", redact_text(line));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Says something to whoever reads the standard output. When nobody does any more, that is no reason to
/// break, which is what `print!` does.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

async fn migrate(args: &MigrateArgs) -> ExitCode {
    let dsn = match database(args.db_dsn.as_ref(), &args.data_dir) {
        Ok(Database::Sqlite(dsn)) => dsn,
        Ok(Database::None) => {
            say("there is no database\n");
            return ExitCode::SUCCESS;
        }
        Err(line) => return usage(&line),
    };
    if args.check {
        return match SqliteStatus::check(dsn.as_str()).await {
            Ok(pending) if pending.is_empty() => {
                say("the database is up to date\n");
                ExitCode::SUCCESS
            }
            Ok(pending) => {
                let pending: Vec<_> = pending.iter().map(ToString::to_string).collect();
                failed(&format!("pending migrations: {}", pending.join(", ")))
            }
            Err(error) => failed(&error.to_string()),
        };
    }
    match SqliteStatus::connect(dsn.as_str()).await {
        Ok(_) => {
            say("the database is up to date\n");
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error.to_string()),
    }
}

fn openapi() -> ExitCode {
    let builder = with_plugins(CatalogService::builder().store(MemoryStore::new()));
    match builder.build() {
        Ok(catalog) => {
            say(&crate::http::openapi(&catalog));
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error.to_string()),
    }
}
