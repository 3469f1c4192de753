/**
 * gridgate from a browser: {@link connect} makes a client, over gRPC-Web. It uses nothing of Node's.
 *
 * @packageDocumentation
 */
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { Gridgate } from "./client.js";
import type { TokenSource } from "./transport.js";

export * from "./api.js";

/** Where gridgate is, and who calls. */
export interface ConnectOptions {
  /** Such as `https://gridgate.example.com`. */
  readonly url: string;
  /** The bearer token, or what gives it for each call. */
  readonly token?: string | TokenSource;
  /** Calls HTTP, instead of the browser's own `fetch`. */
  readonly fetch?: typeof globalThis.fetch;
}

/** A client of the gridgate at this URL. */
export function connect({ url, token, fetch }: ConnectOptions): Gridgate {
  return new Gridgate({
    // A stream ends with its signal; a browser keeps the connections.
    connect: () => ({ transport: createGrpcWebTransport({ baseUrl: url, ...(fetch && { fetch }) }), close: () => undefined }),
    token: typeof token === "function" ? token : async () => token,
  });
}
