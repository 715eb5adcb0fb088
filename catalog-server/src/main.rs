//! The reference server.

fn main() -> std::process::ExitCode {
    catalog_server::cli::main()
}
