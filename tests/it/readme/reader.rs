//! Someone who follows a document: types its commands in a clone of the repository, while the gridgate that it told them to start runs.

use crate::support::process::Process;
use gridgate::config::{Kind, settings};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use std::{env, fs};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

/// How long a command may take: Python compiles the protos.
const COMMAND_LIMIT: Duration = Duration::from_secs(120);
/// Where scripts/tools puts programs (scripts/paths.sh has the same list).
const TOOLS: [&str; 4] =
    [".tools/python/bin", ".tools/prometheus/usr/bin", ".tools/cargo/bin", "scripts/checks/node_modules/.bin"];

/// A folder that looks like the repository, and a running `gridgate serve --sandbox`.
pub struct Reader {
    folder: TempDir,
    pub program: Process,
    /// The addresses that it bound, by the first part of their settings' keys.
    bound: BTreeMap<String, String>,
}

impl Reader {
    /// Starts the program, on free ports.
    pub async fn start() -> Reader {
        Reader::with(|_| Vec::new()).await
    }

    /// The same, with the flags that are said when the folder is there, for files in it.
    pub async fn with(flags: impl FnOnce(&Path) -> Vec<String>) -> Reader {
        let folder = TempDir::with_prefix("gridgate-readme-").unwrap();
        link_repository(folder.path());
        let flags = flags(folder.path());
        let mut program = Process::serve_sandbox(&flags.iter().map(String::as_str).collect::<Vec<_>>());
        let bound = program.json_line().await;
        Reader { folder, program, bound }
    }

    /// A text of the documentation, with the addresses of this program for the default ones.
    pub fn here(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for setting in settings::ALL.iter().filter(|setting| setting.kind == Kind::Address) {
            let name = setting.key.split('.').next().unwrap();
            if let (Some(default), Some(bound)) = (setting.default, self.bound.get(name)) {
                text = text.replace(default, bound).replace(&default.replace("127.0.0.1", "localhost"), bound);
            }
        }
        text
    }

    /// Runs the lines of an `sh` block.
    pub async fn shell(&self, text: &str) -> Output {
        self.run("bash", &["-euo", "pipefail", "-c", &self.here(text)]).await
    }

    /// Runs a `python` block, from a file of the given name.
    pub async fn python(&self, name: &str, text: &str) -> Output {
        fs::write(self.folder.path().join(name), self.here(text)).unwrap();
        self.run("python3", &[name]).await
    }

    async fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let running = Command::new(program)
            .args(arguments)
            .current_dir(self.folder.path())
            .env("PATH", path_with_tools())
            .env("XDG_CACHE_HOME", self.folder.path().join(".cache"))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        timeout(COMMAND_LIMIT, running).await.expect("the command did not end in time").unwrap()
    }
}

/// Says which tools are missing, if any: a check that is left out in silence is none.
pub async fn require_tools() {
    let needed: [(&str, &[&str]); 2] =
        [("buf", &["--version"]), ("python3", &["-c", "import grpc, grpc_reflection, grpc_status, grpc_tools"])];
    for (program, arguments) in needed {
        let found = Command::new(program).args(arguments).env("PATH", path_with_tools()).output().await;
        let found = found.is_ok_and(|output| output.status.success());
        assert!(found, "`{program} {}` failed: run scripts/tools, which installs it", arguments.join(" "));
    }
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where programs are found, those that scripts/tools installed first.
pub fn path_with_tools() -> OsString {
    let tools = TOOLS.map(|folder| repository().join(folder));
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths(tools.into_iter().chain(env::split_paths(&path))).unwrap()
}

/// Gives a folder the files of the repository, so that a command finds them, and leaves what it writes elsewhere.
pub fn link_repository(folder: &Path) {
    let entries = fs::read_dir(repository()).unwrap().map(|entry| entry.unwrap().path());
    let shown = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name != "target" && !name.to_string_lossy().starts_with('.'))
    };
    for path in entries.filter(shown) {
        let link = folder.join(path.file_name().unwrap());
        if !link.exists() {
            std::os::unix::fs::symlink(&path, link).unwrap();
        }
    }
}
