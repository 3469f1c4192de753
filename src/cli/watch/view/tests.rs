use super::*;
use crate::cli::output::is_invisible;
use crate::pb;

fn record(outcome: KycEventOutcome, source: KycEventSource) -> Option<KycEventRecord> {
    Some(KycEventRecord {
        outcome: outcome.into(),
        source: source.into(),
        recorded_at: Some(prost_types::Timestamp { seconds: 1_769_860_800, nanos: 999 }),
        ..Default::default()
    })
}

fn webhook() -> Option<KycEventRecord> {
    record(KycEventOutcome::Change, KycEventSource::Webhook)
}

fn change() -> KycStatusChange {
    KycStatusChange {
        record: webhook(),
        customer_id: "Customer:1".to_owned(),
        platform_customer_id: "user-1".to_owned(),
        previous_status_raw: "PENDING".to_owned(),
        status_raw: "APPROVED".to_owned(),
        is_decision: true,
        ..Default::default()
    }
}

fn shown(palette: Palette, event: Event) -> String {
    let mut out = Vec::new();
    let response = WatchKycStatusResponse { resume_token: "t".to_owned(), event: Some(event) };
    Terminal::new(&mut out, palette).show(&response).unwrap();
    String::from_utf8(out).unwrap()
}

fn plain(event: Event) -> String {
    shown(Palette::plain(), event)
}

#[test]
fn a_change_is_a_line() {
    let line = plain(Event::StatusChange(change()));
    assert_eq!(line, "2026-01-31T12:00:00Z  Customer:1 (user-1)  PENDING → APPROVED\n");
    let first = KycStatusChange {
        previous_status_raw: String::new(),
        platform_customer_id: String::new(),
        record: record(KycEventOutcome::Change, KycEventSource::Answer),
        ..change()
    };
    let line = plain(Event::StatusChange(first));
    assert_eq!(line, "2026-01-31T12:00:00Z  Customer:1  APPROVED  from a response of Grid\n");
    let deleted = KycStatusChange { is_deleted: true, ..change() };
    assert!(plain(Event::StatusChange(deleted)).ends_with("PENDING → APPROVED  deleted\n"));
}

#[test]
fn what_changed_nothing_says_why() {
    for (outcome, words) in [
        (KycEventOutcome::Confirmation, "APPROVED (already known)\n"),
        (KycEventOutcome::Superseded, "APPROVED (arrived late)\n"),
        (KycEventOutcome::Unresolved, "APPROVED (in doubt: asking Grid)\n"),
    ] {
        let change = KycStatusChange { record: record(outcome, KycEventSource::Webhook), ..change() };
        let line = plain(Event::StatusChange(change));
        assert!(line.ends_with(words), "{line}");
    }
}

#[test]
fn a_verification_says_what_is_in_its_way() {
    let issues = vec![
        VerificationIssue {
            r#type: "MISSING_FIELD".to_owned(),
            field: "birthDate".to_owned(),
            field_path: "individual.birth_date".to_owned(),
        },
        VerificationIssue { r#type: "MISSING_IDENTITY_DOCUMENT".to_owned(), ..Default::default() },
    ];
    let update = VerificationUpdate {
        record: record(KycEventOutcome::Change, KycEventSource::Resolver),
        verification_id: "Verification:2".to_owned(),
        customer_id: "Customer:1".to_owned(),
        previous_status_raw: "IN_PROGRESS".to_owned(),
        status_raw: "RESOLVE_ERRORS".to_owned(),
        issues: issues.clone(),
        ..Default::default()
    };
    assert_eq!(
        plain(Event::VerificationUpdate(update)),
        "2026-01-31T12:00:00Z  Customer:1  Verification:2  IN_PROGRESS → RESOLVE_ERRORS  \
         MISSING_FIELD individual.birth_date, MISSING_IDENTITY_DOCUMENT  resolved with Grid\n"
    );
    let state = VerificationState {
        record: webhook(),
        verification_id: "Verification:2".to_owned(),
        customer_id: "Customer:1".to_owned(),
        status_raw: "RESOLVE_ERRORS".to_owned(),
        issues,
        ..Default::default()
    };
    let row = SnapshotEntry { entry: Some(Entry::Verification(state)) };
    assert_eq!(
        plain(Event::SnapshotEntry(row)),
        "2026-01-31T12:00:00Z  Customer:1  Verification:2  RESOLVE_ERRORS  \
         MISSING_FIELD individual.birth_date, MISSING_IDENTITY_DOCUMENT\n"
    );
}

#[test]
fn a_stream_says_when_it_is_up_to_date_and_is_silent_of_itself_otherwise() {
    assert_eq!(plain(Event::Synced(pb::Synced { as_of: None })), "– up to date; live changes follow –\n");
    assert_eq!(plain(Event::Heartbeat(pb::Heartbeat::default())), "");
    assert_eq!(plain(Event::GoingAway(pb::GoingAway::default())), "");
}

#[test]
fn colour_is_for_decisions_and_nothing_reaches_the_terminal_that_could_do_something_to_it() {
    let coloured = shown(Palette::coloured(), Event::StatusChange(change()));
    assert!(coloured.contains("\u{1b}[1m\u{1b}[32mAPPROVED\u{1b}[0m"), "{coloured:?}");
    let hostile = KycStatusChange {
        customer_id: "Customer:\u{1b}[2J".to_owned(),
        platform_customer_id: "a\u{202e}b\u{7}".to_owned(),
        status_raw: "NEW\u{9b}0m\nWORD".to_owned(),
        ..change()
    };
    let line = plain(Event::StatusChange(hostile));
    assert_eq!(line.matches('\n').count(), 1);
    assert!(line.chars().all(|c| c == '\n' || !(c.is_control() || is_invisible(c))), "{line:?}");
}
