//! A real Envoy in front, as a mesh's sidecar: mutual TLS on both sides, who called, health checks, restarts under load,
//! and streams that are silent for long.

mod mesh;
mod restarts;
mod shared_log;
mod silence;

use crate::support::soon;
use gridgate::pb;
use gridgate::pb::platform_service_client::PlatformServiceClient;
use mesh::{Mesh, PAYMENTS};
use tonic::Code;
use tonic::metadata::MetadataValue;

#[tokio::test]
async fn who_calls_is_what_the_certificate_says_and_not_what_the_caller_says() {
    let mesh = Mesh::start().await;
    let envoy = mesh.envoy(&[]).await;
    let call = async |uri: &str, forged: Option<&str>| {
        let mut request = tonic::Request::new(pb::GetPlatformConfigRequest {});
        if let Some(forged) = forged {
            request.metadata_mut().insert("x-forwarded-client-cert", MetadataValue::try_from(forged).unwrap());
        }
        let mut client = PlatformServiceClient::new(mesh.channel(envoy.addr, Some(uri)).await.unwrap());
        soon("an answer", client.get_platform_config(request)).await.map_or_else(|status| status.code(), |_| Code::Ok)
    };
    assert_eq!(call(PAYMENTS, None).await, Code::Ok);
    let stranger = "spiffe://example.org/stranger";
    assert_eq!(call(stranger, None).await, Code::PermissionDenied);
    assert_eq!(call(stranger, Some(&format!("URI={PAYMENTS}"))).await, Code::PermissionDenied);
    assert_eq!(call(PAYMENTS, Some(&format!("URI={stranger}"))).await, Code::Ok);
    // Without a certificate nobody comes as far as a call; past Envoy neither.
    for addr in mesh.addrs().into_iter().chain([envoy.addr]) {
        // In TLS 1.3 the client is done before the server has judged.
        if let Ok(channel) = mesh.channel(addr, None).await {
            let mut client = PlatformServiceClient::new(channel);
            let call = soon("an end", client.get_platform_config(pb::GetPlatformConfigRequest {})).await;
            // No answer of gridgate's, which says why.
            assert!(call.unwrap_err().details().is_empty());
        }
    }
    mesh.end().await;
}
