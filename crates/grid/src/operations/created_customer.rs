//! Which of the customers under one `platformCustomerId` is the one a creation made.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::model::{BusinessInfo, Customer, CustomerInput, Page, Time};

/// What else can be known by the same `platformCustomerId`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Uniqueness {
    /// Made up for this call: whatever has it is ours.
    Fresh,
    /// The caller's `request_id`: whatever has it was made by this call or by an earlier one that meant the same, unless
    /// it is plainly another customer.
    Repeated,
    /// The platform's own: earlier customers can have it too, so that only what was made since counts.
    Shared,
}

/// A customer to be found.
pub(super) struct Sought<'a> {
    pub(super) platform_customer_id: String,
    pub(super) uniqueness: Uniqueness,
    /// What was asked for.
    pub(super) customer: &'a CustomerInput,
}

/// What a lookup came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// This one.
    One(Box<Customer>),
    /// More than one could be it.
    Several,
    /// None so far.
    NoneYet,
}

/// How far `createdAt` may lie before what Grid's `Date` says of the time a request was sent: `Date` has whole seconds, and
/// two of Grid's hosts may differ by a little.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_secs(2);

impl Sought<'_> {
    /// Looks through what Grid listed at `now` (by its own clock), `since_sent` after the request was sent.
    ///
    /// The request can't have been received before it was sent, so a customer created earlier is not its work. Both
    /// times are Grid's: the one from its `Date`, less what has passed here since, and `createdAt`.
    pub(super) fn among(&self, page: Page<Customer>, now: Timestamp, since_sent: Duration) -> Found {
        let sent = SignedDuration::try_from(since_sent).ok().and_then(|passed| now.checked_sub(passed).ok());
        let earliest = sent.and_then(|sent| sent.checked_sub(CLOCK_SLACK).ok());
        let is_new = |customer: &Customer| match self.uniqueness {
            Uniqueness::Fresh | Uniqueness::Repeated => true,
            Uniqueness::Shared => {
                customer.created_at.map(Time::clamped).zip(earliest).is_some_and(|(created, from)| created >= from)
            }
        };
        let is_meant = |customer: &Customer| self.uniqueness == Uniqueness::Fresh || is_alike(self.customer, customer);
        let mut candidates: Vec<Customer> = page
            .data
            .into_iter()
            .filter(|customer| customer.platform_customer_id == self.platform_customer_id)
            .filter(|customer| is_new(customer) && is_meant(customer))
            .collect();
        // Should there be two under an id of ours, every lookup has to find the same one.
        candidates.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        let sees_all = !page.has_more && page.unreadable_rows.is_empty();
        let told_apart = self.uniqueness != Uniqueness::Shared || (candidates.len() == 1 && sees_all);
        match candidates.into_iter().next() {
            Some(customer) if told_apart => Found::One(Box::new(customer)),
            None if !page.has_more => Found::NoneYet,
            Some(_) | None => Found::Several,
        }
    }
}

/// Whether a customer can be what was asked for: of the same type, and no name, birth date or address that both have
/// differs. What Grid may write in another way (a phone number, a currency list) is not compared.
fn is_alike(asked: &CustomerInput, customer: &Customer) -> bool {
    let pairs = [
        (&asked.individual.full_name, &customer.individual.full_name),
        (&asked.individual.birth_date, &customer.individual.birth_date),
        (&asked.profile.email, &customer.profile.email),
        (&asked.profile.uma_address, &customer.profile.uma_address),
        (legal_name(&asked.business_info), legal_name(&customer.business_info)),
    ];
    let differ = |(asked, got): (&Option<String>, &Option<String>)| {
        asked.as_ref().zip(got.as_ref()).is_some_and(|(asked, got)| folded(asked) != folded(got))
    };
    asked.customer_type == customer.customer_type && !pairs.into_iter().any(differ)
}

fn legal_name(info: &Option<BusinessInfo>) -> &Option<String> {
    info.as_ref().map_or(&None, |info| &info.legal_name)
}

/// A text as it is compared: letters and digits only, in lower case.
fn folded(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const PLATFORM_ID: &str = "user-1";

    fn asked() -> CustomerInput {
        serde_json::from_value(
            json!({ "customerType": "INDIVIDUAL", "fullName": "Ada  Byron", "email": "Ada@Example.com" }),
        )
        .unwrap()
    }

    fn row(id: &str, created_at: &str, more: &[(&str, &str)]) -> Value {
        let mut row = json!({
            "id": id, "platformCustomerId": PLATFORM_ID, "customerType": "INDIVIDUAL", "createdAt": created_at,
            "fullName": "ADA BYRON", "email": "ada@example.com",
        });
        for (name, value) in more {
            row[name] = json!(value);
        }
        row
    }

    /// Looks through rows at 12:00:10, with the request sent at 12:00:00 by Grid's clock.
    fn among(uniqueness: Uniqueness, rows: &[Value], has_more: bool) -> Option<String> {
        let customer = asked();
        let sought = Sought { platform_customer_id: PLATFORM_ID.to_owned(), uniqueness, customer: &customer };
        let page = serde_json::from_value(json!({ "data": rows, "hasMore": has_more })).unwrap();
        let now = "2026-02-03T12:00:10Z".parse().unwrap();
        match sought.among(page, now, Duration::from_secs(10)) {
            Found::One(customer) => Some(customer.id),
            Found::Several => Some("several".to_owned()),
            Found::NoneYet => None,
        }
    }

    #[test]
    fn under_a_shared_id_only_what_was_created_since_is_ours() {
        let before = row("old", "2026-02-03T11:59:57Z", &[]);
        let since = row("new", "2026-02-03T12:00:01Z", &[]);
        assert_eq!(among(Uniqueness::Shared, std::slice::from_ref(&before), false), None);
        assert_eq!(among(Uniqueness::Shared, &[before, since], false).as_deref(), Some("new"));
    }

    #[test]
    fn grids_date_has_whole_seconds_so_the_line_is_two_seconds_early() {
        let just_before = row("edge", "2026-02-03T11:59:58Z", &[]);
        assert_eq!(among(Uniqueness::Shared, &[just_before], false).as_deref(), Some("edge"));
    }

    #[test]
    fn two_that_could_be_ours_are_not_guessed_between() {
        let rows = [row("a", "2026-02-03T12:00:01Z", &[]), row("b", "2026-02-03T12:00:02Z", &[])];
        assert_eq!(among(Uniqueness::Shared, &rows, false).as_deref(), Some("several"));
        assert_eq!(among(Uniqueness::Shared, &rows[..1], true).as_deref(), Some("several"));
        assert_eq!(among(Uniqueness::Repeated, &rows, false).as_deref(), Some("a"));
    }

    #[test]
    fn what_is_plainly_another_customer_is_not_ours() {
        for differs in [("fullName", "Eve Byron"), ("customerType", "BUSINESS"), ("platformCustomerId", "user-2")] {
            let rows = [row("other", "2026-02-03T12:00:01Z", &[differs])];
            assert_eq!(among(Uniqueness::Shared, &rows, false), None, "{differs:?}");
            assert_eq!(among(Uniqueness::Repeated, &rows, false), None, "{differs:?}");
        }
    }

    #[test]
    fn a_customer_without_a_creation_time_is_ours_only_under_an_id_of_ours() {
        let rows = [row("undated", "no time", &[])];
        assert_eq!(among(Uniqueness::Shared, &rows, false), None);
        assert_eq!(among(Uniqueness::Repeated, &rows, false).as_deref(), Some("undated"));
        assert_eq!(among(Uniqueness::Fresh, &rows, false).as_deref(), Some("undated"));
    }
}
