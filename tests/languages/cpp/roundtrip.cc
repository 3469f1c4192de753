// Creates a full customer, reads it back, and reads the violations of a bad one. Prints each message as JSON on a line.

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

#include <google/protobuf/util/json_util.h>
#include <grpcpp/grpcpp.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gridgate/v1/customer_service.grpc.pb.h"
#include "gridgate/v1/error.pb.h"

using namespace gridgate::v1;

static CreateCustomerRequest full_customer(const std::string &name) {
    CreateCustomerRequest request;
    request.set_platform_customer_id(name);
    request.set_customer_type(CUSTOMER_TYPE_INDIVIDUAL);
    request.set_region("US");
    request.add_currencies("USD");
    request.set_email("jane@example.com");
    request.set_phone_number("+14155551234");
    request.set_uma_address("$" + name + "@uma.example.com");
    Address *address = request.mutable_address();
    address->set_line1("123 Main Street");
    address->set_line2("Apt 4B");
    address->set_city("San Francisco");
    address->set_state("CA");
    address->set_postal_code("94105");
    address->set_country("US");
    IndividualInput *individual = request.mutable_individual();
    individual->set_full_name("Jane Döe");
    individual->set_birth_date("1992-03-25");
    individual->set_nationality("US");
    individual->set_id_type("SSN");
    individual->set_identifier("123-45-6789");
    individual->set_country_of_issuance("US");
    CustomerEdd *edd = individual->mutable_edd();
    edd->add_source_of_funds_categories("SALARY");
    edd->add_source_of_funds_categories("OTHER");
    edd->set_source_of_funds_other_description("lottery");
    edd->set_pep_status("NONE");
    AgreementConsent *consent = request.add_agreement_consents();
    consent->set_type("LIGHTSPARK_END_USER_TERMS");
    consent->mutable_accepted_at()->set_seconds(1768487400);
    consent->mutable_accepted_at()->set_nanos(500000000);
    consent->set_ip_address("203.0.113.7");
    consent->set_terms_version("2025-10-13");
    consent->set_acceptance_method("CHECKBOX");
    return request;
}

static void show(const google::protobuf::Message &message) {
    std::string json;
    if (!google::protobuf::util::MessageToJsonString(message, &json).ok()) std::exit(1);
    std::cout << json << std::endl;
}

static void give_ten_seconds(grpc::ClientContext &context) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
}

static void check(const grpc::Status &status) {
    if (status.ok()) return;
    std::cerr << status.error_code() << ": " << status.error_message() << std::endl;
    std::exit(1);
}

int main(int, char **argv) {
    auto customers = CustomerService::NewStub(grpc::CreateChannel(argv[1], grpc::InsecureChannelCredentials()));

    grpc::ClientContext creation, reading, refusal;
    for (auto *context : {&creation, &reading, &refusal}) give_ten_seconds(*context);
    CreateCustomerResponse created;
    check(customers->CreateCustomer(&creation, full_customer(argv[2]), &created));
    GetCustomerRequest wanted;
    wanted.set_customer_id(created.customer().id());
    GetCustomerResponse got;
    check(customers->GetCustomer(&reading, wanted, &got));
    show(got.customer());

    CreateCustomerRequest bad;
    bad.set_email("x");
    bad.mutable_individual()->set_birth_date("nonsense");
    grpc::Status refused = customers->CreateCustomer(&refusal, bad, &created);
    google::rpc::Status status;
    if (!status.ParseFromString(refused.error_details())) return 1;
    for (const auto &detail : status.details()) {
        google::rpc::BadRequest bad_request;
        FieldErrors field_errors;
        if (detail.UnpackTo(&bad_request)) show(bad_request);
        if (detail.UnpackTo(&field_errors)) show(field_errors);
    }
    return 0;
}
