//! Documents: metadata where it belongs, and files that are what Grid takes.

use prost_reflect::{DynamicMessage, Value as Field};

use super::{refused, set, text};
use crate::support::api::Rpc;
use crate::support::samples;
use crate::support::stage::{PDF, Stage, in_chunks, messages};

const MIB: usize = 1024 * 1024;

const UPLOADS: [&str; 2] = ["UploadDocument", "ReplaceDocument"];

/// The id that an upload needs.
fn id_of(rpc: &Rpc) -> &'static str {
    rpc.id.unwrap_or("metadata.document_holder")
}

/// The first message, without a file.
fn first(rpc: &Rpc) -> DynamicMessage {
    let mut message = messages(rpc, &samples::sent_by(rpc.name)).remove(0);
    message.clear_field_by_name("chunk");
    message
}

#[tokio::test]
async fn metadata_is_in_the_first_message_and_only_there() {
    let stage = Stage::start().await;
    for name in UPLOADS {
        let rpc = Rpc::named(name);
        let bare = || DynamicMessage::new(rpc.request());
        refused(&stage, rpc, vec![], &["metadata"]).await;
        refused(&stage, rpc, in_chunks(bare(), PDF, PDF.len()), &["metadata"]).await;
        refused(&stage, rpc, vec![bare(), first(rpc)], &["metadata"]).await;
        let mut twice = in_chunks(first(rpc), PDF, 9);
        twice.push(first(rpc));
        refused(&stage, rpc, twice, &["metadata"]).await;
    }
}

#[tokio::test]
async fn an_import_has_at_least_one_byte() {
    let stage = Stage::start().await;
    let rpc = Rpc::named("ImportCustomers");
    let empty = || DynamicMessage::new(rpc.request());
    for messages in [vec![], vec![empty()], vec![empty(), empty()]] {
        let said = refused(&stage, rpc, messages, &["chunk"]).await;
        assert!(said[0].contains("the stream had no bytes"), "{said:?}");
    }
}

#[tokio::test]
async fn a_file_that_grid_would_not_take_is_named() {
    let stage = Stage::start().await;
    for name in UPLOADS {
        let rpc = Rpc::named(name);
        let zip = [&b"PK\x03\x04"[..], &[0; 100]].concat();
        let late_pdf = [&[b' '; 1020][..], PDF].concat();
        for (content, word) in [
            (&b""[..], "empty"),
            (b"GIF89a\x01\x00\x01\x00", "PDF, JPEG or PNG"),
            (b"%PD", "PDF, JPEG or PNG"),
            (b"\x89PNG", "PDF, JPEG or PNG"),
            (&zip, "PDF, JPEG or PNG"),
            (&late_pdf, "PDF, JPEG or PNG"),
        ] {
            let said = refused(&stage, rpc, in_chunks(first(rpc), content, 5), &["chunk"]).await;
            assert!(said[0].contains(word), "{said:?}");
        }
    }
}

#[tokio::test]
async fn a_file_over_10_mib_is_named() {
    let stage = Stage::start().await;
    let mut content = PDF.to_vec();
    content.resize(10 * MIB + 1, 0);
    for name in UPLOADS {
        let rpc = Rpc::named(name);
        let said = refused(&stage, rpc, in_chunks(first(rpc), &content, MIB), &["chunk"]).await;
        assert!(said[0].contains("10 MiB"), "{said:?}");
    }
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let stage = Stage::start().await;
    for name in UPLOADS {
        let rpc = Rpc::named(name);
        let mut first = first(rpc);
        set(&mut first, id_of(rpc), text("a/b"));
        set(&mut first, "metadata.side", Field::EnumNumber(7));
        refused(&stage, rpc, in_chunks(first, b"GIF89a", 2), &[id_of(rpc), "metadata.side", "chunk"]).await;
    }
}
