//! Documents under way hold memory, and there is only so much of it.

use std::time::Duration;

use gridgate::config::settings;
use prost_reflect::DynamicMessage;
use tonic::Code;

use crate::support::api::Rpc;
use crate::support::app::free_ports;
use crate::support::details::Details;
use crate::support::errors_doc::code_of_reason;
use crate::support::fake_grid::Reply;
use crate::support::samples;
use crate::support::stage::{PDF, Stage, full_answer, in_chunks, messages};

const MIB: usize = 1024 * 1024;

fn upload(rpc: &Rpc, size: usize) -> Vec<DynamicMessage> {
    let mut content = PDF.to_vec();
    content.resize(size, 0);
    let mut first = messages(rpc, &samples::sent_by(rpc.name)).remove(0);
    first.clear_field_by_name("chunk");
    in_chunks(first, &content, MIB)
}

#[tokio::test]
async fn uploads_beyond_the_memory_there_is_are_refused_until_there_is_some() {
    let stage = Stage::with(free_ports().with(&settings::UPLOADS_MAX_MEMORY, "12MiB")).await;
    let rpc = Rpc::named("UploadDocument");
    stage.on(rpc, Reply::sequence([Reply::hang(), full_answer(rpc)]));
    {
        let holding = stage.gateway.call(rpc, upload(rpc, 10 * MIB));
        let meanwhile = async {
            stage.upstream.wait_for_requests(1).await;
            for name in ["UploadDocument", "ReplaceDocument"] {
                let rpc = Rpc::named(name);
                let status = stage.gateway.call(rpc, upload(rpc, 3 * MIB)).await.unwrap_err();
                let details = Details::of(&status);
                assert_eq!((details.domain.as_str(), details.reason.as_str()), ("gridgate", "UPLOADS_BUSY"));
                assert_eq!(
                    (status.code(), code_of_reason("UPLOADS_BUSY")),
                    (Code::ResourceExhausted, Code::ResourceExhausted)
                );
                assert!(details.retry_after.is_some_and(|wait| wait >= Duration::from_millis(100)));
            }
            assert_eq!(stage.upstream.requests().len(), 1, "what was refused did not reach Grid");
            stage.gateway.call(rpc, upload(rpc, MIB)).await.expect("there is room for a small one");
        };
        tokio::select! {
            answer = holding => panic!("answered: {answer:?}"),
            () = meanwhile => {}
        }
    }
    // The first one was cancelled just now, and gives back what it held.
    stage.upstream.wait_until_abandoned(1).await;
    stage.gateway.call(rpc, upload(rpc, 10 * MIB)).await.expect("there is room again");
}
