//! What someone who tries gridgate out would like to know next.

use crate::server::{Addresses, SandboxAccess};
use secrecy::ExposeSecret as _;

/// For `serve --sandbox`, once it is ready.
pub(super) fn serving(addresses: &Addresses, sandbox: &SandboxAccess) -> String {
    let Addresses { grpc, admin, sandbox: _ } = addresses;
    let SandboxAccess { base_url, client_id, client_secret } = sandbox;
    let client_secret = client_secret.expose_secret();
    format!(
        "\n\
         gridgate is ready, with a local Grid of its own: nothing leaves this machine.\n\
         \n\
         \x20 gRPC API   {grpc}  (no TLS; reflection is on)\n\
         \x20 readiness  http://{admin}/readyz\n\
         \x20 sandbox    {base_url}  (user {client_id}, password {client_secret})\n\
         \n\
         A first call:\n\
         \n\
         \x20 npx -y @bufbuild/buf curl --protocol grpc --http2-prior-knowledge --data '{{}}' \\\n\
         \x20   http://{grpc}/gridgate.v1.PlatformService/GetPlatformConfig\n\
         \n\
         Ctrl-C stops it.\n\
         \n"
    )
}
