//! The platform's configuration: read, changed, passed on whole, and by whom.

mod access;
mod update;

use gridgate::identity::NewToken;
use gridgate::pb;
use gridgate::pb::platform_service_client::PlatformServiceClient;
use tonic::{Request, Status};

use crate::identity::rig::{Rig, bearer};
use crate::support::fake_grid::FakeGrid;
use crate::support::gateway::everything;
use crate::support::soon;

/// The method that a policy has to name.
const METHOD: &str = "gridgate.v1.PlatformService/UpdatePlatformConfig";

/// A scripted Grid, and a server whose one caller may do everything.
struct Scene {
    upstream: FakeGrid,
    rig: Rig,
    token: NewToken,
}

impl Scene {
    async fn start() -> Self {
        let (upstream, token) = (FakeGrid::start().await, NewToken::generate().unwrap());
        let rig = Rig::in_front_of(&upstream.base_url(), &everything(&token)).await;
        Self { upstream, rig, token }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", bearer(&self.token).parse().unwrap());
        request
    }

    async fn get(&self) -> pb::PlatformConfig {
        let mut client = PlatformServiceClient::new(self.rig.app.channel().await);
        let answer = soon("an answer", client.get_platform_config(self.request(pb::GetPlatformConfigRequest {}))).await;
        answer.unwrap().into_inner().platform_config.unwrap()
    }

    /// Changes what `mask` names; with an empty mask what is populated.
    async fn update(&self, config: pb::PlatformConfigUpdate, mask: &[&str]) -> Result<pb::PlatformConfig, Status> {
        let paths: Vec<_> = mask.iter().map(|&path| path.to_owned()).collect();
        let update_mask = (!paths.is_empty()).then_some(prost_types::FieldMask { paths });
        let request = pb::UpdatePlatformConfigRequest { platform_config: Some(config), update_mask };
        let mut client = PlatformServiceClient::new(self.rig.app.channel().await);
        let answer = soon("an answer", client.update_platform_config(self.request(request))).await?;
        Ok(answer.into_inner().platform_config.unwrap())
    }
}

/// An update of nothing but the endpoint.
fn endpoint(url: &str) -> pb::PlatformConfigUpdate {
    pb::PlatformConfigUpdate { webhook_endpoint: Some(url.to_owned()), ..Default::default() }
}
