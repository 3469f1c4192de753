//! The examples of docs/WATCH.md, run as written, and against servers that go away; only the address and the heartbeat are
//! this run's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gridgate::kyc::clock::SystemClock;
use gridgate::pb;
use gridgate::pb::customer_service_client::CustomerServiceClient;
use tempfile::TempDir;
use tokio::process::Command;

use super::history::Writer;
use super::proxy::Proxy;
use super::requests::from_now;
use super::rig::Rig;
use super::watched::{Watched, watched};
use crate::readme::reader::{link_repository, path_with_tools, require_tools};
use crate::support::memory_log::MemoryLog;
use crate::support::process::Process;

const DOCUMENT: &str = include_str!("../../../docs/WATCH.md");
/// Python compiles the protos, and two cores may be busy.
const PATIENCE: Duration = Duration::from_secs(120);
/// What the Python example says when its place is no good.
const ANEW: &str = "beginning with a snapshot";

/// The block in this language; there is one of each.
fn block(language: &str) -> &'static str {
    let fence = format!("```{language}\n");
    let mut blocks = DOCUMENT.split(fence.as_str()).skip(1);
    let block = blocks.next().unwrap().split("```").next().unwrap();
    assert!(blocks.next().is_none(), "more than one block in {language}");
    block
}

/// A folder in which the examples are run.
struct Folder(TempDir);

impl Folder {
    async fn new() -> Folder {
        require_tools().await;
        let folder = TempDir::with_prefix("gridgate-watch-").unwrap();
        link_repository(folder.path());
        Folder(folder)
    }

    fn run(&self, program: &str, args: &[&str]) -> Process {
        let mut command = Command::new(program);
        let cache = self.0.path().join(".cache");
        command.args(args).current_dir(&self.0).env("PATH", path_with_tools()).env("XDG_CACHE_HOME", cache);
        Process::spawn(command, PATIENCE)
    }

    /// The Python example, calling this address.
    fn python(&self, addr: SocketAddr) -> Process {
        let text = block("python").replace("127.0.0.1:50051", &addr.to_string());
        let quick = text.replace("HEARTBEAT = 15 ", "HEARTBEAT = 1 ");
        assert_ne!(text, quick);
        std::fs::write(self.0.path().join("watch.py"), quick).unwrap();
        self.run("python3", &["watch.py"])
    }

    fn place(&self) -> std::path::PathBuf {
        self.0.path().join("watch.token")
    }
}

/// The next line, without the blank that it may end with.
async fn line(program: &mut Process) -> String {
    program.line().await.trim_end().to_owned()
}

#[tokio::test]
async fn the_examples_work_as_written() {
    let folder = Folder::new().await;
    let Watched { writer, rig, .. } = watched().await;
    writer.says("a", "PENDING").await;

    let mut python = folder.python(rig.addr());
    assert_eq!(line(&mut python).await, "Customer:a PENDING");
    writer.says("a", "APPROVED").await;
    assert_eq!(line(&mut python).await, "Customer:a APPROVED decided");
    writer.says("b", "PENDING").await;
    assert_eq!(line(&mut python).await, "Customer:b PENDING");
    // Killed in the middle, it goes on where it was: at most the last event comes again.
    drop(python);
    writer.says("b", "REJECTED").await;
    let mut python = folder.python(rig.addr());
    let mut next = line(&mut python).await;
    if next == "Customer:b PENDING" {
        next = line(&mut python).await;
    }
    assert_eq!(next, "Customer:b REJECTED decided");

    let proxy = Proxy::to(rig.addr()).await;
    let here = block("sh").replace("127.0.0.1:50051", &proxy.addr.to_string());
    let mut buf = folder.run("bash", &["-c", &format!("exec {here}")]);
    let mut printed = String::new();
    while !printed.contains("KYC_STATUS_REJECTED") {
        printed.push_str(&line(&mut buf).await);
    }
    assert!(printed.contains("\"statusChange\""), "{printed}");
    // It ends when the server is gone, and says so.
    proxy.cut(None);
    let ended = buf.ended().await;
    assert!(!ended.status.success() && !ended.stderr.is_empty(), "{ended:?}");
}

#[tokio::test]
async fn the_python_example_goes_on_whatever_becomes_of_the_log() {
    let folder = Folder::new().await;
    let elsewhere = watched().await;
    let foreign = elsewhere.rig.watch(from_now()).await.response().await.resume_token;
    std::fs::write(folder.place(), foreign).unwrap();

    // Its place is one of another log from the start.
    let Watched { store, log, writer, rig } = watched().await;
    writer.says("a", "PENDING").await;
    let proxy = Proxy::to(rig.addr()).await;
    let mut python = folder.python(proxy.addr);
    assert_eq!(line(&mut python).await, "Customer:a PENDING");
    python.complains(ANEW).await;

    // A restart: the same log, and nothing comes twice.
    drop(rig);
    log.close().await;
    let log = MemoryLog::open(store, Arc::new(SystemClock), 64).log();
    let rig = Rig::of(&log).await;
    Writer::beginning(&log, 50).says("a", "APPROVED").await;
    proxy.cut(Some(rig.addr()));
    assert_eq!(line(&mut python).await, "Customer:a APPROVED decided");

    // A restart that forgot the log.
    let Watched { store, log: _log, writer, rig } = watched().await;
    writer.says("b", "PENDING").await;
    proxy.cut(Some(rig.addr()));
    assert_eq!(line(&mut python).await, "Customer:b PENDING");

    // What comes next is no longer kept when it comes back.
    proxy.cut(None);
    writer.says("b", "HOLD").await;
    writer.says("b", "APPROVED").await;
    store.trim();
    proxy.cut(Some(rig.addr()));
    assert_eq!(line(&mut python).await, "Customer:b APPROVED decided");
    python.signal("KILL").await;
    let said = python.ended().await.stderr;
    assert_eq!(said.matches(ANEW).count(), 3, "{said}");
    assert!(said.contains("OUT_OF_RANGE") && said.contains("INVALID_ARGUMENT"), "{said}");

    // What is damaged is no place either.
    std::fs::write(folder.place(), "").unwrap();
    let mut python = folder.python(proxy.addr);
    python.complains(ANEW).await;
    assert_eq!(line(&mut python).await, "Customer:b APPROVED decided");
}

/// Creates a customer, and waits until the example has heard of it.
async fn create_and_hear(addr: SocketAddr, python: &mut Process) {
    let mut customers = CustomerServiceClient::connect(format!("http://{addr}")).await.unwrap();
    let individual = pb::IndividualInput { full_name: Some("Jane Doe".to_owned()), ..Default::default() };
    let details = Some(pb::create_customer_request::Details::Individual(individual));
    let request = pb::CreateCustomerRequest { details, ..Default::default() };
    let created = customers.create_customer(request).await.unwrap().into_inner().customer.unwrap();
    while !line(python).await.starts_with(&created.id) {}
}

#[tokio::test]
async fn the_python_example_notices_a_frozen_server() {
    let folder = Folder::new().await;
    let mut server = Process::serve_sandbox(&[]);
    let grpc: SocketAddr = server.json_line().await["grpc"].parse().unwrap();
    let proxy = Proxy::to(grpc).await;
    let mut python = folder.python(proxy.addr);
    create_and_hear(grpc, &mut python).await;

    server.signal("STOP").await;
    python.complains("no sign of life").await;
    server.signal("CONT").await;
    create_and_hear(grpc, &mut python).await;

    // Frozen again, and killed: another one takes its place, and knows nothing of it.
    server.signal("STOP").await;
    let mut next = Process::serve_sandbox(&[]);
    let grpc: SocketAddr = next.json_line().await["grpc"].parse().unwrap();
    drop(server);
    proxy.cut(Some(grpc));
    python.complains(ANEW).await;
    create_and_hear(grpc, &mut python).await;
}

#[tokio::test]
async fn the_python_example_ends_where_calling_again_is_no_use() {
    let folder = Folder::new().await;
    let policy = folder.0.path().join("policy.toml");
    std::fs::write(&policy, "[callers.other]\nidentities = [\"dns:other\"]\nmethods = [\"*/*\"]\n").unwrap();
    let mut server = Process::serve_sandbox(&[&format!("--identity-policy-file={}", policy.display())]);
    let grpc = server.json_line().await["grpc"].parse().unwrap();
    let ended = folder.python(grpc).ended().await;
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr.contains("UNAUTHENTICATED"), "{}", ended.stderr);
}
