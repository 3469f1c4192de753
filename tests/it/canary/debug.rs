//! Debug output of Grid's JSON. (The API's own messages are tested beside where their `Debug` is made.)

use std::fmt::Debug;

use gridgate::grid::model;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::plant::{Aviary, birds};
use super::sightings;
use crate::support::api::Rpc;
use crate::support::samples;

fn is_quiet<T: DeserializeOwned + Debug>(planted: &Value) {
    assert!(!birds(planted).is_empty(), "{planted}");
    let value: T = serde_json::from_value(planted.clone()).unwrap();
    for printed in [format!("{value:?}"), format!("{value:#?}")] {
        assert_eq!(sightings(&printed), Vec::<String>::new());
    }
}

#[test]
fn debug_of_grids_json_has_no_personal_data() {
    let mut aviary = Aviary::default();
    let mut answered = |rpc: &str| aviary.answered(Rpc::named(rpc), &samples::answer_of(rpc).unwrap());
    is_quiet::<model::Customer>(&answered("GetCustomer"));
    is_quiet::<model::Page<model::Customer>>(&answered("ListCustomers"));
    is_quiet::<model::KycLink>(&answered("CreateKycLink"));
    is_quiet::<model::BeneficialOwner>(&answered("GetBeneficialOwner"));
    is_quiet::<model::Document>(&answered("GetDocument"));
    is_quiet::<model::Verification>(&answered("GetVerification"));
    is_quiet::<model::ImportJob>(&answered("GetImportJob"));
    for (name, sent) in samples::sent().into_iter().filter(|(_, sent)| sent.as_object().unwrap().len() > 6) {
        let planted = aviary.sent(Rpc::named(name), &sent);
        match name {
            "CreateCustomer" | "UpdateCustomer" => is_quiet::<model::CustomerInput>(&planted),
            "CreateBeneficialOwner" | "UpdateBeneficialOwner" => is_quiet::<model::BeneficialOwnerInput>(&planted),
            _ => {}
        }
    }
    is_quiet::<model::KycLinkRequest>(&aviary.sent(Rpc::named("CreateKycLink"), &samples::sent_by("CreateKycLink")));
    let code = Rpc::named("ConfirmEmailVerification");
    is_quiet::<model::ContactVerificationConfirm>(&aviary.sent(code, &samples::sent_by(code.name)));
}
