//! What the gRPC library refuses by itself has a reason, and one kind of fault one answer.

use bytes::Bytes;
use gridgate::config::{Config, settings};
use gridgate::pb;
use gridgate::pb::customer_service_client::CustomerServiceClient;
use gridgate::pb::document_service_client::DocumentServiceClient;
use prost::Message as _;
use tonic::codec::CompressionEncoding::{Gzip, Zstd};
use tonic::{Code, Status};

use crate::support::app::{TestApp, free_ports};
use crate::support::details::Details;
use crate::support::fake_grid::FakeGrid;
use crate::support::raw_grpc::RawClient;

const GET: &str = "/gridgate.v1.CustomerService/GetCustomer";
const DELETE: &str = "/gridgate.v1.CustomerService/DeleteCustomer";
const WATCH: &str = "/gridgate.v1.KycEventService/WatchKycStatus";
const UPLOAD: &str = "/gridgate.v1.DocumentService/UploadDocument";
const IMPORT: &str = "/gridgate.v1.CustomerService/ImportCustomers";

const LIMIT: usize = 64 * 1024;

async fn app() -> TestApp {
    let sources = free_ports().with(&settings::GRPC_MAX_REQUEST_SIZE, "64KiB");
    TestApp::start(Config::load(sources, true).unwrap()).await
}

fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[flag], &length[..], message].concat()
}

#[track_caller]
fn ended(status: &Status) -> (Code, String) {
    let details = Details::of(status);
    assert_eq!(details.domain, "gridgate");
    (status.code(), details.reason)
}

#[tokio::test]
async fn too_large_is_one_answer_compressed_or_not() {
    let app = app().await;
    let large = pb::CreateCustomerRequest {
        customer_type: pb::CustomerType::Individual.into(),
        email: Some("x".repeat(LIMIT + 1)),
        ..Default::default()
    };
    let metadata = pb::UploadDocumentMetadata { document_holder: "Customer:1".to_owned(), ..Default::default() };
    let first = pb::UploadDocumentRequest { metadata: Some(metadata), chunk: Bytes::from_static(b"%PDF-1.7\n") };
    let second = pb::UploadDocumentRequest { metadata: None, chunk: vec![b'x'; LIMIT + 1].into() };
    let rows = pb::ImportCustomersRequest { chunk: vec![b'x'; LIMIT + 1].into() };
    for encoding in [None, Some(Gzip), Some(Zstd)] {
        let mut customers = CustomerServiceClient::new(app.channel().await);
        let mut documents = DocumentServiceClient::new(app.channel().await);
        if let Some(encoding) = encoding {
            customers = customers.send_compressed(encoding);
            documents = documents.send_compressed(encoding);
        }
        let created = customers.create_customer(large.clone()).await.unwrap_err();
        let uploaded =
            documents.upload_document(tokio_stream::iter([first.clone(), second.clone()])).await.unwrap_err();
        let imported = customers.import_customers(tokio_stream::iter([rows.clone()])).await.unwrap_err();
        for status in [created, uploaded, imported] {
            assert_eq!(ended(&status), (Code::OutOfRange, "MESSAGE_TOO_LARGE".to_owned()), "{encoding:?} {status:?}");
        }
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_decoded_is_one_answer() {
    let app = app().await;
    let mut client = RawClient::connect(app.addresses.grpc).await;
    let undecodable = (Code::Internal, "MESSAGE_UNDECODABLE".to_owned());
    type Headers<'a> = &'a [(&'a str, &'a str)];
    let bodies: [(&str, Headers<'_>, Vec<u8>); 6] = [
        ("no protobuf", &[], framed(0, b"\xff\xff\xff")),
        ("a text that is no UTF-8", &[], framed(0, b"\x0a\x02\xff\xfe")),
        ("compressed with nothing", &[], framed(1, b"\x0a\x01a")),
        ("no gzip", &[("grpc-encoding", "gzip")], framed(1, b"no gzip")),
        ("no zstd", &[("grpc-encoding", "zstd")], framed(1, b"no zstd")),
        ("a flag that is none", &[], framed(7, b"\x0a\x01a")),
    ];
    for (what, headers, body) in bodies {
        for path in [GET, WATCH, UPLOAD, IMPORT, "/grpc.health.v1.Health/Check"] {
            if what == "a text that is no UTF-8" && [WATCH, UPLOAD, IMPORT].contains(&path) {
                continue; // The first field is no text there.
            }
            if !headers.is_empty() && path.contains("Health") {
                continue; // Health takes nothing that is compressed.
            }
            let answer = client.call_with(path, headers, body.clone()).await;
            assert_eq!(ended(&answer.status()), undecodable, "{what}, {path}: {answer:?}");
        }
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn an_unknown_encoding_says_which_are_known() {
    let app = app().await;
    let mut client = RawClient::connect(app.addresses.grpc).await;
    for path in [GET, WATCH, UPLOAD, IMPORT] {
        let answer = client.call_with(path, &[("grpc-encoding", "snappy")], framed(1, b"a")).await;
        assert_eq!(ended(&answer.status()), (Code::Unimplemented, "ENCODING_UNKNOWN".to_owned()), "{path}");
        let known = answer.trailers["grpc-accept-encoding"].to_str().unwrap();
        assert!(known.contains("gzip") && known.contains("zstd"), "{known}");
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn an_unknown_method_says_so() {
    let app = app().await;
    let mut client = RawClient::connect(app.addresses.grpc).await;
    for path in ["/gridgate.v1.CustomerService/Nothing", "/no.such.Service/Get", "/grpc.health.v1.Health/Nothing", "/"]
    {
        let answer = client.call(path, &[]).await;
        assert_eq!(ended(&answer.status()), (Code::Unimplemented, "METHOD_UNKNOWN".to_owned()), "{path}");
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn of_a_call_with_several_messages_none_is_acted_on() {
    let upstream = FakeGrid::start().await;
    let app = TestApp::in_front_of(&upstream.base_url(), free_ports()).await;
    let mut client = RawClient::connect(app.addresses.grpc).await;
    let message = pb::DeleteCustomerRequest { customer_id: "Customer:1".to_owned() }.encode_to_vec();
    let one = framed(0, &message);
    for body in [Vec::new(), [one.as_slice(), &one].concat(), [one.as_slice(), &[0, 0]].concat()] {
        let answer = client.call_with(DELETE, &[], body).await;
        assert_eq!(ended(&answer.status()), (Code::Unimplemented, "NOT_ONE_MESSAGE".to_owned()));
        assert!(upstream.requests().is_empty(), "nothing was deleted");
    }
    client.call_with(DELETE, &[], one).await;
    assert_eq!(upstream.requests_to("DELETE", "/customers/Customer:1").len(), 1, "one message is one call");
    app.stop().await.unwrap();
}
