// Prism as a proxy in front of an upstream, and a relay in front of Prism that records Prism's report about each exchange.
//
// Why a relay: Prism's log says that it rejected a request, but only its response says why. And Prism forwards a chunked body
// with both a Content-Length and a Transfer-Encoding, which is not valid HTTP. The relay sends every body with its length.
//
// Prism's reports in proxy mode with --errors:
// - a bad request, an unknown path or method, missing credentials: never reaches the upstream; a problem document with `validation`;
// - a bad response: replaced by a problem document; all of its violations are in the header `sl-violations`;
// - a status that the document does not list (other than 2xx): forwarded, a warning in `sl-violations` and in the log;
// - an upstream's 501: replaced by a generated example response; only the log shows it.
// Prism ignores query parameters and headers that the document does not know: this file checks those.

import { spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import { fileURLToPath } from "node:url";
import { operationOf } from "./openapi.mjs";

const PROGRAM = fileURLToPath(new URL("node_modules/.bin/prism", import.meta.url));
const PROBLEM = "https://stoplight.io/prism/errors#";
const START_LIMIT_MS = 60_000;
const LOG_LIMIT_MS = 10_000;
// "[7:00:00 PM] › [HTTP SERVER] get /x ✖  error     what happened"
const LOG_PROBLEM = /\s\S {2}(warning|error|fatal)\s+(.*)$/;
// A path that no document has. A request for it at the end proves that Prism still reports, and that its log has been read to there.
const SENTINEL = "/no-document-has-this-path";
// Headers that HTTP, its client and tracing send; any other must be in the document.
const HEADERS = new Set([
  "accept", "accept-encoding", "authorization", "baggage", "connection", "content-length", "content-type", "host", "traceparent",
  "tracestate", "transfer-encoding", "user-agent",
]);

// Starts both. Send requests to `url` instead of the upstream; `findings()` ends the observation and returns the findings.
export async function startPrism({ openApiPath, operations, upstream }) {
  const child = spawn(PROGRAM, ["proxy", "--errors", "--host", "127.0.0.1", "--port", "0", openApiPath, upstream], {
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log = new LineLog();
  child.stdout.on("data", (data) => log.add(data));
  child.stderr.on("data", (data) => log.add(data));
  child.on("exit", (code, signal) => log.end(`Prism ended (${signal ?? `exit code ${code}`})`));
  child.on("error", (error) => log.end(`Prism did not start: ${error.message}`));

  try {
    const listening = await log.wait(/Prism is listening on (http:\S+)/, START_LIMIT_MS);
    const relay = new Relay(listening[1], operations);
    const url = await relay.listen();
    return { url, findings: () => findings(relay, log), stop: () => Promise.all([relay.close(), end(child)]) };
  } catch (error) {
    await end(child);
    throw new Error(`${error.message}; its log:\n${log.lines.join("\n")}`);
  }
}

async function findings(relay, log) {
  const sentinel = await exchange(relay.prism, "GET", SENTINEL, {}, Buffer.alloc(0));
  if (!problemOf(sentinel)) throw new Error(`Prism took an undocumented path: its reports cannot be trusted`);
  await log.wait(SENTINEL, LOG_LIMIT_MS);
  const logged = log.lines
    .filter((line) => !line.includes(SENTINEL))
    .map((line) => LOG_PROBLEM.exec(line))
    .filter(Boolean)
    .map(([, level, text]) => `${level}: ${text}`);
  return { exchanges: relay.exchanges, logged };
}

class Relay {
  constructor(prism, operations) {
    this.prism = prism;
    this.operations = operations;
    this.exchanges = [];
    this.server = http.createServer((request, response) => {
      this.pass(request, response).catch((error) => {
        this.exchanges.push({ name: `${request.method} ${request.url}`, violations: [`the relay failed: ${error.message}`] });
        response.writeHead(502).end();
      });
    });
  }

  async listen() {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return `http://127.0.0.1:${this.server.address().port}`;
  }

  async pass(request, response) {
    const body = await collect(request);
    const headers = { ...request.headers };
    for (const name of ["connection", "transfer-encoding", "content-length"]) delete headers[name];
    if (body.length > 0 || "content-length" in request.headers) headers["content-length"] = body.length;
    const answer = await exchange(this.prism, request.method, request.url, headers, body);

    const { pathname, searchParams } = new URL(request.url, this.prism);
    const operation = operationOf(this.operations, request.method, pathname);
    this.exchanges.push({
      name: `${request.method} ${pathname}`,
      operation: operation?.name,
      status: answer.status,
      violations: [...undocumented(operation, request.headers, searchParams), ...reported(answer)],
    });

    const { connection, "transfer-encoding": _, ...answerHeaders } = answer.headers;
    response.writeHead(answer.status, answerHeaders).end(answer.body);
  }

  async close() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }
}

// Parts of a request that the document does not know and Prism ignores.
function undocumented(operation, headers, query) {
  if (!operation) return [];
  return [
    ...[...new Set(query.keys())]
      .filter((name) => !operation.query.has(name.toLowerCase()))
      .map((name) => `request query parameter ${name} is not in the document`),
    ...Object.keys(headers)
      .filter((name) => !HEADERS.has(name) && !operation.headers.has(name))
      .map((name) => `request header ${name} is not in the document`),
  ];
}

// Prism's report about an exchange.
function reported({ status, headers, body }) {
  const problem = problemOf({ headers, body });
  const listed = headers["sl-violations"] === undefined ? [] : violationsIn(headers["sl-violations"]);
  if (listed.length > 0) return listed;
  if (!problem) return [];
  const validation = (problem.validation ?? []).map(describe);
  return validation.length > 0 ? validation : [`${problem.title}: ${problem.detail || `status ${status}`}`];
}

function violationsIn(header) {
  try {
    return JSON.parse(header).map(describe);
  } catch {
    return [header]; // Prism truncates long headers.
  }
}

function describe({ location, severity, message }) {
  return `${severity}: ${message} (${(location ?? ["request"]).join(".")})`;
}

// The problem document that Prism returned instead of forwarding.
function problemOf({ headers, body }) {
  if (!headers["content-type"]?.startsWith("application/problem+json")) return undefined;
  try {
    const problem = JSON.parse(body);
    return problem.type?.startsWith(PROBLEM) || problem.title ? problem : undefined;
  } catch {
    return { title: "a problem document that is not JSON" };
  }
}

async function exchange(base, method, path, headers, body) {
  const request = http.request(new URL(path, base), { method, headers });
  request.end(body);
  const [response] = await once(request, "response");
  return { status: response.statusCode, headers: response.headers, body: await collect(response) };
}

async function collect(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await ended;
  clearTimeout(late);
}

// The output lines of a process, and a wait for one of them.
class LineLog {
  lines = [];
  rest = "";
  waiting = new Set();

  add(data) {
    const parts = (this.rest + data).split("\n");
    this.rest = parts.pop();
    this.lines.push(...parts);
    for (const wake of [...this.waiting]) wake();
  }

  end(why) {
    this.ended = why;
    this.add("\n");
  }

  wait(what, limitMs) {
    return new Promise((done, fail) => {
      const leave = (then, value) => {
        clearTimeout(late);
        this.waiting.delete(look);
        then(value);
      };
      const look = () => {
        const line = this.lines.find((line) => (what instanceof RegExp ? what.test(line) : line.includes(what)));
        if (line !== undefined) leave(done, what instanceof RegExp ? what.exec(line) : line);
        else if (this.ended) leave(fail, new Error(this.ended));
      };
      const late = setTimeout(() => leave(fail, new Error(`Prism's log did not show ${what} within ${limitMs} ms`)), limitMs);
      this.waiting.add(look);
      look();
    });
  }
}
