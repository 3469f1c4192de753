//! A call that its caller cancels stops its request to Grid.

use prost_reflect::{DynamicMessage, Value as Field};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::support::api::{RPCS, Rpc};
use crate::support::fake_grid::Reply;
use crate::support::gateway::DEADLINE;
use crate::support::samples;
use crate::support::stage::{PDF, Stage, messages};

#[tokio::test]
async fn a_call_that_is_cancelled_stops_its_request() {
    for rpc in RPCS {
        let stage = Stage::start().await;
        stage.on(rpc, Reply::hang());
        {
            let sent = samples::sent_by(rpc.name);
            tokio::select! {
                answer = stage.call(rpc, &sent) => panic!("{} was answered: {answer:?}", rpc.name),
                () = stage.upstream.wait_for_requests(1) => {}
            }
        }
        stage.upstream.wait_until_abandoned(1).await;
        assert_eq!(stage.upstream.requests().len(), 1, "{} was sent again", rpc.name);
    }
}

#[tokio::test]
async fn an_import_that_breaks_off_leaves_grid_without_a_complete_file() {
    let stage = Stage::start().await;
    let rpc = Rpc::named("ImportCustomers");
    let (send, receive) = mpsc::channel(1);
    let mut chunk = DynamicMessage::new(rpc.request());
    chunk.set_field_by_name("chunk", Field::Bytes(b"umaAddress\n".to_vec().into()));
    {
        let call = stage.gateway.stream_within(DEADLINE, rpc, ReceiverStream::new(receive));
        let begun = async {
            send.send(chunk).await.unwrap();
            stage.upstream.wait_for_connections(1).await;
        };
        tokio::select! {
            answer = call => panic!("answered: {answer:?}"),
            () = begun => {}
        }
    }
    stage.upstream.wait_until_closed(1).await;
    assert!(stage.upstream.requests().is_empty(), "Grid has a complete file");
}

#[tokio::test]
async fn a_document_that_breaks_off_never_reaches_grid() {
    let stage = Stage::start().await;
    for name in ["UploadDocument", "ReplaceDocument"] {
        let rpc = Rpc::named(name);
        let (send, receive) = mpsc::channel(1);
        let mut first = messages(rpc, &samples::sent_by(name)).remove(0);
        first.set_field_by_name("chunk", Field::Bytes(PDF.to_vec().into()));
        {
            let call = stage.gateway.stream_within(DEADLINE, rpc, ReceiverStream::new(receive));
            let begun = async {
                send.send(first).await.unwrap();
                // Taken from the channel, so it is on its way.
                drop(send.reserve().await.unwrap());
            };
            tokio::select! {
                answer = call => panic!("answered: {answer:?}"),
                () = begun => {}
            }
        }
        // Whatever came of it has happened before a later call on the same connection is answered.
        let other = Rpc::named("GetDocument");
        stage.on(other, Reply::error(404, "NOT_FOUND", "no"));
        stage.call(other, &samples::sent_by(other.name)).await.unwrap_err();
        assert!(stage.upstream.requests().iter().all(|request| request.method == "GET"));
    }
}
