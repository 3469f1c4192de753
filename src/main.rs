//! The `gridgate` program.

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// A call allocates a hundred times, and this allocator takes less time for it than the system's (docs/PERFORMANCE.md).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // One TLS implementation for the whole process. It fails only where one was chosen before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    gridgate::cli::main(std::env::args_os(), std::env::vars_os())
}
