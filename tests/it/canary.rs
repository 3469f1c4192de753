//! Canaries in every personal field of every request and answer: none is found in anything that gridgate writes, whatever
//! becomes of the calls. Answers are where personal data belongs, and nowhere else.

mod debug;
mod events;
mod plant;
mod program;

use std::path::Path;

/// What every canary begins with, in whatever case it is repeated.
const CANARY: &str = "canary";

/// Every place where a canary is found, with what stands around it.
fn sightings(text: &str) -> Vec<String> {
    let folded = text.to_lowercase();
    let around = |at: usize| -> String {
        let from = folded[..at].char_indices().rev().nth(120).map_or(0, |(from, _)| from);
        folded[from..].chars().take(180).collect()
    };
    folded.match_indices(CANARY).map(|(at, _)| around(at)).collect()
}

/// Looks into every file below a directory, and says how many there are.
fn search_files(directory: &Path) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += search_files(&path);
        } else {
            let content = std::fs::read(&path).unwrap();
            assert_eq!(sightings(&String::from_utf8_lossy(&content)), Vec::<String>::new(), "in {}", path.display());
            files += 1;
        }
    }
    files
}

#[test]
fn a_canary_that_is_there_is_seen() {
    assert_eq!(sightings("all quiet").len(), 0);
    assert_eq!(sightings("ä, a CANARY1x and {\"name\":\"canary2\"}").len(), 2);
}
