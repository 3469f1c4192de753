//! An overlay as `kubectl kustomize` renders it.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::readme::reader::path_with_tools;
use crate::support::soon;

pub const OVERLAYS: [&str; 4] = ["base", "overlays/jetstream", "overlays/istio", "overlays/linkerd"];

/// What an overlay consists of.
#[derive(Debug, Clone)]
pub struct Rendered {
    pub objects: Vec<Value>,
}

impl Rendered {
    pub async fn of(overlay: &str) -> Rendered {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/kubernetes").join(overlay);
        let yaml = run("kubectl", &["kustomize", folder.to_str().unwrap()], "").await;
        let to_json = "import json, sys, yaml; json.dump(list(yaml.safe_load_all(sys.stdin)), sys.stdout)";
        let json = run("python3", &["-c", to_json], &yaml).await;
        Rendered { objects: serde_json::from_str(&json).unwrap() }
    }

    /// Every object of a kind.
    pub fn all<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.objects.iter().filter(move |object| object["kind"] == kind)
    }

    /// The object of a kind with this name.
    pub fn find(&self, kind: &str, name: &Value) -> Option<&Value> {
        self.objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == *name)
    }

    /// The only object of a kind, to change it.
    #[track_caller]
    pub fn one_mut(&mut self, kind: &str) -> &mut Value {
        self.objects.iter_mut().find(|object| object["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"))
    }

    /// The template of the pods, and the container in them.
    pub fn pods(&self) -> (&Value, &Value) {
        let template = &self.all("Deployment").next().expect("a Deployment")["spec"]["template"];
        (template, &template["spec"]["containers"][0])
    }
}

/// Runs a tool, with this on its standard input.
async fn run(program: &'static str, arguments: &[&str], input: &str) -> String {
    let mut running = Command::new(program)
        .args(arguments)
        .env("PATH", path_with_tools())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; run scripts/tools python"));
    let mut stdin = running.stdin.take().unwrap();
    let input = input.to_owned();
    let written = tokio::spawn(async move { stdin.write_all(input.as_bytes()).await });
    let output = soon(program, running.wait_with_output()).await.unwrap();
    let _ = written.await.unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The elements of a list, none where there is none.
pub fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The entries of an object, none where there is none.
pub fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
