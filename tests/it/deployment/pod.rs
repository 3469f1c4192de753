//! What a pod gives to its process: variables, and files below the places where volumes are mounted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::rendered::{Rendered, entries, items};

/// What a process finds in its container.
#[derive(Debug, Default)]
pub struct Pod {
    pub variables: BTreeMap<String, Variable>,
    /// By where it is mounted.
    pub mounts: BTreeMap<String, Mount>,
    /// What is named and is not there.
    pub missing: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    Is(String),
    /// A key of the secret that operators make.
    Secret(String),
}

#[derive(Debug)]
pub enum Mount {
    /// May be written to, and is gone with the pod.
    Scratch,
    /// May be written to, and stays.
    Kept,
    /// Files that can only be read, with their contents; `None`: of the secret.
    Files(BTreeMap<String, Option<String>>),
}

/// The secret that operators make, and its keys, as the head of `base/kustomization.yaml` says.
pub fn secret() -> (String, BTreeSet<String>) {
    let text = include_str!("../../../deploy/kubernetes/base/kustomization.yaml");
    let (_, command) = text.split_once("create secret generic ").expect("how the secret is made");
    let command = command.split("\n# and").next().unwrap();
    let name = command.split_whitespace().next().unwrap().to_owned();
    let keys = command.split("--from-").skip(1).map(|part| part.split('=').nth(1).unwrap().to_owned());
    (name, keys.collect())
}

impl Pod {
    pub fn of(rendered: &Rendered) -> Pod {
        let (template, container) = rendered.pods();
        let mut pod = Pod::default();
        pod.read_variables(rendered, container);
        for mount in items(&container["volumeMounts"]) {
            let volumes: Vec<_> =
                items(&template["spec"]["volumes"]).filter(|volume| volume["name"] == mount["name"]).collect();
            let [volume] = volumes[..] else {
                pod.missing.push(format!("volume {}", mount["name"]));
                continue;
            };
            let what = pod.mount(rendered, volume);
            pod.mounts.insert(mount["mountPath"].as_str().unwrap().to_owned(), what);
        }
        for volume in items(&template["spec"]["volumes"]) {
            if !items(&container["volumeMounts"]).any(|mount| mount["name"] == volume["name"]) {
                pod.missing.push(format!("a mount of volume {}", volume["name"]));
            }
        }
        pod
    }

    fn read_variables(&mut self, rendered: &Rendered, container: &Value) {
        for from in items(&container["envFrom"]) {
            let name = &from["configMapRef"]["name"];
            match rendered.find("ConfigMap", name) {
                Some(map) => {
                    let data = entries(&map["data"]).map(|(name, value)| (name.clone(), text(value)));
                    self.variables.extend(data.map(|(name, value)| (name, Variable::Is(value))));
                }
                None => self.missing.push(format!("config map {name}")),
            }
        }
        let (secret, keys) = secret();
        for variable in items(&container["env"]) {
            let name = text(&variable["name"]);
            let of_secret = &variable["valueFrom"]["secretKeyRef"];
            let value = if let Some(value) = variable["value"].as_str() {
                Variable::Is(value.to_owned())
            } else if of_secret["name"] == *secret && keys.contains(&text(&of_secret["key"])) {
                Variable::Secret(text(&of_secret["key"]))
            } else {
                self.missing.push(format!("the value of {name}: {}", variable["valueFrom"]));
                continue;
            };
            self.variables.insert(name, value);
        }
    }

    /// What a volume is.
    fn mount(&mut self, rendered: &Rendered, volume: &Value) -> Mount {
        let sources: Vec<_> = entries(volume).filter(|(key, _)| *key != "name").collect();
        let [(kind, source)] = sources[..] else {
            self.missing.push(format!("the one source of {volume}"));
            return Mount::Scratch;
        };
        let (secret, keys) = secret();
        let files: BTreeMap<String, Option<String>> = match kind.as_str() {
            "emptyDir" => return Mount::Scratch,
            "persistentVolumeClaim" => {
                if rendered.find("PersistentVolumeClaim", &source["claimName"]).is_none() {
                    self.missing.push(format!("claim {}", source["claimName"]));
                }
                return Mount::Kept;
            }
            "configMap" if rendered.find("ConfigMap", &source["name"]).is_some() => {
                let map = rendered.find("ConfigMap", &source["name"]).unwrap();
                entries(&map["data"]).map(|(name, value)| (name.clone(), Some(text(value)))).collect()
            }
            "secret" if source["secretName"] == *secret => keys.into_iter().map(|key| (key, None)).collect(),
            _ => {
                self.missing.push(format!("{kind} {source}"));
                BTreeMap::new()
            }
        };
        if source["items"].is_null() {
            return Mount::Files(files);
        }
        let mut chosen = BTreeMap::new();
        for item in items(&source["items"]) {
            match files.get(&text(&item["key"])) {
                Some(contents) => drop(chosen.insert(text(&item["path"]), contents.clone())),
                None => self.missing.push(format!("key {} in {source}", item["key"])),
            }
        }
        Mount::Files(chosen)
    }

    /// A variable that has a value of its own.
    pub fn value(&self, name: &str) -> Option<&str> {
        match self.variables.get(name)? {
            Variable::Is(value) => Some(value),
            Variable::Secret(_) => None,
        }
    }

    /// The volume that a path is on, and the rest of the path.
    pub fn mount_of<'p>(&self, path: &'p str) -> Option<(&Mount, &'p str)> {
        self.mounts.iter().find_map(|(at, mount)| {
            let rest = path.strip_prefix(at.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then(|| (mount, rest.trim_start_matches('/')))
        })
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
