//! A disk that fails: a small library in C that is loaded before libc into a process whose database files it plays the
//! disk of. `lossy_disk.c` says what it does.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The variable that makes the dynamic linker load it.
pub const PRELOAD: &str = "LD_PRELOAD";

/// The variable that says which directory is on the disk; what goes wrong is said by files in it.
pub const DIRECTORY: &str = "LOSSY_DISK_DIRECTORY";

/// Builds the library.
pub fn lossy_disk(directory: &Path) -> PathBuf {
    build(directory, "lossy_disk", include_str!("lossy_disk.c"))
}

/// Builds a library that is loaded before libc.
pub fn build(directory: &Path, name: &str, text: &str) -> PathBuf {
    let (source, library) = (directory.join(format!("{name}.c")), directory.join(format!("{name}.so")));
    std::fs::write(&source, text).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let built = Command::new(compiler)
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .args([&library, &source])
        .args(["-ldl", "-lpthread"])
        .status()
        .unwrap();
    assert!(built.success());
    library
}
