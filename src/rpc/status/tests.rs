//! The table of `docs/ERRORS.md`, walked row by row: what it says is what callers get.

use std::time::Duration;

use tonic_types::StatusExt;

use super::*;
use crate::grid::model::FieldError;
use crate::identity::Denial;
use crate::kyc::log::LogError;
use crate::kyc::source::SourceError;
use crate::kyc::token::{InvalidToken, Mark};
use crate::rpc::refused::{BufferingError, Shed};

const DOCUMENT: &str = include_str!("../../../docs/ERRORS.md");

/// The rows of the table that begins with `header`, cell by cell.
fn rows(header: &str) -> Vec<Vec<&'static str>> {
    let table = DOCUMENT.split_once(header).unwrap().1;
    table
        .lines()
        .skip(1)
        .skip_while(|line| line.starts_with("|---"))
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

fn code_named(name: &str) -> Code {
    let all = (0..=16).map(Code::from);
    all.into_iter().find(|code| format!("{code:?}").to_uppercase() == name.replace('_', "")).unwrap()
}

fn refusal(operation: Operation, status: u16, code: Option<&str>) -> grid::Error {
    grid::Error::Answered(Box::new(Refusal {
        operation,
        status,
        code: code.map(str::to_owned),
        message: Some("Grid's words".to_owned()),
        field_errors: Vec::new(),
        precheck_errors: Vec::new(),
        retry_after: None,
        locked_until: None,
        more: Vec::new(),
    }))
}

#[test]
fn every_answer_of_grid_has_the_code_of_the_first_row_that_fits() {
    let table = rows("| HTTP status | Grid's code | call | gRPC code |");
    assert!(table.len() > 25, "the table was found");
    let words: Vec<&str> = table.iter().map(|row| row[1]).filter(|&word| word != "*").chain(["NEW_CODE"]).collect();
    for status in 400..=599_u16 {
        for &operation in Operation::ALL {
            for word in words.iter().map(|&word| Some(word)).chain([None]) {
                let fits = |cell: &str, value: &str| cell == "*" || cell == value;
                let row = table
                    .iter()
                    .find(|row| {
                        fits(row[0], &status.to_string())
                            && fits(row[1], word.unwrap_or_default())
                            && fits(row[2], operation.name())
                    })
                    .unwrap();
                let status_of_call = Status::from(Error::from(refusal(operation, status, word)));
                assert_eq!(status_of_call.code(), code_named(row[3]), "{operation} {status} {word:?}");
                let info = status_of_call.get_details_error_info().unwrap();
                let expected = word.map_or((GRIDGATE_DOMAIN, "GRID_ERROR"), |word| (GRID_DOMAIN, word));
                assert_eq!((info.domain.as_str(), info.reason.as_str()), expected);
                assert_eq!(info.metadata["http_status"], status.to_string());
                assert_eq!(info.metadata["operation"], operation.name());
            }
        }
    }
}

#[test]
fn every_lack_of_an_answer_has_the_code_and_reason_of_its_row() {
    let operation = Operation::CreateCustomer;
    let cause = String::new;
    let soon = Duration::from_secs(2);
    let errors: Vec<Error> = vec![
        Violations::of("page_size", "must not be negative"),
        grid::Error::Redirected { operation, status: 302 }.into(),
        grid::Error::Unreachable { operation, cause: cause() }.into(),
        grid::Error::CircuitOpen { operation, retry_after: soon }.into(),
        grid::Error::Saturated { operation }.into(),
        grid::Error::ReadLost { operation, cause: cause(), retry_after: None }.into(),
        grid::Error::Unreadable { operation, cause: cause() }.into(),
        grid::Error::OutcomeUnknown { operation, cause: cause(), answered: None }.into(),
        grid::Error::UploadBrokenOff { operation }.into(),
        Error::UploadsBusy,
        grid::Error::DeadlineExceeded { operation, may_have_acted: true }.into(),
    ];
    let mut table = rows("| reason (domain `gridgate`) | gRPC code | meaning |");
    table.retain(|row| row[0] != "GRID_ERROR");
    let shed = Shed { retry_after: soon, has_its_share: false };
    let of_layers = [
        overloaded(shed),
        too_many_streams(shed),
        malformed_timeout(&MalformedTimeout),
        starting(),
        shutting_down(),
        connection_aged(),
        not_buffered(BufferingError::TooLarge),
        not_buffered(BufferingError::TooSlow),
        not_buffered(BufferingError::BrokenOff),
        not_buffered(BufferingError::NotOne),
        explained(&Status::out_of_range("as the library says it"), false, Direction::Response),
        explained(&Status::internal("as the library says it"), false, Direction::Request),
        explained(&Status::unimplemented("as the library says it"), false, Direction::Request),
        explained(&Status::not_found("as the library says it"), true, Direction::Request),
    ];
    let statuses: Vec<Status> = errors.into_iter().map(Status::from).chain(of_layers).collect();
    assert_eq!(statuses.len(), table.len(), "each row has its status here");
    for status in statuses {
        let info = status.get_details_error_info().unwrap();
        let row =
            table.iter().find(|row| row[0] == info.reason).unwrap_or_else(|| panic!("no row for {}", info.reason));
        assert_eq!(info.domain, GRIDGATE_DOMAIN);
        assert_eq!(status.code(), code_named(row[1]), "{}", row[0]);
        assert!(!status.message().is_empty());
        assert!(status.details().len() <= MAX_DETAILS);
    }
}

#[test]
fn every_error_of_the_event_service_has_the_code_of_its_row() {
    let reason = String::new;
    let token = || "AQ".to_owned();
    let about = || Box::new(Resource::new("gridgate.v1.Customer", "Customer:1"));
    let source = |error| Error::Source { error, about: about() };
    let errors: Vec<(&str, Vec<Error>)> = vec![
        (
            "RESUME_TOKEN_FOREIGN",
            vec![LogError::Foreign.into(), InvalidToken::Malformed.into(), InvalidToken::UnknownVersion.into()],
        ),
        (
            "RESUME_TOKEN_EXPIRED",
            vec![Error::Expired { oldest_resume_token: token() }, LogError::Expired { oldest: Mark::START }.into()],
        ),
        ("REPLICA_BEHIND", vec![Error::Behind { resume_token: token() }]),
        (
            "LOG_UNAVAILABLE",
            vec![LogError::Unavailable { reason: reason() }.into(), LogError::Full.into(), LogError::Closed.into()],
        ),
        ("LOG_CORRUPT", vec![LogError::Corrupt { reason: reason() }.into()]),
        ("CUSTOMER_UNKNOWN", vec![source(SourceError::NotFound), source(SourceError::Gone)]),
        ("GRID_RATE_LIMITED", vec![source(SourceError::RateLimited { retry_after: None })]),
        ("GRID_REFUSED", vec![source(SourceError::Refused)]),
    ];
    let table = rows("| reason of the event service | gRPC code | meaning, and what to do |");
    assert_eq!(errors.len(), table.len(), "each row has its errors here");
    for ((reason, errors), row) in errors.into_iter().zip(table) {
        assert_eq!(reason, row[0]);
        for error in errors {
            let status = Status::from(error);
            let info = status.get_details_error_info().unwrap();
            assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason, GRIDGATE_DOMAIN));
            assert_eq!(status.code(), code_named(row[1]), "{reason}");
            assert!(!status.message().is_empty() && status.details().len() <= MAX_DETAILS);
            // What the meaning says is in the metadata, is there.
            for key in info.metadata.keys() {
                assert!(row[2].contains(&format!("metadata[\"{key}\"]")), "{reason} says {key}");
            }
        }
    }
    let unreachable = Status::from(source(SourceError::Unavailable));
    assert_eq!(unreachable.get_details_error_info().unwrap().reason, "GRID_UNREACHABLE");
    assert_eq!(unreachable.code(), Code::Unavailable);
    let expired = Status::from(Error::Expired { oldest_resume_token: token() });
    assert_eq!(expired.get_details_error_info().unwrap().metadata["oldest_resume_token"], token());
    let behind = Status::from(Error::Behind { resume_token: token() });
    assert_eq!(behind.get_details_error_info().unwrap().metadata["resume_token"], token());
}

#[test]
fn everyone_who_is_not_let_in_hears_the_code_of_its_row() {
    let retry_after = Duration::from_secs(3);
    let identity = crate::identity::Identity::parse("spiffe://mesh/shop").unwrap();
    let source = crate::identity::Source::Certificate;
    let caller = || crate::identity::Caller::named("shop", source);
    let statuses = [
        denied(&Denial::CredentialsMissing),
        denied(&Denial::CredentialsInvalid { why: "the token is nobody's" }),
        denied(&Denial::CallerUnknown { identity, source }),
        denied(&Denial::PolicyNeeded),
        denied(&Denial::MethodNotAllowed { caller: caller(), by_name_only: true }),
        denied(&Denial::MethodUnknown { caller: caller() }),
        denied(&Denial::RateLimited { caller: caller(), retry_after }),
        denied(&Denial::TooManyFailures { retry_after }),
        Error::NotWatchable { filter: "kinds", description: "must be set".to_owned() }.into(),
        policy_changed(),
    ];
    let table = rows("| reason of the identity check | gRPC code | meaning, and what to do |");
    assert_eq!(statuses.len(), table.len(), "each row has its status here");
    for (status, row) in statuses.into_iter().zip(table) {
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), (row[0], GRIDGATE_DOMAIN));
        assert_eq!(status.code(), code_named(row[1]), "{}", row[0]);
        let exhausted = status.code() == Code::ResourceExhausted;
        assert_eq!(status.get_details_retry_info().is_some(), exhausted, "{}", row[0]);
        assert!(!status.message().contains("nobody's"), "what is wrong with credentials is not told");
        for key in info.metadata.keys() {
            assert!(row[2].contains(&format!("metadata[\"{key}\"]")), "{} says {key}", row[0]);
        }
    }
}

#[test]
fn a_refusal_names_every_bad_field_in_the_apis_own_path() {
    let mut error = refusal(Operation::CreateCustomer, 400, Some("INVALID_INPUT"));
    if let grid::Error::Answered(refusal) = &mut error {
        let field = |field: &str, message: &str| FieldError {
            field: field.into(),
            message: Some(message.into()),
            constraint: None,
        };
        refusal.field_errors = vec![field("birthDate", "must be a date"), field("businessInfo.taxId", "is required")];
    }
    let status = Status::from(Error::from(error));
    let bad_request = status.get_details_bad_request().unwrap();
    let fields: Vec<_> = bad_request.field_violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["individual.birth_date", "business.business_info.tax_id"]);
    assert_eq!(status.message(), "Grid: Grid's words");
}

#[test]
fn what_a_call_was_about_is_named_where_it_helps() {
    let id = grid::ResourceId::parse("Customer:1").unwrap();
    let about =
        |status| Status::from(Error::about("gridgate.v1.Customer", &id)(refusal(Operation::GetCustomer, status, None)));
    let info = about(404).get_details_resource_info().unwrap();
    assert_eq!((info.resource_type.as_str(), info.resource_name.as_str()), ("gridgate.v1.Customer", "Customer:1"));
    assert!(about(500).get_details_resource_info().is_none());
}

#[test]
fn too_many_requests_and_locks_say_when_to_come_back() {
    let mut error = refusal(Operation::ListCustomers, 429, None);
    if let grid::Error::Answered(refusal) = &mut error {
        refusal.retry_after = Some(Duration::from_secs(7));
    }
    let status = Status::from(Error::from(error));
    assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(Duration::from_secs(7)));
    assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), "7000");

    let mut error = refusal(Operation::UpdateCustomer, 423, None);
    if let grid::Error::Answered(refusal) = &mut error {
        refusal.locked_until = Some(Timestamp::now() + Duration::from_secs(60));
    }
    let delay = Status::from(Error::from(error)).get_details_retry_info().unwrap().retry_delay.unwrap();
    assert!(delay > Duration::from_secs(50) && delay <= Duration::from_secs(60));
}

#[test]
fn our_own_credentials_are_not_the_callers_fault() {
    let status = Status::from(Error::from(refusal(Operation::GetCustomer, 401, Some("UNAUTHORIZED"))));
    assert_eq!(status.code(), Code::Internal);
    assert_eq!(status.message(), "Grid refused gridgate's credentials: Grid's words");
}

#[test]
fn an_answer_that_cannot_be_understood_is_not_called_lost() {
    let unknown = |answered| {
        let (operation, cause) = (Operation::UpdateCustomer, String::new());
        Status::from(Error::from(grid::Error::OutcomeUnknown { operation, cause, answered }))
    };
    let (answered, lost) = (unknown(Some(200)), unknown(None));
    let http_status = |status: &Status| status.get_details_error_info().unwrap().metadata.get("http_status").cloned();
    assert!(answered.message().starts_with("Grid answered 200, and its answer can't be understood"));
    assert_eq!(http_status(&answered).as_deref(), Some("200"));
    assert!(lost.message().contains("its answer was lost"));
    assert_eq!(http_status(&lost), None);
}
