//! What the dashboard and the rules ask for by label is what labels really say: a value that no code writes is never found.

use std::collections::{BTreeMap, BTreeSet};

use gridgate::grid::{Exchanged, Operation};
use gridgate::identity::Counted;
use gridgate::webhook::Outcome;
use tonic::Code;

use super::freshness::compared;
use super::metrics::{Busy, busy};
use super::shipped::{methods, queries};

/// One condition of a selector: `label="value"`, and the like.
#[derive(Debug, Clone)]
struct Matcher {
    metric: String,
    label: String,
    operator: String,
    value: String,
}

impl Matcher {
    /// Whether a sample with this value is selected.
    fn selects(&self, value: &str) -> bool {
        match self.operator.as_str() {
            "=" => self.value == value,
            "!=" => self.value != value,
            "=~" => self.alternatives().any(|pattern| matches(pattern, value)),
            "!~" => !self.alternatives().any(|pattern| matches(pattern, value)),
            other => panic!("{other} in {self:?}"),
        }
    }

    fn alternatives(&self) -> impl Iterator<Item = &str> {
        self.value.split('|')
    }
}

/// The only regular expressions that are used here: words with `.*` at either end.
fn matches(pattern: &str, value: &str) -> bool {
    let (from, to) = (pattern.starts_with(".*"), pattern.ends_with(".*"));
    let word = pattern.trim_start_matches(".*").trim_end_matches(".*");
    assert!(word.chars().all(|c| c.is_ascii_alphanumeric() || "_./".contains(c)) && !word.contains(".*"), "{pattern}");
    match (from, to) {
        (false, false) => value == word,
        (true, false) => value.ends_with(word),
        (false, true) => value.starts_with(word),
        (true, true) => value.contains(word),
    }
}

/// Every condition in a query, or every label in a sample.
fn matchers(query: &str) -> Vec<Matcher> {
    let mut found = Vec::new();
    let mut rest = query;
    while let Some((before, after)) = rest.split_once('{') {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let metric = before.rsplit(|c| !is_name(c)).next().unwrap().to_owned();
        rest = after;
        // What Prometheus puts into the text of an alert: {{ $value }}.
        if let Some(template) = rest.strip_prefix('{') {
            rest = template.split_once("}}").unwrap().1;
            continue;
        }
        while let Some((label, after)) = rest.split_once('"') {
            let end = after.find('"').unwrap();
            let label = label.trim_start_matches([',', ' ']);
            let split = label.find(|c| !is_name(c)).unwrap();
            let (label, operator) = (label[..split].to_owned(), label[split..].to_owned());
            found.push(Matcher { metric: metric.clone(), label, operator, value: after[..end].to_owned() });
            rest = &after[end + 1..];
            if rest.starts_with('}') {
                break;
            }
        }
    }
    found
}

/// A metric's name without what its kind adds to samples.
fn family(metric: &str) -> &str {
    ["_bucket", "_count", "_sum"].into_iter().find_map(|suffix| metric.strip_suffix(suffix)).unwrap_or(metric)
}

/// Every value that there is of a label: those of what happened here, and those that code lists.
async fn values() -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut values: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    let Busy { scene: busy, .. } = busy().await;
    let compared = compared().await;
    for metrics in [busy.metrics().await, compared.metrics().await] {
        for line in metrics.lines().filter(|line| !line.starts_with('#')) {
            for Matcher { metric, label, operator: _, value } in matchers(line) {
                values.entry((family(&metric).to_owned(), label)).or_default().insert(value);
            }
        }
    }
    let mut add = |metric: &str, label: &str, listed: Vec<String>| {
        values.entry((metric.to_owned(), label.to_owned())).or_default().extend(listed);
    };
    let decisions = Counted::ALL.into_iter().map(|counted| counted.as_str().to_owned()).collect();
    add("gridgate_identity_decisions_total", "decision", decisions);
    let failures = [
        Exchanged::DeadlinePassed,
        Exchanged::Unreachable,
        Exchanged::Lost,
        Exchanged::SourceFailed,
        Exchanged::GivenUp,
    ];
    let failures = failures.map(|exchanged| exchanged.word().to_owned());
    add("http_client_request_duration_seconds", "error_type", failures.into());
    add(
        "http_client_request_duration_seconds",
        "grid_operation",
        Operation::ALL.iter().map(|operation| operation.name().to_owned()).collect(),
    );
    let codes = (0..17).map(|code| shouted(&format!("{:?}", Code::from_i32(code)))).collect();
    add("rpc_server_call_duration_seconds", "rpc_response_status_code", codes);
    let (reads, mutations) = methods();
    add("rpc_server_call_duration_seconds", "rpc_method", reads.into_iter().chain(mutations).collect());
    values
}

/// `NotFound` as `NOT_FOUND`.
fn shouted(name: &str) -> String {
    let mut shouted = String::new();
    for (at, c) in name.char_indices() {
        if c.is_ascii_uppercase() && at > 0 {
            shouted.push('_');
        }
        shouted.push(c.to_ascii_uppercase());
    }
    shouted
}

#[tokio::test]
async fn every_label_is_asked_for_by_values_that_it_has() {
    let values = values().await;
    let mut asked = 0;
    for (place, queries) in queries() {
        for matcher in queries.iter().flat_map(|query| matchers(query)) {
            let Matcher { metric, label, .. } = &matcher;
            // Who scrapes gives these.
            if ["job", "instance"].contains(&label.as_str()) {
                continue;
            }
            let known = values.get(&(family(metric).to_owned(), label.clone()));
            let known = known.unwrap_or_else(|| panic!("{place}: {metric} has no label {label}"));
            for pattern in matcher.alternatives() {
                // Any status that HTTP has can come.
                let found = pattern.is_empty()
                    || label == "http_response_status_code" && pattern.parse::<u16>().is_ok()
                    || known.iter().any(|value| matches(pattern, value));
                assert!(found, "{place}: {pattern} is no {label} of {metric}, only {known:?}");
                asked += 1;
            }
        }
    }
    assert!(asked > 20, "{asked}");
}

/// What the queries of a panel or rule select by the outcome of webhooks.
fn selected(place: &str) -> BTreeSet<&'static str> {
    let queries = queries();
    let matchers: Vec<_> =
        queries[place].iter().flat_map(|query| matchers(query)).filter(|matcher| matcher.label == "outcome").collect();
    let [matcher] = &matchers[..] else { panic!("{place}: {matchers:?}") };
    Outcome::ALL.iter().map(|outcome| outcome.word()).filter(|word| matcher.selects(word)).collect()
}

#[test]
fn every_refused_webhook_is_in_the_panel_of_those() {
    let copies = [Outcome::Duplicate, Outcome::QuarantinedBefore];
    let refused = Outcome::ALL.iter().filter(|outcome| outcome.status().as_u16() >= 400 && !copies.contains(outcome));
    assert_eq!(selected("Rejected"), refused.map(|outcome| outcome.word()).collect());
}

#[test]
fn every_webhook_that_was_answered_503_is_in_an_alert() {
    let mut alerted = selected("GridgateWebhooksNotRecorded");
    alerted.extend(selected("GridgatePaymentsUndecided"));
    let unavailable = Outcome::ALL.iter().filter(|outcome| outcome.status() == 503);
    assert_eq!(alerted, unavailable.map(|outcome| outcome.word()).collect());
}
