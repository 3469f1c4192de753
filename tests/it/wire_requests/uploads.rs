//! Files: documents, collected and sent with their length, and CSVs, which stream through.

use bytes::Bytes;
use prost_reflect::{DynamicMessage, Value as Field};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::support::api::{RPCS, Rpc};
use crate::support::gateway::{DEADLINE, Gateway};
use crate::support::multipart;
use crate::support::samples;
use crate::support::stage::{PDF, Stage, in_chunks};
use crate::support::{equivalent, soon};

const JPEG: &[u8] = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\r\n--boundary\r\n\x00\xff";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR";
const MAX_DOCUMENT: usize = 10 * 1024 * 1024;

const UPLOADS: [&str; 2] = ["UploadDocument", "ReplaceDocument"];

fn first_message(rpc: &Rpc, sent: &Value, file_name: Option<&str>) -> DynamicMessage {
    let mut message = equivalent::request(rpc, rpc.id.map_or("", samples::id_for), sent).message;
    if let Some(name) = file_name {
        let metadata = message.get_field_by_name_mut("metadata").unwrap().as_message_mut().unwrap();
        metadata.set_field_by_name("file_name", Field::String(name.to_owned()));
    }
    message
}

#[tokio::test]
async fn a_document_is_sent_byte_for_byte_however_it_came() {
    let stage = Stage::start().await;
    stage.answers_everything(RPCS);
    let mut large = PDF.to_vec();
    large.resize(MAX_DOCUMENT, 0x17);
    for name in UPLOADS {
        let rpc = Rpc::named(name);
        let sent = samples::sent_by(name);
        for (content, size, file_name, media_type) in [
            (PDF, PDF.len(), "passport.pdf", "application/pdf"),
            (PDF, 1, "p", "application/pdf"),
            (JPEG, 7, "Führerschein vorne.jpg", "image/jpeg"),
            (PNG, 5, "証明書.png", "image/png"),
            (&large, 1 << 20, "large.gif", "application/pdf"),
        ] {
            let first = first_message(rpc, &sent, Some(file_name));
            stage.gateway.call(rpc, in_chunks(first, content, size)).await.unwrap();
            let request = stage.received();
            let length = request.header("content-length").map(|length| length.parse().unwrap());
            assert_eq!(length, Some(request.body.len()), "sent with its length");
            let form = multipart::read(&request).await;
            assert_eq!(form.fields, sent);
            assert_eq!((form.file.part.as_str(), form.file.media_type.as_str()), ("file", media_type));
            assert_eq!(form.file.name, file_name);
            assert!(
                form.file.content == content,
                "{} bytes are not the {} sent",
                form.file.content.len(),
                content.len()
            );
        }
    }
}

#[tokio::test]
async fn a_file_without_a_name_gets_one_by_its_bytes() {
    let stage = Stage::start().await;
    stage.answers_everything(RPCS);
    for name in UPLOADS {
        let rpc = Rpc::named(name);
        for (content, file_name) in [(PDF, "document.pdf"), (JPEG, "document.jpg"), (PNG, "document.png")] {
            for given in [None, Some("")] {
                let first = first_message(rpc, &samples::sent_by(name), given);
                stage.gateway.call(rpc, in_chunks(first, content, 1000)).await.unwrap();
                assert_eq!(multipart::read(&stage.received()).await.file.name, file_name);
            }
        }
    }
}

#[tokio::test]
async fn a_file_name_stays_a_file_name() {
    let stage = Stage::start().await;
    stage.answers_everything(RPCS);
    for name in UPLOADS {
        let rpc = Rpc::named(name);
        let sent = samples::sent_by(name);
        for hostile in ["a\"; name=\"country", "a\r\nX-Other: 1\r\n\r\nbody", "a\u{0}b", "\\", "../../etc/passwd"] {
            let first = first_message(rpc, &sent, Some(hostile));
            stage.gateway.call(rpc, in_chunks(first, PDF, PDF.len())).await.unwrap();
            let form = multipart::read(&stage.received()).await;
            assert_eq!((&form.fields, form.file.part.as_str()), (&sent, "file"), "{hostile:?}");
            assert_eq!(form.file.content, PDF, "{hostile:?}");
            assert!(!form.file.name.contains(char::is_control), "{hostile:?}");
        }
    }
}

#[tokio::test]
async fn messages_without_bytes_are_allowed_anywhere() {
    let stage = Stage::start().await;
    stage.answers_everything(RPCS);
    let rpc = Rpc::named("UploadDocument");
    let empty = || DynamicMessage::new(rpc.request());
    let mut messages = vec![first_message(rpc, &samples::sent_by(rpc.name), None), empty()];
    let mut rest = in_chunks(empty(), PDF, 9);
    rest.insert(2, empty());
    messages.extend(rest);
    messages.push(empty());
    stage.gateway.call(rpc, messages).await.unwrap();
    assert_eq!(multipart::read(&stage.received()).await.file.content, PDF);
}

#[tokio::test]
async fn a_csv_is_sent_byte_for_byte() {
    let stage = Stage::start().await;
    stage.answers_everything(RPCS);
    let rpc = Rpc::named("ImportCustomers");
    let rows = "$ä@uma.example,\"a\"\"b\r\n\",INDIVIDUAL\n".repeat(40_000).into_bytes();
    for content in [&b"h\n"[..], &rows] {
        for size in [37_777, 1 << 20] {
            stage.gateway.call(rpc, in_chunks(DynamicMessage::new(rpc.request()), content, size)).await.unwrap();
            let form = multipart::read(&stage.received()).await;
            assert_eq!(form.fields, json!({}));
            assert_eq!((form.file.part.as_str(), form.file.media_type.as_str()), ("file", "text/csv"));
            assert!(form.file.name.ends_with(".csv"), "{}", form.file.name);
            assert!(form.file.content == content);
        }
    }
    // Messages without bytes are allowed anywhere, also at the beginning.
    let empty = || DynamicMessage::new(rpc.request());
    let messages = [vec![empty()], in_chunks(empty(), b"h\n", 1), vec![empty()]].concat();
    stage.gateway.call(rpc, messages).await.unwrap();
    assert_eq!(multipart::read(&stage.received()).await.file.content, b"h\n"[..]);
}

#[tokio::test]
async fn a_csv_is_on_its_way_before_it_is_complete() {
    let grid = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = Gateway::new(&format!("http://{}", grid.local_addr().unwrap())).await;
    let rpc = Rpc::named("ImportCustomers");
    let (send, receive) = mpsc::channel(1);
    let call = gateway.stream_within(DEADLINE, rpc, ReceiverStream::new(receive));
    let chunk = |bytes: &'static [u8]| {
        let mut message = DynamicMessage::new(rpc.request());
        message.set_field_by_name("chunk", Field::Bytes(Bytes::from_static(bytes)));
        message
    };
    let feed = async {
        send.send(chunk(b"first,part\n")).await.unwrap();
        let (mut connection, _) = soon("a connection", grid.accept()).await.unwrap();
        let mut received = Vec::new();
        soon("the first part", read_until(&mut connection, &mut received, b"first,part")).await;
        send.send(chunk(b"second,part\n")).await.unwrap();
        drop(send);
        soon("the second part", read_until(&mut connection, &mut received, b"second,part")).await;
        soon("the end", read_until(&mut connection, &mut received, b"\r\n0\r\n\r\n")).await;
        let body = json!({ "jobId": samples::JOB, "status": "PENDING" }).to_string();
        let head = format!("HTTP/1.1 202 Accepted\r\ncontent-length: {}\r\n\r\n", body.len());
        connection.write_all((head + &body).as_bytes()).await.unwrap();
    };
    let (answer, ()) = tokio::join!(call, feed);
    answer.unwrap();
}

async fn read_until(connection: &mut TcpStream, received: &mut Vec<u8>, what: &[u8]) {
    while !received.windows(what.len()).any(|window| window == what) {
        assert_ne!(connection.read_buf(received).await.unwrap(), 0, "the connection ended");
    }
}
