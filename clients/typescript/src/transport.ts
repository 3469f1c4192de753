/** A transport whose calls carry the caller's token, keep a deadline, are repeated while that is safe, and fail as GridgateErrors. */
import type { DescMessage, DescMethod } from "@bufbuild/protobuf";
import type { StreamResponse, Transport } from "@connectrpc/connect";
import { GridgateError } from "./error.js";
import { retrying } from "./retry.js";

/** A connection to gridgate. */
export interface Connection {
  readonly transport: Transport;
  /** Ends it at once, with the calls on it. */
  close(): void;
}

/** The bearer token to call with, at this moment; none without one. */
export type TokenSource = () => Promise<string | undefined>;

/** gridgate's own defaults for calls without a deadline, in milliseconds. */
const CALL = 30_000;
const UPLOAD = 120_000;

/** Wraps a transport. */
export function guarded(transport: Transport, token: TokenSource): Transport {
  const withToken = async (header: HeadersInit | undefined): Promise<Headers> => {
    const headers = new Headers(header);
    const bearer = await token();
    if (bearer !== undefined) headers.set("authorization", `Bearer ${bearer}`);
    return headers;
  };
  return {
    async unary(method, signal, timeoutMs = CALL, header, input, contextValues) {
      const headers = await withToken(header);
      return retrying(method, timeoutMs, signal, (left) => transport.unary(method, signal, left, headers, input, contextValues));
    },
    // Streams are not repeated here: a watch resumes elsewhere, and only an upload's caller can send its messages again.
    async stream(method, signal, timeoutMs, header, input, contextValues) {
      const limit = timeoutMs ?? (method.methodKind === "client_streaming" ? UPLOAD : undefined);
      const headers = await withToken(header);
      try {
        return decoded(method, await transport.stream(method, signal, limit, headers, input, contextValues));
      } catch (error) {
        throw GridgateError.from(error, method);
      }
    },
  };
}

function decoded<I extends DescMessage, O extends DescMessage>(method: DescMethod, response: StreamResponse<I, O>): StreamResponse<I, O> {
  async function* messages() {
    try {
      yield* response.message;
    } catch (error) {
      throw GridgateError.from(error, method);
    }
  }
  return { ...response, message: messages() };
}
