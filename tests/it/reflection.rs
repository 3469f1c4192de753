//! Reflection: questions that have no answer are answered in the stream, and the stream goes on.

use crate::support::app::TestApp;
use crate::support::soon;
use tokio_stream::iter;
use tonic::Code;

/// In one version of the protocol: what cannot be answered, each followed by what can.
macro_rules! unanswerable {
    ($version:ident, $app:expr) => {{
        use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
        use tonic_reflection::pb::$version::server_reflection_request::MessageRequest as Ask;
        use tonic_reflection::pb::$version::server_reflection_response::MessageResponse as Said;
        use tonic_reflection::pb::$version::{ErrorResponse, ExtensionRequest, ServerReflectionRequest};

        let extension = |containing_type: &str| {
            let containing_type = containing_type.to_owned();
            Some(Ask::FileContainingExtension(ExtensionRequest { containing_type, extension_number: 1 }))
        };
        let known = Some(Ask::FileContainingSymbol("gridgate.v1.CustomerService".to_owned()));
        let unknown = [
            (Some(Ask::FileContainingSymbol("gridgate.v1.NoService".to_owned())), Code::NotFound),
            (Some(Ask::FileContainingSymbol(String::new())), Code::NotFound),
            (Some(Ask::FileByFilename("nothing.proto".to_owned())), Code::NotFound),
            (extension("gridgate.v1.Customer"), Code::NotFound),
            (extension("gridgate.v1.Nothing"), Code::NotFound),
            (Some(Ask::AllExtensionNumbersOfType("gridgate.v1.Nothing".to_owned())), Code::NotFound),
            (None, Code::Unimplemented),
        ];
        let codes: Vec<_> = unknown.iter().map(|(_, code)| *code).collect();
        let host = "some.host".to_owned();
        let requests: Vec<_> = unknown
            .into_iter()
            .flat_map(|(request, _)| [request, known.clone()])
            .map(|message_request| ServerReflectionRequest { host: host.clone(), message_request })
            .collect();
        let mut client = ServerReflectionClient::new($app.channel().await);
        let answers = soon("a session", client.server_reflection_info(iter(requests.clone()))).await.unwrap();
        let mut answers = answers.into_inner();
        let mut refused = Vec::new();
        for request in requests {
            let answer = soon("an answer", answers.message()).await.unwrap().expect("the stream goes on");
            assert_eq!(answer.valid_host, host);
            assert_eq!(answer.original_request.as_ref(), Some(&request));
            match answer.message_response.unwrap() {
                Said::ErrorResponse(ErrorResponse { error_code, error_message }) => {
                    assert!(!error_message.is_empty());
                    refused.push(Code::from(error_code));
                }
                Said::FileDescriptorResponse(file) => {
                    assert_eq!((request.message_request, file.file_descriptor_proto.len()), (known.clone(), 1));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(refused, codes);
        assert!(soon("the end", answers.message()).await.unwrap().is_none());
    }};
}

#[tokio::test]
async fn an_unknown_symbol_does_not_end_the_session() {
    let app = TestApp::with_sandbox().await;
    unanswerable!(v1, app);
    unanswerable!(v1alpha, app);
    app.stop().await.unwrap();
}

/// In one version of the protocol: the file that describes the details of errors, by its name and by what is in it.
macro_rules! error_details {
    ($version:ident, $app:expr) => {{
        use prost::Message as _;
        use tonic_reflection::pb::$version::ServerReflectionRequest;
        use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
        use tonic_reflection::pb::$version::server_reflection_request::MessageRequest as Ask;
        use tonic_reflection::pb::$version::server_reflection_response::MessageResponse as Said;

        let details = "google/rpc/error_details.proto";
        let symbol = |symbol: &str| Ask::FileContainingSymbol(symbol.to_owned());
        let asked = [
            (Ask::FileByFilename(details.to_owned()), details),
            (symbol("google.rpc.BadRequest"), details),
            (symbol("google.rpc.ErrorInfo"), details),
            (symbol("google.rpc.ResourceInfo"), details),
            (symbol("google.rpc.RetryInfo"), details),
            (symbol("google.rpc.Status"), "google/rpc/status.proto"),
            (symbol("gridgate.v1.FieldErrors"), "gridgate/v1/error.proto"),
        ];
        for (question, file) in asked {
            let request = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
            let mut client = ServerReflectionClient::new($app.channel().await);
            let answers = soon("a session", client.server_reflection_info(iter([request]))).await.unwrap();
            let answer = soon("an answer", answers.into_inner().message()).await.unwrap().unwrap();
            let Some(Said::FileDescriptorResponse(files)) = answer.message_response else { panic!("{answer:?}") };
            let found = prost_types::FileDescriptorProto::decode(files.file_descriptor_proto[0].as_slice()).unwrap();
            assert_eq!(found.name(), file);
        }
    }};
}

/// What grpcurl, grpcui and Postman ask before they print an error.
#[tokio::test]
async fn the_details_of_errors_are_described() {
    let app = TestApp::with_sandbox().await;
    error_details!(v1, app);
    error_details!(v1alpha, app);
    app.stop().await.unwrap();
}
