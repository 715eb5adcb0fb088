//! The reference server.

/// Reading a large catalog takes several times the memory that serving it does. This allocator gives
/// back what is not needed any more; the C library's keeps most of it for ever. Without huge pages, which
/// it would ask for: an idle server took 45 MiB with them, and 22 MiB without.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    catalog_server::cli::main()
}
