//! What the machine does by itself.

use std::hint::black_box;
use std::io::{Seek as _, Write as _};
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};

use crate::grid::Grid;

/// P-256 verifications a second on this many threads, each of a body as long as a webhook's.
pub fn verifications(threads: usize, time: Duration) -> f64 {
    let grid = Grid::new();
    let body = vec![b'x'; 700];
    let signature = grid.sign(&body);
    let der = grid.public_key_der();
    let count = || {
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &der).unwrap();
        let begin = Instant::now();
        let mut done = 0u64;
        while begin.elapsed() < time {
            for _ in 0..16 {
                key.verify_sig(black_box(&body), black_box(&signature)).unwrap();
            }
            done += 16;
        }
        done as f64 / begin.elapsed().as_secs_f64()
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(count)).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

/// Flushes a second of 4 KiB appended to a file, where temporary logs are.
pub fn flushes(time: Duration) -> f64 {
    let mut file = tempfile::tempfile().unwrap();
    let begin = Instant::now();
    let mut done = 0u64;
    while begin.elapsed() < time {
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        done += 1;
        // As a write-ahead log does, that begins again at the front.
        if done.is_multiple_of(1024) {
            file.rewind().unwrap();
        }
    }
    done as f64 / begin.elapsed().as_secs_f64()
}
