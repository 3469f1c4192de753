// Plants violations of every kind, one at a time, in a small API, its client or its server. The check must find each one, and pass an
// exchange without one. A check that finds nothing would look exactly like success.

import { once } from "node:events";
import http from "node:http";
import { correct } from "./corrections.mjs";

const PET = {
  type: "object",
  required: ["id", "kind"],
  properties: {
    id: { type: "string", readOnly: true },
    kind: { type: "string", enum: ["CAT", "DOG"] },
    born: { type: "string", format: "date" },
  },
};
const ERROR = { type: "object", required: ["code"], properties: { code: { type: "string" } } };
const json = (schema) => ({ "application/json": { schema } });
const response = (schema) => ({ description: "-", ...(schema && { content: json(schema) }) });
const secured = { security: [{ BasicAuth: [] }] };

const OPENAPI = {
  openapi: "3.1.0",
  info: { title: "Pets", version: "1" },
  paths: {
    "/pets": {
      post: {
        ...secured,
        parameters: [{ name: "Idempotency-Key", in: "header", schema: { type: "string" } }],
        requestBody: {
          required: true,
          content: json({ type: "object", required: ["kind"], properties: { kind: PET.properties.kind, born: PET.properties.born } }),
        },
        responses: { 201: response({ allOf: [{ $ref: "#/components/schemas/Pet" }] }), 501: response(ERROR) },
      },
      get: {
        ...secured,
        parameters: [{ name: "limit", in: "query", schema: { type: "integer", maximum: 100 } }],
        responses: { 200: response({ type: "array", items: { $ref: "#/components/schemas/Pet" } }) },
      },
    },
    "/pets/{id}/photo": {
      parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }],
      post: {
        ...secured,
        requestBody: {
          required: true,
          content: {
            "multipart/form-data": {
              schema: {
                type: "object",
                required: ["file", "side"],
                properties: { file: { type: "string", format: "binary" }, side: { type: "string", enum: ["FRONT"] } },
              },
            },
          },
        },
        responses: { 204: response() },
      },
    },
  },
  components: { schemas: { Pet: PET }, securitySchemes: { BasicAuth: { type: "http", scheme: "basic" } } },
};

const CAT = { id: "1", kind: "CAT" };
const create = (body, more) => ({ method: "POST", path: "/pets", json: body, ...more });
const list = (query = "", more) => ({ method: "GET", path: `/pets${query}`, ...more });
const photo = (side, more) => ({ method: "POST", path: "/pets/1/photo", side, ...more });

// The violation, the request, the server's response (status, body), and the expected report.
const PLANTED = [
  ["a request field of the wrong format", create({ kind: "CAT", born: "today" }), [201, CAT], /born must match format/],
  ["a request without a required field", create({ born: "2020-01-01" }), [201, CAT], /required property 'kind'/],
  ["a request field that is not in the document", create({ kind: "CAT", bron: "2020-01-01" }), [201, CAT], /found 'bron'/],
  ["a request body of another media type", create({ kind: "CAT" }, { type: "text/plain" }), [201, CAT], /application\/json/],
  ["a query parameter out of range", list("?limit=500"), [200, []], /limit must be <= 100/],
  ["a query parameter that is not in the document", list("?limits=5"), [200, []], /parameter limits is not in the document/],
  ["a header that is not in the document", list("", { headers: { "Idempotency-Key": "1" } }), [200, []], /idempotency-key is not/],
  ["a multipart field with a wrong value", photo("BACK"), [204], /side must be equal/],
  ["a request without credentials", list("", { anonymous: true }), [200, []], /security/],
  ["a path that is not in the document", { method: "GET", path: "/cats" }, [200, []], /no path matched/],
  ["a method that is not in the document", { method: "DELETE", path: "/pets" }, [200, []], /no method matched/],
  ["a response without a required field", create({ kind: "CAT" }), [201, { kind: "CAT" }], /required property 'id'/],
  ["a response field that is not in the document", create({ kind: "CAT" }), [201, { ...CAT, colour: "red" }], /found 'colour'/],
  ["a response value outside its enum", list(), [200, [{ id: "1", kind: "COW" }]], /kind must be equal/],
  ["a success status that is not in the document", create({ kind: "CAT" }), [200, CAT], /returned status code/],
  ["an error status that is not in the document, of which Prism only warns", list(), [429, {}], /Warning: .*returned status code/],
  ["a 501, instead of which Prism makes up an answer", create({ kind: "CAT" }), [501, { code: "NO" }], /returned 501/],
];
const SOUND = [
  ["a JSON request", create({ kind: "CAT", born: "2020-01-01" }, { headers: { "Idempotency-Key": "1" } }), [201, CAT]],
  ["a query", list("?limit=5"), [200, [CAT, CAT]]],
  ["a multipart request, and an answer without a body", photo("FRONT"), [204]],
  ["a multipart request of unknown length", photo("FRONT", { chunked: true }), [204]],
];

// A correction applies to its months' documents only, and one that finds nothing to correct fails.
const CORRECTION = {
  of: ["2026-09"],
  what: "the title",
  correct: (document) => document.info.title === "Pets" && Boolean((document.info.title = "Animals")),
};

function corrected(title, month) {
  try {
    return correct({ info: { title } }, month, [CORRECTION]).info.title;
  } catch (error) {
    return error.message;
  }
}

export async function selfTest(observe) {
  let answer;
  let received;
  const upstream = http.createServer(async (request, reply) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    received = Buffer.concat(parts).toString();
    const [status, body] = answer;
    reply.writeHead(status, body === undefined ? {} : { "content-type": "application/json" });
    reply.end(body === undefined ? undefined : JSON.stringify(body));
  });
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  const base = `http://127.0.0.1:${upstream.address().port}`;

  let passed = 0;
  let failed = 0;
  const tell = (what, ok, seen) => {
    if (ok) passed += 1;
    else failed += 1;
    if (!ok) console.log(`self-test: ${what}: ${JSON.stringify(seen)}`);
  };
  tell("a correction was not made", corrected("Pets", "2026-09") === "Animals", corrected("Pets", "2026-09"));
  tell("a correction of another month was made", corrected("Pets", "2026-08") === "Pets", corrected("Pets", "2026-08"));
  tell("a correction found nothing in silence", /take this correction away/.test(corrected("Dogs", "2026-09")), corrected("Dogs", "2026-09"));
  try {
    const { exchanges, logged } = await observe(OPENAPI, base, async (url) => {
      for (const [what, request, answered] of [...SOUND, ...PLANTED]) {
        answer = answered;
        received = undefined;
        await send(url, request);
        if (request.side === "FRONT") tell(`${what} did not arrive whole`, received?.includes("%%EOF"), received);
      }
    });
    SOUND.forEach(([what], at) => tell(`${what} is right and was reported`, exchanges[at].violations.length === 0, exchanges[at]));
    PLANTED.forEach(([what, , , expected], at) => {
      const said = [...exchanges[SOUND.length + at].violations, ...(/501/.test(expected.source) ? logged : [])];
      tell(`${what} was not reported`, said.some((violation) => expected.test(violation)), said);
    });
  } finally {
    upstream.closeAllConnections();
    upstream.close();
  }
  console.log(`self-test: ${passed} passed, ${failed} failed`);
  return failed === 0;
}

async function send(url, { method, path, json: body, side, headers = {}, type, anonymous, chunked }) {
  const all = { ...headers, ...(!anonymous && { authorization: `Basic ${btoa("id:secret")}` }) };
  let payload;
  if (body) {
    payload = JSON.stringify(body);
    all["content-type"] = type ?? "application/json";
  } else if (side) {
    payload = [
      "--x", 'Content-Disposition: form-data; name="side"', "", side,
      "--x", 'Content-Disposition: form-data; name="file"; filename="a.pdf"', "Content-Type: application/pdf", "", "%PDF-1.4", "%%EOF",
      "--x--", "",
    ].join("\r\n");
    all["content-type"] = "multipart/form-data; boundary=x";
  }
  if (payload && !chunked) all["content-length"] = Buffer.byteLength(payload);
  const request = http.request(new URL(path, url), { method, headers: all });
  if (chunked) request.write(payload.slice(0, 10));
  request.end(chunked ? payload.slice(10) : payload);
  const [response] = await once(request, "response");
  for await (const _ of response);
}
