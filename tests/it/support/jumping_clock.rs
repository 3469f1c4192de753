//! A clock that can be set: a small library in C that is loaded before libc. `jumping_clock.c` says what it does.

use std::path::{Path, PathBuf};

use super::lossy_disk::build;

/// The variable that names the file with the seconds by which the clock is ahead.
pub const OFFSET: &str = "JUMPING_CLOCK_OFFSET";

/// Builds the library.
pub fn jumping_clock(directory: &Path) -> PathBuf {
    build(directory, "jumping_clock", include_str!("jumping_clock.c"))
}
