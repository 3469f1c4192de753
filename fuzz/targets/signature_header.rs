//! Any signature header. A `$` in it stands for a good signature, so that what is almost right is tried too.

#![no_main]

use std::sync::LazyLock;

use gridgate::webhook::signature::verify;
use gridgate_fuzz::Grid;
use libfuzzer_sys::fuzz_target;

const BODY: &[u8] = br#"{"id":"Webhook:1","type":"TEST","data":{}}"#;
const OTHER_BODY: &[u8] = br#"{"id":"Webhook:2","type":"TEST","data":{}}"#;

static GRID: LazyLock<(Grid, String)> = LazyLock::new(|| {
    let grid = Grid::new();
    let signature = grid.sign(BODY);
    (grid, signature)
});
static STRANGER: LazyLock<Grid> = LazyLock::new(Grid::new);

fuzz_target!(|header: &[u8]| {
    let (grid, signature) = &*GRID;
    let filled = match std::str::from_utf8(header) {
        Ok(text) => text.replace('$', signature).into_bytes(),
        Err(_) => header.to_vec(),
    };
    let counts = verify(&grid.keys, &filled, BODY).is_ok();
    assert!(!counts || header.contains(&b'$'), "a signature that nobody made");
    assert!(counts || !matches!(header, b"$" | br#"{"v":"1","s":"$"}"# | br#"{"v":1,"s":"$"}"#), "a good signature is refused");
    assert!(verify(&grid.keys, &filled, OTHER_BODY).is_err(), "a signature of another body");
    assert!(verify(&STRANGER.keys, &filled, BODY).is_err(), "a signature of another key");
});
