//! Compiles the protos: message types, clients and servers, `Debug` implementations without personal data,
//! and the descriptor set that reflection serves.
//!
//! protox compiles them, so nobody needs `protoc`.

#[path = "build/redacting_debug.rs"]
mod redacting_debug;

use std::error::Error;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost_reflect::prost_types::FileDescriptorSet;

/// Root of the imports.
const PROTO_ROOT: &str = "proto";
/// The one package, whose files lie in one folder.
const PACKAGE_DIR: &str = "proto/gridgate/v1";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO_ROOT}");
    println!("cargo::rerun-if-changed=build");
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?);

    let mut compiler = protox::Compiler::new([PROTO_ROOT])?;
    compiler.include_imports(true).include_source_info(true).open_files(proto_files(Path::new(PACKAGE_DIR))?)?;
    // Encoded by protox: prost_types does not know our own options, and would drop them.
    fs::write(out_dir.join("gridgate.v1.binpb"), compiler.encode_file_descriptor_set())?;

    let redacting = redacting_debug::generate(&compiler.descriptor_pool(), "gridgate.v1")?;
    fs::write(out_dir.join("gridgate.v1.debug.rs"), redacting.code)?;

    tonic_prost_build::configure()
        .bytes(".")
        .codec_path("crate::pb::SmallBuffers")
        .skip_debug(redacting.messages)
        .compile_fds(without_deprecations(compiler.file_descriptor_set()))?;
    generate_event_server(&compiler, &out_dir)
}

/// Generates the server of KycEventService once more, answering WatchKycStatus with responses that are encoded already:
/// an event is encoded once, however many watch, and has the same bytes on the wire.
fn generate_event_server(compiler: &protox::Compiler, out_dir: &Path) -> Result<(), Box<dyn Error>> {
    let out_dir = out_dir.join("encoded");
    fs::create_dir_all(&out_dir)?;
    let mut set = compiler.file_descriptor_set();
    for file in &mut set.file {
        file.service.retain(|service| service.name() == "KycEventService");
    }
    tonic_prost_build::configure()
        .build_client(false)
        .codec_path("crate::pb::SmallBuffers")
        .extern_path(".gridgate.v1", "crate::pb")
        .extern_path(".gridgate.v1.WatchKycStatusResponse", "crate::pb::EncodedWatchKycStatusResponse")
        .out_dir(out_dir)
        .compile_fds(set)?;
    Ok(())
}

/// The same files, with nothing marked as deprecated. The marks are for callers, who find them in the descriptors; this
/// program goes on serving what is deprecated, and the compiler would warn of every line that does.
fn without_deprecations(mut set: FileDescriptorSet) -> FileDescriptorSet {
    for file in &mut set.file {
        for options in file.message_type.iter_mut().flat_map(|message| &mut message.field).flat_map(|f| &mut f.options)
        {
            options.deprecated = None;
        }
        for options in file.service.iter_mut().flat_map(|service| &mut service.method).flat_map(|m| &mut m.options) {
            options.deprecated = None;
        }
    }
    set
}

/// The `.proto` files of a folder, in the same order on every machine.
fn proto_files(dir: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("proto")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
