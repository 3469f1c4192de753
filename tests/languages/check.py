"""Checks what a program of tests/languages printed: the customer that came back, a BadRequest, and a FieldErrors, as JSON, a line each."""

import json
import sys

CUSTOMER = {
    "customerType": "CUSTOMER_TYPE_INDIVIDUAL",
    "customerTypeRaw": "INDIVIDUAL",
    "kycStatus": "KYC_STATUS_UNVERIFIED",
    "kycStatusRaw": "UNVERIFIED",
    "region": "US",
    "currencies": ["USD"],
    "email": "jane@example.com",
    "phoneNumber": "+14155551234",
    "address": {
        "line1": "123 Main Street",
        "line2": "Apt 4B",
        "city": "San Francisco",
        "state": "CA",
        "postalCode": "94105",
        "country": "US",
    },
    # Set, and false: the languages keep what proto3's `optional` says.
    "isDeleted": False,
    "individual": {
        "fullName": "Jane Döe",
        "birthDate": "1992-03-25",
        "nationality": "US",
        "idType": "SSN",
        "countryOfIssuance": "US",
        "edd": {
            "sourceOfFundsCategories": ["SALARY", "OTHER"],
            "sourceOfFundsOtherDescription": "lottery",
            "pepStatus": "NONE",
        },
    },
    "agreementConsents": [
        {
            "type": "LIGHTSPARK_END_USER_TERMS",
            "acceptedAt": "2026-01-15T14:30:00.500Z",
            "ipAddress": "203.0.113.7",
            "termsVersion": "2025-10-13",
            "acceptanceMethod": "CHECKBOX",
        }
    ],
}
BAD_FIELDS = ["email", "individual.birth_date"]

[text] = sys.argv[1:]
with open(text, encoding="utf-8") as printed:
    customer, bad_request, field_errors = map(json.loads, printed)

for name in ("id", "platformCustomerId", "umaAddress", "createdAt", "updatedAt"):
    assert customer.pop(name), name
assert customer == CUSTOMER, customer
violations = bad_request["fieldViolations"]
assert [violation["field"] for violation in violations] == BAD_FIELDS, violations
assert all(violation["description"] for violation in violations), violations
assert [(error["field"], error["format"]) for error in field_errors["errors"]] == list(zip(BAD_FIELDS, ["email", "date"])), field_errors
assert field_errors["totalErrors"] == 2, field_errors
