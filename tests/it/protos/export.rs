//! `gridgate proto export`: the protos of the repository, and nobody's work lost.

use crate::support::process::{Ended, Process};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

async fn export(args: &[&str]) -> Ended {
    Process::start(&[&["proto", "export"], args].concat(), &[]).ended().await
}

/// The contents of all files below a folder, by their paths.
fn files_below(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

#[tokio::test]
async fn the_protos_of_the_repository_are_written_with_all_they_import() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("made/by/it");
    let Ended { status, stdout, stderr } = export(&[target.to_str().unwrap()]).await;
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));

    let mut expected = files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("proto"));
    expected.retain(|name, _| name.ends_with(".proto") || name.ends_with("LICENSE"));
    let written = files_below(&target);
    assert_eq!(written, expected);
    assert!(stdout.contains(&format!("{0} files, {0} of them written", expected.len())), "{stdout}");
    for text in written.into_values().filter_map(|text| String::from_utf8(text).ok()) {
        for import in text.lines().filter_map(|line| line.strip_prefix("import \"")?.strip_suffix("\";")) {
            assert!(expected.contains_key(import) || import.starts_with("google/protobuf/"), "{import} is missing");
        }
    }

    let Ended { status, stdout, .. } = export(&[target.to_str().unwrap()]).await;
    assert_eq!(status.code(), Some(0));
    assert!(stdout.contains(" 0 of them written"), "{stdout}");
}

#[tokio::test]
async fn a_file_with_other_content_is_overwritten_by_force_alone() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().to_str().unwrap();
    let own = folder.path().join("gridgate/v1/error.proto");
    fs::create_dir_all(own.parent().unwrap()).unwrap();
    fs::write(&own, "edited by hand").unwrap();

    let Ended { status, stdout, stderr } = export(&[target]).await;
    assert_eq!((status.code(), stdout.as_str()), (Some(1), ""));
    for part in ["cannot export", own.to_str().unwrap(), "--force"] {
        assert!(stderr.contains(part), "{part} is not in {stderr}");
    }
    assert_eq!(files_below(folder.path()).into_values().collect::<Vec<_>>(), [b"edited by hand"], "nothing written");

    let Ended { status, .. } = export(&[target, "--force"]).await;
    assert_eq!(status.code(), Some(0));
    assert_ne!(fs::read(&own).unwrap(), b"edited by hand");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_to_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    fs::write(&file, "").unwrap();
    let Ended { status, stderr, .. } = export(&[file.to_str().unwrap()]).await;
    assert_eq!(status.code(), Some(1));
    assert!(stderr.contains("cannot export") && stderr.contains(file.to_str().unwrap()), "{stderr}");
}

#[tokio::test]
async fn help_has_an_example() {
    let Ended { status, stdout, .. } = export(&["--help"]).await;
    assert_eq!(status.code(), Some(0));
    assert!(stdout.contains("gridgate proto export protos"), "{stdout}");
    assert_eq!(export(&[]).await.status.code(), Some(2), "without a folder");
}
