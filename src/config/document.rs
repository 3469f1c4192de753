//! The settings as a document, for `docs/SETTINGS.md`.

use super::setting::{Kind, Setting};
use super::settings::{ALL, CONFIG_FILE_ENV, GRPC_ADDR, GRPC_INSECURE_ALLOW_REMOTE, IDENTITY_POLICY_FILE};
use std::fmt::Write as _;

/// `docs/SETTINGS.md`: the rules, and every setting with its names in each source, its default and what it does.
#[must_use]
pub fn settings_document() -> String {
    let mut text = format!(
        "# Settings\n\
         \n\
         gridgate reads a setting from the TOML file, then from the environment, then from a flag; the last one that sets it wins.\n\
         `--config FILE` or `{CONFIG_FILE_ENV}` names the file; its keys are those below, with the part before the dot as the\n\
         table: `grpc.addr` is `addr` under `[grpc]`. An empty variable counts as not set. An unknown key, `GRIDGATE_` variable\n\
         or flag is a mistake, and gridgate reports all mistakes at once.\n\
         \n\
         Durations are written `500ms`, `30s`, `2m`; sizes `65536`, `512KiB`, `4MiB`; a switch is `true` or `false`. Port 0 is\n\
         any free port: the ready line on standard output says which.\n\
         \n\
         A file that a setting names must be a regular file of at most 4 MiB; gridgate refuses pipes and devices, `<(…)` of a shell\n\
         included. gridgate ignores a byte order mark and white space around the secret in a file. PEM may have Windows' line\n\
         ends, a byte order mark, quotation marks or other text between its blocks: gridgate reads every block, or refuses the file and\n\
         names the block that it cannot read (NATS needs each on lines of its own). A file of CAs may contain certificates only, no\n\
         CRL and no private key; a key file may contain one private key.\n\
         \n\
         In a container, loopback is inside the container. To be called from outside, set `{addr}=0.0.0.0:50051`\n\
         and `{policy}`, the file that says who may call what ([IDENTITY.md](IDENTITY.md)). Without\n\
         one, `{allow}=true` admits everyone who can connect.\n",
        addr = GRPC_ADDR.env,
        policy = IDENTITY_POLICY_FILE.env,
        allow = GRPC_INSECURE_ALLOW_REMOTE.env,
    );
    let mut section = "";
    for setting in ALL {
        if setting.section() != section {
            section = setting.section();
            let _ =
                write!(text, "\n## `[{section}]`\n\n| key, variable, flag | default | what it does |\n|---|---|---|\n");
        }
        text.push_str(&row(setting));
    }
    text
}

fn row(setting: &Setting) -> String {
    let Setting { heading: _, key, env, flag, default, kind, doc } = setting;
    let flag = match (flag, kind) {
        (None, _) => "no flag".to_owned(),
        (Some(flag), Kind::Switch) => format!("`--{flag}`"),
        (Some(flag), kind) => format!("`--{flag} {}`", kind.placeholder()),
    };
    let default = default.map_or_else(String::new, |default| format!("`{default}`"));
    format!("| `{key}`<br>`{env}`<br>{flag} | {default} | {doc} |\n")
}
