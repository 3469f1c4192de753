/** When to call again, and after how long. */
import type { DescMethod } from "@bufbuild/protobuf";
import { GridgateError } from "./error.js";

const FIRST_WAIT = 250;
const LONGEST_WAIT = 10_000;
const MOST_ATTEMPTS = 5;

/**
 * Milliseconds to wait after this many failures in a row. All of the wait is random, so that callers who lost the same server
 * do not come back together; after what the server asked for, if it asked.
 */
export function backoff(failures: number, retryAfter = 0): number {
  const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(failures, 16));
  return retryAfter + Math.random() * longest;
}

/** Waits so many milliseconds, or until the signal; never rejects. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
  });
}

/** Repeats `attempt` while that is safe, within the time. Each attempt gets the milliseconds that are left. */
export async function retrying<T>(
  method: DescMethod,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  attempt: (timeoutMs: number) => Promise<T>,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (let failures = 0; ; failures++) {
    try {
      return await attempt(deadline - Date.now());
    } catch (thrown) {
      const error = GridgateError.from(thrown, method);
      const wait = error.retryAfter ?? backoff(failures);
      if (!error.safeToRepeat || failures + 1 >= MOST_ATTEMPTS || Date.now() + wait >= deadline) throw error;
      await pause(wait, signal);
      if (signal?.aborted) throw error;
    }
  }
}
