"""Creates a full customer, reads it back, and reads the violations of a bad one. Prints each message as JSON on a line."""

import sys

import grpc
from google.protobuf import json_format, timestamp_pb2
from google.rpc import error_details_pb2, status_pb2
from gridgate.v1 import address_pb2, agreement_pb2, customer_edd_pb2, customer_pb2, customer_service_pb2 as api
from gridgate.v1 import customer_service_pb2_grpc, customer_type_pb2, error_pb2


def full_customer():
    return api.CreateCustomerRequest(
        platform_customer_id=sys.argv[2],
        customer_type=customer_type_pb2.CUSTOMER_TYPE_INDIVIDUAL,
        region="US",
        currencies=["USD"],
        email="jane@example.com",
        phone_number="+14155551234",
        uma_address="$" + sys.argv[2] + "@uma.example.com",
        address=address_pb2.Address(
            line1="123 Main Street", line2="Apt 4B", city="San Francisco", state="CA", postal_code="94105", country="US"
        ),
        individual=customer_pb2.IndividualInput(
            full_name="Jane Döe",
            birth_date="1992-03-25",
            nationality="US",
            id_type="SSN",
            identifier="123-45-6789",
            country_of_issuance="US",
            edd=customer_edd_pb2.CustomerEdd(
                source_of_funds_categories=["SALARY", "OTHER"], source_of_funds_other_description="lottery", pep_status="NONE"
            ),
        ),
        agreement_consents=[
            agreement_pb2.AgreementConsent(
                type="LIGHTSPARK_END_USER_TERMS",
                accepted_at=timestamp_pb2.Timestamp(seconds=1768487400, nanos=500000000),
                ip_address="203.0.113.7",
                terms_version="2025-10-13",
                acceptance_method="CHECKBOX",
            )
        ],
    )


def details(error):
    """The details of an error, by the names of their types."""
    [encoded] = [value for key, value in error.trailing_metadata() if key == "grpc-status-details-bin"]
    return {any.TypeName(): any for any in status_pb2.Status.FromString(encoded).details}


def show(message):
    print(json_format.MessageToJson(message, indent=None))


with grpc.insecure_channel(sys.argv[1]) as channel:
    customers = customer_service_pb2_grpc.CustomerServiceStub(channel)
    created = customers.CreateCustomer(full_customer(), timeout=10).customer
    show(customers.GetCustomer(api.GetCustomerRequest(customer_id=created.id), timeout=10).customer)
    try:
        bad = customer_pb2.IndividualInput(birth_date="nonsense")
        customers.CreateCustomer(api.CreateCustomerRequest(email="x", individual=bad), timeout=10)
    except grpc.RpcError as error:
        found = details(error)
        for message in (error_details_pb2.BadRequest(), error_pb2.FieldErrors()):
            found[message.DESCRIPTOR.full_name].Unpack(message)
            show(message)
