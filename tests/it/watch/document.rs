//! The examples of docs/WATCH.md, run as written; only the address is this run's.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use gridgate::kyc::clock::SystemClock;
use gridgate::kyc::log::EventLog;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::history::Writer;
use super::rig::Rig;
use crate::readme::reader::{link_repository, path_with_tools, require_tools};
use crate::support::memory_log::{MemoryLog, Store};

const DOCUMENT: &str = include_str!("../../../docs/WATCH.md");
/// Python compiles the protos, and two cores may be busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// The block in this language; there is one of each.
fn block(language: &str) -> &'static str {
    let fence = format!("```{language}\n");
    let mut blocks = DOCUMENT.split(fence.as_str()).skip(1);
    let block = blocks.next().unwrap().split("```").next().unwrap();
    assert!(blocks.next().is_none(), "more than one block in {language}");
    block
}

/// A program that runs; dropped, it is killed.
struct Running {
    _child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(folder: &TempDir, program: &str, args: &[&str]) -> Running {
        let mut child = Command::new(program)
            .args(args)
            .current_dir(folder.path())
            .env("PATH", path_with_tools())
            .env("XDG_CACHE_HOME", folder.path().join(".cache"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        Running { _child: child, stdout }
    }

    async fn line(&mut self) -> String {
        let line = timeout(PATIENCE, self.stdout.next_line()).await.expect("a line in time");
        line.unwrap().expect("it goes on").trim_end().to_owned()
    }
}

#[tokio::test]
async fn the_examples_work_as_written() {
    require_tools().await;
    let folder = TempDir::with_prefix("gridgate-watch-").unwrap();
    link_repository(folder.path());
    let log = MemoryLog::open(Store::new(), Arc::new(SystemClock), 64) as Arc<dyn EventLog>;
    let (writer, rig) = (Writer::of(&log), Rig::of(&log).await);
    let here = |text: &str| text.replace("127.0.0.1:50051", &rig.addr().to_string());
    writer.says("a", "PENDING").await;

    std::fs::write(folder.path().join("watch.py"), here(block("python"))).unwrap();
    let mut python = Running::start(&folder, "python3", &["watch.py"]);
    assert_eq!(python.line().await, "Customer:a PENDING");
    writer.says("a", "APPROVED").await;
    assert_eq!(python.line().await, "Customer:a APPROVED decided");
    writer.says("b", "PENDING").await;
    assert_eq!(python.line().await, "Customer:b PENDING");
    // Killed in the middle, it goes on where it was: at most the last event comes again.
    drop(python);
    writer.says("b", "REJECTED").await;
    let mut python = Running::start(&folder, "python3", &["watch.py"]);
    let mut line = python.line().await;
    if line == "Customer:b PENDING" {
        line = python.line().await;
    }
    assert_eq!(line, "Customer:b REJECTED decided");

    let mut buf = Running::start(&folder, "bash", &["-c", &format!("exec {}", here(block("sh")))]);
    let mut printed = String::new();
    while !printed.contains("KYC_STATUS_REJECTED") {
        printed.push_str(&buf.line().await);
    }
    assert!(printed.contains("\"statusChange\""), "{printed}");
}
