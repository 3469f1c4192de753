//! The real program, as a process of its own.

use super::PATIENCE;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A process that runs. Dropped, it is killed.
pub struct Process {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: JoinHandle<String>,
    /// What it has written on standard error so far.
    complaints: watch::Receiver<String>,
    /// How long what is waited for may take.
    patience: Duration,
}

/// What a process left behind.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    /// What it wrote after the lines that were read.
    pub stdout: String,
    pub stderr: String,
}

impl Process {
    /// Starts it with these arguments, and with these variables as its whole environment.
    pub fn start(args: &[&str], env: &[(&str, &str)]) -> Process {
        Process::start_in(Path::new("."), args, env)
    }

    /// The same, in this directory.
    pub fn start_in(directory: &Path, args: &[&str], env: &[(&str, &str)]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gridgate"));
        command.args(args).current_dir(directory).env_clear().envs(env.iter().copied());
        Process::spawn(command, PATIENCE)
    }

    /// Starts any program, which may take so long for what is waited for.
    pub fn spawn(mut command: Command, patience: Duration) -> Process {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, complaints) = watch::channel(String::new());
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        // Read all the time, so that the program never waits for someone to read.
        let stderr = tokio::spawn(async move {
            let mut line = String::new();
            while lines.read_line(&mut line).await.unwrap() > 0 {
                tell.send_modify(|said| said.push_str(&line));
                line.clear();
            }
            tell.borrow().clone()
        });
        Process { child, stdout, stderr, complaints, patience }
    }

    /// Waits until it has said this on standard error.
    pub async fn complains(&mut self, of: &str) {
        let said = timeout(self.patience, self.complaints.wait_for(|said| said.contains(of))).await;
        if !matches!(said, Ok(Ok(_))) {
            drop(said);
            panic!("it did not say {of:?}, but: {}", *self.complaints.borrow());
        }
    }

    /// `gridgate serve --sandbox` on free ports, with more arguments.
    pub fn serve_sandbox(more: &[&str]) -> Process {
        let ports = [
            "--grpc-addr=127.0.0.1:0",
            "--webhook-addr=127.0.0.1:0",
            "--admin-addr=127.0.0.1:0",
            "--sandbox-addr=127.0.0.1:0",
        ];
        Process::start(&[&["serve", "--sandbox"], &ports[..], more].concat(), &[])
    }

    /// The next line on standard output.
    pub async fn line(&mut self) -> String {
        match timeout(self.patience, self.stdout.next_line()).await {
            Ok(Ok(Some(line))) => line,
            Ok(_) => panic!("it ended instead: {}", (&mut self.stderr).await.unwrap()),
            Err(_) => panic!("no line on standard output, but: {}", *self.complaints.borrow()),
        }
    }

    /// The next line on standard output, as JSON.
    pub async fn json_line(&mut self) -> BTreeMap<String, String> {
        serde_json::from_str(&self.line().await).unwrap()
    }

    /// How much memory it holds, in bytes (`ps` knows it on every Unix).
    pub async fn memory(&self) -> u64 {
        memory_of(self.child.id().expect("it runs")).await
    }

    /// Sends a signal: `TERM`, `INT`, `STOP`.
    pub async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args([format!("-{name}"), id]).status().await.unwrap();
        assert!(sent.success());
    }

    /// Closes the other end of its standard output, and waits until it has ended.
    pub async fn ended_unread(self) -> Ended {
        let Process { mut child, stdout, stderr, complaints: _, patience } = self;
        drop(stdout);
        let status = timeout(patience, child.wait()).await.expect("the end of the process").unwrap();
        Ended { status, stdout: String::new(), stderr: stderr.await.unwrap() }
    }

    /// Waits until it has ended.
    pub async fn ended(mut self) -> Ended {
        let status = timeout(self.patience, self.child.wait()).await.expect("the end of the process").unwrap();
        let mut stdout = String::new();
        while let Some(line) = self.stdout.next_line().await.unwrap() {
            stdout.push_str(&line);
            stdout.push('\n');
        }
        let stderr = self.stderr.await.unwrap();
        Ended { status, stdout, stderr }
    }
}

/// How much memory a process holds, in bytes.
pub async fn memory_of(process: u32) -> u64 {
    // Where there is /proc, `ps` need not be.
    if let Ok(status) = tokio::fs::read_to_string(format!("/proc/{process}/status")).await {
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its resident set");
        return line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024;
    }
    let output = Command::new("ps").args(["-o", "rss=", "-p", &process.to_string()]).output().await.unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse::<u64>().unwrap() * 1024
}
