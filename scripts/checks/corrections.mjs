// Corrections of clear mistakes in Grid's OpenAPI documents.
//
// The document of a month is reference data and stays unchanged: the check corrects its own copy.
// Each correction gives its reason and the months of its documents, and expects to find the mistake: once the document is right, the
// correction fails; then remove it.

const OF_SEPTEMBER = ["2026-09"];

export const CORRECTIONS = [
  {
    of: OF_SEPTEMBER,
    what: "DELETE /beneficial-owners/{beneficialOwnerId} needs credentials, and answers 401 and 500 as every other operation does",
    why: "it was described by its 204, 404 and 409 only, without security; an operation that anybody may call would be a hole in Grid",
    correct(document) {
      const owner = document.paths["/beneficial-owners/{beneficialOwnerId}"];
      if (owner?.delete === undefined || "security" in owner.delete || "401" in owner.delete.responses) return false;
      owner.delete.security = owner.get.security;
      for (const status of ["401", "500"]) owner.delete.responses[status] = owner.get.responses[status];
      return true;
    },
  },
  {
    of: OF_SEPTEMBER,
    what: "a request has endUserTermsConsent or agreementConsents, and not both",
    why: "the description of agreementConsents says that a request with both is refused, and no schema does",
    correct({ components: { schemas } }) {
      const requests = [schemas.CustomerCreateRequest, schemas.CustomerUpdateRequest];
      const both = ["agreementConsents", "endUserTermsConsent"];
      const isWrong = (schema) => both.every((name) => schema?.properties?.[name]) && !("not" in schema);
      if (!requests.every(isWrong)) return false;
      for (const schema of requests) schema.not = { required: both };
      return true;
    },
  },
];

// Applies every correction of this month's document.
export function correct(document, month, corrections = CORRECTIONS) {
  for (const correction of corrections.filter(({ of }) => of.includes(month))) {
    if (!correction.correct(document)) {
      throw new Error(`the document of ${month} is right by now, or another one, so take this correction away: ${correction.what}`);
    }
  }
  return document;
}
