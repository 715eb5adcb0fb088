//! The reference server.

/// Reading a large catalog takes several times the memory that serving it does. This allocator gives
/// back what is not needed any more; the C library's keeps most of it for ever.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    catalog_server::cli::main()
}
