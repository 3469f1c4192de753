//! Compiles the protos: message types, clients and servers, `Debug` implementations without personal data,
//! the descriptor set that reflection serves, and the protos themselves, for `gridgate proto export`.
//!
//! protox compiles them, so nobody needs `protoc`.

#[path = "build/redacting_debug.rs"]
mod redacting_debug;

use std::error::Error;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost_reflect::prost_types::FileDescriptorSet;

/// Root of the imports.
const PROTO_ROOT: &str = "proto";
/// The one package, whose files lie in one folder.
const PACKAGE: &str = "gridgate.v1";
const PACKAGE_DIR: &str = "proto/gridgate/v1";
/// Nothing imports these; a client needs them to print the details of errors, which it finds by reflection.
const ERROR_PROTOS: [&str; 2] = ["proto/google/rpc/error_details.proto", "proto/google/rpc/status.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO_ROOT}");
    println!("cargo::rerun-if-changed=build");
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?);

    let mut compiler = protox::Compiler::new([PROTO_ROOT])?;
    let mut files = files_in(Path::new(PACKAGE_DIR))?;
    files.retain(|path| is_proto(path));
    compiler.include_imports(true).include_source_info(true).open_files(files)?.open_files(ERROR_PROTOS)?;
    // Encoded by protox: prost_types does not know our own options, and would drop them.
    fs::write(out_dir.join("gridgate.v1.binpb"), compiler.encode_file_descriptor_set())?;

    fs::write(out_dir.join("proto_files.rs"), embedded(Path::new(PROTO_ROOT))?)?;

    let redacting = redacting_debug::generate(&compiler.descriptor_pool(), PACKAGE)?;
    fs::write(out_dir.join("gridgate.v1.debug.rs"), redacting.code)?;

    tonic_prost_build::configure()
        .bytes(".")
        .codec_path("crate::pb::SmallBuffers")
        .skip_debug(redacting.messages)
        .compile_fds(without_deprecations(own_files(&compiler)))?;
    generate_event_server(&compiler, &out_dir)
}

/// Generates the server of KycEventService once more, answering WatchKycStatus with responses that are encoded already:
/// an event is encoded once, however many watch, and has the same bytes on the wire.
fn generate_event_server(compiler: &protox::Compiler, out_dir: &Path) -> Result<(), Box<dyn Error>> {
    let out_dir = out_dir.join("encoded");
    fs::create_dir_all(&out_dir)?;
    let mut set = own_files(compiler);
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

/// The files that become Rust: the package, and what it uses of `google.protobuf`. `tonic_types` has the types of errors.
fn own_files(compiler: &protox::Compiler) -> FileDescriptorSet {
    let mut set = compiler.file_descriptor_set();
    set.file.retain(|file| [PACKAGE, "google.protobuf"].contains(&file.package()));
    set
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

/// A Rust expression: the path and the text of every proto, and of the licence of those that are not gridgate's.
fn embedded(root: &Path) -> Result<String, Box<dyn Error>> {
    let mut code = "&[\n".to_owned();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for path in files_in(&folder)? {
            if path.is_dir() {
                folders.push(path);
            } else if is_proto(&path) || path.file_name() == Some(OsStr::new("LICENSE")) {
                let name = path.strip_prefix(root)?.to_str().ok_or("the path of a proto is not Unicode")?;
                writeln!(code, "    ({name:?}, include_str!({:?})),", path.canonicalize()?)?;
            }
        }
    }
    code.push(']');
    Ok(code)
}

fn is_proto(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("proto"))
}

/// What is in a folder, in the same order on every machine.
fn files_in(dir: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
    files.sort();
    Ok(files)
}
