//! The gridgate that runs on this machine, if any.

use super::finding::Finding;
use crate::cli::admin::{AdminClient, AdminError};
use crate::cli::calling::{ConnectError, Target};
use crate::cli::healthcheck::{self, Unhealthy};
use reqwest::StatusCode;
use serde::Deserialize;
use std::collections::BTreeMap;

const GRPC: &str = "gRPC port";
const ADMIN: &str = "admin port";

/// The answers of its ports.
pub(super) struct Running {
    gridgate: Target,
    grpc: Result<(), Unhealthy>,
    pub(super) admin: AdminClient,
    ready: Result<(StatusCode, String), AdminError>,
}

/// How many webhooks it received, by outcome.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Webhooks {
    outcomes: BTreeMap<String, u64>,
}

impl Webhooks {
    pub(super) fn count(&self, outcome: &str) -> u64 {
        self.outcomes.get(outcome).copied().unwrap_or_default()
    }
}

impl Running {
    /// Looks at both ports.
    pub(super) async fn look(gridgate: Target, admin: AdminClient) -> Self {
        let (grpc, ready) = tokio::join!(healthcheck::check(&gridgate, String::new()), admin.probe("/readyz"));
        Self { gridgate, grpc, admin, ready }
    }

    /// Whether one runs here.
    pub(super) fn is_there(&self) -> bool {
        self.ready.is_ok()
    }

    /// Its counts of webhooks; `None` if it does not receive any.
    pub(super) async fn webhooks(&self) -> Result<Option<Webhooks>, AdminError> {
        match self.admin.get("/webhooks", &()).await {
            Ok(webhooks) => Ok(Some(webhooks)),
            Err(AdminError::Refused { code, .. }) if code == "no_webhooks" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Judges both ports.
    pub(super) fn judge(&self) -> [Finding; 2] {
        let grpc = &self.gridgate.server.name;
        if let (
            Err(Unhealthy::Unreachable(error)),
            Err(AdminError::Unreachable { base, is_refused_connection: true, .. }),
        ) = (&self.grpc, &self.ready)
            && !matches!(error, ConnectError::Lasting(_))
        {
            return [
                Finding::skipped(GRPC, format!("no gridgate runs here ({grpc})")),
                Finding::skipped(ADMIN, format!("no gridgate runs here ({base})")),
            ];
        }
        let of_grpc = match &self.grpc {
            Ok(()) => Finding::ok(GRPC, format!("{grpc} is serving")),
            Err(error) => {
                let hint = "check GRIDGATE_GRPC_ADDR, GRIDGATE_CLIENT_TLS_CA if it uses TLS, and the log of the running gridgate";
                Finding::fail(GRPC, super::super::output::chain(error), hint)
            }
        };
        let of_admin = match &self.ready {
            Ok((StatusCode::OK, _)) => Finding::ok(ADMIN, "the gridgate that runs here is ready"),
            Ok((status, text)) => {
                let hint = "it is starting or stopping; try again, and check its log";
                Finding::fail(ADMIN, format!("/readyz answers {}: {text}", status.as_u16()), hint)
            }
            Err(error) => {
                let hint = "check GRIDGATE_ADMIN_ADDR, GRIDGATE_ADMIN_TLS_CERTIFICATE, and GRIDGATE_CLIENT_TLS_CA if it uses TLS";
                Finding::fail(ADMIN, error.to_string(), hint)
            }
        };
        [of_grpc, of_admin]
    }
}
