//! From flags to a request.

use crate::cli::{CommonArgs, OfCallers};
use crate::kyc::token::ResumeToken;
use crate::pb;
use crate::pb::watch_kyc_status_request::Start;
use clap::{Args, ValueEnum};
use jiff::Timestamp;

#[derive(Debug, Args)]
pub(in crate::cli) struct WatchArgs {
    /// Only this customer, by Grid's id; can be given several times
    #[arg(long = "customer", value_name = "ID")]
    customers: Vec<String>,

    /// Only this customer, by the platform's own id; can be given several times
    #[arg(long = "platform-customer", value_name = "ID")]
    platform_customers: Vec<String>,

    /// Only events about this; both by default
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<Kind>,

    /// Only changes of customers to this status, such as APPROVED; can be given several times
    #[arg(long = "status", value_name = "STATUS", value_parser = kyc_status)]
    statuses: Vec<i32>,

    /// Only changes of verifications to this status, such as RESOLVE_ERRORS; can be given several times
    #[arg(long = "verification-status", value_name = "STATUS", value_parser = verification_status)]
    verification_statuses: Vec<i32>,

    /// Where to start: now, at the earliest event that is kept, at a time such as 2026-01-31T12:00:00Z, or after a resume
    /// token
    #[arg(long, value_name = "now|earliest|TIME|TOKEN", default_value = "now", value_parser = from)]
    from: From,

    /// Begin with the current status of every customer
    #[arg(long)]
    snapshot: bool,

    /// End once every --customer is approved, rejected or deleted
    #[arg(long, requires = "customers", conflicts_with = "platform_customers")]
    until_decided: bool,

    /// Also show events that changed nothing: repeated, late or doubtful ones
    #[arg(long)]
    all: bool,

    /// Print each message as one line of JSON, in protobuf's JSON format
    #[arg(long)]
    pub(super) json: bool,

    /// Seconds between gridgate's heartbeats; after three missed ones, the command reconnects
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..=300))]
    pub(super) heartbeat: u16,

    #[command(flatten)]
    pub(super) common: CommonArgs<OfCallers>,
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// The KYC or KYB status of a customer
    Customer,
    /// The status of a verification
    Verification,
}

impl Kind {
    fn number(self) -> i32 {
        let kind = match self {
            Kind::Customer => pb::KycEventKind::CustomerStatus,
            Kind::Verification => pb::KycEventKind::Verification,
        };
        kind.into()
    }
}

/// Where to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum From {
    Now,
    Earliest,
    Time(Timestamp),
    Token(String),
}

/// Reads `--from`.
pub(super) fn from(text: &str) -> Result<From, String> {
    match text {
        "now" => Ok(From::Now),
        "earliest" => Ok(From::Earliest),
        _ => match (text.parse(), ResumeToken::parse(text)) {
            (Ok(time), _) => Ok(From::Time(time)),
            (Err(_), Ok(_)) => Ok(From::Token(text.to_owned())),
            (Err(_), Err(_)) => {
                Err("must be now, earliest, a time such as 2026-01-31T12:00:00Z, or a resume token".to_owned())
            }
        },
    }
}

/// Reads `--status`.
pub(super) fn kyc_status(text: &str) -> Result<i32, String> {
    let status = pb::KycStatus::from_str_name(&format!("KYC_STATUS_{}", text.to_uppercase()));
    match status {
        Some(pb::KycStatus::Unspecified) | None => {
            Err("must be UNVERIFIED, PENDING, APPROVED, REJECTED or HOLD".to_owned())
        }
        Some(status) => Ok(status.into()),
    }
}

/// Reads `--verification-status`.
pub(super) fn verification_status(text: &str) -> Result<i32, String> {
    let status = pb::VerificationStatus::from_str_name(&format!("VERIFICATION_STATUS_{}", text.to_uppercase()));
    match status {
        Some(pb::VerificationStatus::Unspecified) | None => Err("must be RESOLVE_ERRORS, PENDING_MANUAL_REVIEW, \
             IN_PROGRESS, READY_FOR_VERIFICATION, APPROVED or REJECTED"
            .to_owned()),
        Some(status) => Ok(status.into()),
    }
}

/// The request that the flags ask for.
pub(super) fn of(args: &WatchArgs) -> pb::WatchKycStatusRequest {
    let WatchArgs {
        customers,
        platform_customers,
        kinds,
        statuses,
        verification_statuses,
        from,
        snapshot,
        until_decided,
        all,
        json: _,
        heartbeat: _,
        common: _,
    } = args;
    let start = match from {
        From::Now => None,
        From::Earliest => Some(Start::StartPosition(pb::WatchStart::Earliest.into())),
        From::Time(time) => Some(Start::StartTime(prost_types::Timestamp {
            // Its nanoseconds count forward, also before 1970.
            seconds: time.as_nanosecond().div_euclid(1_000_000_000).try_into().unwrap_or_default(),
            nanos: time.as_nanosecond().rem_euclid(1_000_000_000).try_into().unwrap_or_default(),
        })),
        From::Token(token) => Some(Start::ResumeToken(token.clone())),
    };
    pb::WatchKycStatusRequest {
        customer_ids: customers.clone(),
        platform_customer_ids: platform_customers.clone(),
        kinds: kinds.iter().map(|kind| kind.number()).collect(),
        statuses: statuses.clone(),
        verification_statuses: verification_statuses.clone(),
        start,
        with_snapshot: *snapshot,
        until_decided: *until_decided,
        include_all: *all,
        heartbeat_interval: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kyc::id::Epoch;
    use crate::kyc::token::Mark;

    #[test]
    fn starts_are_told_apart() {
        let token = ResumeToken::After { epoch: Epoch::random(), mark: Mark::START }.encode();
        assert_eq!(from("now"), Ok(From::Now));
        assert_eq!(from("earliest"), Ok(From::Earliest));
        assert_eq!(from("2026-01-31T12:00:00Z"), Ok(From::Time("2026-01-31T12:00:00Z".parse().unwrap())));
        assert_eq!(from(&token), Ok(From::Token(token.clone())));
        for nonsense in ["", "yesterday", "2026-01-31", "12345", &token[1..]] {
            assert!(from(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn statuses_are_those_of_the_api() {
        assert_eq!(kyc_status("approved"), Ok(pb::KycStatus::Approved.into()));
        assert_eq!(verification_status("RESOLVE_ERRORS"), Ok(pb::VerificationStatus::ResolveErrors.into()));
        for word in crate::kyc::status::KycStatus::KNOWN {
            assert!(kyc_status(word).is_ok() && kyc_status("").unwrap_err().contains(word), "{word}");
        }
        for word in crate::kyc::status::VerificationStatus::KNOWN {
            assert!(verification_status(word).is_ok() && verification_status("").unwrap_err().contains(word), "{word}");
        }
        assert!(kyc_status("UNSPECIFIED").is_err());
        assert!(verification_status("UNSPECIFIED").is_err());
    }
}
