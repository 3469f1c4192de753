//! Canaries in every personal field of every request and answer: none is found in anything that gridgate writes, whatever
//! becomes of the calls. Answers are where personal data belongs, and nowhere else.

mod debug;
mod exported;
mod plant;
mod program;

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

#[test]
fn a_canary_that_is_there_is_seen() {
    assert_eq!(sightings("all quiet").len(), 0);
    assert_eq!(sightings("ä, a CANARY1x and {\"name\":\"canary2\"}").len(), 2);
}
