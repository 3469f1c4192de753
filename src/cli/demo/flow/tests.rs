//! That the flows are written as they should be: whatever a run would trip over, and what it would not notice.

use super::super::reflect::Reflection;
use super::super::runner::requests;
use super::*;
use heck::ToSnakeCase as _;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor};
use std::collections::BTreeSet;

/// What a path of a message leads to.
fn leads_to(message: &MessageDescriptor, path: &str) -> Option<Kind> {
    let (step, rest) = path.split_once('.').unwrap_or((path, ""));
    let (name, is_item) = step.split_once('[').map_or((step, false), |(name, _)| (name, true));
    let field = message.get_field_by_name(name).filter(|field| field.is_list() || !is_item)?;
    match field.kind() {
        Kind::Message(message) if !rest.is_empty() => leads_to(&message, rest),
        kind => rest.is_empty().then_some(kind),
    }
}

/// Whether a path leads to a field of an error's details.
fn leads_into_a_status(reflection: &Reflection, path: &str) -> bool {
    let (detail, rest) = path.split_once('.').unwrap_or((path, ""));
    reflection.messages().any(|message| message.name().to_snake_case() == detail && leads_to(&message, rest).is_some())
}

/// What has to be in the place of a name for the requests to be read.
fn stand_in(kind: Option<&Kind>) -> &'static str {
    match kind {
        Some(Kind::Message(message)) if message.name() == "Timestamp" => "2026-01-15T14:30:00Z",
        _ => "something",
    }
}

#[test]
fn every_step_of_every_release_can_be_made() {
    let reflection = Reflection::new().unwrap();
    for (flow, release) in Flow::all()
        .unwrap()
        .iter()
        .flat_map(|flow| [Release::August, Release::September].map(|release| (flow, release)))
    {
        let mut names = flow.names(release);
        names.set("run", "1f");
        names.set("uuid", "a5ad2ab2-5e75-4bd2-8cd5-5e3b4a6dbb0d");
        for planned in flow.plan(release, false) {
            let Planned::Call(step, of_group) = planned else { continue };
            of_group.into_iter().for_each(|of_group| names.extend(of_group));
            let about = format!("{}, {release:?}: {}", flow.name, names.fill_text(&step.about).unwrap());
            let (called, input) = step.call().unwrap();
            let input = names.fill(input).unwrap_or_else(|| panic!("{about}: {input}"));
            let expectations: Vec<_> = step.until.iter().chain(&step.expect).collect();
            for expectation in &expectations {
                assert!(expectation.filled(&names).is_some(), "{about}: {expectation}");
            }
            let Some(method) = reflection.method(called) else {
                assert!(
                    called.starts_with("/control/") || called.starts_with("${"),
                    "{about}: nothing is called {called}"
                );
                names.fill_text(called).unwrap();
                assert!(step.until.is_none() && step.read_until.is_none() && step.upload.is_none(), "{about}");
                step.keep.keys().for_each(|name| names.set(name, stand_in(None)));
                continue;
            };
            let read = DynamicMessage::deserialize(method.input(), &input);
            assert!(read.is_ok(), "{about}: {}", read.unwrap_err());
            assert!(requests(&method, &input, step.upload.as_ref(), &names).is_some(), "{about}");
            assert_eq!(step.upload.is_some(), method.is_client_streaming(), "{about}");
            assert!(step.read_until.is_none() || method.is_server_streaming(), "{about}");
            let kind = |path: &str| {
                let path = path.strip_prefix("responses[0].").or(path.strip_prefix("responses[].")).unwrap_or(path);
                leads_to(&method.output(), path)
            };
            // What is never answered has no field to lead to.
            for path in
                expectations.iter().filter(|expectation| !expectation.to_string().starts_with("no ")).map(|e| &e.path)
            {
                let leads =
                    if step.code.is_some() { leads_into_a_status(&reflection, path) } else { kind(path).is_some() };
                assert!(leads, "{about}: {path} leads nowhere");
            }
            for (name, path) in &step.keep {
                assert!(kind(path).is_some(), "{about}: {path} leads nowhere");
                names.set(name, stand_in(kind(path).as_ref()));
            }
        }
    }
}

#[test]
fn every_method_is_called() {
    let flows = Flow::all().unwrap();
    let mut called = Vec::new();
    flows.iter().flat_map(|flow| &flow.steps).for_each(|step| step.calls(&mut called));
    let called: BTreeSet<_> = called.into_iter().collect();
    for method in Reflection::new().unwrap().methods() {
        assert!(called.contains(method.name()), "no flow calls {}", method.name());
    }
}

#[test]
fn every_name_and_part_is_used() {
    fn declared<'a>(steps: &'a [Step], names: &mut BTreeSet<&'a str>) {
        for step in steps {
            names.extend(step.keep.keys().map(String::as_str));
            names.extend(step.each.iter().flat_map(Names::iter).map(|(name, _)| name.as_str()));
            declared(&step.steps, names);
        }
    }
    fn used<'a>(steps: &'a [Step], parts: &mut BTreeSet<&'a str>) {
        for step in steps {
            parts.extend(step.with.iter().map(String::as_str));
            used(&step.steps, parts);
        }
    }
    let shared: Parts = toml::from_str(PARTS).unwrap();
    let (flows, mut parts) = (Flow::all().unwrap(), BTreeSet::new());
    for (flow, (_, text)) in flows.iter().zip(FLOWS) {
        let mut names: BTreeSet<_> = flow.names.values().flat_map(Names::iter).map(|(name, _)| name.as_str()).collect();
        declared(&flow.steps, &mut names);
        for name in names {
            assert!(text.contains(&format!("${{{name}}}")), "{}: nothing uses ${{{name}}}", flow.name);
        }
        let mut of_flow = BTreeSet::new();
        used(&flow.steps, &mut of_flow);
        let own: Flow = toml::from_str(text).unwrap();
        for part in own.parts.keys() {
            assert!(of_flow.contains(part.as_str()), "{}: nothing uses the part {part}", flow.name);
        }
        parts.extend(of_flow);
    }
    for part in shared.keys() {
        assert!(parts.contains(part.as_str()), "nothing uses the part {part}");
    }
}

#[test]
fn mistakes_are_found_when_flows_are_read() {
    let read = |step: &str| {
        let text = format!("title = \"A\"\nabout = \"B\"\n[[step]]\nabout = \"C\"\n{step}");
        Flow::read(1, "test", &text, &Parts::new()).map(|_| ()).map_err(|error| crate::cli::output::chain(&error))
    };
    assert_eq!(read("call.GetCustomer = {}"), Ok(()));
    for (step, mistake) in [
        ("", "one call, or a group"),
        ("call.GetCustomer = {}\ncall.GetDocument = {}", "one call, or a group"),
        ("call.GetCustomer = {}\n[[step.step]]\nabout = \"D\"\ncall.GetCustomer = {}", "one call, or a group"),
        ("call.GetCustomer = {}\nexpects = []", "unknown field `expects`"),
        ("call.GetCustomer = {}\nexpect = [\"status PENDING\"]", "this is no expectation: status PENDING"),
        ("call.GetCustomer = {}\nwith = [\"nobody\"]", "there is no part nobody"),
        ("call.GetCustomer = {}\nsince = \"2026-10\"", "unknown variant `2026-10`"),
    ] {
        let error = read(step).unwrap_err();
        assert!(error.contains(mistake), "{error}");
    }
}

#[test]
fn what_a_release_lacks_is_left_out_with_its_calls() {
    let flows = Flow::all().unwrap();
    let flow = flows.iter().find(|flow| flow.name == "business").unwrap();
    let left_out = |release| {
        let planned = flow.plan(release, false).into_iter();
        planned.filter_map(|planned| if let Planned::LeftOut { calls, .. } = planned { Some(calls) } else { None })
    };
    let expected = [["CreateBeneficialOwner", "DeleteBeneficialOwner"]];
    assert_eq!(left_out(Release::August).collect::<Vec<_>>(), expected);
    assert_eq!(left_out(Release::September).count(), 0);
}
