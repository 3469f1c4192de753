/**
 * gridgate from Node: {@link connect} makes a client, over gRPC.
 *
 * @packageDocumentation
 */
import { createReadStream, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { connect as connectTls } from "node:tls";
import { createGrpcTransport, createGrpcWebTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { Gridgate } from "./client.js";
import type { Connection, TokenSource } from "./transport.js";

export * from "./api.js";
export { FilePlace } from "./place/file.js";

/** Files in PEM. They are read again for each new connection, so they may rotate. */
export interface TlsFiles {
  /** CAs to verify gridgate's certificate against, instead of Node's. `GRIDGATE_CLIENT_TLS_CA`. */
  readonly ca?: string;
  /** The client certificate and its intermediate CAs, for mutual TLS. `GRIDGATE_CLIENT_TLS_CERTIFICATE`. */
  readonly certificate?: string;
  /** Its private key. `GRIDGATE_CLIENT_TLS_KEY`. */
  readonly key?: string;
  /** The name in gridgate's certificate, if it is not the host of the URL. `GRIDGATE_CLIENT_TLS_SERVER_NAME`. */
  readonly serverName?: string;
}

/** Where gridgate is, and who calls. What is left out comes from the environment, as for `gridgate watch`. */
export interface ConnectOptions {
  /** Such as `https://gridgate.internal:50051`. `GRIDGATE_CLIENT_URL`, or `http://127.0.0.1:50051`. */
  readonly url?: string;
  /** The bearer token, or what gives it for each call. */
  readonly token?: string | TokenSource;
  /** A file with the bearer token. It is read for each call, so it may rotate. `GRIDGATE_CLIENT_TOKEN_FILE`. */
  readonly tokenFile?: string;
  /** Files for TLS. */
  readonly tls?: TlsFiles;
  /** gRPC, or gRPC-Web for a proxy that speaks nothing else. */
  readonly protocol?: "grpc" | "grpc-web";
}

/** So often an open connection is checked, and so long the check may take, in milliseconds. */
const KEEPALIVE = { pingIntervalMs: 20_000, pingTimeoutMs: 10_000 };

/** A client of the gridgate that the options name; without any, of the one that the environment names. */
export function connect(options: ConnectOptions = {}): Gridgate {
  const env = process.env;
  const url = options.url ?? (env["GRIDGATE_CLIENT_URL"] || "http://127.0.0.1:50051");
  const tls = options.tls ?? {
    ...named("ca", env["GRIDGATE_CLIENT_TLS_CA"]),
    ...named("certificate", env["GRIDGATE_CLIENT_TLS_CERTIFICATE"]),
    ...named("key", env["GRIDGATE_CLIENT_TLS_KEY"]),
    ...named("serverName", env["GRIDGATE_CLIENT_TLS_SERVER_NAME"]),
  };
  return new Gridgate({
    connect: () => open(url, tls, options.protocol ?? "grpc"),
    token: tokenOf(options, env["GRIDGATE_CLIENT_TOKEN_FILE"]),
    readFile: (path) => createReadStream(path),
  });
}

function named<Name extends string>(name: Name, value: string | undefined): Partial<Record<Name, string>> {
  return value ? ({ [name]: value } as Record<Name, string>) : {};
}

function open(url: string, tls: TlsFiles, protocol: "grpc" | "grpc-web"): Connection {
  const secure = url.startsWith("https:") ? { createConnection: (authority: URL) => secured(authority, tls) } : {};
  const sessionManager = new Http2SessionManager(url, KEEPALIVE, secure);
  const options = { baseUrl: url, sessionManager };
  return {
    transport: protocol === "grpc" ? createGrpcTransport(options) : createGrpcWebTransport({ ...options, httpVersion: "2" }),
    close: () => sessionManager.abort(),
  };
}

function secured({ hostname, port }: URL, { ca, certificate, key, serverName }: TlsFiles) {
  const host = hostname.replace(/^\[|\]$/g, "");
  return connectTls({
    host,
    port: Number(port || 443),
    ALPNProtocols: ["h2"],
    ...(ca && { ca: readFileSync(ca) }),
    ...(certificate && { cert: readFileSync(certificate) }),
    ...(key && { key: readFileSync(key) }),
    ...(serverName && { servername: serverName }),
  });
}

function tokenOf({ token, tokenFile }: ConnectOptions, fromEnvironment: string | undefined): TokenSource {
  if (typeof token === "function") return token;
  if (token !== undefined) return async () => token;
  const file = tokenFile ?? fromEnvironment;
  if (!file) return async () => undefined;
  let last: string | undefined;
  return async () => {
    try {
      last = (await readFile(file, "utf8")).trim() || last;
    } catch (error) {
      // It may be missing for a moment while it is replaced.
      if (last === undefined) throw error;
    }
    return last;
  };
}
