//! Agreements: the catalog (`GET /customers/agreements`), and the consents in a customer's request.

use axum::Json;
use jiff::Timestamp;

use super::fields::{Faults, Fields};
use super::formats::Form;
use super::platform::TERMS_URL;
use super::vocabulary as words;
use gridgate_grid::model::{Agreement, AgreementConsent, Agreements, EndUserTermsConsent, FieldConstraint};

/// The current version of each of [`words::AGREEMENT_TYPES`], and where its text is hosted. Types have versions of
/// their own (OpenAPI `AgreementDocument`, whose example the first one is).
const CURRENT: [(&str, &str); 7] = [
    ("2025-10-13", TERMS_URL),
    ("2025-10-13", "https://www.lightspark.com/legal/grid/esignconsent"),
    ("2026-01-15", "https://www.lightspark.com/legal/grid/privacypolicy"),
    ("2026-03-01", "https://www.lead.bank/legal/esignconsent"),
    ("2026-03-01", "https://www.lead.bank/legal/accountholderagreement"),
    ("2026-04-10", "https://www.lead.bank/legal/privacypolicy"),
    ("2026-06-20", "https://www.lead.bank/legal/cardholderagreement"),
];

const VERSION: Form = Form::Text(Some(64));

/// `GET /customers/agreements`.
pub(super) async fn list() -> Json<Agreements> {
    let entries = words::AGREEMENT_TYPES.iter().zip(CURRENT);
    let data = entries.map(|(agreement_type, (version, url))| Agreement {
        r#type: (*agreement_type).to_owned(),
        version: version.to_owned(),
        url: url.to_owned(),
    });
    Json(Agreements { data: Some(data.collect()), unreadable_rows: Vec::new() })
}

/// The consents of a request: the deprecated one, and those to any agreements.
pub(super) type Consents = (Option<EndUserTermsConsent>, Option<Vec<AgreementConsent>>);

/// Reads both kinds of consent, of which a request may have one.
pub(super) fn read_consents(fields: &Fields<'_>, now: Timestamp, faults: &mut Faults) -> Consents {
    let both = ["agreementConsents", "endUserTermsConsent"];
    if both.iter().all(|name| fields.has(name)) {
        for name in both {
            faults.add(fields.path(name), "agreementConsents and endUserTermsConsent can't be sent together");
        }
        return (None, None);
    }
    (read_end_user_terms(fields, faults), read_agreements(fields, now, faults))
}

fn read_end_user_terms(fields: &Fields<'_>, faults: &mut Faults) -> Option<EndUserTermsConsent> {
    let consent = fields.object("endUserTermsConsent", faults)?;
    consent.require(&["acceptedAt", "ipAddress", "termsVersion", "acceptanceMethod"], faults);
    let terms_version = consent.text("termsVersion", Form::Text(None), faults);
    if terms_version.as_deref().is_some_and(|version| version != words::TERMS_VERSION) {
        unknown_version(&consent, "End User Terms", faults);
    }
    Some(EndUserTermsConsent {
        accepted_at: consent.text("acceptedAt", Form::DateTime, faults).and_then(|time| time.parse().ok()),
        ip_address: consent.text("ipAddress", Form::IpAddress, faults),
        terms_version,
        acceptance_method: consent.text("acceptanceMethod", Form::OneOf(words::ACCEPTANCE_METHODS), faults),
    })
}

fn read_agreements(fields: &Fields<'_>, now: Timestamp, faults: &mut Faults) -> Option<Vec<AgreementConsent>> {
    const NAME: &str = "agreementConsents";
    let most = CURRENT.len();
    let entries = fields.objects(NAME, faults)?;
    if entries.len() > most {
        let constraint = FieldConstraint { max_length: i64::try_from(most).ok(), ..FieldConstraint::default() };
        let message = format!("must have at most {most} entries");
        faults.add_coded("INVALID_INPUT", fields.path(NAME), message, Some(constraint));
        return None;
    }
    let mut consents: Vec<AgreementConsent> = Vec::with_capacity(entries.len());
    for entry in &entries {
        let consent = read_agreement(entry, now, faults);
        let is_same = |other: &AgreementConsent| other.r#type == consent.r#type;
        if consent.r#type.is_some() && consents.iter().any(is_same) {
            faults.add(entry.path("type"), "is there twice: there is one entry for each type");
        }
        consents.push(consent);
    }
    Some(consents)
}

fn read_agreement(consent: &Fields<'_>, now: Timestamp, faults: &mut Faults) -> AgreementConsent {
    consent.require(&["type", "acceptedAt", "ipAddress", "termsVersion", "acceptanceMethod"], faults);
    let agreement_type = consent.text("type", Form::OneOf(words::AGREEMENT_TYPES), faults);
    let terms_version = consent.text("termsVersion", VERSION, faults);
    if let (Some(agreement_type), Some(version)) = (&agreement_type, &terms_version)
        && current_version(agreement_type) != Some(version)
    {
        unknown_version(consent, agreement_type, faults);
    }
    AgreementConsent {
        accepted_at: consent.text("acceptedAt", Form::PastDateTime(now), faults).and_then(|time| time.parse().ok()),
        ip_address: consent.text("ipAddress", Form::IpAddress, faults),
        acceptance_method: consent.text("acceptanceMethod", Form::OneOf(words::ACCEPTANCE_METHODS), faults),
        r#type: agreement_type,
        terms_version,
    }
}

fn current_version(agreement_type: &str) -> Option<&'static str> {
    let mut entries = words::AGREEMENT_TYPES.iter().zip(CURRENT);
    entries.find_map(|(known, (version, _))| (*known == agreement_type).then_some(version))
}

fn unknown_version(consent: &Fields<'_>, of: &str, faults: &mut Faults) {
    let message = format!("The submitted version of {of} is not supported");
    faults.add_coded("END_USER_TERMS_VERSION_NOT_FOUND", consent.path("termsVersion"), message, None);
}

#[cfg(test)]
mod tests {
    use super::{CURRENT, words};

    #[test]
    fn every_type_has_a_current_version() {
        assert_eq!(words::AGREEMENT_TYPES.len(), CURRENT.len());
    }
}
