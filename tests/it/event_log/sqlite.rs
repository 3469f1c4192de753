//! The log in a file: the suite, and what only a file has.

use super::place::SqlitePlace;
use super::suite;

mod conformance {
    use super::SqlitePlace;

    super::suite::conforms!(SqlitePlace::new());
}
