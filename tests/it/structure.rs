//! The shape of the sources: no circle between files, and no room that knows more than docs/ARCHITECTURE.md allows.
//!
//! A file knows another one if a `use` declaration in it names an item that the other one defines. Items that are exported
//! again are followed to their definition, and `pub use` counts only if the file itself uses the name. So a module may
//! declare, export and call its children; it may not define what they use and use what they define.
//!
//! Code that is compiled for tests only does not count.

mod source;

use source::{Crate, Module, Words, paths};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const ROOT_PACKAGE: &str = "gridgate";

/// Which files know which others, by name: the crate, and the module in it.
type Known = BTreeMap<String, BTreeSet<String>>;

/// The workspace's crates, by their rooms' names. The root package has the name `gridgate`.
fn crates() -> BTreeMap<String, Crate> {
    let root = Path::new(ROOT);
    let mut crates = BTreeMap::from([(ROOT_PACKAGE.to_owned(), Crate::read(&root.join("src")))]);
    for entry in std::fs::read_dir(root.join("crates")).unwrap() {
        let entry = entry.unwrap();
        crates.insert(entry.file_name().into_string().unwrap(), Crate::read(&entry.path().join("src")));
    }
    crates
}

fn known(name: &str, of: &Crate) -> Known {
    let full = |module: &Words| [&[name.to_owned()], &module[..]].concat().join("::");
    let known_to = |module| of.known_to(module).into_iter().map(&full).collect();
    of.modules.keys().map(|module| (full(module), known_to(module))).collect()
}

/// All that a file knows, by however many others.
fn reached(known: &Known, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut to_look_at = vec![from];
    while let Some(file) = to_look_at.pop() {
        for next in &known[file] {
            if reached.insert(next.clone()) {
                to_look_at.push(next);
            }
        }
    }
    reached
}

/// Every use that is part of a circle.
fn in_circles(known: &Known) -> BTreeSet<(String, String)> {
    let reached: BTreeMap<&String, BTreeSet<String>> = known.keys().map(|from| (from, reached(known, from))).collect();
    let uses = known.iter().flat_map(|(from, all)| all.iter().map(move |to| (from, to)));
    let closing = uses.filter(|(from, to)| reached[to].contains(*from));
    closing.map(|(from, to)| (from.clone(), to.clone())).collect()
}

#[test]
fn no_circle_between_files() {
    let known: Known = crates().iter().flat_map(|(name, of)| known(name, of)).collect();
    assert!(known.len() > 300, "only {} files were read", known.len());
    let circles: Vec<String> = in_circles(&known).iter().map(|(from, to)| format!("{from} -> {to}")).collect();
    assert!(circles.is_empty(), "these uses make circles:\n{}", circles.join("\n"));
}

#[test]
fn a_circle_is_found() {
    let known = |uses: &[(&str, &str)]| {
        let mut known = Known::new();
        for (from, to) in uses {
            known.entry((*from).to_owned()).or_default().insert((*to).to_owned());
            known.entry((*to).to_owned()).or_default();
        }
        in_circles(&known).len()
    };
    assert_eq!(known(&[("a", "b"), ("b", "c"), ("a", "c")]), 0);
    assert_eq!(known(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]), 3);
}

/// What docs/ARCHITECTURE.md says each room may know; `None` is everything.
fn allowed() -> BTreeMap<String, Option<BTreeSet<String>>> {
    let document = std::fs::read_to_string(Path::new(ROOT).join("docs/ARCHITECTURE.md")).unwrap();
    let table = document.split("\n## The rooms\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let mut allowed = BTreeMap::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [places, _, may_know] = cells[..] else { panic!("a row has three cells: {row}") };
        let rooms = (may_know != "everything").then(|| quoted(may_know).into_iter().collect());
        for place in quoted(places) {
            if let Some(place) = place.strip_prefix("src/").or(place.strip_prefix("crates/")) {
                allowed
                    .insert(place.trim_end_matches('/').trim_end_matches(".rs").replace("/src/", "::"), rooms.clone());
            }
        }
    }
    allowed
}

/// Whether a room may use this item: its own, one of `io`, or one of a room in its row of the table.
fn may_use(room: &str, allowed: &Option<BTreeSet<String>>, item: &[String]) -> bool {
    let Some(allowed) = allowed else { return true };
    let rooms = (1..=item.len()).map(|length| item[..length].join("::"));
    rooms.into_iter().any(|of| of == room || of == "io" || allowed.contains(&of))
}

/// An item's path from its crate, `crate::pem::Label` in the root package as `io::pem::Label`.
fn full_path(name: &str, path: &[String]) -> Option<Words> {
    const OF_IO: [&str; 6] = ["backoff", "http_client", "metrics", "pem", "small_file", "throttle"];
    let (first, further) = path.split_first()?;
    let owner = match first.strip_prefix("gridgate_") {
        Some(owner) => owner,
        None if name != ROOT_PACKAGE => name,
        None if OF_IO.contains(&further.first()?.as_str()) => "io",
        None => return Some(further.to_vec()),
    };
    Some([&[owner.to_owned()], further].concat())
}

#[test]
fn rooms_know_what_the_document_allows() {
    let allowed = allowed();
    let mut wrong = Vec::new();
    for (name, of) in crates() {
        for (module, read) in &of.modules {
            let own =
                if name == ROOT_PACKAGE { module.clone() } else { [std::slice::from_ref(&name), &module[..]].concat() };
            let rooms = (0..=own.len()).rev().map(|length| own[..length].join("::"));
            match rooms.into_iter().find_map(|room| allowed.get_key_value(&room)) {
                Some((room, rooms)) => wrong.extend(unwelcome(room, rooms, &name, read)),
                // The root itself declares and exports the rooms.
                None if own.is_empty() => {}
                None => wrong.push(format!("the document has no room for {}", read.file.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn unwelcome(room: &str, allowed: &Option<BTreeSet<String>>, name: &str, module: &Module) -> Vec<String> {
    let items = paths(module, |first| first == "crate" || first.starts_with("gridgate_"));
    let items = items.iter().filter_map(|path| full_path(name, path)).filter(|item| !may_use(room, allowed, item));
    items.map(|item| format!("{room} may not use {} ({})", item.join("::"), module.file.display())).collect()
}

#[test]
fn a_room_that_knows_too_much_is_found() {
    let words = |path: &str| path.split("::").map(str::to_owned).collect::<Words>();
    let allowed = Some(BTreeSet::from(["grid::model".to_owned(), "kyc".to_owned()]));
    for (path, may) in [
        ("grid::model::Time", true),
        ("grid::Client", false),
        ("kyc::hub", true),
        ("rpc", false),
        ("io::pem", true),
        ("webhook::Door", true),
    ] {
        assert_eq!(may_use("webhook", &allowed, &words(path)), may, "{path}");
    }
    for (name, path, full) in [
        (ROOT_PACKAGE, "crate::pem::Label", "io::pem::Label"),
        (ROOT_PACKAGE, "crate::kyc::hub", "kyc::hub"),
        ("sandbox", "gridgate_grid::model", "grid::model"),
        ("grid", "crate::Error", "grid::Error"),
    ] {
        assert_eq!(full_path(name, &words(path)), Some(words(full)), "{path}");
    }
}
