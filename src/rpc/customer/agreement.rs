//! What customers accept: the consents in a request and in an answer, and the catalog.

use crate::grid::model;
use crate::pb;
use crate::rpc::field_mask::Emptied;
use crate::rpc::{Violations, timestamp};

/// Most consents in one request: Grid has an agreement of seven types, and takes one consent for each.
const MOST: usize = 7;

/// The consents of a request, of which Grid takes one kind or the other.
pub(super) struct Consents {
    /// The deprecated consent to the End User Terms alone.
    pub(super) end_user_terms: Option<model::EndUserTermsConsent>,
    /// The consents to any agreements, where there are some or the mask names the list.
    pub(super) agreements: Option<Vec<model::AgreementConsent>>,
}

/// Reads the consents of a request whose fields stand in the message at `within` (empty, or ending in a dot).
pub(super) fn read(
    end_user_terms: Option<pb::EndUserTermsConsent>,
    agreements: Vec<pb::AgreementConsent>,
    emptied: &Emptied,
    within: &str,
    violations: &mut Violations,
) -> Consents {
    let field = |name: &str| format!("{within}{name}");
    let end_user_terms = end_user_terms.map(|consent| {
        let pb::EndUserTermsConsent { accepted_at, ip_address, terms_version, acceptance_method } = consent;
        let path = field("end_user_terms_consent.accepted_at");
        let accepted_at = timestamp::from_pb(&path, accepted_at, violations);
        model::EndUserTermsConsent { accepted_at, ip_address, terms_version, acceptance_method }
    });
    if agreements.len() > MOST {
        violations.add(field("agreement_consents"), format!("must have at most {MOST} entries"));
    }
    let agreements = emptied.list("agreement_consents", agreements).map(|consents| {
        let consents = consents.into_iter().take(MOST).enumerate();
        let read = consents.map(|(index, consent)| {
            let path = field(&format!("agreement_consents[{index}].accepted_at"));
            one(consent, &path, violations)
        });
        read.collect::<Vec<_>>()
    });
    if end_user_terms.is_some() && agreements.is_some() {
        let other =
            [("agreement_consents", "end_user_terms_consent"), ("end_user_terms_consent", "agreement_consents")];
        for (name, other) in other {
            violations.add(field(name), format!("can't be sent together with {}", field(other)));
        }
    }
    Consents { end_user_terms, agreements }
}

fn one(consent: pb::AgreementConsent, accepted_at_path: &str, violations: &mut Violations) -> model::AgreementConsent {
    let pb::AgreementConsent { r#type, accepted_at, ip_address, terms_version, acceptance_method } = consent;
    let accepted_at = timestamp::from_pb(accepted_at_path, accepted_at, violations);
    model::AgreementConsent { agreement_type: r#type, accepted_at, ip_address, terms_version, acceptance_method }
}

impl From<model::AgreementConsent> for pb::AgreementConsent {
    fn from(consent: model::AgreementConsent) -> Self {
        let model::AgreementConsent { agreement_type, accepted_at, ip_address, terms_version, acceptance_method } =
            consent;
        let accepted_at = accepted_at.map(timestamp::to_pb);
        Self { r#type: agreement_type, accepted_at, ip_address, terms_version, acceptance_method }
    }
}

impl From<model::Agreement> for pb::Agreement {
    fn from(agreement: model::Agreement) -> Self {
        let model::Agreement { agreement_type, version, url } = agreement;
        Self { r#type: agreement_type, version, url }
    }
}
